"""A page of memory: consecutive stored entries, each checked against its neighbours.

Every entry must be where its key says, one sequence number after its predecessor, and continue its predecessor's
chain. A page is checked together with the entries just outside it, so a gap cannot hide between two pages. Rows are
entries or segments of them; a page reads as many rows as hold its entries, and one more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from backrooms_tui.model.entries import MemoryEntry, Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord

from . import keys
from .damage import corrupted, found_at
from .records import Damaged, chain_after, decode_entry
from .rows import Row, View, first
from .segments import bodies_of, entry_count, tail_of

Placed = tuple[MemoryEntry, Tail]
"""An entry, and the tail its room had with it."""


def open_row(room_id: RoomId, row: Row) -> list[Placed]:
    """Give a row's entries, oldest first. Raises RoomCorrupted."""
    key, record = row
    with found_at(key):
        placed = [decode_entry(body) for body in bodies_of(room_id, record)]
    if keys.number(key) != placed[-1][0].timestamp:
        raise corrupted("SEQUENCE_GAP", key)
    return placed


def row_tail(room_id: RoomId, row: Row) -> Tail:
    """Give the tail the room had with a row's last entry. Raises RoomCorrupted."""
    key, record = row
    with found_at(key):
        tail = tail_of(room_id, record)
    if keys.number(key) != tail.timestamp:
        raise corrupted("SEQUENCE_GAP", key)
    return tail


def entry_at(view: View, room_id: RoomId, timestamp: int) -> Placed:
    """Give the entry with this timestamp. Raises RoomCorrupted when it is missing or damaged."""
    key = keys.memory(room_id, timestamp)
    with found_at(key):
        row = first(view.scan(key, keys.memory_range(room_id)[1]))
    for placed in open_row(room_id, row) if row is not None else ():
        if placed[0].timestamp == timestamp:
            return placed
    raise corrupted("SEQUENCE_GAP", key)


def read_after(view: View, record: RoomRecord, *, after: int, before: int | None, limit: int) -> list[MemoryEntry]:
    """Give the first entries above `after` (and below `before`), at most `limit`. Raises RoomCorrupted."""
    room_id = record.id
    lowest, end = keys.memory_range(room_id)
    start = keys.memory(room_id, _clamped(after))
    stop = keys.LAST + 1 if before is None else before
    with found_at(start):
        below = first(view.scan(lowest, start, reverse=True))
        upwards = view.scan(start, end)
        rows = [*islice(upwards, 1), *_enough(upwards, limit)]  # the first may begin at the cursor, or far below it
    last = record.head if below is None else row_tail(room_id, below)
    entries, last = link(room_id, rows, last)
    page = [entry for entry in entries if after < entry.timestamp < stop][:limit]
    if len(page) < limit and (before is None or last.timestamp < stop):
        require_end(record, last)
    return page


def read_before(view: View, record: RoomRecord, *, before: int | None, limit: int) -> list[MemoryEntry]:
    """Give the last entries (below `before`), at most `limit`. Raises RoomCorrupted."""
    room_id = record.id
    lowest, end = keys.memory_range(room_id)
    cursor = keys.LAST + 1 if before is None else before
    stop = end if before is None else keys.memory(room_id, _clamped(before))
    with found_at(stop):
        # The row at the cursor is read to check its link, or because the cursor lies within it.
        at = None if before is None else first(view.scan(stop, end))
        downwards = view.scan(lowest, stop, reverse=True)
        rows = _enough(downwards, limit)[::-1]
        below = first(downwards)
    if at is not None:
        rows.append(at)
    last = record.head if below is None else row_tail(room_id, below)
    entries, last = link(room_id, rows, last)
    if at is None:
        require_end(record, last)
    return [entry for entry in entries if entry.timestamp < cursor][-limit:]


def link(room_id: RoomId, rows: Iterable[Row], last: Tail) -> tuple[list[MemoryEntry], Tail]:
    """Decode rows in rising order, each entry continuing the one before and the first `last`; give entries and last
    tail. Raises RoomCorrupted.
    """
    entries = []
    for key, record in rows:
        try:
            for body in bodies_of(room_id, record):
                entry, tail = decode_entry(body)
                if tail.seq != last.seq + 1:
                    raise Damaged("SEQUENCE_GAP", 0)
                if tail.chain != chain_after(body, last.chain):
                    raise Damaged("CHAIN_MISMATCH", 0)
                last = tail
                entries.append(entry)
        except Damaged as error:
            raise corrupted(error.type, key, error.offset) from None
        if keys.number(key) != last.timestamp:
            raise corrupted("SEQUENCE_GAP", key)
    return entries, last


def require_end(record: RoomRecord, last: Tail) -> None:
    """Check that memory reaches as far as the room's record says. Raises RoomCorrupted."""
    if last.seq < record.tail.seq:
        raise corrupted("MEMORY_LOG_TRUNCATED", keys.memory(record.id, record.tail.timestamp))


def _enough(rows: Iterator[Row], entries: int) -> list[Row]:
    """As many rows as hold so many entries."""
    taken = []
    for row in rows:
        taken.append(row)
        entries -= entry_count(row[1])
        if entries <= 0:
            break
    return taken


def _clamped(cursor: int) -> int:
    return min(max(cursor, 0), keys.LAST)
