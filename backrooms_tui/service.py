"""`RoomService`: every verb of the product once, for every face.

Synchronous, typed, thread-safe. The command line and the console know nothing else; a remote implementation can
stand in its place. Every method raises `BackroomsError`s only, and may block for a durable write (milliseconds),
except where it says that it waits. Room arguments are full ids: `resolve` turns what a person typed into one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.events import Event
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig, RoomRecord


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class RunningTurn:
    seq: int
    started_at: int
    """Nanoseconds since the epoch."""
    timeout: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """An input is durable: it will be run, in this order, whatever happens to the host."""

    room_id: RoomId
    seq: int
    """Sequence number of its INPUT entry."""
    timestamp: int
    position: int
    """Inputs before it in the room, the running one included: 0 = runs at once."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How an input ended."""

    seq: int
    outcome: str
    """A `model.entries.Outcome` value."""
    entries: tuple[MemoryEntry, ...]
    """What the turn left in memory, in order."""
    latency: float
    """Seconds from the entity's start on it."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
    """Lines of the SEAL block; empty before the first entity."""


class Subscription(Protocol):
    """A bounded queue of events. A subscriber that falls behind loses the oldest and is told with `Lagged`."""

    def get(self, timeout: float | None = None) -> list[Event]:
        """Give all waiting events, waiting up to `timeout` seconds (None: for ever) for the first; [] on timeout
        and for ever after `close`.
        """
        ...

    def close(self) -> None: ...


class RoomService(Protocol):
    def resolve(self, handle: str) -> RoomId:
        """Raises InvalidRoomId, RoomNotFound, RoomAmbiguous."""
        ...

    def rooms(self) -> list[RoomView]:
        """All rooms, oldest first."""
        ...

    def room(self, room_id: RoomId) -> RoomView: ...

    def create(self, config: RoomConfig) -> RoomView:
        """Durable when it returns; its entity starts in the background. Raises UsageError, MaxRoomsExceeded."""
        ...

    def await_entity(self, room_id: RoomId, timeout: float | None = None) -> RoomView:
        """Start the room's entity if it is cold and wait until it is ready. Raises EntityInitFailed."""
        ...

    def enter(self, room_id: RoomId) -> RoomView:
        """Count a session in; wakes an IDLE room and starts its entity. Raises RoomSuspended, RoomCorrupted."""
        ...

    def leave(self, room_id: RoomId) -> RoomView:
        """Count a session out; a room without sessions and pending inputs becomes IDLE."""
        ...

    def submit(
        self,
        room_id: RoomId,
        data: bytes,
        *,
        source: str,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Accept one input: durable before this returns. A repeated `request_id` gives the first receipt again.

        `timeout` overrides the room's seconds for this input. Raises InputRefused kinds, RoomSuspended,
        RoomCorrupted, StoreFailed.
        """
        ...

    def wait(self, receipt: Receipt, timeout: float | None = None) -> TurnResult | None:
        """Wait until the input has ended and its results are durable; None when `timeout` seconds pass first."""
        ...

    def read(
        self, room_id: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        """A page of memory in rising order, by timestamp cursors, as `RoomStore.read` gives it."""
        ...

    def suspend(self, room_id: RoomId, *, by: str) -> RoomView:
        """Waits for the running input to end (its deadline bounds that), halts the entity, keeps the queue."""
        ...

    def resume(self, room_id: RoomId, *, by: str) -> RoomView: ...

    def destroy(self, room_id: RoomId, *, confirm: str) -> None:
        """`confirm` is the full id. The entity is killed, every trace removed. Raises ConfirmationMismatch."""
        ...

    def store_facts(self) -> StoreFacts: ...

    def status(self) -> ServiceStatus: ...

    def subscribe(self, rooms: Iterable[RoomId] | None = None) -> Subscription:
        """Events of the given rooms (all when None) from now on."""
        ...

    def close(self) -> None:
        """End cleanly: running inputs are stopped and stay queued, entities die, the store closes. Idempotent."""
        ...
