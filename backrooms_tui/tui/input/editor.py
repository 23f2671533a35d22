"""The text area of the input box. `Input` would keep only the first line of a paste (79 of 65,600 characters).

Keys that are not text go to its owner; what they mean is the box's business. What is typed is kept as it is and
scrubbed where it is drawn: pasted control characters would reach the operator's own terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Protocol

from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.timer import Timer
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from backrooms_tui.model.scrub import scrub

from .pace import GATHER, Pace

_NOT_OURS = frozenset({"ctrl+x", "ctrl+c", "ctrl+v", "ctrl+z", "ctrl+y", "f6", "f7"})
"""Keys of `TextArea` that mean something else in the console, or belong to terminals."""

_NEWLINE = re.compile("\r\n|\r|\n")


def _keys(binding: BindingType) -> set[str]:
    return set(str(binding[0] if isinstance(binding, tuple) else binding.key).split(","))


class _Verbatim(str):
    """Text whose lines end at CR, LF or CRLF only.

    `TextArea` calls `splitlines` on what it is given, which would turn a form feed or U+2028 in a paste into LF.
    """

    __slots__ = ()

    def splitlines(self, keepends: bool = False) -> list[str]:
        del keepends
        lines = _NEWLINE.split(self)
        if not lines[-1]:
            lines.pop()
        return lines


class Owner(Protocol):
    """Whoever decides what the editor's keys mean.

    It is called and not sent messages: keys that follow in the same read of the terminal must find it done.
    """

    def send(self) -> None:
        """`enter` was pressed."""
        ...

    def recall(self, *, older: bool) -> None:
        """`up` was pressed on the first row, or `down` on the last."""
        ...

    def search(self) -> None:
        """`ctrl+r` was pressed."""
        ...

    def overflow(self, size: int) -> None:
        """Text did not get in: the draft would have had `size` characters."""
        ...


class Editor(TextArea, inherit_bindings=False):
    """Text with readline keys; `enter` asks to send, `ctrl+j` is a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [binding for binding in TextArea.BINDINGS if not _keys(binding) & _NOT_OURS]

    def __init__(self, owner: Owner, *, capacity: int) -> None:
        """`capacity` is in characters; text that would go over it is not taken."""
        super().__init__(show_line_numbers=False, highlight_cursor_line=False, max_checkpoints=1)
        self.cursor_blink = False  # 2.1 KB/s to an idle operator, for ever
        self.match_cursor_bracket = False
        self.interceptor: Callable[[events.Key], bool] | None = None
        """Sees every key first; a key for which it gives True goes no further."""
        self._owner = owner
        self._capacity = capacity
        self._pace = Pace()
        self._typed: list[str] = []
        self._gathering: Timer | None = None
        self._held_enter = False

    def replace_all(self, text: str) -> None:
        """Show another text, cursor at its end."""
        self._drop_gathered()
        self.load_text(_Verbatim(text))
        self.move_cursor(self.document.end)

    def get_line(self, line_index: int) -> Text:
        pieces = self.document.get_line(line_index).split("\t")
        return Text("\t".join(map(scrub, pieces)), end="", no_wrap=True)

    async def _on_key(self, event: events.Key) -> None:
        if self.interceptor is not None and self.interceptor(event):
            event.stop()
            event.prevent_default()
            return
        fast = self._pace.key(event.time)
        if self._is_text(event):
            self._take(event.character or "", gather=fast)
        elif event.key == "enter" and self._pace.storm:
            self._hold_enter()
        elif not self._command(event.key):
            self._insert_gathered()
            if not await self._bound(event.key):
                return
        event.stop()
        event.prevent_default()

    def _is_text(self, event: events.Key) -> bool:
        return event.is_printable or (event.key == "tab" and self._pace.storm)

    async def _bound(self, key: str) -> bool:
        """Do what a key is bound to now: in its turn it would come after text that was typed ahead."""
        bindings = self._bindings.key_to_bindings.get(key)
        if bindings:
            await self.run_action(bindings[0].action)
        return bool(bindings)

    def _command(self, key: str) -> bool:
        """Do what a key that is not text asks for; False leaves it to the bindings."""
        row = self.cursor_location
        if key == "enter":
            self._insert_gathered()
            self._owner.send()
        elif key == "ctrl+j":
            self._take("\n", gather=self._pace.storm)
        elif key == "ctrl+r":
            self._insert_gathered()
            self._owner.search()
        elif (key == "up" and self.navigator.is_first_wrapped_line(row)) or (
            key == "down" and self.navigator.is_last_wrapped_line(row)
        ):
            self._insert_gathered()
            self._owner.recall(older=key == "up")
        else:
            return False
        return True

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self._insert_gathered()
        self._insert(event.text)

    def _take(self, text: str, *, gather: bool) -> None:
        if self._held_enter:
            self._held_enter = False
            self._typed.append("\n")
        self._typed.append(text)
        if not gather and self._gathering is None:
            self._insert_gathered()
        elif self._gathering is None:
            self._gathering = self.set_timer(GATHER, self._gathered)

    def _hold_enter(self) -> None:
        """Wait whether keys follow: an enter inside a paste is a line of it, the one after it sends."""
        if self._held_enter:
            self._typed.append("\n")
        self._held_enter = True
        if self._gathering is not None:
            self._gathering.stop()
        self._gathering = self.set_timer(GATHER, self._gathered)

    def _gathered(self) -> None:
        held, self._held_enter = self._held_enter, False
        self._insert_gathered()
        if held:
            self._owner.send()

    def _insert_gathered(self) -> None:
        text = "".join(self._typed)
        self._drop_gathered()
        if text:
            self._insert(text)

    def _drop_gathered(self) -> None:
        self._typed.clear()
        self._held_enter = False
        if self._gathering is not None:
            self._gathering.stop()
            self._gathering = None

    def _insert(self, text: str) -> None:
        length = sum(map(len, self.document.lines)) + len(text)
        if length > self._capacity:
            self._owner.overflow(length)
            return
        start, end = self.selection
        result = self.replace(_Verbatim(text), start, end, maintain_selection_offset=False)
        self.selection = Selection.cursor(result.end_location)
        self.record_cursor_width()
