"""Frames: single rules around panes, heavy rules around the one that has the focus, visible without any colour.

The rules at top and bottom are panes of their own, so that a counter in a title repaints one line and not the
forty below it.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from backrooms_tui.model.value import value
from backrooms_tui.tui.rows import EMPTY, Row, ends, ink, row

from .pane import Pane


@value
class Corners:
    """The characters of one weight of frame."""

    top: str
    bottom: str
    line: str
    side: str


LIGHT = Corners("┌┐", "└┘", "─", "│")
HEAVY = Corners("┏┓", "┗┛", "━", "┃")


def top_rule(left: Row, right: Row, width: int, *, heavy: bool) -> Row:
    """Draw `┌─ LEFT ──── RIGHT ─┐`; empty titles leave no gap."""
    return _rule(left, right, width, (HEAVY if heavy else LIGHT).top, heavy=heavy)


def bottom_rule(left: Row, right: Row, width: int, *, heavy: bool) -> Row:
    return _rule(left, right, width, (HEAVY if heavy else LIGHT).bottom, heavy=heavy)


def _rule(left: Row, right: Row, width: int, corners: str, *, heavy: bool) -> Row:
    line, style = (HEAVY if heavy else LIGHT).line, "rule-focus" if heavy else "rule"
    start, end = row(ink(style, corners[0] + line)), row(ink(style, line + corners[1]))
    if left.runs:
        start = start + row(" ") + left + row(" ")
    if right.runs:
        end = row(" ") + right + row(" ") + end
    return ends(start, end, width, fill=line, style=style)


class Rule(Pane):
    """Top or bottom of a frame, with what it says at its two ends."""

    def __init__(self, *, bottom: bool = False) -> None:
        super().__init__(classes="rule")
        self._bottom = bottom
        self._titles = (EMPTY, EMPTY)
        self._heavy = False

    def show(self, left: Row, right: Row = EMPTY) -> None:
        if self._titles != (left, right):
            self._titles = (left, right)
            self.refresh()

    def weigh(self, *, heavy: bool) -> None:
        if self._heavy != heavy:
            self._heavy = heavy
            self.refresh()

    def row(self, y: int) -> Row:
        del y
        draw = bottom_rule if self._bottom else top_rule
        return draw(*self._titles, self.size.width, heavy=self._heavy)


class Frame(Vertical):
    """A framed column of panes. Its sides are borders of the panes inside, drawn by the stylesheet."""

    class Resized(Message):
        """The frame has another size, or is shown: the layout is done."""

    def __init__(self, *panes: Widget, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes="frame")
        self._panes = panes
        self.top = Rule()
        self.bottom = Rule(bottom=True)

    def compose(self) -> ComposeResult:
        yield self.top
        yield from self._panes
        yield self.bottom

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def on_descendant_focus(self) -> None:
        self.weigh(heavy=True)

    def on_descendant_blur(self) -> None:
        self.weigh(heavy=False)

    def weigh(self, *, heavy: bool) -> None:
        """Draw the frame heavy or light."""
        self.top.weigh(heavy=heavy)
        self.bottom.weigh(heavy=heavy)
        self.set_class(heavy, "-focus")
