"""`Pane`: the one way rows become cells. All panes, rules and sheets of the console are Panes.

Decision: one `render_line` widget per panel. A modal of thirteen Textual widgets takes 97-178 ms to appear, and a
`Static` that changes its text lays the screen out anew.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from backrooms_tui.tui.rows import EMPTY, Row

_STYLES = (
    *("dim", "strong", "accent", "rule", "rule-focus", "title", "cursor", "cursor-dim", "marked", "field", "key"),
    *("good", "warn", "error", "meter", "text-cursor"),
    *("state-active", "state-idle", "state-suspended", "state-corrupted", "state-terminated"),
)
"""Every style name a run may carry."""
INKS = {f"pane--{style}" for style in _STYLES}
"""Component classes of every screen that holds panes.

They stand on the screen and not on each pane: styling 24 classes on twenty panes took 60 ms of a start.
"""


Painter = Callable[[Size], tuple[Row, ...]]
"""Makes a pane's rows for its size in cells."""


class Pane(Widget, inherit_css=False):
    """Draws `row(y)` for each of its lines."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes)
        self._inks: dict[str, Style] = {}

    def row(self, y: int) -> Row:
        """Give the row at a line of the pane."""
        del y
        return EMPTY

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        shown = self.row(y).fit(width)
        base = self.rich_style + self._ink(shown.under)
        return Strip([Segment(text.plain, base + self._ink(style)) for style, text in shown.runs], width)

    def refresh_line(self, y: int, lines: int = 1) -> None:
        """Repaint only these lines."""
        self.refresh(Region(0, y, self.size.width, lines))

    def notify_style_update(self) -> None:
        self._inks.clear()
        super().notify_style_update()

    def _ink(self, style: str) -> Style:
        if not style:
            return Style.null()
        if style not in self._inks:
            self._inks[style] = self.screen.get_component_rich_style(
                f"pane--{style}", partial=True, default=Style.null()
            )
        return self._inks[style]


class RowsPane(Pane):
    """A pane that is handed its rows; a new set repaints the lines that differ."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes)
        self._rows: tuple[Row, ...] = ()
        self._first: Painter | None = None

    def row(self, y: int) -> Row:
        if self._first is not None:
            self._rows, self._first = self._first(self.size), None
        return self._rows[y] if y < len(self._rows) else EMPTY

    def draw(self, painter: Painter) -> None:
        """Show rows that depend on the pane's size; one that has none yet makes them when it is first painted, so
        that the first frame is whole.
        """
        if self.size:
            self.show(painter(self.size))
        else:
            self._first = painter

    def show(self, rows: tuple[Row, ...]) -> None:
        self._first = None
        old, self._rows = self._rows, rows
        for y in range(max(len(old), len(rows))):
            if (old[y] if y < len(old) else EMPTY) != (rows[y] if y < len(rows) else EMPTY):
                self.refresh_line(y)
