"""How a worker thread drives its rooms: give the entity input, take its frames, see it die, end the turn.

A turn ends in exactly one way: `done`, `fail`, deadline, death, a broken protocol, or an interrupt that was not obeyed;
each leads to one durable commit that holds what was said so far, and only `done` moves the entity's state.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from backrooms_tui.entity.crash import report_lines
from backrooms_tui.entity.frames import (
    Call,
    Closed,
    Done,
    Fail,
    Frame,
    Log,
    Observation,
    Output,
    Ready,
    Silent,
    StateSet,
    StateValue,
    Terminate,
    Violation,
)
from backrooms_tui.entity.process import FAULTS, EntityProcess, ExitReport
from backrooms_tui.model.entries import Draft, Outcome
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.events import TurnStarted
from backrooms_tui.model.room import QueuedInput, RoomRecord
from backrooms_tui.model.value import changed
from backrooms_tui.persistence.records import UnstorableEntry

from .calls import Calls
from .deaths import DEADLY, spent, stop_restarts
from .ending import crash_error, end_turn, failure_error, lost_error, timeout_error, violation_error
from .engine import Engine
from .interrupting import Interrupting
from .parting import Parting
from .places import Places
from .processes import Processes
from .room import LiveRoom, Pending
from .snapshots import StateTooLarge, encode_state
from .telling import tell_observation, tell_output
from .turn import Turn
from .worker import Worker

MAX_ATTEMPTS = 2
"""Starts of one input over all host deaths; a third would risk an input that kills the host."""
CLOSING_GRACE = 1.0
"""Seconds between an entity's channel closing and its death being reported, before it is killed for it."""


class Driver:
    """`kick`, `retire` and `halt` are for any thread and post themselves to `worker`; the rest runs there."""

    def __init__(self, engine: Engine, worker: Worker) -> None:
        self._engine = engine
        self._worker = worker
        self._processes = Processes(engine, worker, self)
        self._calls = Calls(engine, worker, self)
        self._interrupting = Interrupting(
            engine, self._processes, self._calls, lambda room, turn: self._end(room, turn, Outcome.INTERRUPTED)
        )
        self._parting = Parting(engine, self._processes, self._calls, self._called_off)
        self._turns = 0
        """Turns at work in this thread; with no other it may write itself."""

    def kick(self, room: LiveRoom) -> None:
        """See to it that the room works on its next input, or has its entity, if it should."""
        self._worker.post(lambda: self.advance(room))

    def after(self, then: Callable[[], None]) -> None:
        """Call `then` when all that has been asked for so far is done."""
        self._worker.post(then)

    def retire(self, room: LiveRoom) -> None:
        """Let an unused entity go; the room answers from its snapshot later."""
        self._worker.post(lambda: self._parting.retire(room))

    def halt(self, room: LiveRoom, then: Callable[[], None]) -> None:
        """End the room's process and give its running input back to the queue, then call `then`."""
        self._worker.post(lambda: self._parting.halt(room, then))

    def interrupt(self, room: LiveRoom, turn: Turn, by: str) -> None:
        """Have a turn end early, if it still runs."""
        self._worker.post(lambda: self._interrupting.interrupt(room, turn, by))

    def reset(self, room: LiveRoom, record: RoomRecord, then: Callable[[], None]) -> None:
        """Forget everything since the last durable commit: `record` is what the store holds. Then call `then`."""
        self._worker.post(lambda: self._parting.reset(room, record, then))

    def revive(self, room: LiveRoom, load: Callable[[], object]) -> None:
        """Have `load` bring the room into memory, and have it work on its next input."""

        def begin() -> None:
            try:
                load()
            except BackroomsError as error:  # whoever wants the room next meets it, too
                self._engine.notice("WARN", f"NOT LOADED: {error.code}", room.id)
            else:
                self.advance(room)

        self._worker.post(begin)

    def advance(self, room: LiveRoom) -> None:
        with room.lock:
            if room.halted or not room.loaded or room.turn is not None or self._held_up(room):
                return
            waiting = room.queue[0] if room.queue else None
            wanted = waiting is not None or room.wants_entity
        if waiting is not None and waiting.input.attempt >= MAX_ATTEMPTS:
            self._discard(room, waiting)
        elif wanted and room.process is None:
            self._processes.spawn(room)
        elif waiting is not None and room.ready and self._engine.living.overstays(room):
            self._processes.part(room)
            self._processes.spawn(room)  # behind those that wait
        elif (
            waiting is not None
            and room.ready
            and self._engine.slots.take(room.id, lambda: self.retry(room, self._engine.slots))
        ):
            self._begin(room, waiting)

    def retry(self, room: LiveRoom, places: Places) -> None:
        """A place is kept for the room: have it go on, if it still wants to. Any thread."""

        def again() -> None:
            try:
                self.advance(room)
            finally:
                places.release(room.id)

        self._worker.post(again)

    def _held_up(self, room: LiveRoom) -> bool:
        """Whether memory is being compacted; who does that advances the room afterwards. Under the room's lock."""
        room.held_up = room.blocked
        return room.blocked

    def _begin(self, room: LiveRoom, waiting: Pending) -> None:
        process = room.process
        assert process is not None
        started = waiting.input if waiting.marked else changed(waiting.input, attempt=waiting.input.attempt + 1)
        with room.lock:
            if self._held_up(room):  # since it was advanced
                self._engine.slots.give()
                return
            turn = Turn(
                started,
                started.timeout or room.record.config.timeout,
                time.monotonic_ns(),
                waiting.text,
                remembers=self._engine.limits.observations,
            )
            facts = room.facts(waiting.session)
            room.queue[0] = Pending(started, waiting.text, waiting.session)
            room.turn = turn
            room.at_work_since = room.at_work_since or turn.started
        self._turns += 1
        self._engine.living.touch(room)
        self.go_on(room, turn)
        event = TurnStarted(room.id, turn.seq, turn.attempt, time.time_ns(), turn.timeout)
        self._engine.tell_turn(room, turn.seq, event)
        process.begin_turn(turn.seq)
        self._processes.send(
            process,
            {
                "type": "input",
                "seq": turn.seq,
                "attempt": turn.attempt,
                "now": started.timestamp,
                "text": waiting.text,
                "room": facts,
            },
        )
        if not waiting.marked:
            self._mark_started(room, started)

    def _mark_started(self, room: LiveRoom, started: QueuedInput) -> None:
        """Note the attempt, while the entity already works. Not synced: losing the mark costs one more attempt."""
        try:
            with room.lock:
                ticket = self._engine.committer.enqueue(room.seal(queue_put=(started,)), sync=False, here=True)
        except BackroomsError:
            return  # the store is unwell; the room is reloaded when it is well again
        self._engine.committer.perform(ticket)

    def received(self, room: LiveRoom, process: EntityProcess, fileno: int) -> None:
        for frame in process.receive(fileno):
            if process is not room.process:
                return  # a frame before this one was its last
            self._on_frame(room, process, frame)
            if room.turn is not None:
                room.turn.pace.step()

    def _on_frame(self, room: LiveRoom, process: EntityProcess, frame: Frame) -> None:
        turn = room.turn
        match frame:
            case Ready():
                self._processes.ready(room)
            case Closed():
                self._on_closed(room, process)
            case Violation():
                self._violated(room, frame.code, frame.reason)
            case Log():
                self._engine.telemetry.entity_log(room.id, frame.level, frame.text)
            case Silent():
                pass  # silence is what no output means anyway
            case Fail() if not room.ready:
                self._processes.failed_starting(room, frame)
            case Terminate():
                self._engine.notice("INFO", "ENTITY REQUESTS TERMINATION", room.id)
            case _ if turn is None or turn.ended:
                self._violated(room, "PROTOCOL_VIOLATION", f"{type(frame).__name__.lower()} outside a turn")
            case Output():
                tell_output(self._engine, room, turn, frame)
            case Observation():
                self._observed(room, turn, frame)
            case Call():
                if wrong := self._calls.asked(room, turn, frame):
                    self._violated(room, "PROTOCOL_VIOLATION", wrong)
            case StateSet() | StateValue():
                turn.stage(frame, room.state)
            case Fail():
                self._failed(room, turn, frame)
            case Done():
                self._done(room, turn)

    def _observed(self, room: LiveRoom, turn: Turn, frame: Observation) -> None:
        try:
            tell_observation(self._engine, room, turn, frame)
        except UnstorableEntry:
            self._violated(room, "PROTOCOL_VIOLATION", "the observation's data cannot be stored")

    def _failed(self, room: LiveRoom, turn: Turn, frame: Fail) -> None:
        if turn.interrupted_by is None:
            self._end(room, turn, Outcome.FAILED, error=failure_error(frame))
            return
        self._engine.telemetry.entity_log(room.id, "interrupted", f"{frame.error}: {frame.text}")
        self._interrupting.end_undone(room, turn)

    def _done(self, room: LiveRoom, turn: Turn) -> None:
        snapshot = None
        if turn.staged is not None and turn.staged != room.state:
            try:
                snapshot = encode_state(turn.staged)
            except StateTooLarge:
                self._violated(room, "STATE_SIZE_EXCEEDED", "the state does not fit its limit")
                return
        outcome = Outcome.OUTPUT if turn.outputs else Outcome.SILENT
        if turn.interrupted_by is not None:
            outcome = Outcome.INTERRUPTED
        self._end(room, turn, outcome, snapshot=snapshot)

    def hold(self, room: LiveRoom, turn: Turn, name: str) -> None:
        """Let the turn's time stand still: the entity waits for the host's answer to the call `name`."""
        turn.waits_for = name
        turn.left -= time.monotonic() - turn.since
        if turn.interrupted_by is None:  # then the alarm is the grace's
            self._processes.set_alarm(room, None)

    def go_on(self, room: LiveRoom, turn: Turn) -> None:
        """Let the turn's time run."""
        turn.waits_for = None
        turn.since = time.monotonic()
        if turn.interrupted_by is None:
            self._processes.set_alarm(room, turn.left, lambda: self._deadline(room, turn))

    def send(self, room: LiveRoom, frame: dict[str, object]) -> None:
        if room.process is not None:
            self._processes.send(room.process, frame)

    def _deadline(self, room: LiveRoom, turn: Turn) -> None:
        if room.turn is turn and not turn.ended:
            self._processes.part(room)
            self._end(room, turn, Outcome.TIMEOUT, error=timeout_error())
            self._engine.notice("WARN", f"ENTITY_TIMEOUT AFTER {turn.timeout:g}s", room.id)

    def _violated(self, room: LiveRoom, code: str, reason: str) -> None:
        """The entity broke a rule: it is killed, and the turn, if one runs, ends."""
        turn, was_ready = room.turn, room.ready
        self._processes.part(room)
        self._engine.notice("WARN", f"{code}: {reason}", room.id, foreign=True)
        if turn is not None and not turn.ended:
            told = (reason, turn.cut_flood()) if code == "OUTPUT_SIZE_EXCEEDED" else (reason,)
            self._end(room, turn, Outcome.VIOLATION, error=violation_error(code, *told))
        elif was_ready:
            self._died_idle(room)
        else:
            self._processes.died_starting(room, f"{code}: {reason}")

    def _died_idle(self, room: LiveRoom) -> None:
        if spent(room):
            stop_restarts(self._engine, room)
        else:
            self.advance(room)

    def _on_closed(self, room: LiveRoom, process: EntityProcess) -> None:
        """A channel ended. If that was its death, the report is a millisecond away; otherwise it is made one."""
        for fileno in process.filenos():
            self._worker.unwatch(fileno)
        if process.exit is not None:
            self.exited(room, process, process.exit)
            return

        def deaf() -> None:
            if room.process is process:
                self._violated(room, "PROTOCOL_VIOLATION", "the entity closed its channel")

        self._processes.set_alarm(room, CLOSING_GRACE, deaf)

    def exited(self, room: LiveRoom, process: EntityProcess, report: ExitReport) -> None:
        for fileno in process.filenos():  # what it said before it died is still in its pipes
            for frame in process.receive(fileno) if process is room.process else ():
                if not isinstance(frame, Closed) and process is room.process:
                    self._on_frame(room, process, frame)
        if process is not room.process:
            return
        turn, was_ready = room.turn, room.ready
        self._processes.part(room)
        if report.signal is None and report.status is None:  # never born: the host's trouble, not the room's
            self._processes.unborn(room)
            return
        cause = " ".join(report_lines(report)[1:2])
        if turn is not None and not turn.ended and turn.interrupted_by is not None and report.signal not in FAULTS:
            self._interrupting.end_undone(room, turn)  # a plain program dies of SIGINT: it has obeyed
        elif turn is not None and not turn.ended:
            self._end(room, turn, Outcome.CRASH, error=crash_error(report))
            self._engine.notice("ERROR", f"ENTITY_CRASHED {cause}", room.id)
        elif was_ready:
            self._engine.notice("WARN", f"ENTITY DIED BETWEEN INPUTS {cause}", room.id)
            self._died_idle(room)
        else:
            self._processes.died_starting(room, cause)

    def _end(
        self, room: LiveRoom, turn: Turn, outcome: str, *, error: Draft | None = None, snapshot: bytes | None = None
    ) -> None:
        self._calls.drop(turn)
        self._processes.set_alarm(room, None)
        self._turns -= 1
        killed = room.process is None
        alone = self._turns == 0 and not killed
        exhausted = outcome in DEADLY and spent(room)
        end_turn(
            self._engine,
            room,
            turn,
            outcome,
            error=error,
            snapshot=snapshot,
            then=lambda: stop_restarts(self._engine, room) if exhausted else self._ended(room),
            here=alone,
        )
        if room.process is not None and room.process.one_shot:
            self._processes.part(room)
        if room.process is None and not room.halted:
            room.restarting = killed
            self._processes.spawn(room)

    def _called_off(self) -> None:
        """A turn was at work that will never be written."""
        self._turns -= 1
        self._engine.slots.give()

    def _ended(self, room: LiveRoom) -> None:
        """In the writing thread."""
        with room.lock:
            room.exhausted = False
            waiting = bool(room.queue)
            if room.turn is None:
                self._engine.compactor.consider(room)
        if waiting:
            self.kick(room)
        self._engine.living.press()

    def _discard(self, room: LiveRoom, waiting: Pending) -> None:
        """End an input that was running at two host deaths; its text stays in memory."""
        turn = Turn(waiting.input, 0, time.monotonic_ns(), waiting.text, holds_slot=False)
        with room.lock:
            room.turn = turn
        error = lost_error(waiting.input.attempt, waiting.text)
        end_turn(self._engine, room, turn, Outcome.LOST, error=error, then=lambda: self._ended(room))
        self._engine.notice("ERROR", f"INPUT_DISCARDED SEQ {turn.seq}", room.id)
