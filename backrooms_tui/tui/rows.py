"""What a pane shows, before it has colours: rows of runs, each a style name and a `SafeText`.

Style names are the suffixes of the component classes in `styles/base.tcss`; no colour is ever named in Python.
"""

from __future__ import annotations

from backrooms_tui.model.value import value

from .safe import SafeText, prefix_in_cells

Run = tuple[str, SafeText]
"""A style name (empty: the pane's own) and its text."""


@value
class Row:
    """One line of a pane; `under` is a style below all runs and the rest of the line."""

    runs: tuple[Run, ...] = ()
    under: str = ""

    @property
    def cell_len(self) -> int:
        return sum(text.cell_len for _style, text in self.runs)

    @property
    def plain(self) -> str:
        """The text alone, for tests and copies."""
        return "".join(text.plain for _style, text in self.runs)

    def fit(self, width: int) -> Row:
        """Clip or pad to exactly `width` cells."""
        runs: list[Run] = []
        left = width
        for style, text in self.runs:
            if left <= 0:
                break
            clipped = text.clip(left)
            left -= clipped.cell_len
            runs.append((style, clipped))
        if left > 0:
            runs.append(("", blank(left)))
        return Row(tuple(runs), self.under)

    def __add__(self, other: Row) -> Row:
        return Row(self.runs + other.runs, self.under or other.under)


EMPTY = Row()


def blank(cells: int) -> SafeText:
    return SafeText.ours(" " * max(0, cells))


def row(*parts: Run | str, under: str = "") -> Row:
    """Make a row of our own words; a bare str is one in the pane's own style."""
    return Row(tuple(("", SafeText.ours(part)) if isinstance(part, str) else part for part in parts), under)


def ink(style: str, words: str) -> Run:
    """A run of our own words."""
    return (style, SafeText.ours(words))


def foreign(style: str, text: str) -> Run:
    """A run of anybody's words."""
    return (style, SafeText.of(text))


def wrapped(text: str, width: int, *, indent: int = 4) -> tuple[Row, ...]:
    """Rows of anybody's words, none of them clipped; continuations are set in."""
    rest = SafeText.of(text).plain
    rows: list[Row] = []
    while True:
        margin = indent if rows else 0
        taken = max(1, prefix_in_cells(rest, width - margin))
        rows.append(row(" " * margin, foreign("", rest[:taken])))
        rest = rest[taken:]
        if not rest:
            return tuple(rows)


def ends(left: Row, right: Row, width: int, *, fill: str = " ", style: str = "") -> Row:
    """Put two rows at the two ends of one line; the left one is clipped first."""
    room = max(0, width - right.cell_len)
    left = left if left.cell_len <= room else left.fit(room)
    gap = SafeText.ours(fill * max(0, room - left.cell_len))
    return Row((*left.runs, (style, gap), *right.runs), left.under).fit(width)
