"""Calls of entities on their way to the broker and back, through the room's journal.

    call -> input durable? -> in the journal? -> broker -> chunk frames -> journaled -> result frame

While the entity waits for the host its own time stands still; the broker has limits of its own. What refuses a call
(it is not granted, or its budget is used up) does so again at every attempt: refusals are not journaled, or an entity
could have the disk synced by asking.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from backrooms_tui.entity.calls import CANCELLED, DENIED, EFFECTS, EXHAUSTED, CallResult, Pending, TurnCalls
from backrooms_tui.entity.frames import Call
from backrooms_tui.model.entries import Draft
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.runtimes import Runtime, parse
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.units import NS
from backrooms_tui.persistence.records import UnstorableEntry

from . import journal
from .engine import Engine
from .room import LiveRoom
from .turn import Turn
from .worker import Worker

MAX_OPEN = 64
"""Calls of one turn at once."""
MAX_ASKED = 4096
"""Calls for one input, also refused ones: asked without end, they keep the thread from the rooms beside it."""
MAX_CHUNK = 64 * 1024
"""Characters of one frame."""
UNSTORABLE = CallResult(ok=False, error="ANSWER_UNSTORABLE: it cannot be kept in memory")
_CANCELLED = CallResult(ok=False, error=CANCELLED, interrupted=True)


@dataclass(slots=True)
class Desk:
    """The calls of one turn."""

    seen: set[str] = field(default_factory=set)
    """Every id that was used."""
    open: dict[str, Open] = field(default_factory=dict)
    broker: TurnCalls | None = None
    journal: journal.Journal | None = None
    """None until somebody has looked."""
    refused: bool = False
    """Operators have been told that the turn asks for what it may not."""


@dataclass(slots=True, eq=False)
class Open:
    """A call that is not answered yet."""

    room: LiveRoom
    turn: Turn
    desk: Desk
    call: Call
    words: str
    """Digest of name and arguments."""
    began: int
    """Monotonic nanoseconds."""
    pending: Pending | None = None
    """None before the broker has it."""
    heard: deque[str] = field(default_factory=deque)
    """Text on its way from the broker's thread to the worker's."""
    woken: bool = False
    """The worker has been told that there is some."""

    @property
    def over(self) -> bool:
        """It is answered, or its turn has ended."""
        return self.call.id not in self.desk.open


class Listener(Protocol):
    """Who drives the turn; in the worker's thread."""

    def hold(self, room: LiveRoom, turn: Turn, name: str) -> None:
        """The entity waits for the host: let its time stand still."""
        ...

    def go_on(self, room: LiveRoom, turn: Turn) -> None: ...

    def send(self, room: LiveRoom, frame: dict[str, object]) -> None: ...


class Calls:
    """One worker's; every method runs in its thread."""

    def __init__(self, engine: Engine, worker: Worker, listener: Listener) -> None:
        self._engine = engine
        self._worker = worker
        self._listener = listener

    def asked(self, room: LiveRoom, turn: Turn, call: Call) -> str | None:
        """Take a call; gives what is wrong with it, for a violation, or None."""
        desk = turn.desk = turn.desk or Desk()
        if call.id in desk.seen:
            return "call: an id that was used before"
        if len(desk.open) >= MAX_OPEN:
            return f"call: more than {MAX_OPEN} at once"
        if len(desk.seen) >= MAX_ASKED:
            return f"call: more than {MAX_ASKED} for one input"
        desk.seen.add(call.id)
        one = desk.open[call.id] = Open(room, turn, desk, call, journal.digest(call), time.monotonic_ns())
        if len(desk.open) == 1:
            self._listener.hold(room, turn, call.name)
        if self._engine.when_durable(room, turn.seq, lambda: self._worker.post(lambda: self._begin(one))):
            self._begin(one)
        return None

    def cancel(self, turn: Turn) -> bool:
        """Have every open call end as interrupted; gives whether there was one."""
        waiting = [] if turn.desk is None else [*turn.desk.open.values()]
        for one in waiting:
            if one.pending is not None:  # the others look for themselves before they begin
                one.pending.cancel()
        return bool(waiting)

    def drop(self, turn: Turn) -> None:
        """The turn has ended: nobody waits any more."""
        self.cancel(turn)
        if turn.desk is not None:
            turn.desk.open.clear()

    def _begin(self, one: Open) -> None:
        """The input is durable: answer from the journal, or begin."""
        if self._called_off(one):
            return
        runtime = parse(one.room.record.config.entity)
        broker = self._broker(one, runtime)
        if broker is None:
            self._refuse(one, CallResult(ok=False, error=f"{DENIED}: {scrub(one.call.name)}"))
            return
        try:
            if one.desk.journal is None:
                one.desk.journal = journal.kept(self._engine.store, one.room, one.turn.input)
        except BackroomsError as error:  # without it nobody knows what was paid for
            self._answer(one, CallResult(ok=False, error=f"JOURNAL_UNREADABLE: {error.code}"))
            return
        key = (one.call.id, one.words)
        if key in one.desk.journal:
            self._repeat(one, broker, one.desk.journal[key])
        elif one.call.name in EFFECTS and one.call.name in runtime.calls:
            self._write(one, journal.begun(one.turn.seq, one.call, one.words), lambda: self._start(one, broker))
        else:
            self._start(one, broker)

    def _called_off(self, one: Open) -> bool:
        """Whether there is nothing to begin any more; an interrupted entity is told so."""
        if not one.over and one.turn.interrupted_by is not None:
            self._answer(one, _CANCELLED)
        return one.over

    def _broker(self, one: Open, runtime: Runtime) -> TurnCalls | None:
        """The turn's; None where nothing is granted."""
        if one.desk.broker is None and runtime.calls and (broker := self._engine.broker) is not None:
            one.desk.broker = broker.turn(one.room.id, runtime)
        return one.desk.broker

    def _repeat(self, one: Open, broker: TurnCalls, known: CallResult | None) -> None:
        """Answer as an earlier attempt was answered, and charge it."""
        result = CallResult(ok=False, error=journal.UNKNOWN) if known is None else known
        broker.replay(one.call, result)
        self._answer(one, result, repeated=True)

    def _start(self, one: Open, broker: TurnCalls) -> None:
        if self._called_off(one):
            return

        def chunk(text: str) -> None:
            one.heard.append(text)
            if not one.woken:  # what comes while the worker is busy goes into one frame
                one.woken = True
                self._worker.post(lambda: self._pass_on(one))

        def result(found: CallResult) -> None:
            self._worker.post(lambda: self._ended(one, found))

        one.pending = broker.begin(one.call, on_chunk=chunk, on_result=result)

    def _pass_on(self, one: Open) -> None:
        """Give the entity what has been heard so far."""
        one.woken = False  # before it is taken: what comes from now on wakes again
        parts: list[str] = []
        while one.heard:
            parts.append(one.heard.popleft())
        text = "".join(parts)
        for start in range(0, 0 if one.over else len(text), MAX_CHUNK):
            chunk = text[start : start + MAX_CHUNK]
            self._listener.send(one.room, {"type": "chunk", "id": one.call.id, "text": chunk})

    def _ended(self, one: Open, result: CallResult) -> None:
        """The broker has answered: the journal learns it first, then the entity."""
        if one.over:
            return
        if _outcome(result) in (DENIED, EXHAUSTED):
            self._refuse(one, result)
            return
        seconds = (time.monotonic_ns() - one.began) / NS

        def keep(found: CallResult) -> None:
            entry = journal.ended(one.turn.seq, one.call, one.words, found, seconds)
            self._write(one, entry, lambda: self._answer(one, found))

        try:
            keep(result)
        except UnstorableEntry:
            keep(UNSTORABLE)

    def _refuse(self, one: Open, result: CallResult) -> None:
        if not one.desk.refused:
            one.desk.refused = True
            self._engine.notice("WARN", str(result.error), one.room.id, foreign=True)
        self._answer(one, result)

    def _answer(self, one: Open, result: CallResult, *, repeated: bool = False) -> None:
        if one.over:
            return
        del one.desk.open[one.call.id]
        self._engine.telemetry.call_answered(
            one.room.id,
            one.turn.seq,
            one.call.name if one.call.name in parse(one.room.record.config.entity).calls else "other",
            "REPEATED" if repeated else _outcome(result),
            0 if repeated else result.tokens,
            one.began,
        )
        frame: dict[str, object] = {"type": "result", "id": one.call.id, "ok": result.ok}
        frame |= {"value": result.answer, "error": result.error, "interrupted": result.interrupted}
        self._listener.send(one.room, frame)
        if not one.desk.open:
            self._listener.go_on(one.room, one.turn)

    def _write(self, one: Open, entry: Draft, then: Callable[[], None]) -> None:
        """Put an entry into memory and go on when it is durable. When it cannot be the store is unwell or the room is
        another daemon's now: both part with the entity. Raises UnstorableEntry.
        """
        room = one.room
        with room.lock:
            try:
                commit = room.seal((entry,))

                def written(error: Exception | None) -> None:
                    if error is None:
                        self._engine.tell_commit(room, commit)
                        self._worker.post(then)

                self._engine.committer.enqueue(commit, then=written)
            except UnstorableEntry:
                raise
            except BackroomsError:
                pass


def _outcome(result: CallResult) -> str:
    """The code that says how a call has ended."""
    if result.ok:
        return "OK"
    return CANCELLED if result.interrupted else str(result.error).partition(":")[0]
