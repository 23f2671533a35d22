"""CREATE ROOM: the four options of `room.exe create`, checked as they stand, with the command that does the same."""

from __future__ import annotations

import shlex

from textual import events

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.tui.command_line import room_config
from backrooms_tui.tui.fields import field_row
from backrooms_tui.tui.line_edit import LineEdit
from backrooms_tui.tui.rows import EMPTY, Row, foreign, ink, row

from .sheet import Dialog

_FIELDS = (
    ("memory-limit", "MEMORY LIMIT", "bytes, K, M: 16M to 512M"),
    ("timeout", "TIMEOUT", "seconds for one input"),
    ("compression", "COMPRESSION", "zstd, lz4 or none"),
    ("name", "NAME", "for people; never a handle"),
)


class CreateRoom(Dialog[RoomConfig]):
    """Dismissed with a valid configuration, or None."""

    title_row = row(ink("title", "CREATE ROOM"))
    note_row = row(ink("dim", "enter CREATE   esc CANCEL"))

    def __init__(self, defaults: RoomConfig) -> None:
        super().__init__()
        self._defaults = defaults
        self._edits = {name: LineEdit(limit=64) for name, _label, _help in _FIELDS}
        self._field = 0
        self._refusal = ""

    def rows(self, width: int) -> tuple[Row, ...]:
        fields = [self._field_row(number) for number in range(len(_FIELDS))]
        options = "".join(f" --{name} {shlex.quote(edit.text)}" for name, edit in self._given().items())
        return (
            EMPTY,
            *fields,
            EMPTY,
            row(ink("dim", "  The room persists until it is destroyed. Its entity is sealed.")),
            row(ink("dim", "  $ "), foreign("", f"room.exe create{options}"[: width - 4])),
            row(foreign("error", f"  {self._refusal}")) if self._refusal else EMPTY,
        )

    def press(self, key: str, event: events.Key) -> bool:
        if key in ("up", "down", "tab", "shift+tab"):
            self._field = (self._field + (1 if key in ("down", "tab") else -1)) % len(_FIELDS)
        elif key == "enter":
            self._create()
            return True
        elif not self._edit.press(event.key, event.character):
            return super().press(key, event)
        self._refusal = self._check()
        self.redraw()
        return True

    def paste(self, text: str) -> None:
        self._edit.insert(text)
        self.redraw()

    @property
    def _edit(self) -> LineEdit:
        return self._edits[_FIELDS[self._field][0]]

    def _given(self) -> dict[str, LineEdit]:
        return {name: edit for name, edit in self._edits.items() if edit.text.strip()}

    def _config(self) -> RoomConfig:
        return room_config({name: edit.text.strip() for name, edit in self._given().items()}, self._defaults)

    def _check(self) -> str:
        try:
            self._config()
        except UsageError as error:
            return error.details[0]
        return ""

    def _create(self) -> None:
        self._refusal = self._check()
        if self._refusal:
            self.redraw()
        else:
            self.dismiss(self._config())

    def _field_row(self, number: int) -> Row:
        name, label, help_text = _FIELDS[number]
        edit, here = self._edits[name], number == self._field
        mark = ink("accent", " > ") if here else ink("", "   ")
        label_run = ink("strong" if here else "dim", f"{label:<14}")
        value = field_row(edit, 16, here=here, placeholder=self._default_text(name))
        return row(mark, label_run) + value + row(ink("dim", f"  {help_text}"))

    def _default_text(self, name: str) -> str:
        defaults = self._defaults
        texts = {
            "memory-limit": f"{defaults.memory_limit // (1024 * 1024)}M",
            "timeout": f"{defaults.timeout:g}",
            "compression": defaults.compression,
        }
        return texts.get(name, "-")
