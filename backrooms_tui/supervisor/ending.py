"""How a turn becomes durable: the entries, counters and state of each way it can end."""

from __future__ import annotations

import time
from collections.abc import Callable

from backrooms_tui.entity.crash import report_lines
from backrooms_tui.entity.frames import Fail
from backrooms_tui.entity.process import ExitReport
from backrooms_tui.model.entries import Draft, EntryType, Meta, Outcome
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.events import RoomChanged, TurnEnded
from backrooms_tui.model.room import Counters
from backrooms_tui.model.value import changed
from backrooms_tui.model.views import TurnResult
from backrooms_tui.persistence.store import RoomCommit

from .engine import Engine
from .room import LiveRoom
from .turn import Turn

_NO_ERRORS = frozenset({Outcome.OUTPUT, Outcome.SILENT, Outcome.INTERRUPTED})
"""Outcomes that no ERROR entry tells of. An interrupted turn whose state is not to be moved has let go of it."""


def timeout_error() -> Draft:
    return _error("ENTITY_TIMEOUT", "ERROR: ENTITY_TIMEOUT", "OPERATION ABORTED")


def failure_error(frame: Fail) -> Draft:
    """What the entity says of its own failure stands behind a mark on each line: it could say anything."""
    told = [f"{frame.error}: {frame.text}", frame.trace]
    lines = (f"  | {line}" for text in told for line in text.splitlines())
    return _error("ENTITY_FAILED", "ERROR: ENTITY_FAILED", "AS REPORTED BY THE ENTITY:", *lines)


def violation_error(code: str, *told: str) -> Draft:
    return _error(code, f"ERROR: {code}", *told, "ENTITY TERMINATED")


def crash_error(report: ExitReport) -> Draft:
    return _error("ENTITY_CRASHED", *report_lines(report))


def lost_error(attempts: int, text: str) -> Draft:
    return _error(
        "INPUT_DISCARDED", "ERROR: INPUT_DISCARDED", f"THE HOST DIED {attempts} TIMES WHILE IT RAN", f"INPUT: {text}"
    )


def _error(code: str, *lines: str) -> Draft:
    return Draft(EntryType.ERROR, "\n".join(lines), {Meta.CODE: code})


def count(counters: Counters, outcome: str, *, said: bool) -> Counters:
    """The counters after a turn that ended with `outcome`, and in which the entity has `said` something or not."""
    if outcome in _NO_ERRORS:
        return changed(counters, outputs=counters.outputs + said, silent=counters.silent + (not said))
    return changed(
        counters,
        errors=counters.errors + 1,
        timeouts=counters.timeouts + (outcome == Outcome.TIMEOUT),
        crashes=counters.crashes + (outcome == Outcome.CRASH),
    )


def end_turn(
    engine: Engine,
    room: LiveRoom,
    turn: Turn,
    outcome: str,
    *,
    error: Draft | None = None,
    snapshot: bytes | None = None,
    then: Callable[[], None],
    here: bool = False,
) -> None:
    """Seal and queue the commit of a turn; with `here` write it in this thread if nobody else is writing.

    When it is durable, watchers and waiters are told and `then` is called, in the writing thread. When the write
    fails the room is reloaded and the input, still queued, runs again.
    """
    ended = time.monotonic_ns()
    latency = ended - turn.started
    turn.ended = True
    with room.lock:
        if room.foreign:  # lost while it ran; whoever has the room runs the input
            if turn.holds_slot:
                engine.slots.give()
            return
        commit = _seal(room, turn, turn.drafts(outcome, latency, error), outcome, latency, snapshot=snapshot)
        result = TurnResult(turn.seq, outcome, tuple(e.entry for e in commit.entries), latency / 1e9)

        def written(failed: BackroomsError | None) -> None:
            if turn.holds_slot:
                engine.slots.give()
            if failed is None:
                engine.telemetry.turn_written(room.id, turn.input, turn.text, result, turn.started, ended)
                _tell(engine, room, result)
                then()

        try:
            ticket = engine.committer.enqueue(commit, then=written, here=here)
        except BackroomsError as refused:
            written(refused)
            return
    engine.committer.perform(ticket)


def _seal(
    room: LiveRoom, turn: Turn, drafts: list[Draft], outcome: str, latency: int, *, snapshot: bytes | None
) -> RoomCommit:
    record = room.record
    failed = outcome not in _NO_ERRORS
    if turn.staged is not None and not failed:
        room.state = turn.staged
    return room.seal(
        drafts,
        snapshot=snapshot,
        queue_del=(turn.seq,),
        queued=max(0, record.queued - 1),
        last_active=time.time_ns(),
        last_input_at=turn.input.timestamp,
        state_version=record.state_version + (snapshot is not None),
        last_error=drafts[-1].metadata[Meta.CODE] if failed else record.last_error,
        counters=count(record.counters, outcome, said=turn.outputs > 0),
        latencies=record.latencies.observe(latency),
    )


def _tell(engine: Engine, room: LiveRoom, result: TurnResult) -> None:
    with room.lock:
        room.turn = None
        if room.queue and room.queue[0].input.seq == result.seq:
            room.queue.popleft()
        room.keep_result(result)
        depth = room.depth
        state = room.record.state
    engine.bus.publish(TurnEnded(room.id, result.seq, result.outcome, result.entries, result.latency, depth))
    engine.bus.publish(RoomChanged(room.id, state))
