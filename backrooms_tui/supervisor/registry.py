"""All rooms of this owner by id, and their way from the store into memory."""

from __future__ import annotations

import threading
import time

from backrooms_tui.model import ids
from backrooms_tui.model.errors import MaxRoomsExceeded, RoomCorrupted, RoomNotFound
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage, RoomRecord
from backrooms_tui.persistence.store import RoomStore

from .loading import damage_of, load_room
from .room import LiveRoom


class Registry:
    """Thread-safe. Holds rooms oldest first."""

    def __init__(self, store: RoomStore, *, max_rooms: int) -> None:
        self._store = store
        self._max_rooms = max_rooms
        self._lock = threading.Lock()
        self._rooms: dict[RoomId, LiveRoom] = {r.id: _found(r) for r in store.load().records}

    def __len__(self) -> int:
        return len(self._rooms)

    def all(self) -> list[LiveRoom]:
        with self._lock:
            return list(self._rooms.values())

    def get(self, room_id: RoomId) -> LiveRoom:
        """Raises RoomNotFound."""
        room = self._rooms.get(room_id)
        if room is None:
            raise RoomNotFound(f"ROOM: {room_id}")
        return room

    def resolve(self, handle: str) -> RoomId:
        with self._lock:
            return ids.resolve(handle, self._rooms)

    def add(self, room: LiveRoom) -> None:
        """Raises MaxRoomsExceeded."""
        with self._lock:
            if len(self._rooms) >= self._max_rooms:
                raise MaxRoomsExceeded(f"MAX: {self._max_rooms} rooms")
            self._rooms[room.id] = room

    def remove(self, room_id: RoomId) -> None:
        with self._lock:
            self._rooms.pop(room_id, None)

    def open(self, room_id: RoomId) -> LiveRoom:
        """Give a room that is loaded and takes input. Raises RoomNotFound, RoomSuspended, RoomCorrupted."""
        room = self.loaded(room_id)
        with room.lock:
            room.require_open()
        return room

    def loaded(self, room_id: RoomId) -> LiveRoom:
        """Give a room with its queue and state read; a damaged one becomes CORRUPTED. Raises RoomNotFound."""
        room = self.get(room_id)
        if not room.loaded and room.record.damage is None:
            damage = load_room(self._store, room, now=time.time_ns())
            if damage is not None:
                self.corrupt(room, damage)
        return room

    def corrupt(self, room: LiveRoom, damage: Damage | RoomCorrupted) -> None:
        if isinstance(damage, RoomCorrupted):
            damage = damage_of(room.id, damage, time.time_ns())
        with room.lock:
            room.corrupt(damage)
            room.dirty = True  # the mark is kept with the room: the next look may not see what this one saw

    def reload(self) -> list[tuple[LiveRoom, RoomRecord]]:
        """After a failed write: pair the rooms with what the store truly holds; add and drop rooms accordingly."""
        records = {record.id: record for record in self._store.load().records}
        with self._lock:
            for room_id in set(self._rooms) - set(records):
                self._rooms.pop(room_id).gone = True
            for room_id in records.keys() - set(self._rooms):
                self._rooms[room_id] = _found(records[room_id])
            return [(room, records[room.id]) for room in self._rooms.values()]


def _found(record: RoomRecord) -> LiveRoom:
    """A room as the store gave it; damage that was found on the way is written down with the next commit."""
    room = LiveRoom(record)
    room.dirty = record.damage is not None
    return room
