"""A walk through a room's whole memory: every entry checked against its predecessor, flat in memory, at speed.

`pages.link` does the same for a page, entry by entry. This one is for a million: msgspec decodes, at a third of the
cost, and a chunk of rows is checked as a whole. Only where a chunk is not sound is it looked at entry by entry, to
tell what is damaged and where.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from operator import itemgetter, lt
from typing import Any, NamedTuple

from backrooms_tui.model.entries import EntryType, Tail
from backrooms_tui.model.room import RoomRecord

from . import keys
from .columns import Columns, bites_of
from .damage import corrupted
from .records import ENTRY, HEADER, Damaged, unframe_all
from .segments import bodies_of, is_segment
from .store import MemoryRow

LAST_TIME = 2**63 - 1
"""Nanoseconds since the epoch, in the year 2262: what SQLite can hold."""

_CHUNK_SIZE = 1 << 20
"""Bytes of rows in a chunk, a few rows more or less; a segment is a chunk of its own."""
_TYPES = frozenset(EntryType)
_body = itemgetter(slice(HEADER, None))
"""Of a record. What is mapped over a million takes two thirds of a comprehension."""
_items = itemgetter(slice(1, -5))
"""Of a body: what the chain runs over."""


Chunk = tuple[Columns, list[bytes], list[Any]]
"""Consecutive rows, the bodies of their entries, and the entries: RawEntry or FullEntry."""


class Stretch(NamedTuple):
    """Consecutive rows that have been proven to be what was written."""

    rows: Columns
    entries: int
    size: int
    """Bytes of the rows."""
    plain: int
    """Bytes that the entries take as single records."""


def walk(record: RoomRecord, rows: Iterable[MemoryRow], *, full: bool = False, records: bool = True) -> Iterator[Chunk]:
    """Give all of a room's memory, oldest first, its entries as RawEntry or with `full` as FullEntry.

    Checks that entries are dense, in order of time and linked by their chain from the record's head to its tail, and
    that they stand where their keys say. With `records` each row's own checksum is checked, too: who only reads what
    entries say does not need it. With both, what is given could be a stranger's. Raises RoomCorrupted, after all that
    lies before the damage.
    """
    return walk_bites(record, bites_of(rows), full=full, records=records)


def walk_bites(record: RoomRecord, bites: Iterable[Columns], *, full: bool, records: bool = True) -> Iterator[Chunk]:
    """`walk` through rows that come in bites already; each becomes a chunk, or a few."""
    walker = _Walker(record, full=full, records=records)
    for run in _runs(bites):
        chunk = walker.sound(run)
        if chunk is None:
            yield from walker.carefully(run)
        else:
            yield chunk
    walker.require_end()


def walk_rows(record: RoomRecord, rows: Iterable[MemoryRow]) -> Iterator[Stretch]:
    """`walk` for whom rows are enough: no entry is decoded, for half the time, where all is well.

    What a room has sealed itself is proven by the checksums of its rows, and by the chain, which runs over all that
    entries hold. What could be a stranger's is not.
    """
    walker = _Walker(record, full=False, records=True)
    for run in _runs(bites_of(rows)):
        stretch = walker.proven(run)
        if stretch is not None:
            yield stretch
            continue
        chunk = walker.sound(run)
        for given, bodies, _ in walker.carefully(run) if chunk is None else (chunk,):
            yield stretch_of(given, bodies)
    walker.require_end()


def stretch_of(rows: Columns, bodies: list[bytes]) -> Stretch:
    plain = sum(map(len, bodies)) + HEADER * len(bodies)
    records = rows.records
    single = len(records) == len(bodies) and not any(map(is_segment, records[:1]))
    return Stretch(rows, len(bodies), plain if single else sum(map(len, records)), plain)


def _time_at(seq: int) -> int:
    """Where the eight bytes of the time begin in an entry's body: behind array, sequence and their marks."""
    return 3 + (0 if seq < 1 << 7 else 1 if seq < 1 << 8 else 2 if seq < 1 << 16 else 4 if seq < 1 << 32 else 8)


def _runs(bites: Iterable[Columns]) -> Iterator[Columns]:
    """What a chunk may be: single entries up to its size, one more or less, or one segment. A segment amid single
    entries may stay there: all around it are looked at with care.
    """
    for bite in bites:
        records = bite.records
        if not records:
            continue
        if is_segment(records[0]) or is_segment(records[-1]) or sum(map(len, records)) > _CHUNK_SIZE:
            yield from _cut(bite)
        else:
            yield bite


def _cut(bite: Columns) -> Iterator[Columns]:
    start = size = 0
    for n, record in enumerate(bite.records):
        segment = is_segment(record)
        if start < n and (segment or size >= _CHUNK_SIZE):
            yield bite.cut(start, n)
            start, size = n, 0
        size += _CHUNK_SIZE if segment else len(record)
    yield bite.cut(start, len(bite.records))


class _Walker:
    """Where a walk is, and what must come next."""

    def __init__(self, record: RoomRecord, *, full: bool, records: bool) -> None:
        self._record = record
        self._records = records
        self._full = full
        self._distrust = full and records
        self._last = record.head
        """The tail after what has been given."""

    def proven(self, run: Columns) -> Stretch | None:
        """Check rows without decoding them; None when something is wrong with them, or not as simple as it mostly is.

        The last chain proves all that entries hold, sequence and time among it. That they stand under their own times
        is seen at the place of these in their bodies, which is one as long as sequence numbers are of one length.
        """
        try:
            bodies = self._bodies(run)
            places = run.places
            keyed = struct.pack(f">{len(places)}Q", *places)
        except (Damaged, struct.error):
            return None
        end = Tail(self._last.seq + len(bodies), places[-1], int.from_bytes(bodies[-1][-4:], "big"))
        at = _time_at(end.seq)
        sound = (
            at == _time_at(self._last.seq + 1)
            and keyed == b"".join(map(itemgetter(slice(at, at + 8)), bodies[-len(places) :]))
            and end.timestamp <= LAST_TIME
            and self._linked(bodies, end.chain)
        )
        if not sound:
            return None
        self._last = end
        return stretch_of(run, bodies)

    def sound(self, run: Columns) -> Chunk | None:
        """Check rows as a whole; None when something is wrong with them. Comprehensions, for their speed."""
        try:
            bodies = self._bodies(run)
            entries = self._decoded(bodies)
        except Damaged:
            return None
        seq, times = self._last.seq, [entry.timestamp for entry in entries]
        end = Tail(seq + len(entries), times[-1], entries[-1].chain)
        sound = (
            [entry.seq for entry in entries] == list(range(seq + 1, end.seq + 1))
            and all(map(lt, (self._last.timestamp, *times), times))
            and run.places == (times[-1:] if is_segment(run.records[0]) else times)
            and end.timestamp <= LAST_TIME
            and _TYPES.issuperset([entry.type for entry in entries])
            and (self._chained(bodies, entries) if self._distrust else self._linked(bodies, end.chain))
        )
        if not sound:
            return None
        self._last = end
        return run, bodies, entries

    def _decoded(self, bodies: list[bytes]) -> list[Any]:
        """Raises Damaged."""
        from .entry_bodies import decoded  # what is proven needs no decoder, and a start no msgspec

        return decoded(bodies, full=self._full)

    def _bodies(self, run: Columns) -> list[bytes]:
        rows = run.records
        if is_segment(rows[0]):
            return bodies_of(self._record.id, rows[0])
        # Without the checksums of rows: the chain covers what is in them.
        return unframe_all(ENTRY, self._record.id, rows) if self._records else list(map(_body, rows))

    def _linked(self, bodies: list[bytes], chain: int) -> bool:
        """A running checksum is one over all of it: the last chain proves what all entries hold, in their order. Only
        a stranger would have written entries whose own chains are others.
        """
        return zlib.crc32(b"".join(map(_items, bodies)), self._last.chain) == chain

    def _chained(self, bodies: list[bytes], entries: list[Any]) -> bool:
        """Whether each entry carries the chain that it must."""
        crc32, chain = zlib.crc32, self._last.chain
        return [chain := crc32(items, chain) for items in map(_items, bodies)] == [entry.chain for entry in entries]

    def carefully(self, run: Columns) -> Iterator[Chunk]:
        """Give what is sound of rows that are not, then raise RoomCorrupted with what is wrong."""
        for timestamp, row in zip(*run, strict=True):
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
                yield Columns([], []), bodies, entries
                raise corrupted(error.type, keys.memory(self._record.id, timestamp), error.offset) from None
            yield Columns([timestamp], [row]), bodies, entries

    def _next(self, body: bytes) -> Any:
        """The entry that comes next. Raises Damaged."""
        (entry,) = self._decoded([body])
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
