"""Things to read laid over the screen: a room's figures where their pane has no room, and one entry in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from textual import events

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.units import NS
from backrooms_tui.tui.rows import EMPTY, Row, foreign, ink, row

from .sheet import Dialog, TextSheet

MAX_LINES = 5000
"""Of an entry; 64 KiB of newlines would be 65,536 rows nobody reads here."""


class Figures(Dialog[None]):
    """The figures of the shown room; `i` turns the page."""

    title_row = row(ink("title", "FIGURES"))
    note_row = row(ink("dim", "i next   esc close"))

    def __init__(self, page: Callable[[int], tuple[Row, ...]], turn: Callable[[], None]) -> None:
        super().__init__()
        self._page = page
        self._turn = turn

    def rows(self, width: int) -> tuple[Row, ...]:
        return (EMPTY, *self._page(width), EMPTY)

    def press(self, key: str, event: events.Key) -> bool:
        if key == "i":
            self._turn()
            self.redraw()
            return True
        if key == "q":
            self.dismiss(None)
            return True
        return super().press(key, event)


def entry_sheet(entry: MemoryEntry) -> TextSheet:
    """DETAIL: everything that is stored of one entry."""
    at = datetime.fromtimestamp(entry.timestamp // NS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    facts = (
        row(ink("dim", "TYPE  "), ink("", entry.type.name)),
        row(ink("dim", "AT    "), ink("", f"{at}.{entry.timestamp % NS:09d}Z")),
        row(ink("dim", "BYTES "), ink("", str(len(entry.content.encode())))),
        row(ink("dim", "META  "), foreign("", json.dumps(entry.metadata, default=str)[:500])),
        EMPTY,
    )
    lines = tuple(row(foreign("", line)) for line in entry.content.split("\n", MAX_LINES)[:MAX_LINES])
    return TextSheet(row(ink("title", f"ENTRY {entry.seq}")), (*facts, *lines), row(ink("dim", "esc close")))
