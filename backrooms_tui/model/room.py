"""A room as values: its configuration, creation facts, counters, and the record that a restart needs."""

from __future__ import annotations

from backrooms_tui.model.value import changed, value

from .entries import Tail
from .errors import UsageError
from .formats import COMPRESSIONS
from .ids import RoomId
from .latency import Latencies
from .limits import ENTITY_TIMEOUT, MAX_NAME, MAX_ROOM_MEMORY, MAX_TIMEOUT, MIN_ROOM_MEMORY
from .states import RoomState


@value
class RoomConfig:
    """Per-room settings; given at creation, kept with the room (seed 000, Room Creation Parameters)."""

    memory_limit: int = MAX_ROOM_MEMORY
    """Bytes: capacity of the room's memory, and the bound of its entity's address space."""
    timeout: float = ENTITY_TIMEOUT
    """Seconds the entity may take for one input."""
    compression: str = "zstd"
    """One of COMPRESSIONS."""
    entity: str = "reference"
    """What the entity is: a line as of `runtimes.parse`."""
    name: str | None = None
    """For people; never a handle."""

    def validated(self) -> RoomConfig:
        """Give itself, or raise UsageError naming the first value out of bounds."""
        if not MIN_ROOM_MEMORY <= self.memory_limit <= MAX_ROOM_MEMORY:
            raise UsageError(
                f"MEMORY_LIMIT: {self.memory_limit} is not within {MIN_ROOM_MEMORY}..{MAX_ROOM_MEMORY} bytes."
            )
        if not 0 < self.timeout <= MAX_TIMEOUT:
            raise UsageError(f"TIMEOUT: {self.timeout:g} is not within 0..{MAX_TIMEOUT} seconds.")
        if self.compression not in COMPRESSIONS:
            raise UsageError(f"COMPRESSION: {self.compression[:40]!r} is not one of {'|'.join(COMPRESSIONS)}.")
        from .runtimes import parse  # 3 ms, for who makes rooms only

        parse(self.entity)
        if self.name is not None and (len(self.name) > MAX_NAME or not self.name.isprintable()):
            raise UsageError(f"NAME: at most {MAX_NAME} printable characters.")
        return self


@value
class Creation:
    """Who made a room; never changes (seed 000, Room Metadata)."""

    pid: int
    user: str
    host: str


@value
class Counters:
    inputs: int = 0
    """Accepted inputs."""
    outputs: int = 0
    """Turns that said something."""
    silent: int = 0
    errors: int = 0
    """All of the following kinds together, and refused inputs."""
    timeouts: int = 0
    crashes: int = 0
    invalid_inputs: int = 0
    """Inputs refused before the entity saw them."""


@value
class Suspension:
    at: int
    """Nanoseconds since the epoch."""
    by: str
    """user@host"""


@value
class Damage:
    """What is wrong with a room's bytes, as named to people (seed 000, Corrupted Room)."""

    type: str
    """CHECKSUM_MISMATCH, SEQUENCE_GAP, CHAIN_MISMATCH, MEMORY_LOG_TRUNCATED, STATE_UNREADABLE or ENTITY_INIT_FAILED."""
    where: str
    """The key or file that is damaged."""
    offset: int
    """Byte within it."""
    detected_at: int
    """Nanoseconds since the epoch."""


@value
class RoomRecord:
    """Everything a list, a statistic or a restart needs of one room, written with each of its commits."""

    id: RoomId
    state: RoomState
    config: RoomConfig
    creation: Creation
    created_at: int
    last_active: int
    last_input_at: int | None = None
    """Timestamp of the newest INPUT whose turn has ended; None before the first."""
    tail: Tail = Tail()
    head: Tail = Tail()
    """The tail before the oldest entry that is still there; `Tail()` unless memory was truncated."""
    memory_usage: int = 0
    """Bytes of the room's entry records and segments as stored."""
    memory_plain: int = 0
    """Bytes the same entries would take uncompressed."""
    counters: Counters = Counters()
    latencies: Latencies = Latencies()
    queued: int = 0
    """Inputs accepted and not yet ended, the running one included."""
    state_version: int = 0
    """Rises by one with every commit of the entity's state."""
    last_error: str | None = None
    suspension: Suspension | None = None
    damage: Damage | None = None

    @property
    def entries(self) -> int:
        """Entries in memory."""
        return self.tail.seq - self.head.seq

    def with_(self, **changes: object) -> RoomRecord:
        return changed(self, **changes)


@value
class QueuedInput:
    """An accepted input that has not ended. Its text is the INPUT entry at `timestamp`."""

    seq: int
    timestamp: int
    request_id: str | None = None
    attempt: int = 0
    """How often a host has started it; a third start never happens."""
    timeout: float | None = None
    """Seconds, when the submitter asked for other than the room's."""
