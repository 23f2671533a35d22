"""Which rows of old memory become one segment, and what goes when even that is not enough.

Pure: from rows as stored to the `Compaction`s of a commit, with the bytes they free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backrooms_tui.model.entries import Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.value import value

from . import keys
from .damage import found_at
from .records import ENTRY, Damaged, unframe
from .segments import MAX_ENTRIES, MAX_PLAIN, compress, entry_count, is_segment, plain_size, tail_of
from .store import Compaction, MemoryRow


@value
class Freed:
    """What compactions change in a room's figures."""

    size: int = 0
    """Bytes as stored."""
    plain: int = 0
    """Bytes uncompressed: not of what is only compressed."""
    entries: int = 0


def groups(rows: Sequence[MemoryRow]) -> Iterator[list[MemoryRow]]:
    """Runs of single entries, each as long as one segment may be; the last may be shorter."""
    start = 0
    while start < len(rows):
        group = list(rows[start : start + MAX_ENTRIES])
        records = [record for _, record in group]
        if sum(map(len, records)) >= MAX_PLAIN or any(map(is_segment, records)):
            group = _run(group)
        if group:
            yield group
        start += len(group) or 1


def _run(rows: Sequence[MemoryRow]) -> list[MemoryRow]:
    """The single entries that rows begin with, up to the size of a segment."""
    size = 0
    for n, (_, record) in enumerate(rows):
        if is_segment(record) or size >= MAX_PLAIN:
            return list(rows[:n])
        size += len(record)
    return list(rows)


def full(group: Sequence[MemoryRow]) -> bool:
    """Whether no further entry belongs into a group."""
    return len(group) == MAX_ENTRIES or sum(len(record) for _, record in group) >= MAX_PLAIN


def packed(room_id: RoomId, group: Sequence[MemoryRow], algorithm: str) -> tuple[Compaction, Freed] | None:
    """A group as one segment; None when that would be no smaller. Raises RoomCorrupted."""
    records = [record for _, record in group]
    try:
        blob = compress(room_id, records, algorithm)
    except Damaged:
        for timestamp, record in group:
            with found_at(keys.memory(room_id, timestamp)):
                unframe(ENTRY, room_id, record)
        raise
    freed = sum(map(len, records)) - len(blob)
    if freed <= 0:
        return None
    return Compaction(tuple(timestamp for timestamp, _ in group), blob), Freed(size=freed)


def removed(room_id: RoomId, rows: Sequence[MemoryRow]) -> tuple[Compaction, Freed, Tail]:
    """The oldest rows as nothing, and the tail the room had with the last of them. Raises RoomCorrupted."""
    timestamp, record = rows[-1]
    with found_at(keys.memory(room_id, timestamp)):
        head = tail_of(room_id, record)
    freed = Freed(
        size=sum(len(record) for _, record in rows),
        plain=sum(plain_size(record) for _, record in rows),
        entries=sum(entry_count(record) for _, record in rows),
    )
    return Compaction(tuple(timestamp for timestamp, _ in rows), None), freed, head
