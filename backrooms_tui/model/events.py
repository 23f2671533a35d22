"""What happens in rooms while somebody watches. Events are told, not stored: the store is the truth."""

from __future__ import annotations

from backrooms_tui.model.value import value

from .entries import MemoryEntry
from .ids import RoomId
from .states import RoomState


@value
class InputAccepted:
    """An INPUT entry became durable."""

    room_id: RoomId
    entry: MemoryEntry
    queue_depth: int


@value
class TurnStarted:
    room_id: RoomId
    seq: int
    attempt: int
    at: int
    """Nanoseconds since the epoch."""
    timeout: float
    """Seconds until the deadline."""


@value
class Said:
    """One line the entity said or observed, shown at once, not durable before the turn commits.

    (seq, attempt, n) names it: a repeated attempt starts again at n = 0 and replaces what was shown.
    """

    room_id: RoomId
    seq: int
    """The INPUT it answers."""
    attempt: int
    n: int
    at: int
    text: str
    observation: bool = False


@value
class Saying:
    """Part of a line that the entity has not ended yet: it goes on where the last part of (seq, attempt, n) ended.

    `Said` with the same n comes when the line is whole, and holds all of it.
    """

    room_id: RoomId
    seq: int
    attempt: int
    n: int
    at: int
    text: str
    """Without newlines."""


@value
class TurnEnded:
    """The turn is durable: `entries` replace everything `Said` for it."""

    room_id: RoomId
    seq: int
    outcome: str
    entries: tuple[MemoryEntry, ...]
    latency: float
    """Seconds."""
    queue_depth: int


@value
class EntriesAdded:
    """Entries outside any turn became durable (suspended, resumed, ...)."""

    room_id: RoomId
    entries: tuple[MemoryEntry, ...]


@value
class RoomChanged:
    """The room's record, state or process changed; read it anew. Sent after every commit."""

    room_id: RoomId
    state: RoomState


@value
class RoomCreated:
    room_id: RoomId


@value
class RoomDestroyed:
    room_id: RoomId


@value
class Notice:
    """Something an operator should know: a crash, a timeout, a failed write. `text` is one safe line."""

    at: int
    severity: str
    """INFO, WARN or ERROR."""
    room_id: RoomId | None
    text: str


@value
class Lagged:
    """The subscriber was too slow: `missed` events are gone; read the pages instead."""

    missed: int


Event = (
    InputAccepted
    | TurnStarted
    | Said
    | Saying
    | TurnEnded
    | EntriesAdded
    | RoomChanged
    | RoomCreated
    | RoomDestroyed
    | Notice
    | Lagged
)
