"""Rooms that other daemons share: taken before they are written to, given up when somebody else has them.

A room that is not ours is `foreign`: a record as it was stored when somebody last looked, with nothing loaded. It is
marked so before its lease is asked for, and the mark goes when the record that came with the lease is in its place:
nothing can be sealed onto a record that is not the newest one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from backrooms_tui.model.errors import BackroomsError, RoomNotFound, StoreFailed
from backrooms_tui.model.events import RoomChanged, RoomCreated, RoomDestroyed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.persistence.leases import Fleet

from .engine import Engine
from .registry import Registry
from .room import LiveRoom

FRESH = 1.0
"""Seconds for which a look at everybody's rooms is good enough."""

Halt = Callable[[LiveRoom], None]
"""Has a room part with its process and forget its queue, and waits for it."""
Revive = Callable[[LiveRoom], None]
"""Has a room be loaded and work on what waits in it; waits for neither."""


class Tenancy:
    """Thread-safe."""

    def __init__(self, fleet: Fleet, engine: Engine, registry: Registry, *, halt: Halt, revive: Revive) -> None:
        self._fleet = fleet
        self._engine = engine
        self._registry = registry
        self._halt = halt
        self._revive = revive
        self._taking = threading.Lock()
        """Held while a lease is asked for, also over the wire: two who want one room are one who takes it."""
        self._looking = threading.Lock()
        self._looked = 0.0
        self._claims = False
        for room in registry.all():
            room.foreign = not fleet.holds(room.id)

    def take(self, room: LiveRoom) -> None:
        """Have the room be ours to write to; a daemon goes on with the work that waits in it. Raises
        RoomLeasedElsewhere, RoomNotFound, StoreFailed.
        """
        if not room.foreign and self._fleet.holds(room.id):
            return
        with self._taking:
            if room.foreign or not self._fleet.holds(room.id):
                self._part(room)
                self._engine.committer.carry_out(lambda: self._settle(room, self._fleet.hold(room.id)))
            else:
                return
        self._go_on(room)

    def _go_on(self, room: LiveRoom) -> None:
        """Work on what waits in a room that has just been taken."""
        if self._claims and room.record.queued and room.working:
            self._revive(room)

    def update(self, room: LiveRoom) -> None:
        """Have a foreign room be as it is stored now; one that has been destroyed goes. While the store cannot be
        read it stays as it was seen last.
        """
        if room.foreign:
            try:
                record = self._fleet.peek(room.id)
            except StoreFailed:
                return
            if record is not None:
                self._shown(room, record)
            elif room.record.damage is None:  # and not one that was lost
                self._gone(room)

    def find(self, room_id: RoomId) -> LiveRoom | None:
        """A room that somebody has made since the last look."""
        record = self._fleet.peek(room_id)
        return None if record is None else self._registry.placed(record, foreign=not self._fleet.holds(room_id))

    def look(self) -> None:
        """Have all foreign rooms be as they are stored, unless somebody has just looked. While the store cannot be
        read they stay as they were seen last.
        """
        with self._looking:
            if time.monotonic() - self._looked < FRESH:
                return
            try:
                glance = self._fleet.glance()
            except StoreFailed:
                return
            self._looked = time.monotonic()
            known = {room.id: room for room in self._registry.all()}
            for record in glance.changed:
                room = known.get(record.id)
                if room is None:
                    self._registry.placed(record, foreign=not self._fleet.holds(record.id))
                    self._engine.bus.publish(RoomCreated(record.id))
                elif room.foreign:
                    self._shown(room, record)
                    self._engine.bus.publish(RoomChanged(record.id, record.state))
            for room in known.values():
                if room.foreign and room.id not in glance.present and room.record.damage is None:
                    self._gone(room)

    def claim(self) -> None:
        """From now on take over the work that other daemons leave behind."""
        self._claims = True
        for room in self._registry.all():
            if room.foreign and room.record.queued and room.working:
                try:
                    self.take(room)
                except BackroomsError:
                    pass  # another daemon has it, and the work

    def follow(self) -> None:
        """Give up what is lost, and take over a share of what is left behind. For the keeper, again and again."""
        if self._engine.committer.failure is not None or not self._fleet.stirred:
            return
        learnt: list[tuple[tuple[RoomId, ...], list[LiveRoom]]] = []

        def learn() -> None:
            lost = self._fleet.losses()
            for room_id in lost:
                self._disown(room_id)  # before they may be taken over again
            learnt.append((lost, [self._placed(record) for record in self._fleet.claim()] if self._claims else []))

        try:
            self._engine.committer.carry_out(learn)
        except BackroomsError:
            return  # the store says so itself
        lost, taken = learnt.pop()
        for room_id in lost:
            self._lose(room_id)
        self._take_over(taken)

    def _placed(self, record: RoomRecord) -> LiveRoom:
        """In the writing thread: a room that has been taken over, settled unless there is something to part with."""
        room = self._registry.placed(record, foreign=True)
        if not room.loaded:
            self._settle(room, record)
        return room

    def _take_over(self, taken: Sequence[LiveRoom]) -> None:
        for room in taken:
            try:
                self.take(room)
                self._go_on(room)
            except BackroomsError as error:
                self._engine.notice("WARN", f"NOT TAKEN OVER: {error.code}", room.id)
        if taken:
            self._engine.notice("WARN", f"{len(taken)} ROOMS TAKEN OVER FROM A SILENT DAEMON")

    def _disown(self, room_id: RoomId) -> None:
        try:
            room = self._registry.get(room_id)
        except RoomNotFound:
            return
        with room.lock:
            room.foreign = room.foreign or not self._fleet.holds(room_id)

    def _lose(self, room_id: RoomId) -> None:
        try:
            room = self._registry.get(room_id)
        except RoomNotFound:
            return
        with self._taking:
            lost = not self._fleet.holds(room_id)  # it may be ours again
            if lost:
                self._part(room)
        if lost:
            self.update(room)
            self._engine.notice("WARN", "ROOM LEASED ELSEWHERE: ITS INPUTS ARE WORKED ON THERE", room_id)
            self._engine.bus.publish(RoomChanged(room_id, room.record.state))

    def _part(self, room: LiveRoom) -> None:
        """Nothing of the room is ours any more, or yet."""
        with room.lock:
            room.foreign = True
            live = room.loaded or room.process is not None or room.turn is not None
        if live:
            self._halt(room)

    @staticmethod
    def _settle(room: LiveRoom, record: RoomRecord) -> None:
        """In the writing thread: the room is ours, and this is how it is. Of two who asked the first has done it."""
        with room.lock:
            if room.foreign:
                room.foreign = False
                room.renew()
                room.adopt(record)
                room.dirty = record.damage is not None  # the mark is kept with the room

    @staticmethod
    def _shown(room: LiveRoom, record: RoomRecord) -> None:
        with room.lock:
            if room.foreign:
                room.record = record

    def _gone(self, room: LiveRoom) -> None:
        with room.changed:
            if not room.foreign:
                return
            room.gone = True
            room.changed.notify_all()
        self._registry.remove(room.id)
        self._engine.bus.publish(RoomDestroyed(room.id))
