"""The rooms an operator holds open, in tabs 1 to 9: entered ones, and pinned peeks that change nothing.

Entering is a state change of the room, peeking is not; a tab knows which it is. What came in while the operator
looked elsewhere is counted by entry, not by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backrooms_tui.model.ids import RoomId

MAX_TABS = 9


@dataclass(slots=True)
class Tab:
    room_id: RoomId
    entered: bool
    """False: a pinned peek."""
    unread: int = 0
    """Entries that came while the room was not shown."""


class Tabs:
    """Open rooms in the order they were opened, and which room the output pane shows."""

    def __init__(self) -> None:
        self._tabs: list[Tab] = []
        self.shown: RoomId | None = None
        """The room in the output pane: a tab's, or a passing peek's."""

    def __iter__(self) -> Iterator[Tab]:
        return iter(self._tabs)

    def __len__(self) -> int:
        return len(self._tabs)

    @property
    def full(self) -> bool:
        return len(self._tabs) >= MAX_TABS

    def get(self, room_id: RoomId | None) -> Tab | None:
        return next((tab for tab in self._tabs if tab.room_id == room_id), None)

    def number(self, number: int) -> Tab | None:
        """The tab of a digit key, from 1."""
        return self._tabs[number - 1] if 0 < number <= len(self._tabs) else None

    @property
    def entered(self) -> bool:
        """Whether the shown room is entered: only then is there an input box."""
        tab = self.get(self.shown)
        return tab is not None and tab.entered

    def open(self, room_id: RoomId, *, entered: bool) -> Tab:
        """Give the room a tab, or raise its peek to an entered one. The caller checks `full` first."""
        tab = self.get(room_id)
        if tab is None:
            tab = Tab(room_id, entered)
            self._tabs.append(tab)
        tab.entered = tab.entered or entered
        return tab

    def close(self, room_id: RoomId) -> Tab | None:
        """Take the room's tab away; gives it, or None when it had none."""
        tab = self.get(room_id)
        if tab is not None:
            self._tabs.remove(tab)
        return tab

    def show(self, room_id: RoomId | None) -> None:
        """Say what the output pane shows; that room's unread count ends."""
        self.shown = room_id
        tab = self.get(room_id)
        if tab is not None:
            tab.unread = 0

    def count(self, room_id: RoomId, entries: int) -> bool:
        """Count entries that became durable in a room; True when a tab's figure changed by it."""
        tab = self.get(room_id)
        if tab is None or room_id == self.shown:
            return False
        tab.unread += entries
        return True
