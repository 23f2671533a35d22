"""Bringing a room from the store into the owner's memory when it is first touched, or after a failed write.

Of a small room every byte is checked, of a larger one what entering needs: tail, snapshot, queue. Memory stays in the
store, so what a room costs here is bounded whatever it remembers.
"""

from __future__ import annotations

from collections import OrderedDict

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta
from backrooms_tui.model.errors import RoomCorrupted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage, QueuedInput, RoomRecord
from backrooms_tui.model.views import Receipt
from backrooms_tui.persistence.store import RoomStore

from .room import RECEIPTS_KEPT, LiveRoom, Pending
from .snapshots import decode_state

CHECKED_WHOLE = 1024 * 1024
"""Bytes of stored memory up to which a room is read through before it is entered; some 20 ms at the most. Damage deep
in a larger one is met by pages over it, automatic backups and `fsck`.
"""

INPUTS_SEEN = 64
ENTRIES_SEEN = 2 * 65_536
"""Two turns of the most lines that a turn may have."""


def load_room(store: RoomStore, room: LiveRoom, *, now: int) -> Damage | None:
    """Read what the room needs to be entered. Two threads may do it at once; the first one's result stands.

    Gives the damage it found, or None; raises StoreFailed.
    """
    tail = room.record.tail
    damage = _look(store, room.record)
    if damage is not None:
        return damage
    try:
        state = decode_state(store.snapshot(room.id)) or {}
        queue = [_pending(queued, store.entry(room.id, queued.timestamp)) for queued in store.queue(room.id)]
    except ValueError:
        return Damage("STATE_UNREADABLE", f"/room/{room.id}/state", 0, now)
    except RoomCorrupted as error:
        return damage_of(room.id, error, now)
    with room.lock:
        if not room.loaded and room.record.tail == tail:
            room.state = state
            room.queue.extend(queue)
            room.loaded = True
            room.changed.notify_all()
    return None


def _pending(queued: QueuedInput, entry: MemoryEntry) -> Pending:
    return Pending(queued, entry.content, entry.metadata.get(Meta.SESSION))


def _look(store: RoomStore, record: RoomRecord) -> Damage | None:
    if record.memory_usage > CHECKED_WHOLE:
        return store.verify(record.id)
    from backrooms_tui.persistence.fsck import Check

    return next(Check(store, decode_state).room(record), None)


def damage_of(room_id: RoomId, error: RoomCorrupted, now: int) -> Damage:
    """The Damage that a store's RoomCorrupted tells in its detail lines."""
    told = dict(line.split(": ", 1) for line in error.details if ": " in line)
    return Damage(
        told.get("CORRUPTION_TYPE", "CHECKSUM_MISMATCH"),
        told.get("WHERE", f"/room/{room_id}"),
        int(told.get("OFFSET", "0"), 16),
        now,
    )


def recent_receipts(store: RoomStore, room_id: RoomId) -> OrderedDict[str, Receipt]:
    """Receipts of the newest inputs that carried a request id, so that a retry after a restart is recognised.

    As far back as INPUTS_SEEN inputs, however much the entity said to them: a client that lost its connection asks for
    what it sent last.
    """
    found: list[tuple[str, Receipt]] = []
    inputs = entries = 0
    before: int | None = None
    while inputs < INPUTS_SEEN and entries < ENTRIES_SEEN:
        page = store.read(room_id, before=before, limit=2 * RECEIPTS_KEPT)
        if not page:
            break
        before = page[0].timestamp
        entries += len(page)
        for entry in reversed(page):
            if entry.type is EntryType.INPUT:
                inputs += 1
                if (request_id := entry.metadata.get(Meta.REQUEST_ID)) is not None:
                    found.append((request_id, Receipt(room_id, entry.seq, entry.timestamp, 0)))
    return OrderedDict(reversed(found))
