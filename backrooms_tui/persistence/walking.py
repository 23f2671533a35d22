"""A walk through a room's whole memory: every entry checked against its predecessor, flat in memory, at speed.

`pages.link` does the same for a page, entry by entry. This one is for a million: msgspec decodes, at a third of the
cost, and a chunk of rows is checked as a whole. Only where a chunk is not sound is it looked at entry by entry, to
tell what is damaged and where.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from operator import lt
from typing import Any

import msgspec

from backrooms_tui.model.entries import EntryType, Tail
from backrooms_tui.model.room import RoomRecord

from . import keys
from .damage import DamageFound, corrupted
from .records import ENTRY, HEADER, Damaged, UnstorableEntry, decode_entry, require_json_like, unframe_all
from .segments import SEGMENT, bodies_of, is_segment
from .store import MemoryRow

LAST_TIME = 2**63 - 1
"""Nanoseconds since the epoch, in the year 2262: what SQLite can hold."""

_CHUNK_SIZE = 1 << 20
"""Bytes of rows in a chunk, one row more or less; a segment is the last row of its chunk."""
_ROW_COST = 1 << 12
"""What a row counts for besides its bytes: so small ones are at most 256 in a chunk, found with one comparison. Larger
chunks fall out of the processor's cache between the looks at them (512 rows: up to half as slow again).
"""
_TYPES = frozenset(EntryType)


class RawEntry(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """An entry's body. Its metadata has not been looked at: checksums say that it is as it was written."""

    seq: int
    timestamp: int
    type: int
    content: str
    metadata: msgspec.Raw
    chain: int


class FullEntry(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """An entry's body, all of it proven to be what an entry may hold."""

    seq: int
    timestamp: int
    type: int
    content: str
    metadata: dict[str, str | int | float | bool | None]
    chain: int


Chunk = tuple[list[MemoryRow], list[bytes], list[Any]]
"""Consecutive rows, the bodies of their entries, and the entries: RawEntry or FullEntry."""


def walk(record: RoomRecord, rows: Iterable[MemoryRow], *, full: bool = False, records: bool = True) -> Iterator[Chunk]:
    """Give all of a room's memory, oldest first, its entries as RawEntry or with `full` as FullEntry.

    Checks that entries are dense, in order of time and linked by their chain from the record's head to its tail, and
    that they stand where their keys say. With `records` each row's own checksum is checked, too: who only reads what
    entries say does not need it. With both, what is given could be a stranger's. Raises RoomCorrupted, after all that
    lies before the damage.
    """
    return walk_batches(record, _batches(rows), full=full, records=records)


def walk_batches(
    record: RoomRecord, batches: Iterable[list[MemoryRow]], *, full: bool, records: bool = True
) -> Iterator[Chunk]:
    """`walk` through rows that come in lists already, none of them empty; each becomes a chunk."""
    walker = _Walker(record, full=full, records=records)
    for batch in batches:
        chunk = walker.sound(batch)
        if chunk is None:
            yield from walker.carefully(batch)
        else:
            yield chunk
    walker.require_end()


def _batches(rows: Iterable[MemoryRow]) -> Iterator[list[MemoryRow]]:
    batch: list[MemoryRow] = []
    size = 0
    try:
        for placed in rows:
            batch.append(placed)
            size += len(placed[1]) + _ROW_COST
            if size >= _CHUNK_SIZE or placed[1][2:3] == SEGMENT:
                yield batch
                batch, size = [], 0
    except DamageFound:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


_decode_raw = msgspec.msgpack.Decoder(RawEntry).decode
_decode_flat = msgspec.msgpack.Decoder(FullEntry).decode


def _decode_full(body: bytes) -> FullEntry:
    """Metadata with containers or large integers in it is rare, and is left to the slow decoder."""
    try:
        return _decode_flat(body)
    except msgspec.ValidationError:
        entry, tail = decode_entry(body)
        try:
            require_json_like(entry.metadata)
        except UnstorableEntry:
            raise Damaged("CHECKSUM_MISMATCH", HEADER) from None
        return FullEntry(entry.seq, entry.timestamp, entry.type, entry.content, entry.metadata, tail.chain)


class _Walker:
    def __init__(self, record: RoomRecord, *, full: bool, records: bool) -> None:
        self._record = record
        self._records = records
        self._decode: Callable[[bytes], Any] = _decode_full if full else _decode_raw
        self._distrust = full and records
        self._last = record.head
        """The tail after what has been given."""

    def sound(self, batch: list[MemoryRow]) -> Chunk | None:
        """Check rows as a whole; None when something is wrong with them. Comprehensions, for their speed."""
        try:
            bodies = self._bodies(batch)
            entries = list(map(self._decode, bodies))
        except (Damaged, msgspec.MsgspecError):
            return None
        seq, times = self._last.seq, [entry.timestamp for entry in entries]
        single = len(batch) - is_segment(batch[-1][1])
        end = Tail(seq + len(entries), times[-1], entries[-1].chain)
        sound = (
            [entry.seq for entry in entries] == list(range(seq + 1, end.seq + 1))
            and all(map(lt, (self._last.timestamp, *times), times))
            and [timestamp for timestamp, _ in batch[:single]] == times[:single]
            and batch[-1][0] == end.timestamp <= LAST_TIME
            and _TYPES.issuperset([entry.type for entry in entries])
            and self._linked(bodies, entries)
        )
        if not sound:
            return None
        self._last = end
        return batch, bodies, entries

    def _bodies(self, batch: list[MemoryRow]) -> list[bytes]:
        single = len(batch) - is_segment(batch[-1][1])
        rows = [row for _, row in batch[:single]]
        # Without the checksums of rows: the chain covers what is in them.
        bodies = unframe_all(ENTRY, self._record.id, rows) if self._records else [row[HEADER:] for row in rows]
        for _, row in batch[single:]:
            bodies += bodies_of(self._record.id, row)
        return bodies

    def _linked(self, bodies: list[bytes], entries: list[Any]) -> bool:
        """A running checksum is one over all of it: the last chain proves what all entries hold, in their order. Only
        a stranger would have written entries whose own chains are others.
        """
        chain = self._last.chain
        if not self._distrust:
            return bool(zlib.crc32(b"".join([body[1:-5] for body in bodies]), chain) == entries[-1].chain)
        for body, entry in zip(bodies, entries, strict=True):
            chain = zlib.crc32(body[1:-5], chain)
            if entry.chain != chain:
                return False
        return True

    def carefully(self, batch: list[MemoryRow]) -> Iterator[Chunk]:
        """Give what is sound of rows that are not, then raise RoomCorrupted with what is wrong."""
        for placed in batch:
            timestamp, row = placed
            bodies: list[bytes] = []
            entries: list[Any] = []
            try:
                for body in bodies_of(self._record.id, row):
                    entries.append(self._next(body))
                    bodies.append(body)
                if self._last.timestamp != timestamp:
                    bodies, entries = [], []
                    raise Damaged("SEQUENCE_GAP", 0)
            except Damaged as error:
                yield [], bodies, entries
                raise corrupted(error.type, keys.memory(self._record.id, timestamp), error.offset) from None
            yield [placed], bodies, entries

    def _next(self, body: bytes) -> Any:
        """The entry that comes next. Raises Damaged."""
        try:
            entry = self._decode(body)
        except msgspec.MsgspecError:
            raise Damaged("CHECKSUM_MISMATCH", HEADER) from None
        if entry.seq != self._last.seq + 1 or not self._last.timestamp < entry.timestamp <= LAST_TIME:
            raise Damaged("SEQUENCE_GAP", 0)
        if entry.type not in _TYPES:
            raise Damaged("CHECKSUM_MISMATCH", HEADER)
        if entry.chain != zlib.crc32(body[1:-5], self._last.chain):
            raise Damaged("CHAIN_MISMATCH", 0)
        self._last = Tail(entry.seq, entry.timestamp, entry.chain)
        return entry

    def require_end(self) -> None:
        tail = self._record.tail
        if self._last == tail:
            return
        cut = self._last.seq < tail.seq
        key = keys.memory(self._record.id, tail.timestamp)
        raise corrupted("MEMORY_LOG_TRUNCATED" if cut else "CHAIN_MISMATCH", key)
