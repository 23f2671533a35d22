"""How rooms get and lose their entity processes: spawn, readiness, deaths at the start, kills, the one alarm.

A kill does not wait for the death: the replacement may be started beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from backrooms_tui.entity.frames import Fail
from backrooms_tui.entity.process import EntityProcess, EntitySpec, ExitReport
from backrooms_tui.entity.sources import load
from backrooms_tui.model.entries import Draft, EntryType, Meta
from backrooms_tui.model.errors import BackroomsError, EntityInitFailed
from backrooms_tui.model.events import RoomChanged
from backrooms_tui.model.room import Damage, QueuedInput
from backrooms_tui.model.runtimes import COMMAND, Runtime, parse
from backrooms_tui.model.scrub import scrub

from .engine import Engine
from .places import Places
from .replaying import answered_inputs
from .room import LiveRoom
from .worker import Worker

REPLAY_SLACK = 2.0
INIT_ATTEMPTS = 3
"""Deaths during initialisation before a room is CORRUPTED (seed 000, Corrupted Room)."""


class Listener(Protocol):
    """Who is told what processes do; in the worker's thread."""

    def received(self, room: LiveRoom, process: EntityProcess, fileno: int) -> None: ...

    def exited(self, room: LiveRoom, process: EntityProcess, report: ExitReport) -> None: ...

    def advance(self, room: LiveRoom) -> None: ...

    def retry(self, room: LiveRoom, places: Places) -> None: ...


class Processes:
    """One worker's entity processes; every method runs in its thread."""

    def __init__(self, engine: Engine, worker: Worker, listener: Listener) -> None:
        self._engine = engine
        self._worker = worker
        self._listener = listener

    def spawn(self, room: LiveRoom) -> None:
        """Start the room's process; when as many live as may, it waits for a place first."""
        if not self._engine.living.enter(room, lambda: self._listener.retry(room, self._engine.living.places)):
            return
        born: list[EntityProcess] = []  # its death may be announced before `spawn` has returned it

        def on_exit(report: ExitReport) -> None:
            self._worker.post(lambda: self._listener.exited(room, born[0], report) if born else None)

        try:
            process = self._engine.host.spawn(self._spec(room), on_exit=on_exit)
        except BackroomsError as error:
            self.spawn_failed(room, error)
            return
        except Exception:  # a mistake of ours: the worker's edge writes it down, and nobody waits for ever
            self.spawn_failed(room, EntityInitFailed("REASON: A FAULT OF THE HOST"))
            raise
        born.append(process)
        room.starts.replaying = False
        with room.lock:
            room.process, room.ready = process, False
            room.born, room.at_work_since = time.monotonic_ns(), 0
        for fileno in process.filenos():
            self._worker.watch(fileno, lambda fd=fileno: self._listener.received(room, process, fd))  # type: ignore[misc]
        self._expect_ready(room, self._engine.limits.init_timeout)
        self._engine.bus.publish(RoomChanged(room.id, room.record.state))

    def _spec(self, room: LiveRoom) -> EntitySpec:
        """What the room's process is to be. Raises EntityInitFailed when its code cannot be read."""
        runtime = parse(room.record.config.entity)
        return EntitySpec(
            runtime=runtime,
            memory_limit=room.record.config.memory_limit,
            state=room.state,
            seq=room.record.tail.seq,
            now=room.record.last_active,
            sources=load(runtime),
            calls=runtime.calls,
            replay=partial(self._replay, room) if _restores(runtime) and not room.starts.afresh else None,
        )

    def _replay(self, room: LiveRoom) -> Sequence[str]:
        """What its program is to be given again; for that it has the time that it took, twice over."""
        why = "TOO MUCH TO BE GIVEN AGAIN"
        try:
            answered = answered_inputs(self._engine.store, room.record)
        except BackroomsError as error:
            answered, why = None, error.code
        if answered is None:
            self._engine.notice("WARN", f"PROGRAM STARTED AFRESH: {why}", room.id)
            return ()
        if answered.texts:
            room.starts.replaying = True
            self._expect_ready(room, self._engine.limits.init_timeout + REPLAY_SLACK * answered.seconds)
        return answered.texts

    def _expect_ready(self, room: LiveRoom, seconds: float) -> None:
        process = room.process

        def overdue() -> None:
            if process is room.process and not room.ready:
                self.part(room)
                self.died_starting(room, f"NOT READY AFTER {seconds:g}s")

        self.set_alarm(room, seconds, overdue)

    def spawn_failed(self, room: LiveRoom, error: BackroomsError) -> None:
        """No process could be made: the host's trouble, not the room's. Its inputs stay queued."""
        self._engine.living.leave(room)
        with room.lock:
            room.wants_entity = False
            room.spawn_error = error
            room.changed.notify_all()
        self._engine.telemetry.entity_started(room.id, _waiting(room), time.monotonic_ns(), error.code)
        self._engine.notice("ERROR", " ".join((error.code, *error.details)), room.id)

    def unborn(self, room: LiveRoom) -> None:
        """The zygote died with the room's process unmade: the next one makes it. Nobody else would ask again for an
        input that waits.
        """
        with room.lock:
            room.starts.unborn += 1
            hopeless = room.starts.unborn >= INIT_ATTEMPTS
            if hopeless:
                room.starts.unborn = 0
        if hopeless:
            self.spawn_failed(room, EntityInitFailed("ZYGOTE: NO PROCESS"))
        else:
            self._listener.advance(room)

    def ready(self, room: LiveRoom) -> None:
        self.set_alarm(room, None)
        with room.lock:
            room.ready = True
            room.wants_entity = False
            room.starts.failures = room.starts.unborn = 0
            if room.restarting:
                room.restarting = False
                self._record(room, Draft(EntryType.STATE_CHANGE, "ENTITY RESTARTED", {Meta.EVENT: "entity_restarted"}))
            room.changed.notify_all()
            waiting = _waiting(room)
        self._engine.telemetry.entity_started(room.id, waiting, room.born, None)
        self._engine.bus.publish(RoomChanged(room.id, room.record.state))
        self._listener.advance(room)
        self._engine.living.press()

    def failed_starting(self, room: LiveRoom, frame: Fail) -> None:
        """It says so itself; or the host does, of a program that could not be executed, or ended at once."""
        self.part(room)
        if frame.error == EntityInitFailed.__name__ and not room.starts.replaying:
            self.spawn_failed(room, EntityInitFailed(f"ENTITY: {scrub(frame.text)}"))
        else:
            self.died_starting(room, f"{frame.error}: {frame.text}")

    def died_starting(self, room: LiveRoom, why: str) -> None:
        if room.starts.replaying:  # without what it was given again it may live
            room.starts.replaying, room.starts.afresh = False, True
            self._engine.notice("WARN", f"PROGRAM_STARTED_AFRESH {why}", room.id, foreign=True)
            self._listener.advance(room)
            return
        with room.lock:
            room.starts.failures += 1
            hopeless = room.starts.failures >= INIT_ATTEMPTS
            if hopeless:
                room.corrupt(Damage("ENTITY_INIT_FAILED", f"/room/{room.id}/state", 0, time.time_ns()))
                draft = Draft(EntryType.ERROR, f"ERROR: ENTITY_INIT_FAILED\n{why}", {Meta.CODE: "ENTITY_INIT_FAILED"})
                self._record(room, draft)
            waiting = _waiting(room)
        self._engine.telemetry.entity_started(room.id, waiting, room.born, "ENTITY_INIT_FAILED")
        self._engine.notice("ERROR" if hopeless else "WARN", f"ENTITY_INIT_FAILED {why}", room.id, foreign=True)
        if not hopeless:
            self._listener.advance(room)

    def _record(self, room: LiveRoom, draft: Draft) -> None:
        """Add one entry outside any turn. Under the room's lock."""
        try:
            self._engine.enqueue(room, room.seal((draft,)))
        except BackroomsError:
            pass  # the store is unwell and says so itself; the room is reloaded with what it truly holds

    def part(self, room: LiveRoom) -> None:
        """Part with the process at once; a fresh one may be started beside its death."""
        process = room.process
        if process is None:
            return
        self.set_alarm(room, None)
        for fileno in {*process.filenos(), process.write_fileno}:
            self._worker.unwatch(fileno)
        process.kill()
        process.close()
        with room.lock:
            room.process, room.ready = None, False
            room.changed.notify_all()
        self._engine.living.leave(room)

    def send(self, process: EntityProcess, frame: dict[str, object]) -> None:
        if not process.send(frame):
            self._worker.watch_writing(process.write_fileno, lambda: self._flush(process))

    def _flush(self, process: EntityProcess) -> None:
        if process.flush():
            self._worker.stop_writing(process.write_fileno)

    def set_alarm(self, room: LiveRoom, seconds: float | None, call: Callable[[], None] | None = None) -> None:
        if room.alarm is not None:
            self._worker.cancel(room.alarm)
            room.alarm = None
        if seconds is not None and call is not None:
            room.alarm = self._worker.at(time.monotonic() + seconds, call)


def _restores(runtime: Runtime) -> bool:
    """Whether the program is to be given its inputs again: one that keeps its state to itself."""
    return runtime.kind == COMMAND and runtime.option("mode") == "lines" and runtime.option("restore") == "replay"


def _waiting(room: LiveRoom) -> QueuedInput | None:
    """The input that an entity is started for."""
    return room.queue[0].input if room.queue else None
