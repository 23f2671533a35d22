"""What the service tells the faces: stored records joined with what only the running owner knows."""

from __future__ import annotations

from backrooms_tui.model.value import value

from .entries import MemoryEntry
from .ids import RoomId
from .room import RoomRecord


@value
class RoomView:
    """A room as faces show it: the stored record, and what only the running owner knows."""

    record: RoomRecord
    queue_depth: int
    """Pending inputs, the running one not counted: 0..16."""
    running: RunningTurn | None
    """The input the entity works on now."""
    entity: str
    """LIVE, STARTING or COLD (no process; the next input starts one from the last snapshot)."""
    entity_pid: int | None
    occupants: int
    """Sessions that have entered and not left."""


@value
class Visitor:
    """For whom an owner acts."""

    session: str
    who: str
    """For people: user@host."""


@value
class Occupant:
    """Who is in a room."""

    session: str
    """`s_` and 16 hexadecimal digits for a session of a client; `local` for the owner's own."""
    who: str
    """For people: user@host."""
    read_only: bool
    """Whether only to look."""
    since: int
    """Nanoseconds since the epoch."""


@value
class RunningTurn:
    seq: int
    started_at: int
    """Nanoseconds since the epoch."""
    timeout: float
    """Seconds."""
    waits_for: str | None = None
    """Name of the call of the host for whose answer the entity waits; its time stands still meanwhile."""


@value
class Receipt:
    """An input is durable: it will be run, in this order, whatever happens to the host."""

    room_id: RoomId
    seq: int
    """Sequence number of its INPUT entry."""
    timestamp: int
    position: int
    """Inputs before it in the room, the running one included: 0 = runs at once."""


@value
class TurnResult:
    """How an input ended."""

    seq: int
    outcome: str
    """A `model.entries.Outcome` value."""
    entries: tuple[MemoryEntry, ...]
    """What the turn left in memory, in order."""
    latency: float
    """Seconds from the entity's start on it."""


@value
class StoreFacts:
    """The PERSISTENCE figures of seed 000, Session 11."""

    backend: str
    path: str | None
    last_flush: int | None
    """Nanoseconds since the epoch of the last synced write of this owner."""
    flush_average: float
    """Seconds; 0.0 before the first."""
    disk_usage: int
    """Bytes."""


@value
class ServiceStatus:
    version: str
    pid: int
    started_at: int
    """Nanoseconds since the epoch."""
    durable: bool
    """False under --no-persist."""
    read_only_because: str | None
    """Set while the store refuses writes."""
    live_entities: int
    seal: tuple[str, ...]
    """Lines of the SEAL block of rooms in the hermetic profile; empty before the first entity."""
    warnings: tuple[str, ...] = ()
    """Complete lines: where the store keeps rooms less safe than people would expect."""
    epoch: str = ""
    """Of the owner that serves clients: another one after each start. Empty where nobody is served."""
    address: str | None = None
    """TCP address on which clients are served."""
    session: str | None = None
    """The asking client's own; None in the owner itself."""
    connections: int = 0
    """Connections of clients now."""
    command_seal: tuple[str, ...] = ()
    """The same lines for rooms of commands; which are a room's own, `model.seals` decides."""
