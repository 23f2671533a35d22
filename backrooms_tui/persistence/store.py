"""`RoomStore`: what every backend does, and the values that cross it.

The owner's supervisor keeps each room's `RoomRecord` in memory, seals new entries onto its tail with
`records.seal`, and hands `RoomCommit`s to the store, several rooms' at once. The store writes them as one atomic
batch, refuses a commit whose `expected` tail is not the stored one, and never invents or repairs anything.

Every method may raise StoreFailed (the handle is poisoned: only `reopen` and `close` are legal then) and
StoreClosed; those that read one room also RoomNotFound. Methods are called from several threads, but writes
(`commit`, `destroy`, `reopen`) by one at a time; reads may run beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from backrooms_tui.model.entries import MemoryEntry, Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage, QueuedInput, RoomRecord
from backrooms_tui.model.value import value

from .leases import Fleet

MemoryRow = tuple[int, bytes]
"""Timestamp of the (last) entry, and the record or segment."""


@value
class SealedEntry:
    """An entry in its place, with the bytes that stand for it on disk."""

    entry: MemoryEntry
    blob: bytes
    """The whole record of records.py: header, checksum, body. Its length is the entry's memory usage."""


@value
class Compaction:
    """Consecutive rows of a room's memory that become one row, or none."""

    timestamps: tuple[int, ...]
    """Keys of the rows, rising."""
    blob: bytes | None
    """The segment in their place; None where they are truncated."""


@value
class RoomCommit:
    """Everything one step of a room writes, atomically."""

    record: RoomRecord
    """The room's record after this commit; `record.tail` is the tail after `entries`."""
    expected: Tail
    """The tail before `entries`. `Tail()` with no stored room creates the room."""
    entries: tuple[SealedEntry, ...] = ()
    snapshot: bytes | None = None
    """The entity's state after this commit (opaque bytes); None leaves the stored one."""
    queue_put: tuple[QueuedInput, ...] = ()
    queue_del: tuple[int, ...] = ()
    """Sequence numbers of queue records that end here."""
    compactions: tuple[Compaction, ...] = ()
    """Rows of old memory that become segments, or go."""


@value
class RoomImage:
    """A whole room at one moment."""

    record: RoomRecord
    snapshot: bytes | None
    queue: tuple[QueuedInput, ...]
    rows: Iterator[MemoryRow]
    """All of its memory, oldest first, as stored: entry records and segments. Not checked against each other yet."""


@value
class StoreContents:
    """What a store held when it was opened."""

    records: tuple[RoomRecord, ...]
    """All rooms, oldest first. A room found damaged is CORRUPTED here, with its Damage."""


class RoomStore(Protocol):
    """A durable (or, for --no-persist, honest in-memory) store of rooms."""

    backend: str
    """The seed's word for it, or MEMORY for --no-persist."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Complete lines for people: where what is acknowledged is less safe than promised."""
        ...

    @property
    def fleet(self) -> Fleet | None:
        """What it can do where other daemons share its rooms; None where this owner is the only one."""
        ...

    def load(self) -> StoreContents:
        """Read every room's record in one contiguous scan and hold it against the witness.

        Cost does not depend on the number of entries. Damage to one room's record makes that room CORRUPTED;
        raises StoreCorrupted for damage in what all rooms share. Nothing is repaired: the damage is found again at
        the next start, unless the owner commits the CORRUPTED record.
        """
        ...

    def verify(self, room_id: RoomId) -> Damage | None:
        """Check what a room needs to be entered: config, creation facts, a snapshot of the record's `state_version`
        (none for 0), as many queued inputs as `queued` says, and that the newest entry is the record's tail.

        Constant cost. May run beside commits: it sees the room of one moment.
        """
        ...

    def commit(self, commits: Sequence[RoomCommit], *, sync: bool = True) -> None:
        """Write all commits, in order, as one atomic batch; with `sync` durable when it returns.

        Two commits of one room may be in one batch. Raises SequenceConflict before anything is written.
        """
        ...

    def destroy(self, room_id: RoomId) -> None:
        """Remove every trace of a room, durably and atomically enough that it is wholly there or wholly gone."""
        ...

    def read(
        self, room_id: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        """Give up to `limit` entries in rising order: the first ones with a timestamp above `after`, or, when only
        `before` or nothing is given, the last ones (below `before`). Cost depends on `limit` alone.

        Raises RoomCorrupted, with type and offset, when a damaged or missing entry is met.
        """
        ...

    def queue(self, room_id: RoomId) -> list[QueuedInput]:
        """Give the accepted inputs that have not ended, in order."""
        ...

    def entry(self, room_id: RoomId, timestamp: int) -> MemoryEntry:
        """Give the one entry at `timestamp`. Raises RoomCorrupted when it is missing or damaged."""
        ...

    def snapshot(self, room_id: RoomId) -> bytes | None:
        """Give the entity's last committed state. Raises RoomCorrupted."""
        ...

    def image(self, room_id: RoomId, *, proven: bool = False) -> AbstractContextManager[RoomImage]:
        """The room as it is at this moment, whatever is committed meanwhile; with `proven` by the checksums of the
        machinery below, too. Raises RoomCorrupted; reading on in `rows` may, too.
        """
        ...

    def remains(self, room_id: RoomId) -> AbstractContextManager[RoomImage]:
        """The memory of a damaged room, with the record as far as it is known, and nothing else: rows up to where the
        record's tail is or, when nobody knows that, all there are. Reading on in `rows` may raise RoomCorrupted.
        """
        ...

    def rows(self, room_id: RoomId, *, after: int, size: int) -> list[MemoryRow]:
        """Rows of memory as stored, oldest first, from above the timestamp `after` on, of `size` bytes and the rest of
        the last one.
        """
        ...

    def clear(self, room_id: RoomId) -> None:
        """Make place for a room that is to be put in whole, with `fill` and then `establish`. Raises RoomExists unless
        it is not there or CORRUPTED. Until `establish` a crash leaves it as that: not there, or CORRUPTED.
        """
        ...

    def fill(self, room_id: RoomId, rows: Sequence[MemoryRow]) -> None:
        """Put in the next rows of its memory, oldest first; they are the caller's to have checked."""
        ...

    def establish(self, record: RoomRecord, snapshot: bytes | None, queue: Sequence[QueuedInput]) -> None:
        """Put in the rest: from now on, durably and with all its memory, the room is there."""
        ...

    def inspect(self) -> Iterator[Damage]:
        """Look at every byte that no room's image shows. Changes nothing."""
        ...

    def stored_tail(self, room_id: RoomId) -> Tail | None:
        """Give the tail by the room's stored record; None when there is no such room. For the check after a
        failed write: what landed?
        """
        ...

    def reopen(self) -> None:
        """Close a poisoned handle and open the store again, without trusting anything it said since the failed
        write. Raises StoreFailed when it still cannot be written.
        """
        ...

    def witness_due(self) -> bool:
        """Whether 64 acknowledged commits have passed since the witness was last written."""
        ...

    def write_witness(self) -> None:
        """Record every room's last sequence and chain outside the store, fsynced. Cheap when nothing changed.
        May run in another thread beside `commit`.
        """
        ...

    def disk_usage(self) -> int:
        """Bytes on disk."""
        ...

    def close(self) -> None:
        """Flush, write the witness of a clean stop, release the owner lock. Idempotent."""
        ...
