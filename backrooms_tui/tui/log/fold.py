"""Wrapping by terminal cells: a line's text as the offsets of its rows."""

from __future__ import annotations

from collections import OrderedDict

from backrooms_tui.tui.safe import prefix_in_cells

from .lines import Key, Line

Rows = tuple[tuple[int, int], ...]
"""(start, end) offsets into the line's text, one pair for each row; never empty."""

_CACHE = 4096


def hang(indent: int, width: int) -> int:
    """Give the indent of continuation rows: none where it would take half of a narrow screen."""
    return indent if indent < width // 2 else 0


def fold(text: str, width: int, indent: int) -> Rows:
    """Break `text` into rows of at most `width` cells, at spaces where a row has one in its second half.

    Rows after the first are narrower by the hanging indent.
    """
    rows: list[tuple[int, int]] = []
    start, room = 0, max(1, width)
    hanging = max(1, width - hang(indent, width))
    while True:
        # A row never holds more characters than cells, marks that combine apart; four of those each are plenty.
        taken = prefix_in_cells(text[start : start + 4 * room], room)
        end = start + max(1, taken)
        if end >= len(text):
            rows.append((start, len(text)))
            return tuple(rows)
        space = text.rfind(" ", start + (end - start) // 2, end + 1)
        if space > start:
            rows.append((start, space))
            start = space + 1
        else:
            rows.append((start, end))
            start = end
        room = hanging


class Folder:
    """Rows of lines at one width, remembered. `width` None means that nothing is wrapped."""

    def __init__(self, width: int | None) -> None:
        self.width = width
        self._rows: OrderedDict[Key, tuple[Line, Rows]] = OrderedDict()

    def rows(self, line: Line) -> Rows:
        if self.width is None or (len(line.text) <= self.width and line.text.isascii()):
            return ((0, len(line.text)),)
        known = self._rows.get(line.key)
        if known is not None and known[0] is line:
            return known[1]
        rows = fold(line.text, self.width, line.indent)
        self._rows[line.key] = (line, rows)
        if len(self._rows) > _CACHE:
            self._rows.popitem(last=False)
        return rows
