"""All rooms of this owner by id, and their way from the store into memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backrooms_tui.model import ids
from backrooms_tui.model.errors import IllegalTransition, MaxRoomsExceeded, RoomCorrupted, RoomExists, RoomNotFound
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage, RoomRecord
from backrooms_tui.model.states import RoomState, Verb, transition
from backrooms_tui.persistence.store import RoomStore

from .loading import damage_of, load_room
from .room import LiveRoom

if TYPE_CHECKING:
    from .tenancy import Tenancy


class Registry:
    """Thread-safe. Holds rooms oldest first."""

    def __init__(self, store: RoomStore, *, max_rooms: int) -> None:
        self._store = store
        self._max_rooms = max_rooms
        self._lock = threading.Lock()
        self._reserved: set[RoomId] = set()
        """Rooms that are being put in and are not there yet."""
        self.tenancy: Tenancy | None = None
        """Set by the supervisor where other daemons share the rooms."""
        self._rooms: dict[RoomId, LiveRoom] = {r.id: _found(r) for r in store.load().records}

    def __len__(self) -> int:
        return len(self._rooms)

    def all(self) -> list[LiveRoom]:
        with self._lock:
            return list(self._rooms.values())

    def shown(self) -> list[LiveRoom]:
        """All rooms as a list shows them: those of other daemons as they are now."""
        if self.tenancy is None:
            return self.all()
        self.tenancy.look()
        return sorted(self.all(), key=lambda room: (room.record.created_at, room.id))

    def get(self, room_id: RoomId) -> LiveRoom:
        """Raises RoomNotFound."""
        room = self._rooms.get(room_id)
        if room is None and self.tenancy is not None:
            room = self.tenancy.find(room_id)
        if room is None:
            raise RoomNotFound(f"ROOM: {room_id}")
        return room

    def resolve(self, handle: str) -> RoomId:
        if self.tenancy is not None:
            self.tenancy.look()
        with self._lock:
            return ids.resolve(handle, self._rooms)

    def add(self, room: LiveRoom) -> None:
        """Raises MaxRoomsExceeded."""
        with self._lock:
            self._require_place()
            self._rooms[room.id] = room

    def _require_place(self) -> None:
        ours = sum(not room.foreign for room in self._rooms.values()) if self.tenancy is not None else len(self._rooms)
        if ours + len(self._reserved) >= self._max_rooms:
            raise MaxRoomsExceeded(f"MAX: {self._max_rooms} rooms")

    @contextmanager
    def placing(self, room_id: RoomId) -> Iterator[LiveRoom | None]:
        """Hold a place for a room that is put in whole; gives the damaged one that it is to replace, if there is one.

        Raises RoomExists for one that is well, MaxRoomsExceeded.
        """
        with self._lock:
            present = self._rooms.get(room_id)
            well = present is not None and (present.gone or present.record.state is not RoomState.CORRUPTED)
            if well or room_id in self._reserved:
                raise RoomExists(f"ROOM: {room_id}")
            if present is None:
                self._require_place()
            self._reserved.add(room_id)
        try:
            yield present
        finally:
            with self._lock:
                self._reserved.discard(room_id)

    def release(self, room: LiveRoom) -> None:
        """Note that a room is about to go. Raises IllegalTransition for one that is being put in."""
        with self._lock, room.changed:
            if room.id in self._reserved:
                raise IllegalTransition("STATE: BEING RECOVERED", f"VERB: {Verb.DESTROY}")
            transition(room.record.state, Verb.DESTROY)
            room.halted = room.gone = True
            room.changed.notify_all()

    def placed(self, record: RoomRecord, *, foreign: bool = False) -> LiveRoom:
        """The room that has been put in, or that another daemon has made."""
        room = LiveRoom(record)
        room.foreign = foreign
        with self._lock:
            return self._rooms.setdefault(record.id, room)

    def remove(self, room_id: RoomId) -> None:
        with self._lock:
            self._rooms.pop(room_id, None)

    def open(self, room_id: RoomId, *, watching: bool = False) -> LiveRoom:
        """Give a room that is loaded and takes input, though not from who is only `watching`. Raises RoomNotFound,
        RoomSuspended, RoomCorrupted, RoomLeasedElsewhere.
        """
        room = self.loaded(room_id) if watching else self.ours(room_id)
        with room.lock:
            room.require_open()
        return room

    def taken(self, room_id: RoomId) -> LiveRoom:
        """Give a room that is this owner's to write to. Raises RoomNotFound, RoomLeasedElsewhere."""
        room = self.get(room_id)
        if self.tenancy is not None:
            self.tenancy.take(room)
        return room

    def ours(self, room_id: RoomId) -> LiveRoom:
        """Like `taken`, and loaded."""
        self.taken(room_id)
        return self.loaded(room_id)

    def loaded(self, room_id: RoomId) -> LiveRoom:
        """Give a room with its queue and state read; a damaged one becomes CORRUPTED. One of another daemon is as it
        is stored now, with nothing read. Raises RoomNotFound.
        """
        room = self.get(room_id)
        if room.foreign and self.tenancy is not None:
            self.tenancy.update(room)
            if room.gone:
                raise RoomNotFound(f"ROOM: {room_id}")
        elif not room.loaded and room.record.damage is None:
            damage = load_room(self._store, room, now=time.time_ns())
            if damage is not None:
                self.corrupt(room, damage)
        return room

    @contextmanager
    def noticing(self, room: LiveRoom) -> Iterator[None]:
        """Have a room whose damage is met inside be CORRUPTED; one that is so already may be being put right."""
        known = room.record.state is RoomState.CORRUPTED
        try:
            yield
        except RoomCorrupted as error:
            if not known:
                self.corrupt(room, error)
            raise

    def corrupt(self, room: LiveRoom, damage: Damage | RoomCorrupted) -> None:
        if isinstance(damage, RoomCorrupted):
            damage = damage_of(room.id, damage, time.time_ns())
        with room.lock:
            room.corrupt(damage)
            room.dirty = True  # the mark is kept with the room: the next look may not see what this one saw

    def reload(self) -> list[tuple[LiveRoom, RoomRecord]]:
        """After a failed write: pair the rooms with what the store truly holds; add and drop rooms accordingly."""
        records = {record.id: record for record in self._store.load().records}
        fleet = self._store.fleet
        with self._lock:
            for room_id in set(self._rooms) - set(records):
                self._rooms.pop(room_id).gone = True
            for room_id in records.keys() - set(self._rooms):
                self._rooms[room_id] = _found(records[room_id])
            rooms = list(self._rooms.values())
        for room in rooms:
            with room.lock:
                room.foreign = fleet is not None and not fleet.holds(room.id)
                if room.foreign and not room.loaded:
                    room.record = records[room.id]
        return [(room, records[room.id]) for room in rooms if room.loaded or not room.foreign]


def _found(record: RoomRecord) -> LiveRoom:
    """A room as the store gave it; damage that was found on the way is written down with the next commit."""
    room = LiveRoom(record)
    room.dirty = record.damage is not None
    return room
