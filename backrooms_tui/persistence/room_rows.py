"""What a room's rows are: how a commit puts them into a batch, and how all of its memory is read back.

Reading goes by bites (see columns): a step of Python for each of a million rows costs more than the rows themselves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter

from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord

from . import keys
from .columns import ColumnarRows, Columns
from .damage import corrupted, found_at
from .gate import Gate
from .records import checksum_of
from .room_records import encode_config, encode_creation, encode_queued, encode_room, encode_snapshot
from .rows import Batch, Row, View
from .store import MemoryRow, RoomCommit
from .witness import Mark

_BITE = 128
"""Rows taken from an engine at a time, as long as they are small. Many more fall out of the processor's cache between
the looks at them (512: up to a half slower).
"""
_BITE_SIZE = 1 << 18
"""Bytes that a bite should have: large rows come in ones and twos."""
_first, _second = itemgetter(0), itemgetter(1)
_number = itemgetter(slice(-20, None))
"""At the end of a memory key."""


def memory_rows(view: View, room_id: RoomId, start: bytes, *, last: int = keys.LAST, gate: Gate) -> Iterator[MemoryRow]:
    """A room's memory from a key on up to a timestamp, as stored. Raises RoomCorrupted, behind all rows that lie before
    the damage, and what the gate has been barred with meanwhile.
    """
    return ColumnarRows(_bites(view, room_id, start, last, gate))


def _bites(view: View, room_id: RoomId, start: bytes, last: int, gate: Gate) -> Iterator[Columns]:
    count = 1
    with found_at(start):
        rows = view.scan(start, keys.memory_range(room_id)[1])
        while True:
            bite: list[Row] = []
            try:
                bite.extend(islice(rows, count))
            except Exception:
                yield _placed(bite)  # what came before it stays in the list
                raise
            gate.check()
            placed = _placed(bite)
            wanted = bisect_right(placed.places, last)
            yield placed.cut(0, wanted) if wanted < len(bite) else placed
            if wanted < len(placed.places) or not bite:
                return
            if wanted < len(bite):
                raise corrupted("STATE_UNREADABLE", bite[wanted][0])
            large = _BITE_SIZE // (len(bite[-1][1]) or 1)  # as many of the last one's size
            count = min(_BITE, 2 * count, max(1, large))


def _placed(rows: Sequence[Row]) -> Columns:
    """Rows by their timestamps instead of their keys, up to the first key that is damaged."""
    numbers = list(map(_number, map(_first, rows)))
    if not b"".join(numbers).isdigit():  # of one that is not, of none
        sound = next((n for n, number in enumerate(numbers) if not number.isdigit()), len(rows))
        rows, numbers = rows[:sound], numbers[:sound]
    return Columns(list(map(int, numbers)), list(map(_second, rows)))


def put_rows(batch: Batch, room_id: RoomId, rows: Sequence[MemoryRow]) -> None:
    """Memory as it is stored."""
    prefix, put = keys.memory_range(room_id)[0], batch.put
    for timestamp, record in rows:
        put(prefix + b"%020d" % timestamp, record)


def put_commit(batch: Batch, commit: RoomCommit) -> None:
    """All of a commit but the record."""
    room_id = commit.record.id
    for sealed in commit.entries:
        batch.put(keys.memory(room_id, sealed.entry.timestamp), sealed.blob)
    if commit.snapshot is not None:
        batch.put(keys.state(room_id), encode_snapshot(room_id, commit.snapshot, commit.record.state_version))
    for queued in commit.queue_put:
        batch.put(keys.queue(room_id, queued.seq), encode_queued(room_id, queued))
    for seq in commit.queue_del:
        batch.delete(keys.queue(room_id, seq))


def put_record(batch: Batch, record: RoomRecord, known: RoomRecord | None) -> Mark:
    """The room's record, and what stands beside it when that is new."""
    if known is None:
        batch.put(keys.metadata(record.id), encode_creation(record.id, record.creation, record.created_at))
    if known is None or known.config != record.config:
        batch.put(keys.config(record.id), encode_config(record.id, record.config))
    value = encode_room(record)
    batch.put(keys.index(record.id), value)
    return mark_of(record, value)


def mark_of(record: RoomRecord, value: bytes) -> Mark:
    """What the witness keeps of a room with this record, stored as `value`."""
    return Mark(record.tail.seq, record.tail.timestamp, record.tail.chain, checksum_of(value))
