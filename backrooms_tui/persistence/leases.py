"""`Fleet`: what a store can do whose rooms several daemons share. Each room is one daemon's to write, by a lease.

Everybody may read every room. Who wants to write one holds it first; who has lost it is told so by the store at the
first write, and nothing of that write has happened.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Protocol

from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.value import value


@value
class Glance:
    """What others did since the last one."""

    changed: tuple[RoomRecord, ...]
    """Records of rooms that are not held here and are new, or not as they were."""
    present: AbstractSet[RoomId]
    """Every room there is."""


class Fleet(Protocol):
    """Part of a `RoomStore`. `hold`, `claim` and `losses` are writing methods: one at a time, with the others."""

    @property
    def stirred(self) -> bool:
        """Whether `losses` or `claim` has something to tell. Costs nothing."""
        ...

    def holds(self, room_id: RoomId) -> bool:
        """Whether the room is ours, as far as we know. Costs nothing."""
        ...

    def hold(self, room_id: RoomId) -> RoomRecord:
        """Take the room's lease, look at the room as it is now, and hold it against what is known of its end.

        Raises RoomLeasedElsewhere naming the daemon that has it, RoomNotFound.
        """
        ...

    def claim(self) -> tuple[RoomRecord, ...]:
        """Take over some rooms in which daemons that are silent, or have left, left work. Ends removals they began."""
        ...

    def losses(self) -> tuple[RoomId, ...]:
        """Rooms that were held here and are no longer, each told once."""
        ...

    def peek(self, room_id: RoomId) -> RoomRecord | None:
        """A room's record as it is stored now."""
        ...

    def glance(self) -> Glance:
        """Look at all rooms of the others. For one thread at a time."""
        ...
