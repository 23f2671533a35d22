"""Checks of whole rooms: a room against itself before it is entered, all rooms against the witness at start.

Nothing here repairs or invents. Costs are constant for each room, whatever it remembers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from backrooms_tui.model.entries import Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Creation, Damage, QueuedInput, RoomConfig, RoomRecord
from backrooms_tui.model.states import RoomState

from . import keys
from .damage import DamageFound, corrupted, damage, found_at
from .pages import entry_at, row_tail
from .room_records import decode_config, decode_creation, decode_queued, decode_room, decode_snapshot
from .rows import View, first, prefixed
from .witness import Mark, Witness

_Decoded = TypeVar("_Decoded")


def read_record(view: View, room_id: RoomId) -> RoomRecord | None:
    """Give a room's index record; None when there is no such room. Raises RoomCorrupted."""
    return _read(view, room_id, keys.index(room_id), decode_room)


def read_snapshot(view: View, room_id: RoomId) -> tuple[bytes, int] | None:
    """Give the entity's state and its version; None when there is none. Raises RoomCorrupted."""
    return _read(view, room_id, keys.state(room_id), decode_snapshot)


def read_queue(view: View, room_id: RoomId) -> list[QueuedInput]:
    """Give the queued inputs in order. Raises RoomCorrupted."""
    prefix = keys.queue_prefix(room_id)
    with found_at(prefix):
        rows = list(prefixed(view, prefix))
    queue = []
    for key, value in rows:
        with found_at(key):
            queued = decode_queued(room_id, value)
        if keys.number(key) != queued.seq:
            raise corrupted("SEQUENCE_GAP", key)
        queue.append(queued)
    return queue


def _read(view: View, room_id: RoomId, key: bytes, decode: Callable[[RoomId, bytes], _Decoded]) -> _Decoded | None:
    with found_at(key):
        value = view.get(key)
        return None if value is None else decode(room_id, value)


def _require(view: View, room_id: RoomId, key: bytes, decode: Callable[[RoomId, bytes], _Decoded]) -> _Decoded:
    found = _read(view, room_id, key, decode)
    if found is None:
        raise corrupted("STATE_UNREADABLE", key)
    return found


def check_room(view: View, room_id: RoomId) -> None:
    """Check all that a room needs to be entered. Raises RoomCorrupted at the first damage."""
    record = _require(view, room_id, keys.index(room_id), decode_room)
    _require(view, room_id, keys.config(room_id), decode_config)
    _require(view, room_id, keys.metadata(room_id), decode_creation)
    snapshot = read_snapshot(view, room_id)
    if (snapshot[1] if snapshot else 0) != record.state_version:
        raise corrupted("STATE_UNREADABLE", keys.state(room_id))
    if len(read_queue(view, room_id)) != record.queued:
        raise corrupted("SEQUENCE_GAP", keys.queue_prefix(room_id))
    _check_tail(view, record)


def _check_tail(view: View, record: RoomRecord) -> None:
    room_id, tail = record.id, record.tail
    key = keys.memory(room_id, tail.timestamp)
    with found_at(key):
        newest = first(view.scan(*keys.memory_range(room_id), reverse=True))
    found = record.head if newest is None else row_tail(room_id, newest)
    if found.seq < tail.seq:
        raise corrupted("MEMORY_LOG_TRUNCATED", key)
    if found != tail:
        raise corrupted("CHAIN_MISMATCH", key if newest is None else newest[0])


def held_against(witness: Witness, view: View, record: RoomRecord, mark: Mark) -> Damage | None:
    """Compare a room as found with what the witness knows of it. `mark` is the room's own mark as found."""
    witnessed = witness.marks.get(record.id)
    if mark == witnessed:
        return None
    key = keys.index(record.id)
    if witnessed is None:
        # A clean stop knew every room: this one has been destroyed, and somebody put old files back.
        return damage("MEMORY_LOG_TRUNCATED", key) if witness.clean else None
    if mark.seq < witnessed.seq:
        return damage("MEMORY_LOG_TRUNCATED", keys.memory(record.id, record.tail.timestamp))
    if witness.clean:
        return damage("CHAIN_MISMATCH" if mark[:3] != witnessed[:3] else "STATE_UNREADABLE", key)
    if witnessed.seq <= record.head.seq:  # nothing was remembered then, or it has been truncated since
        return None
    return _check_passed(view, record.id, witnessed)


def _check_passed(view: View, room_id: RoomId, witnessed: Mark) -> Damage | None:
    """Check that memory went on from the witnessed entry, and not from another one in its place."""
    try:
        _, found = entry_at(view, room_id, witnessed.timestamp)
    except DamageFound as error:
        return error.damage
    key = keys.memory(room_id, witnessed.timestamp)
    return None if found == Tail(*witnessed[:3]) else damage("CHAIN_MISMATCH", key)


def ruin(view: View, room_id: RoomId, found: Damage, witnessed: Mark | None) -> RoomRecord:
    """The CORRUPTED record of a room whose own record is gone or unreadable, from what else is left of it."""
    try:
        config = _require(view, room_id, keys.config(room_id), decode_config)
        creation, created_at = _require(view, room_id, keys.metadata(room_id), decode_creation)
    except DamageFound:
        config, creation, created_at = RoomConfig(), Creation(0, "unknown", "unknown"), 0
    return RoomRecord(
        id=room_id,
        state=RoomState.CORRUPTED,
        config=config,
        creation=creation,
        created_at=created_at,
        last_active=created_at if witnessed is None else witnessed.timestamp,
        tail=Tail() if witnessed is None else Tail(*witnessed[:3]),
        damage=found,
    )
