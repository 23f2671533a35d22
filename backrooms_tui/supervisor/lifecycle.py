"""The lifecycle of rooms: made, entered and left, suspended and resumed, destroyed. See `RoomService` for each verb."""

from __future__ import annotations

import threading
import time

from backrooms_tui.model.entries import Draft, EntryType, Meta
from backrooms_tui.model.errors import BackroomsError, ConfirmationMismatch, EntityInitFailed
from backrooms_tui.model.events import RoomChanged, RoomCreated, RoomDestroyed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig, Suspension
from backrooms_tui.model.states import RoomState, Verb, transition
from backrooms_tui.model.views import RoomView, Visitor
from backrooms_tui.persistence.store import RoomCommit

from . import presence
from .archivist import Archivist
from .crew import Crew
from .engine import Engine
from .registry import Registry
from .room import LiveRoom, new_record

HALT_SECONDS = 5.0
"""How long a worker may take to part with a process; it only sends a signal."""


class Lifecycle:
    def __init__(self, engine: Engine, registry: Registry, crew: Crew, archivist: Archivist) -> None:
        self._engine = engine
        self._registry = registry
        self._crew = crew
        self._archivist = archivist

    def create(self, config: RoomConfig) -> RoomView:
        began = time.monotonic_ns()
        config = config.validated()
        self._check(config.entity)
        room = LiveRoom(new_record(config))
        room.loaded = True
        self._registry.add(room)
        try:
            self._engine.write(room, room.seal)
        except BackroomsError:
            self._registry.remove(room.id)
            raise
        self._engine.telemetry.room_made(room.id, began)
        self._engine.bus.publish(RoomCreated(room.id))
        return room.view()

    def _check(self, entity: str) -> None:
        """Raise UsageError for an entity that cannot work here: whoever asks for it is told, and no room is made."""
        from backrooms_tui.model.runtimes import COMMAND, PYTHON, parse  # 3 ms, for who makes rooms only

        runtime = parse(entity)
        if runtime.kind == PYTHON:
            from backrooms_tui.entity import source_check  # compilers: 10 ms, for who makes such rooms

            source_check.check(runtime)
        if runtime.kind == COMMAND:
            from backrooms_tui.entity.programs import program

            program.check(runtime)
        if runtime.calls and (broker := self._engine.broker) is not None:
            broker.check(runtime)

    def await_entity(self, room_id: RoomId, timeout: float | None = None) -> RoomView:
        room = self._registry.open(room_id)
        deadline = None if timeout is None else time.monotonic() + timeout

        def patience() -> float | None:
            return None if deadline is None else max(0.0, deadline - time.monotonic())

        while not room.ready:  # again when it died between being there and being waited for
            self._want_entity(room)
            with room.changed:
                ended = room.changed.wait_for(
                    lambda: room.ready or room.halted or room.spawn_error or not room.wants_entity, patience()
                )
                if room.spawn_error is not None:
                    raise room.spawn_error
                if room.halted or not ended:
                    raise EntityInitFailed(f"ROOM: {room_id}", f"STATE: {room.record.state}")
        if (process := room.process) is not None:  # its word and the zygote's come by two ways
            process.await_birth(patience())
        return room.view()

    def enter(self, room_id: RoomId, *, read_only: bool = False, visitor: Visitor | None = None) -> RoomView:
        room = self._registry.open(room_id, watching=read_only)
        if not read_only:
            if room.record.state is RoomState.IDLE:
                self._engine.write(room, lambda: room.seal(state=transition(room.record.state, Verb.WAKE)))
            self._want_entity(room)
        presence.come(room, visitor or presence.ourselves(), read_only=read_only)
        return self._told(room)

    def leave(self, room_id: RoomId, *, visitor: Visitor | None = None) -> RoomView:
        room = self._registry.get(room_id)
        was_deserted = presence.deserted(room)
        presence.go(room, visitor or presence.ourselves())
        with room.lock:
            rests = room.record.state is RoomState.ACTIVE and not room.queue and presence.deserted(room)
        if rests and not was_deserted and not room.foreign:
            self._engine.write(room, lambda: room.seal(state=transition(room.record.state, Verb.REST)))
        return self._told(room)

    def _told(self, room: LiveRoom) -> RoomView:
        """The room as it is now, when everybody has been told that it changed."""
        self._engine.bus.publish(RoomChanged(room.id, room.record.state))
        return room.view()

    def suspend(self, room_id: RoomId, *, by: str) -> RoomView:
        room = self._registry.ours(room_id)
        with room.changed:
            state = transition(room.record.state, Verb.SUSPEND)
            room.halted = True
            patience = HALT_SECONDS + (room.turn.timeout if room.turn is not None else 0)
            room.changed.wait_for(lambda: room.turn is None, patience)
        try:
            self._halt(room)
            draft = Draft(EntryType.STATE_CHANGE, "SUSPENDED", {Meta.EVENT: "suspended", Meta.BY: by})
            self._engine.write(
                room, lambda: room.seal((draft,), state=state, suspension=Suspension(time.time_ns(), by))
            )
        except BackroomsError:
            room.halted = False
            self._crew.driver(room).kick(room)
            raise
        return room.view()

    def resume(self, room_id: RoomId, *, by: str) -> RoomView:
        room = self._registry.ours(room_id)
        draft = Draft(EntryType.STATE_CHANGE, "RESUMED", {Meta.EVENT: "resumed", Meta.BY: by})

        def seal() -> RoomCommit:
            state = transition(room.record.state, Verb.RESUME)
            return room.seal((draft,), state=state, suspension=None, last_active=time.time_ns())

        self._engine.write(room, seal)
        with room.lock:
            room.halted = False
            room.starts.failures = 0
            room.deaths.clear()
        self._want_entity(room)
        return room.view()

    def destroy(self, room_id: RoomId, *, confirm: str) -> None:
        self._registry.get(room_id)
        if confirm != room_id:
            raise ConfirmationMismatch("THE TYPED ID IS NOT THE ROOM'S ID")
        room = self._registry.taken(room_id)
        self._registry.release(room)
        self._halt(room)
        try:
            self._archivist.forget(room_id)
            self._engine.committer.carry_out(lambda: self._engine.store.destroy(room_id))
        except BackroomsError:
            room.halted = room.gone = False
            raise
        self._registry.remove(room_id)
        self._engine.bus.publish(RoomDestroyed(room_id))

    def _want_entity(self, room: LiveRoom) -> None:
        with room.lock:
            room.spawn_error = None
            room.wants_entity = not room.ready
        self._crew.driver(room).kick(room)

    def post_halt(self, room: LiveRoom) -> threading.Event:
        halted = threading.Event()
        self._crew.driver(room).halt(room, halted.set)
        return halted

    def _halt(self, room: LiveRoom) -> None:
        self.post_halt(room).wait(HALT_SECONDS)
