"""RECOVER: what is wrong, what there is to go back to and what that would cost, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from backrooms_tui.model.ids import short
from backrooms_tui.model.reports import BackupInfo
from backrooms_tui.model.views import RoomView
from backrooms_tui.tui.command_line import Command, equivalent
from backrooms_tui.tui.corrupted import backup_rows, facts_rows, loss_row
from backrooms_tui.tui.rows import EMPTY, Row, ends, foreign, ink, row

from .sheet import Dialog


class Recover(Dialog[bool]):
    """Dismissed with True for the backup, False to look at the room's bytes again, or None."""

    note_row = row(ink("dim", "esc CANCEL"))

    def __init__(self, view: RoomView, backups: Sequence[BackupInfo], now: int) -> None:
        super().__init__()
        self.title_row = row(ink("title", f"RECOVER ROOM {short(view.record.id)}"))
        self._view = view
        self._backups = tuple(backups)
        self._now = now

    def rows(self, width: int) -> tuple[Row, ...]:
        record = self._view.record
        command = equivalent(Command("recover", options={"from-backup": ""}), f"{short(record.id)}...")
        return (
            EMPTY,
            *facts_rows(self._view, width),
            EMPTY,
            *backup_rows(self._backups, self._now),
            loss_row(self._view, self._backups),
            EMPTY,
            row(ink("dim", "The newest backup that is valid takes the room's place: what came after")),
            row(ink("dim", "it is gone, and so are the damaged bytes. Export what can be read first.")),
            row(ink("dim", "$ "), foreign("", command)) if self._backups else EMPTY,
            EMPTY,
            self._keys(width),
        )

    def press(self, key: str, event: events.Key) -> bool:
        if key == "R" and self._backups:
            self.dismiss(True)
        elif key == "c":
            self.dismiss(False)
        elif key not in ("R", "enter"):
            return super().press(key, event)
        return True

    def _keys(self, width: int) -> Row:
        again = row(ink("key", "c"), ink("", " CHECK AGAIN: recovers if every byte is sound"))
        if not self._backups:
            return ends(again, row(ink("dim", "esc")), width)
        return ends(again, row(ink("key", "R"), ink("error", " RECOVER FROM BACKUP")), width)
