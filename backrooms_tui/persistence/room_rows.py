"""What a room's rows are: how a commit puts them into a batch, and how all of its memory is read back.

Reading goes by bites: a step of Python for each of a million rows costs more than the rows themselves, so what is done
for a row is done by comprehensions over a few dozen of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord

from . import keys
from .damage import corrupted, found_at
from .gate import Gate
from .records import checksum_of
from .room_records import encode_config, encode_creation, encode_queued, encode_room, encode_snapshot
from .rows import Batch, Row, View
from .store import MemoryRow, RoomCommit
from .witness import Mark

_BITE = 64
"""Rows taken from an engine at a time, as long as they are small."""
_BITE_SIZE = 1 << 18
"""Bytes that a bite should have: large rows come in ones and twos."""
_NUMBER = -20
"""Where the number at the end of a memory key begins."""


def memory_rows(view: View, room_id: RoomId, start: bytes, *, last: int = keys.LAST, gate: Gate) -> Iterator[MemoryRow]:
    """A room's memory from a key on up to a timestamp, as stored. Raises RoomCorrupted, behind all rows that lie before
    the damage, and what the gate has been barred with meanwhile.
    """
    return chain.from_iterable(_bites(view, room_id, start, last, gate))


def _bites(view: View, room_id: RoomId, start: bytes, last: int, gate: Gate) -> Iterator[list[MemoryRow]]:
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
            wanted = placed[: bisect_right(placed, last, key=_timestamp)]
            yield wanted
            if len(wanted) < len(placed) or not bite:
                return
            if len(placed) < len(bite):
                raise corrupted("STATE_UNREADABLE", bite[len(placed)][0])
            large = _BITE_SIZE // (len(bite[-1][1]) or 1)  # as many of the last one's size
            count = min(_BITE, 2 * count, max(1, large))


def _timestamp(row: MemoryRow) -> int:
    return row[0]


def _placed(rows: Sequence[Row]) -> list[MemoryRow]:
    """Rows by their timestamps instead of their keys, up to the first key that is damaged."""
    numbers = [key[_NUMBER:] for key, _ in rows]
    if not b"".join(numbers).isdigit():  # of one that is not, of none
        sound = next((n for n, number in enumerate(numbers) if not number.isdigit()), len(rows))
        rows, numbers = rows[:sound], numbers[:sound]
    return list(zip(map(int, numbers), [record for _, record in rows], strict=True))


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
