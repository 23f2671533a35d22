"""The room list without a screen: what is visible, in which order, what is marked, where the cursor is.

Decisions it embodies: rows keep their place while figures change (only sorting, filtering or `reorder` moves
them); the cursor and the marks belong to room ids, never to row numbers; sorting compares raw values and is
stable. Used on the console's loop only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import changed, value
from backrooms_tui.model.views import RoomView, RunningTurn

from .room_filter import RoomFilter

_STATE_ORDER = {state: place for place, state in enumerate(RoomState)}


@value
class Order:
    """One way to sort rooms."""

    name: str
    key: str
    """Letter in the sort menu."""
    value: Callable[[RoomView], float | str]
    largest_first: bool


ORDERS: dict[str, Order] = {
    order.name: order
    for order in (
        Order("active", "a", lambda view: view.record.last_active, largest_first=True),
        Order("created", "c", lambda view: view.record.created_at, largest_first=False),
        Order("memory", "m", lambda view: view.record.memory_usage, largest_first=True),
        Order("state", "s", lambda view: _STATE_ORDER[view.record.state], largest_first=False),
        Order("queue", "q", lambda view: view.queue_depth, largest_first=True),
        Order("errors", "e", lambda view: view.record.counters.errors, largest_first=True),
        Order("p95", "p", lambda view: view.record.latencies.percentile(0.95), largest_first=True),
        Order("id", "i", lambda view: view.record.id, largest_first=False),
    )
}


class RoomsModel:
    """All rooms as the browser shows them."""

    def __init__(self) -> None:
        self._views: dict[RoomId, RoomView] = {}
        self._visible: list[RoomId] = []
        self._filter = RoomFilter()
        self._marks: set[RoomId] = set()
        self._cursor: RoomId | None = None
        self._chosen: RoomId | None = None
        self._anchor: RoomId | None = None
        self.order = ORDERS["created"]
        self.reversed = False

    @property
    def total(self) -> int:
        return len(self._views)

    @property
    def visible(self) -> list[RoomId]:
        """Ids of the rows, top first. Read only."""
        return self._visible

    @property
    def hidden(self) -> int:
        return len(self._views) - len(self._visible)

    @property
    def filter(self) -> RoomFilter:
        return self._filter

    @property
    def cursor(self) -> RoomId | None:
        """The room under the cursor; None only when no row is visible."""
        return self._cursor

    @property
    def cursor_row(self) -> int:
        """Row of the cursor, 0 when there is none."""
        return self._visible.index(self._cursor) if self._cursor in self._visible else 0

    @property
    def marks(self) -> frozenset[RoomId]:
        return frozenset(self._marks)

    @property
    def marks_hidden(self) -> int:
        """Marked rooms that the filter hides."""
        return len(self._marks.difference(self._visible))

    def view(self, room_id: RoomId) -> RoomView | None:
        return self._views.get(room_id)

    def views(self) -> Iterable[RoomView]:
        """All rooms, hidden ones too."""
        return self._views.values()

    def states(self) -> Counter[RoomState]:
        return Counter(view.record.state for view in self._views.values())

    def replace_all(self, views: Iterable[RoomView]) -> None:
        """Take the whole list anew and put it in order; marks of rooms that are gone are dropped."""
        self._views = {view.record.id: view for view in views}
        self._marks.intersection_update(self._views)
        self.reorder()

    def at_work(self, room_id: RoomId, turn: RunningTurn | None) -> None:
        """Note which input a room's entity works on, until the room is read anew."""
        view = self._views.get(room_id)
        if view is not None:
            self._views[room_id] = changed(view, running=turn)

    def put(self, view: RoomView) -> None:
        """Take new figures of one room. A known row keeps its place; a new one is placed by the order."""
        room_id = view.record.id
        known = room_id in self._views
        self._views[room_id] = view
        matches = self._filter.matches(view)
        if known and matches == (room_id in self._visible if self._filter else True):
            return
        if not matches:
            self._drop_row(room_id)
            return
        self._visible.insert(self._place_of(view), room_id)
        if self._cursor is None:
            self._cursor = room_id

    def remove(self, room_id: RoomId) -> None:
        """Forget a room; the cursor goes to the row that takes its place."""
        if self._views.pop(room_id, None) is not None:
            self._marks.discard(room_id)
            self._drop_row(room_id)

    def set_filter(self, room_filter: RoomFilter) -> None:
        self._filter = room_filter
        self.reorder()

    def set_order(self, name: str, *, reverse: bool = False) -> None:
        self.order = ORDERS[name]
        self.reversed = reverse
        self.reorder()

    def reorder(self) -> None:
        """Filter and sort everything by its figures of now; rooms of equal value stay in order of creation.

        A cursor that a filter pushed off its room goes back to it when the room is visible again.
        """
        old_row = self.cursor_row
        rooms = sorted(self._views.values(), key=lambda view: view.record.created_at)
        rooms.sort(key=self.order.value, reverse=self._descending)
        self._visible = [view.record.id for view in rooms if self._filter.matches(view)]
        if self._chosen in self._visible:
            self._cursor = self._chosen
        elif self._cursor not in self._visible:
            self._put_cursor(old_row)

    def move(self, rows: int) -> None:
        """Move the cursor by so many rows, stopping at the ends."""
        self._put_cursor(self.cursor_row + rows)
        self._chosen = self._cursor

    def go(self, row: int) -> None:
        """Put the cursor on a row; negative rows count from the end."""
        self._put_cursor(len(self._visible) + row if row < 0 else row)
        self._chosen = self._cursor

    def go_to(self, room_id: RoomId) -> bool:
        """Put the cursor on a room; False when it is not visible."""
        if room_id not in self._visible:
            return False
        self._cursor = self._chosen = room_id
        return True

    def toggle_mark(self) -> None:
        """Mark or unmark the room under the cursor; the next range starts here."""
        if self._cursor is not None:
            self._marks.symmetric_difference_update({self._cursor})
            self._anchor = self._cursor

    def mark_range(self) -> None:
        """Mark every visible room from the last marked one to the cursor."""
        if self._cursor is None:
            return
        start = self._visible.index(self._anchor) if self._anchor in self._visible else self.cursor_row
        first, last = sorted((start, self.cursor_row))
        self._marks.update(self._visible[first : last + 1])
        self._anchor = self._cursor

    def mark_visible(self) -> None:
        self._marks.update(self._visible)

    def clear_marks(self) -> None:
        self._marks.clear()
        self._anchor = None

    def targets(self) -> tuple[RoomId, ...]:
        """The rooms a verb means: the marked ones (hidden ones too), else the one under the cursor."""
        if self._marks:
            return tuple(room_id for room_id in self._views if room_id in self._marks)
        return (self._cursor,) if self._cursor is not None else ()

    @property
    def _descending(self) -> bool:
        return self.order.largest_first != self.reversed

    def _place_of(self, view: RoomView) -> int:
        value = self.order.value(view)
        for row, room_id in enumerate(self._visible):
            other = self.order.value(self._views[room_id])
            if (value > other) if self._descending else (value < other):  # type: ignore[operator]
                return row
        return len(self._visible)

    def _drop_row(self, room_id: RoomId) -> None:
        if room_id not in self._visible:
            return
        row = self._visible.index(room_id)
        del self._visible[row]
        if self._cursor == room_id:
            self._put_cursor(row)

    def _put_cursor(self, row: int) -> None:
        if not self._visible:
            self._cursor = None
            return
        self._cursor = self._visible[min(max(row, 0), len(self._visible) - 1)]


def healed(before: RoomView | None, after: RoomView | None) -> bool:
    """Whether a room was CORRUPTED and is not any more."""
    return before is not None and before.record.damage is not None and after is not None and after.record.damage is None
