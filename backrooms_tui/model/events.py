"""What happens in rooms while somebody watches. Events are told, not stored: the store is the truth."""

from __future__ import annotations

from dataclasses import dataclass

from .entries import MemoryEntry
from .ids import RoomId
from .states import RoomState


@dataclass(frozen=True, slots=True)
class InputAccepted:
    """An INPUT entry became durable."""

    room_id: RoomId
    entry: MemoryEntry
    queue_depth: int


@dataclass(frozen=True, slots=True)
class TurnStarted:
    room_id: RoomId
    seq: int
    attempt: int
    at: int
    """Nanoseconds since the epoch."""
    timeout: float
    """Seconds until the deadline."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is durable: `entries` replace everything `Said` for it."""

    room_id: RoomId
    seq: int
    outcome: str
    entries: tuple[MemoryEntry, ...]
    latency: float
    """Seconds."""
    queue_depth: int


@dataclass(frozen=True, slots=True)
class EntriesAdded:
    """Entries outside any turn became durable (suspended, resumed, ...)."""

    room_id: RoomId
    entries: tuple[MemoryEntry, ...]


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """The room's record, state or process changed; read it anew. Sent after every commit."""

    room_id: RoomId
    state: RoomState


@dataclass(frozen=True, slots=True)
class RoomCreated:
    room_id: RoomId


@dataclass(frozen=True, slots=True)
class RoomDestroyed:
    room_id: RoomId


@dataclass(frozen=True, slots=True)
class Notice:
    """Something an operator should know: a crash, a timeout, a failed write. `text` is one safe line."""

    at: int
    severity: str
    """INFO, WARN or ERROR."""
    room_id: RoomId | None
    text: str


@dataclass(frozen=True, slots=True)
class Lagged:
    """The subscriber was too slow: `missed` events are gone; read the pages instead."""

    missed: int


Event = (
    InputAccepted
    | TurnStarted
    | Said
    | TurnEnded
    | EntriesAdded
    | RoomChanged
    | RoomCreated
    | RoomDestroyed
    | Notice
    | Lagged
)
