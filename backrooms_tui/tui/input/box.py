"""`InputBox`: draft, gauge in bytes, queue, history, and the refusals that keep the draft.

The box never talks to a service. It posts `Submitted` and is told `accepted` or `refused`, in the order of
submission; meanwhile the operator types on. What the room would refuse it refuses itself, where it knows.
"""

from __future__ import annotations

import time
import uuid

from textual import events, on
from textual.message import Message

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.model.limits import INPUT_QUEUE_DEPTH, MAX_INPUT_SIZE
from backrooms_tui.model.value import value
from backrooms_tui.tui.rows import EMPTY, Row, foreign, ink, row
from backrooms_tui.tui.widgets.frame import Frame
from backrooms_tui.tui.widgets.pane import RowsPane

from .drafts import Doubt, Drafts
from .editor import Editor
from .recall import Recall

CAPACITY = 4 * MAX_INPUT_SIZE
"""Characters of a draft: room to cut something too long down to size, not for a whole file."""


@value
class _Sent:
    """An input on its way."""

    number: int
    room_id: RoomId
    text: str
    request_id: str
    at: int
    """Nanoseconds since the epoch."""


class InputBox(Frame):
    """The entered room's input. Methods are for the app's loop."""

    class Submitted(Message):
        """`enter`: answer with `accepted` or `refused`, naming its number or in this order."""

        def __init__(self, room_id: RoomId, data: bytes, number: int, request_id: str) -> None:
            super().__init__()
            self.room_id = room_id
            self.data = data
            self.number = number
            self.request_id = request_id
            """The input's own: however often it is sent, it is one input."""

    def __init__(self, *, drafts: Drafts | None = None, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        self.editor = Editor(self, capacity=CAPACITY)
        self._gauge = RowsPane(id="input-gauge")
        super().__init__(self.editor, self._gauge, id=id or "input")
        self.drafts = Drafts() if drafts is None else drafts
        """Given by the app, which loads and saves them."""
        self._room_id: RoomId | None = None
        self._queue = 0
        self._processing: tuple[float, float, str | None] | None = None
        self._blocked: str | None = None
        self._message: str | None = None
        self._recall: Recall | None = None
        self._on_the_way: list[_Sent] = []
        self._number = 0
        self._shown = ""

    @property
    def room_id(self) -> RoomId | None:
        return self._room_id

    @property
    def text(self) -> str:
        """The draft as it is now."""
        return self.editor.text

    def focus(self, scroll_visible: bool = True) -> InputBox:
        self.editor.focus(scroll_visible)
        return self

    def show_room(self, room_id: RoomId | None) -> None:
        """Put the draft away and take up another room's."""
        if room_id != self._room_id:
            self._put_away()
            self._room_id = room_id
            self._queue, self._processing, self._blocked, self._message = 0, None, None, None
            self._show("" if room_id is None else self.drafts.draft(room_id))
            self._draw()

    def keep_draft(self) -> None:
        """Hand the draft to `drafts`, and apart from it what is on its way; before the drafts are saved."""
        self._put_away()
        for sent in self._on_the_way:
            self.drafts.doubt(sent.room_id, sent.request_id, Doubt(sent.text, sent.at))

    def left_behind(self, room_id: RoomId) -> dict[str, Doubt]:
        """Inputs of an earlier console, by request id, of which nobody knows whether the room has them."""
        ours = {sent.request_id for sent in self._on_the_way}
        return {key: doubt for key, doubt in self.drafts.in_doubt(room_id).items() if key not in ours}

    def give_back(self, room_id: RoomId, text: str) -> None:
        """Put a text before the draft of a room: it was sent once and did not arrive."""
        if room_id != self._room_id:
            self.drafts.keep(room_id, "\n".join(filter(None, (text, self.drafts.draft(room_id)))))
            return
        self._end_recall(keep=False)
        self._show("\n".join(filter(None, (text, self.editor.text))))
        self._draw()

    def _put_away(self) -> None:
        if self._room_id is not None:
            self._end_recall(keep=False)
            self.drafts.keep(self._room_id, self.editor.text)

    def set_queue(self, depth: int) -> None:
        """Pending inputs of the room, 0..16."""
        if depth != self._queue:
            self._queue = depth
            self._draw()

    def set_processing(self, seconds: float | None, timeout: float = 0.0, waits_for: str | None = None) -> None:
        """Seconds for which the entity has been at work, of how many; None when it is not. `waits_for` is a call of
        the host, during which its time stands still.
        """
        now = None if seconds is None else (round(seconds, 1), timeout, waits_for)
        if now != self._processing:
            self._processing = now
            self._draw()

    def block(self, reason: str | None) -> None:
        """Refuse to send, with these words, or send again."""
        if reason != self._blocked:
            self._blocked = reason
            self._draw()

    def accepted(self, number: int | None = None) -> None:
        """An input on its way (the oldest, when not named) is durable: it goes into the room's history."""
        sent = self._answered(number)
        if sent is not None:
            self.drafts.sent(sent.room_id, sent.text)

    def refused(self, error: BackroomsError, number: int | None = None) -> None:
        """An input on its way was refused: its text comes back before what was typed since."""
        sent = self._answered(number)
        if sent is None:
            return
        self.give_back(sent.room_id, sent.text)
        if sent.room_id == self._room_id:
            self._say(" ".join((error.code, *error.details)))

    def _answered(self, number: int | None) -> _Sent | None:
        for sent in self._on_the_way:
            if number in (None, sent.number):
                self._on_the_way.remove(sent)
                self.drafts.settle(sent.room_id, sent.request_id)
                return sent
        return None

    def discard(self) -> bool:
        """Clear the draft into the history; False when there was none."""
        text = self.editor.text
        if not text or self._room_id is None:
            return False
        self.drafts.sent(self._room_id, text)
        self._show("")
        self._draw()
        return True

    def on_mount(self) -> None:
        self._draw()

    def send(self) -> None:
        """Submit the draft, or say why not."""
        self._end_recall(keep=True)
        text, room_id = self.editor.text, self._room_id
        data = text.encode("utf-8", "surrogatepass")
        reason = self._why_not(data)
        if reason is not None or room_id is None:
            self._say(reason or "NO ROOM IS ENTERED")
            return
        self._number += 1
        request_id = uuid.uuid4().hex
        self._on_the_way.append(_Sent(self._number, room_id, text, request_id, time.time_ns()))
        self._show("")
        self._draw()
        self.post_message(self.Submitted(room_id, data, self._number, request_id))

    def _why_not(self, data: bytes) -> str | None:
        if not data.strip():
            return "INPUT_EMPTY"
        if len(data) > MAX_INPUT_SIZE:
            return f"INPUT_SIZE_EXCEEDED {len(data)} > {MAX_INPUT_SIZE} B"
        if self._blocked is not None:
            return self._blocked
        if self._queue >= INPUT_QUEUE_DEPTH:
            return f"QUEUE_FULL {self._queue}/{INPUT_QUEUE_DEPTH}"
        return None

    @on(Editor.Changed)
    def _changed(self, event: Editor.Changed) -> None:
        event.stop()
        if self.editor.text != self._shown:
            self._end_recall(keep=True)
            self._message = None
        self._draw()

    def overflow(self, size: int) -> None:
        """Say that text was not taken."""
        self._say(f"INPUT_SIZE_EXCEEDED {size} > {MAX_INPUT_SIZE} B. NOT TAKEN")

    def recall(self, *, older: bool) -> None:
        """Show an older or a newer input of the history."""
        recall = self._recalling()
        if recall.older() if older else recall.newer():
            self._show(recall.text)
            self._draw()

    def search(self) -> None:
        """Search the history while typing."""
        self._recalling().search("")
        self.editor.interceptor = self._searching
        self._draw()

    def _searching(self, event: events.Key) -> bool:
        """Keys while the history is searched: text narrows, ctrl+r goes on, esc gives the draft back."""
        recall = self._recalling()
        needle = recall.needle or ""
        if event.key == "ctrl+r":
            recall.search_older()
        elif event.key == "backspace":
            recall.search(needle[:-1])
        elif event.key == "escape":
            self._end_recall(keep=False)
        elif event.is_printable:
            recall.search(needle + (event.character or ""))
        else:
            self._end_recall(keep=True)
            return False
        if self._recall is not None:
            self._show(recall.text)
        self._draw()
        return True

    def _recalling(self) -> Recall:
        if self._recall is None:
            history = () if self._room_id is None else self.drafts.history(self._room_id)
            self._recall = Recall(history, self.editor.text)
        return self._recall

    def _end_recall(self, *, keep: bool) -> None:
        """Stop going through the history, with what is shown or with the draft."""
        recall, self._recall = self._recall, None
        self.editor.interceptor = None
        if recall is not None and not keep:
            self._show(recall.draft)

    def _show(self, text: str) -> None:
        self._shown = text
        if self.editor.text != text:
            self.editor.replace_all(text)
            self._shown = self.editor.text

    def _say(self, message: str) -> None:
        self._message = f"{message}. DRAFT KEPT."
        self._shown = self.editor.text  # the note of an edit before this must not wipe the words away
        self._draw()

    def _draw(self) -> None:
        if self.is_mounted:
            self.top.show(row(f"INPUT {short(self._room_id or '')}".rstrip()), self._queue_row())
            self._gauge.show((self._gauge_row(),))

    def _queue_row(self) -> Row:
        if self._room_id is None:
            return EMPTY
        boxes = "■" * self._queue + "□" * (INPUT_QUEUE_DEPTH - self._queue)
        style = "error" if self._queue >= INPUT_QUEUE_DEPTH else "accent" if self._queue else "dim"
        return row("QUEUE ", ink(style, f"{boxes} {self._queue}/{INPUT_QUEUE_DEPTH}"))

    def _gauge_row(self) -> Row:
        if self._message is not None:
            return row(" ", foreign("error", self._message))
        if self.editor.interceptor is not None and self._recall is not None:
            return row(
                " ", ink("accent", "HISTORY SEARCH "), foreign("", self._recall.needle or ""), ink("text-cursor", " ")
            )
        size = len(self.editor.text.encode("utf-8", "surrogatepass"))
        parts = [ink("error" if size > MAX_INPUT_SIZE else "dim", f"{size} B / {MAX_INPUT_SIZE}")]
        if self._processing is not None:
            seconds, timeout, waits_for = self._processing
            parts.append(ink("accent", f"   ENTITY PROCESSING {seconds:.1f}s / {timeout:g}s"))
            if waits_for is not None:
                parts.append(foreign("accent", f"  PAUSED: CALL {waits_for}"))
        if self._blocked is not None:
            parts.append(foreign("error", f"   {self._blocked}"))
        return row(" ", *parts, ink("dim", "   ctrl+j newline"))
