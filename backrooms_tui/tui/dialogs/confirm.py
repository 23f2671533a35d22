"""Questions with a plan: several rooms at once, and leaving the console."""

from __future__ import annotations

from textual import events

from backrooms_tui.tui.rows import EMPTY, Row, ink, row

from .sheet import Dialog


class Confirm(Dialog[bool]):
    """Says what will happen; one named key does it, `esc` does not. Dismissed with True, or None."""

    width = 70

    def __init__(self, title: Row, plan: tuple[Row, ...], *, key: str, verb: str) -> None:
        super().__init__()
        self.title_row = title
        self._plan = plan
        self._key = key
        self._verb = verb

    def rows(self, width: int) -> tuple[Row, ...]:
        del width
        keys = row("  ", ink("key", self._key), ink("", f" {self._verb}    "), ink("key", "esc"), ink("dim", " STAY"))
        return (EMPTY, *self._plan, EMPTY, keys, EMPTY)

    def press(self, key: str, event: events.Key) -> bool:
        if key == self._key:
            self.dismiss(True)
            return True
        return super().press(key, event)
