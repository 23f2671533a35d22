"""Where the reader stands, and which rows that shows: pure geometry over a window of lines.

The place is a line's key and an offset into its text. Entries that come, go, wrap differently or are dropped far
away cannot move it, because nothing counts lines from an end.
"""

from __future__ import annotations

from backrooms_tui.model.value import value

from .fold import Folder
from .lines import Key, Line
from .window import Window


@value
class Row:
    """One row of the screen: a stretch of one line, or with no line the end of the output."""

    line: Line | None
    start: int = 0
    end: int = 0
    previous: int = 0
    """Timestamp of the entry before, 0 when it is not known."""


END = Row(None)


@value
class Place:
    """The topmost row."""

    key: Key
    offset: int = 0
    """Into the line's text."""


class Viewport:
    """Rows of a window at a height. All methods are pure but for the folder's cache."""

    def __init__(self, window: Window, folder: Folder, height: int) -> None:
        self.window = window
        self.folder = folder
        self.height = max(1, height)

    def from_place(self, place: Place) -> list[Row]:
        """Give at most `height` rows downwards; the end mark follows the last line when the window has the end."""
        at, first = self._locate(place)
        rows: list[Row] = []
        while at < len(self.window.lines) and len(rows) < self.height:
            rows += self._rows(at)[first:]
            at, first = at + 1, 0
        if len(rows) < self.height and self.window.at_end:
            rows.append(END)
        return rows[: self.height]

    def bottom(self) -> list[Row]:
        """Give the last `height` rows, or all when there are fewer."""
        rows = [END] if self.window.at_end else []
        for at in range(len(self.window.lines) - 1, -1, -1):
            if len(rows) >= self.height:
                break
            rows[:0] = self._rows(at)
        return rows[-self.height :]

    def bottom_place(self) -> Place:
        return self.place_of(self.bottom())

    def place_of(self, rows: list[Row]) -> Place:
        first = rows[0] if rows else END
        if first.line is not None:
            return Place(first.line.key, first.start)
        if not self.window.lines:
            return Place((0, 0, 0))
        last = self.window.lines[-1]  # on a screen of one row the end's mark stands alone
        return Place(last.key, len(last.text))

    def shift(self, place: Place, by: int) -> tuple[Place, int]:
        """Move `by` rows (negative is up) as far as the window goes; gives the rest that it could not move."""
        lines = self.window.lines
        if not lines:
            return place, by
        at, row = self._locate(place)
        at, row = (len(lines) - 1, 0) if at >= len(lines) else (at, row)
        while by:
            count = len(self.folder.rows(lines[at]))
            target = row + by
            if 0 <= target < count:
                row, by = target, 0
            elif by < 0 and at > 0:
                by, at = target + 1, at - 1
                row = len(self.folder.rows(lines[at])) - 1
            elif by > 0 and at + 1 < len(lines):
                by, at, row = target - count, at + 1, 0
            else:
                edge = 0 if by < 0 else count - 1
                by, row = target - edge, edge
                break
        return Place(lines[at].key, self.folder.rows(lines[at])[row][0]), by

    def _locate(self, place: Place) -> tuple[int, int]:
        """Give the index of the place's line (or the next one) and the row within it."""
        at = self.window.index(place.key)
        if at >= len(self.window.lines) or self.window.lines[at].key != place.key:
            return at, 0
        rows = self.folder.rows(self.window.lines[at])
        return at, max(i for i, (start, _) in enumerate(rows) if start <= place.offset or i == 0)

    def _rows(self, at: int) -> list[Row]:
        line = self.window.lines[at]
        previous = self.window.lines[at - 1].timestamp if at else 0
        return [Row(line, start, end, previous) for start, end in self.folder.rows(line)]
