"""Everything the console told the operator, and every command it ran for them, bounded and in order."""

from __future__ import annotations

from collections import deque

from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.value import value

from .safe import SafeText

MAX_LINES = 1000


@value
class NoticeLine:
    """One line of the ledger."""

    at: int
    """Nanoseconds since the epoch."""
    severity: str
    """INFO, WARN, ERROR, or VERB for what the operator did."""
    room_id: RoomId | None
    text: SafeText


class Ledger:
    """The last MAX_LINES notices, oldest first."""

    def __init__(self) -> None:
        self._lines: deque[NoticeLine] = deque(maxlen=MAX_LINES)

    def add(self, line: NoticeLine) -> None:
        self._lines.append(line)

    @property
    def last(self) -> NoticeLine | None:
        return self._lines[-1] if self._lines else None

    def lines(self) -> tuple[NoticeLine, ...]:
        return tuple(self._lines)
