"""The room browser: our own list, one `render_line` over the headless model.

1,024 rooms in a ListView take six seconds to the first frame, in a DataTable 0.6; here the number of rooms costs
nothing: only rows in sight are drawn, and only rows that changed are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.model.units import format_age, format_size_short
from backrooms_tui.model.views import RoomView
from backrooms_tui.tui.chrome import age_ns
from backrooms_tui.tui.layout import room_columns
from backrooms_tui.tui.rooms_model import RoomsModel
from backrooms_tui.tui.rows import EMPTY, Row, Run, ink, row
from backrooms_tui.tui.signs import SIGNS

from .pane import Pane

HEADING = 1
"""Lines above the first row."""


def _use(view: RoomView) -> str:
    return f"{view.record.memory_usage / view.record.config.memory_limit:.0%}"


def _p95(view: RoomView) -> str:
    return f"{view.record.latencies.percentile(0.95):.2f}s" if view.record.latencies.count else "-"


_CELLS: dict[str, tuple[str, int, Callable[[RoomView, int], str]]] = {
    "mem": ("MEM", 6, lambda view, _now: format_size_short(view.record.memory_usage)),
    "use": ("USE", 5, lambda view, _now: _use(view)),
    "last": ("LAST", 5, lambda view, now: format_age(age_ns(now, view.record.last_active))),
    "queue": ("Q", 3, lambda view, _now: str(view.queue_depth) if view.queue_depth else "-"),
    "err": ("ERR", 4, lambda view, _now: str(view.record.counters.errors)),
    "p95": ("P95", 7, lambda view, _now: _p95(view)),
}
"""Heading, width and text of each figure; all are right-aligned in fixed columns."""

WELCOME: tuple[Row, ...] = (
    EMPTY,
    row(ink("strong", "   NO ROOMS EXIST.")),
    EMPTY,
    row("   ", ink("key", "a c"), "   CREATE ROOM"),
    EMPTY,
    row(ink("dim", "   A room persists until it")),
    row(ink("dim", "   is destroyed. Leaving does")),
    row(ink("dim", "   not end it. Input does not")),
    row(ink("dim", "   guarantee output.")),
    EMPTY,
    row("   ", ink("key", "?"), " KEYS   ", ink("key", ":"), " COMMAND   ", ink("key", "q"), " LEAVE"),
)


class RoomBrowser(Pane, can_focus=True):
    """Shows a `RoomsModel`. Whoever changes the model says which rooms, or calls `redraw`."""

    def __init__(self, model: RoomsModel, now: Callable[[], int]) -> None:
        super().__init__(id="rooms")
        self.model = model
        self._now = now
        self._top = 0
        self._cursor_row = 0
        self._loaded = False

    def loaded(self) -> None:
        """Say that the list has arrived: from now on an empty one means that there are no rooms."""
        self._loaded = True
        self.redraw()

    def row(self, y: int) -> Row:
        if not self.model.total:
            return WELCOME[y] if self._loaded and y < len(WELCOME) else EMPTY
        columns = room_columns(self.size.width - 4)
        if y < HEADING:
            return _heading(columns)
        number = self._top + y - HEADING
        visible = self.model.visible
        if number >= len(visible):
            return EMPTY
        view = self.model.view(visible[number])
        return self._room_row(view, columns) if view is not None else EMPTY

    def redraw(self) -> None:
        """Draw everything again, keeping the cursor in sight."""
        self._cursor_row = self.model.cursor_row
        self._scroll()
        self.refresh()

    def changed(self, rooms: Iterable[RoomId]) -> None:
        """Draw the rows of these rooms again, where they are in sight."""
        lines = {room_id: line for line, room_id in enumerate(self._in_sight(), HEADING)}
        for room_id in rooms:
            if room_id in lines:
                self.refresh_line(lines[room_id])

    def cursor_moved(self) -> None:
        """Follow the model's cursor; two rows are drawn unless the list has to scroll."""
        old, self._cursor_row = self._cursor_row, self.model.cursor_row
        if self._scroll():
            self.refresh()
            return
        for number in {old, self._cursor_row}:
            self.refresh_line(number - self._top + HEADING)

    @property
    def page(self) -> int:
        """Rows in sight."""
        return max(1, self.size.height - HEADING)

    def on_focus(self) -> None:
        self.cursor_moved()

    def on_blur(self) -> None:
        self.cursor_moved()

    def on_resize(self) -> None:
        self._scroll()

    def _in_sight(self) -> list[RoomId]:
        return self.model.visible[self._top : self._top + self.page]

    def _scroll(self) -> bool:
        last = max(0, len(self.model.visible) - self.page)
        top = min(max(self._top, self._cursor_row - self.page + 1), self._cursor_row, last)
        moved, self._top = top != self._top, top
        return moved

    def _room_row(self, view: RoomView, columns: tuple[str, ...]) -> Row:
        room_id, sign = view.record.id, SIGNS[view.record.state]
        here = room_id == self.model.cursor
        marked = room_id in self.model.marks
        runs: list[Run] = [
            ink("accent", ">") if here else ink("", " "),
            ink("marked", "+") if marked else ink("", " "),
            ink(sign.style if sign.word != "CORRUPTED" else "error", f"{sign.glyph} "),
            ink("strong" if here else "", f"{short(room_id)}  "),
            ink(sign.style, sign.word),
            ink("", " " * (11 - len(sign.word))),
        ]
        quiet = "dim" if sign.word == "SUSPENDED" and not here else ""
        runs += [ink(quiet, _cell(name, view, self._now())) for name in columns if name in _CELLS]
        return Row(tuple(runs), ("cursor" if self.has_focus else "cursor-dim") if here else "")


def _heading(columns: tuple[str, ...]) -> Row:
    figures = "".join(_CELLS[name][0].rjust(_CELLS[name][1] + 1) for name in columns if name in _CELLS)
    return row(ink("dim", f"    {'ID':<10}{'STATE':<11}{figures}"))


def _cell(name: str, view: RoomView, now: int) -> str:
    _, width, text = _CELLS[name]
    return text(view, now).rjust(width + 1)
