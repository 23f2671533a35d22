"""How many rooms do something at once: turns at work, processes that live. The others wait, in order.

A place that becomes free is kept for who has waited longest, until that one has taken it or has turned out not to need
it any more; then it goes to the next. Nobody overtakes, and no place is forgotten.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from backrooms_tui.model.ids import RoomId

from .room import LiveRoom

LONGEST_STAY = 1.0
"""Seconds after which a room that always has another input gives its place up between two of them, if others wait."""

Retry = Callable[[], None]
"""Has a room try again and then calls `release` for it; any thread."""


class Places:
    """Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = self._free = limit
        self._closed = False
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        """Notified, once there are no more, when one is given back."""
        self._kept: set[RoomId] = set()
        self._waiting: OrderedDict[RoomId, Retry] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Rooms that wait, those not counted for which a place is kept."""
        return len(self._waiting)

    def take(self, room_id: RoomId, retry: Retry) -> bool:
        """Take a place; when there is none, `retry` is called some time later."""
        with self._lock:
            if self._closed:
                return False
            if room_id in self._kept:
                self._kept.discard(room_id)
                return True
            if self._free and not self._waiting:
                self._free -= 1
                return True
            self._waiting.setdefault(room_id, retry)
            return False

    def give(self) -> None:
        """Give a place back."""
        with self._lock:
            self._free += 1
            if self._closed:
                self._settled.notify_all()
        self._hand_on()

    def release(self, room_id: RoomId) -> None:
        """A room has tried again: a place that was kept for it, and that it did not take, is the next one's."""
        with self._lock:
            kept = room_id in self._kept
            self._kept.discard(room_id)
        if kept:
            self.give()

    def settle(self, seconds: float) -> bool:
        """Give no more, and wait for those that are taken; gives whether none is."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            return self._settled.wait_for(lambda: self._free == self._limit, seconds)

    def _hand_on(self) -> None:
        while True:
            with self._lock:
                if not (self._free and self._waiting):
                    return
                room_id, retry = self._waiting.popitem(last=False)
                self._free -= 1
                self._kept.add(room_id)
            retry()


class Living:
    """The rooms that have a process, the least recently used first: never more than the limit. Thread-safe.

    A room that wants one when all are taken has the least recently used idle one go cold; while all are busy, and a
    room with an input is, it waits until one is not, or until one has been busy for LONGEST_STAY. A cold start costs
    5-10 ms.
    """

    def __init__(self, limit: int) -> None:
        self.places = Places(limit)
        self.retire: Callable[[LiveRoom], None] = lambda _: None
        """Has a room part with its process, if it is idle, or call `stays`; any thread. Set by who drives rooms."""
        self._lock = threading.Lock()
        self._rooms: OrderedDict[RoomId, LiveRoom] = OrderedDict()
        self._leaving: set[RoomId] = set()

    def __len__(self) -> int:
        return len(self._rooms)

    def enter(self, room: LiveRoom, retry: Retry) -> bool:
        """Whether the room may have a process now; if not, `retry` is called when it may."""
        if not self.places.take(room.id, retry):
            self.press()
            return False
        with self._lock:
            self._rooms[room.id] = room
        return True

    def touch(self, room: LiveRoom) -> None:
        """Note that a room's process is in use now."""
        with self._lock:
            if room.id in self._rooms:
                self._rooms.move_to_end(room.id)

    def leave(self, room: LiveRoom) -> None:
        """The room has no process any more."""
        with self._lock:
            self._leaving.discard(room.id)
            there = self._rooms.pop(room.id, None) is not None
        if there:
            self.places.give()

    def overstays(self, room: LiveRoom) -> bool:
        """Whether a room's process has been at work for long enough while others wait for theirs."""
        since = room.at_work_since
        return self.places.waiting > 0 and since > 0 and time.monotonic_ns() - since > LONGEST_STAY * 1e9

    def stays(self, room: LiveRoom) -> None:
        """A room that was to be retired has become busy: another one has to go."""
        with self._lock:
            self._leaving.discard(room.id)
        self.press()

    def press(self) -> None:
        """While rooms wait for a place, have as many idle ones go cold."""
        if not self.places.waiting:
            return
        with self._lock:
            wanted = self.places.waiting - len(self._leaving)
            idle = (room for room in self._rooms.values() if room.id not in self._leaving and room.idle)
            going = [room for _, room in zip(range(wanted), idle, strict=False)]
            self._leaving.update(room.id for room in going)
        for room in going:
            self.retire(room)
