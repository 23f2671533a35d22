"""A page of memory: consecutive stored entries, each checked against its neighbours.

Every entry must be where its key says, one sequence number after its predecessor, and continue its predecessor's
chain. A page is checked together with the entries just outside it, so a gap cannot hide between two pages.
"""

from __future__ import annotations

from collections.abc import Iterable

from backrooms_tui.model.entries import MemoryEntry, Tail
from backrooms_tui.model.ids import RoomId

from . import keys
from .damage import corrupted, found_at
from .leveldb import Row, View
from .records import Damaged, chain_after, open_entry

_LAST = 10**20 - 1
"""The largest number a key can end in."""


def open_row(room_id: RoomId, row: Row) -> tuple[MemoryEntry, Tail]:
    """Give a row's entry, and the tail its room had with it. Raises RoomCorrupted."""
    key, record = row
    try:
        entry, tail = open_entry(room_id, record)
    except Damaged as error:
        raise corrupted(error.type, key, error.offset) from None
    if keys.number(key) != entry.timestamp:
        raise corrupted("SEQUENCE_GAP", key)
    return entry, tail


def read_after(
    view: View, room_id: RoomId, tail: Tail, *, after: int, before: int | None, limit: int
) -> list[MemoryEntry]:
    """Give the first entries above `after` (and below `before`), at most `limit`. Raises RoomCorrupted."""
    first, stop = keys.memory_range(room_id)
    start = keys.memory(room_id, _clamped(after))
    if before is not None:
        stop = keys.memory(room_id, _clamped(before))
    with found_at(start):
        rows = view.rows(start, stop, limit=limit + 1)
        if rows and rows[0][0] == start:
            _, previous = open_row(room_id, rows.pop(0))
        else:  # no entry stands at the cursor: look for the one before it
            below = view.rows(first, start, reverse=True, limit=1)
            previous = open_row(room_id, below[0])[1] if below else Tail()
    entries, last = _link(room_id, rows[:limit], previous)
    if before is None and len(entries) < limit:
        _require_end(room_id, last, tail)
    return entries


def read_before(view: View, room_id: RoomId, tail: Tail, *, before: int | None, limit: int) -> list[MemoryEntry]:
    """Give the last entries (below `before`), at most `limit`. Raises RoomCorrupted."""
    first, stop = keys.memory_range(room_id)
    if before is not None:
        stop = keys.memory(room_id, _clamped(before))
    with found_at(stop):
        rows = view.rows(first, stop, include_stop=True, reverse=True, limit=limit + 2)
    bounded = bool(rows) and rows[0][0] == stop  # the entry at the cursor is read to check its link, not given
    window = limit + bounded
    rows = rows[: window + 1][::-1]
    previous = open_row(room_id, rows.pop(0))[1] if len(rows) > window else Tail()
    entries, last = _link(room_id, rows, previous)
    if before is None or before > tail.timestamp:
        _require_end(room_id, last, tail)
    return entries[:-1] if bounded else entries


def _link(room_id: RoomId, rows: Iterable[Row], last: Tail) -> tuple[list[MemoryEntry], Tail]:
    """Decode rows in rising order, each continuing the one before and the first `last`; give entries and last tail."""
    entries = []
    for row in rows:
        entry, tail = open_row(room_id, row)
        if tail.seq != last.seq + 1:
            raise corrupted("SEQUENCE_GAP", row[0])
        if tail.chain != chain_after(row[1], last.chain):
            raise corrupted("CHAIN_MISMATCH", row[0])
        last = tail
        entries.append(entry)
    return entries, last


def _clamped(cursor: int) -> int:
    return min(max(cursor, 0), _LAST)


def _require_end(room_id: RoomId, last: Tail, tail: Tail) -> None:
    """Check that memory reaches as far as the room's record says. Raises RoomCorrupted."""
    if last.seq < tail.seq:
        raise corrupted("MEMORY_LOG_TRUNCATED", keys.memory(room_id, tail.timestamp))
