"""RESTORE and BATCH: one file that is there already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backrooms_tui.tui.command_line import Command, equivalent
from backrooms_tui.tui.rows import Row, ink, row
from backrooms_tui.tui.typed_paths import readable_file

from .form import MAX_PATH, Field, Form


class _OneFile(Form[Path]):
    """Dismissed with the path of a file that can be read, or None."""

    fields = (Field("path", "FILE", limit=MAX_PATH),)
    verb = ""
    words: tuple[str, ...] = ()

    def outcome(self, given: Mapping[str, str]) -> Path:
        return readable_file(given.get("path", ""))

    def command(self, given: Mapping[str, str]) -> str:
        path = given.get("path")
        return equivalent(Command(self.verb, words=(path,) if path else ())) + ("" if path else " <path>")

    def about(self, given: Mapping[str, str], width: int) -> tuple[Row, ...]:
        del given, width
        return tuple(row(ink("dim", f"  {line}")) for line in self.words)


class Restore(_OneFile):
    title_row = row(ink("title", "RESTORE FROM BACKUP"))
    note_row = row(ink("dim", "enter RESTORE   esc CANCEL"))
    verb = "restore"
    words = (
        "An archive, or a whole binary export. All of it is validated before",
        "anything is touched. A room that is there and is well is not replaced.",
    )


class BatchFile(_OneFile):
    title_row = row(ink("title", "BATCH FROM FILE"))
    note_row = row(ink("dim", "enter RUN   esc CANCEL"))
    verb = "batch"
    words = (
        "One room.exe command a line; {LAST_ROOM_ID} is the room created last.",
        "Lines after enter are inputs, up to exit. Every line has its result.",
    )
