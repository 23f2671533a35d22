"""The console's one screen: which widgets there are, which of them a terminal's size shows, what has the focus."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from backrooms_tui.model.errors import BackroomsError

from .actions import Focus
from .layout import MIN_HEIGHT, MIN_WIDTH, Layout, choose
from .log.view import LogView
from .rooms_model import RoomsModel
from .rows import EMPTY, Row, row
from .widgets.browser import RoomBrowser
from .widgets.frame import Frame
from .widgets.pane import INKS, Painter, RowsPane
from .widgets.prompt import Prompt

if TYPE_CHECKING:
    from .input.box import InputBox
    from .input.drafts import Drafts


FAR = 1 << 30
"""More rows than there are."""


class FiguresPane(RowsPane, can_focus=True):
    """INSPECT, STATS, CONFIG, MEMORY: often more rows than there is room for."""

    _top = 0

    def row(self, y: int) -> Row:
        return super().row(self._top + y)

    def shift(self, by: int) -> None:
        """Move by so many rows, as far as there are any."""
        top = max(0, min(self._top + by, len(self._rows) - self.size.height))
        if top != self._top:
            self._top = top
            self.refresh()

    def show(self, rows: tuple[Row, ...]) -> None:
        super().show(rows)
        if self._top:  # lines are repainted by their number among the rows
            self.shift(0)
            self.refresh()


class DamagePane(RowsPane, can_focus=True):
    """A CORRUPTED room, where its output would be."""


class ConsoleScreen(Screen[None]):
    """Panes and their arrangement. Knows nothing of rooms."""

    COMPONENT_CLASSES = INKS

    class Arranged(Message):
        """The panes have new sizes or another of them is shown: whoever fills them fills them again."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, type(self))

    class FocusMoved(Message):
        """Another pane has the focus."""

    def __init__(self, model: RoomsModel, now: Callable[[], int], drafts: Path | None = None) -> None:
        """`drafts` is the file of unsent inputs; None keeps them in memory."""
        super().__init__()
        self._drafts_file = drafts
        self._drafts: Drafts | None = None
        self.arrangement = Layout.WIDE
        self.header = RowsPane(id="header")
        self.banner = RowsPane(id="banner")
        self.lost = RowsPane(id="lost")
        self.browser = RoomBrowser(model, now)
        self.foot = RowsPane(id="rooms-foot")
        self.figures = FiguresPane(id="figures")
        self.log_view = LogView(id="log")
        self.damage = DamagePane(id="damage")
        self.log_foot = RowsPane(id="log-foot")
        self.hints = RowsPane(id="hints")
        self.notice = RowsPane(id="notice")
        self.prompt = Prompt()
        self.too_small = RowsPane(id="too-small")
        self.rooms_frame = Frame(self.browser, self.foot, id="rooms-frame")
        self.figures_frame = Frame(self.figures, id="figures-frame")
        self.output_frame = Frame(self.log_view, self.damage, self.log_foot, id="output-frame")
        self.left = Vertical(self.rooms_frame, self.figures_frame, id="left")
        self.right = Vertical(self.output_frame, id="right")
        self.body = Horizontal(self.left, self.right, id="body")
        self.rooms_frame.weigh(heavy=True)
        for hidden in (self.banner, self.lost, self.damage, self.prompt, self.too_small):
            hidden.display = False
        self.input_box: InputBox | None = None
        self._input_wanted = False
        self._hints_wanted = True
        self._narrow_shows = Focus.ROOMS
        self._zoomed = False
        self._lost_lines = 0

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.banner
        yield self.lost
        yield self.body
        yield self.hints
        yield self.notice
        yield self.prompt
        yield self.too_small

    def on_mount(self) -> None:
        self.set_focus(self.browser)

    def on_resize(self, event: events.Resize) -> None:
        self.lay_out(event.size.width, event.size.height)
        self.refresh()  # whole: what a multiplexer kept of the old size is anybody's guess

    def on_frame_resized(self) -> None:
        # Textual may call what should come after a refresh before the layout that a shown pane has asked for.
        self.post_message(self.Arranged())

    def focus_kind(self) -> Focus | None:
        """What has the focus; None while a line is typed at the bottom."""
        focused = self.focused
        if focused is self.prompt:
            return None
        if focused is self.log_view:
            return Focus.OUTPUT
        if focused is self.damage:
            return Focus.DAMAGE
        if focused is self.figures:
            return Focus.FIGURES
        if self.input_box is not None and focused is not None and self.input_box in focused.ancestors_with_self:
            return Focus.INPUT
        return Focus.ROOMS

    def show_pane(self, kind: Focus) -> None:
        """Give a pane the focus, bringing it into sight first where only one fits."""
        self._narrow_shows = Focus.ROOMS if kind is Focus.ROOMS else Focus.OUTPUT
        self._zoomed = self._zoomed and kind is not Focus.ROOMS
        self.lay_out(self.size.width, self.size.height)
        self.set_focus(self._pane(kind))

    def next_pane(self, step: int) -> None:
        """Go round the panes that can have the focus now."""
        kinds = [Focus.ROOMS, Focus.OUTPUT]
        if self._input_wanted:
            kinds.append(Focus.INPUT)
        if self.figures_frame.display and self.arrangement is not Layout.NARROW:
            kinds.append(Focus.FIGURES)
        here = self.focus_kind() or Focus.ROOMS
        here = Focus.OUTPUT if here is Focus.DAMAGE else here
        place = kinds.index(here) if here in kinds else 0
        self.show_pane(kinds[(place + step) % len(kinds)])

    def zoom(self) -> None:
        """Give the whole width to the output, or take it back."""
        self._zoomed = not self._zoomed
        if self._zoomed and self.focus_kind() is not Focus.INPUT:
            self.set_focus(self._pane(Focus.OUTPUT))
        self.lay_out(self.size.width, self.size.height)

    def show_hints(self, *, wanted: bool) -> None:
        self._hints_wanted = wanted
        self.lay_out(self.size.width, self.size.height)

    async def want_input(self, *, wanted: bool) -> InputBox | None:
        """Show or hide the input box; it is built when the first room is entered, not before."""
        self._input_wanted = wanted
        if wanted and self.input_box is None:
            from .input.box import InputBox

            self.input_box = InputBox(drafts=self._load_drafts(), id="input")
            await self.right.mount(self.input_box)
        if self.input_box is not None:
            self.input_box.display = wanted
        return self.input_box if wanted else None

    def save_drafts(self) -> None:
        """Write unsent inputs to their file; what cannot be written is not worth holding up a shutdown."""
        if self.input_box is not None:
            self.input_box.keep_draft()
        if self._drafts is not None and self._drafts_file is not None:
            with suppress(BackroomsError, OSError):
                self._drafts.save(self._drafts_file)

    def unsent(self) -> int:
        """How many rooms have a draft."""
        rooms, box = set(self._load_drafts().unsent()), self.input_box
        if box is not None and box.room_id is not None:
            rooms = rooms | {box.room_id} if box.text else rooms - {box.room_id}
        return len(rooms)

    def drafts_text(self) -> str:
        """All drafts, for people to read."""
        return self._load_drafts().as_text()

    def forget_draft(self, room_id: str) -> None:
        """The room was destroyed: what was typed for it goes too."""
        self._load_drafts().forget(room_id)

    def _load_drafts(self) -> Drafts:
        """Unsent inputs, read when the first of them is asked for."""
        from .input.drafts import Drafts

        if self._drafts is None:
            self._drafts = Drafts() if self._drafts_file is None else Drafts.load(self._drafts_file)
        return self._drafts

    def on_descendant_focus(self) -> None:
        self.post_message(self.FocusMoved())

    def lay_out(self, width: int, height: int) -> None:
        """Show what fits."""
        self.arrangement = choose(width, height)
        small = self.arrangement is Layout.TOO_SMALL
        narrow = self.arrangement is Layout.NARROW
        for widget in (self.header, self.body, self.notice):
            _display(widget, wanted=not small)
        _display(self.hints, wanted=not small and self._hints_wanted)
        _display(self.lost, wanted=not small and self._lost_lines > 0)
        _display(self.too_small, wanted=small)
        self.too_small.show(
            (row(f"TERMINAL TOO SMALL {width}x{height}. NEED {MIN_WIDTH}x{MIN_HEIGHT}."),) if small else (EMPTY,)
        )
        _display(self.left, wanted=self._narrow_shows is Focus.ROOMS if narrow else not self._zoomed)
        _display(self.right, wanted=not narrow or self._narrow_shows is not Focus.ROOMS)
        _display(self.figures_frame, wanted=not narrow)
        for column in (self.left, self.right):
            column.set_class(narrow, "-narrow")
            column.set_class(self.arrangement is Layout.HUGE, "-huge")
        self.call_after_refresh(self.post_message, self.Arranged())

    def show_banner(self, rows: tuple[Row, ...]) -> None:
        """Put a line across the screen, below the header; none takes it away."""
        _display(self.banner, wanted=bool(rows))
        self.banner.show(rows)

    def show_lost(self, lines: int, painter: Painter | None = None) -> None:
        """Put so many lines of a lost connection above the panes, which give way; 0 takes them away."""
        self._lost_lines = lines
        _display(self.lost, wanted=lines > 0 and self.arrangement is not Layout.TOO_SMALL)
        self.lost.styles.height = max(1, lines)
        self.lost.draw(painter or (lambda _size: ()))

    def show_damage(self, painter: Painter | None) -> None:
        """Put what a painter makes where the log would be; None shows the log again. The focus stays in the place."""
        here = self.focused in (self.damage, self.log_view)
        _display(self.damage, wanted=painter is not None)
        _display(self.log_view, wanted=painter is None)
        self.damage.draw(painter or (lambda _size: ()))
        if here and self.focused is not self._pane(Focus.OUTPUT):
            self.set_focus(self._pane(Focus.OUTPUT))

    def _pane(self, kind: Focus) -> Widget:
        if kind is Focus.INPUT and self.input_box is not None and self._input_wanted:
            return self.input_box.editor
        output = self.damage if self.damage.display else self.log_view
        panes: dict[Focus, Widget] = {Focus.OUTPUT: output, Focus.DAMAGE: output, Focus.FIGURES: self.figures}
        return panes.get(kind, self.browser)


def _display(widget: Widget, *, wanted: bool) -> None:
    """Show or hide; Textual lays the screen out anew even when nothing changes by it."""
    if widget.display != wanted:
        widget.display = wanted
