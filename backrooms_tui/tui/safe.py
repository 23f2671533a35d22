"""`SafeText`: the only text that a pane, title or toast of the console accepts.

Foreign text (an entity's, an operator's, a file name) becomes one by `of`, which scrubs it; our own words by
`ours`, which insists that there is nothing to scrub. It is no `str` on purpose: Textual reads markup out of every
`str` it is given, so that `[INFO]` vanishes, `[/]` ends the program and `[@click=...]` binds an action. What
leaves here is `Content` without spans, or a `Segment`: neither is parsed again.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, split_graphemes
from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.value import value

ELLIPSIS = "…"


def prefix_in_cells(text: str, cells: int) -> int:
    """Count the characters of `text` that fit into `cells` terminal cells, never splitting a grapheme."""
    if text.isascii():
        return min(len(text), cells)
    spans, total = split_graphemes(text)
    if total <= cells:
        return len(text)
    for start, _end, width in spans:
        cells -= width
        if cells < 0:
            return start
    return len(text)


@value
class SafeText:
    """One line that no terminal acts on and no markup parser reads. Make it with `of` or `ours`."""

    plain: str

    def __post_init__(self) -> None:
        if scrub(self.plain) != self.plain:
            raise ValueError("text of foreign origin needs SafeText.of")

    @classmethod
    def of(cls, foreign: str) -> SafeText:
        """Scrub text of any origin; newlines in it become visible marks."""
        return cls(scrub(foreign))

    @classmethod
    def ours(cls, literal: str) -> SafeText:
        """Take our own words. Raises ValueError when they hold what only foreign text can hold."""
        return cls(literal)

    @classmethod
    def join(cls, parts: Iterable[SafeText], by: str = "") -> SafeText:
        return cls(by.join(part.plain for part in parts))

    def __add__(self, other: SafeText) -> SafeText:
        return SafeText(self.plain + other.plain)

    def __bool__(self) -> bool:
        return bool(self.plain)

    @property
    def cell_len(self) -> int:
        """Width on a terminal; wide characters count two."""
        return cell_len(self.plain)

    def clip(self, cells: int) -> SafeText:
        """Shorten to at most `cells`; what was cut shows as an ellipsis."""
        if cell_len(self.plain) <= cells:
            return self
        if cells <= 0:
            return SafeText("")
        return SafeText(self.plain[: prefix_in_cells(self.plain, cells - 1)] + ELLIPSIS)

    def fit(self, cells: int, *, right: bool = False) -> SafeText:
        """Clip or pad to exactly `cells`; `right` aligns to the right."""
        clipped = self.clip(cells)
        padding = " " * max(0, cells - cell_len(clipped.plain))
        return SafeText(padding + clipped.plain if right else clipped.plain + padding)

    def content(self, style: str = "") -> Content:
        """For Textual: literal text, with at most one style over the whole of it."""
        return Content.styled(self.plain, style) if style else Content(self.plain)

    def segment(self, style: Style | None = None) -> Segment:
        """For `render_line`."""
        return Segment(self.plain, style)
