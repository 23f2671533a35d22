"""What the owner does, as log lines: the seed's words and levels.

Nothing of what people type is logged. What entities say of their own accord is logged at DEBUG and below only, cut
and escaped; in the notices of WARN and ERROR that may quote one, the code alone stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from backrooms_tui.model.entries import EntryType, MemoryEntry, Outcome
from backrooms_tui.model.events import (
    Event,
    InputAccepted,
    Notice,
    RoomChanged,
    RoomCreated,
    RoomDestroyed,
    Said,
    TurnStarted,
)
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.telemetry import Telemetry
from backrooms_tui.model.units import NS
from backrooms_tui.model.views import TurnResult

from .clock import seconds_since
from .lines import Level, milliseconds
from .logs import Log

MOST_OF_ENTITY = 1_000
"""Characters of an entity's text; it is cut before it waits to be written."""


class LogEvents(Telemetry):
    def __init__(self, log: Log) -> None:
        self._log = log
        self._states: dict[RoomId, RoomState] = {}
        self._at_info: dict[type[Event], Callable[[Any], None]] = {
            RoomCreated: lambda event: log.line(Level.INFO, "room created", room=event.room_id),
            RoomDestroyed: self._destroyed,
        }
        self._below: dict[type[Event], Callable[[Any], None]] = {
            **self._at_info,
            RoomChanged: self._changed,
            InputAccepted: self._accepted,
            TurnStarted: self._started,
            Said: self._said,
        }

    def event(self, event: Event) -> None:
        known = self._below if self._log.level >= Level.DEBUG else self._at_info
        if (tell := known.get(type(event))) is not None:
            tell(event)

    def notice(self, notice: Notice, *, foreign: bool) -> None:
        level = Level[notice.severity]
        if foreign:
            code, _, rest = notice.text.partition(" ")
            told = rest[:MOST_OF_ENTITY] if self._log.level >= Level.DEBUG else None
            self._log.line(level, code.rstrip(":"), room=notice.room_id, detail=told)
        else:
            self._log.line(level, notice.text, room=notice.room_id)

    def missed(self, events: int) -> None:
        self._log.line(Level.WARN, "subscriber too slow", missed=events)

    def entity_started(self, room_id: RoomId, waiting: QueuedInput | None, began: int, error: str | None) -> None:
        if error is None:  # a failure is told by its notice
            self._log.line(Level.DEBUG, "entity ready", room=room_id, duration=seconds_since(began))

    def entity_log(self, room_id: RoomId, level: str, text: str) -> None:
        self._log.line(Level.DEBUG, "entity log", room=room_id, entity_level=level[:16], text=text[:MOST_OF_ENTITY])

    def input_refused(self, room_id: RoomId, code: str) -> None:
        self._log.line(Level.DEBUG, "input refused", room=room_id, code=code)

    def call_answered(self, room_id: RoomId, seq: int, name: str, outcome: str, tokens: int, began: int) -> None:
        log = self._log
        if log.level >= Level.DEBUG:
            took = seconds_since(began)
            log.line(Level.DEBUG, "entity call", room=room_id, call=name, outcome=outcome, tokens=tokens, duration=took)

    def turn_written(
        self, room_id: RoomId, of: QueuedInput, text: str, result: TurnResult, started: int, ended: int
    ) -> None:
        log = self._log
        if log.level < Level.DEBUG:
            return
        log.line(
            Level.DEBUG,
            "entity processed input",
            room_id=room_id,
            bytes=len(text.encode()),
            duration_ms=milliseconds((ended - started) / 1e9),
            outcome=None if result.outcome in (Outcome.OUTPUT, Outcome.SILENT) else result.outcome,
        )
        if (said := said_bytes(result.entries)) > 0:
            log.line(Level.DEBUG, "entity emitted output", room_id=room_id, bytes=said)
        log.line(Level.DEBUG, "state persisted", room_id=room_id, duration=seconds_since(ended))
        if log.level >= Level.TRACE:
            self._timing(room_id, of.timestamp / NS, seconds_since(started), seconds_since(ended))

    def _timing(self, room_id: RoomId, received: float, since_start: float, since_end: float) -> None:
        """The timings of one input, as the seed's Input Latency Metrics show them."""
        now = time.time()
        started, completed = max(received, now - since_start), max(received, now - since_end)
        tell = partial(self._log.line, Level.TRACE, room_id=room_id)
        tell("INPUT_RECEIVED:", timestamp=received)
        tell("INPUT_QUEUED:", duration=started - received)
        tell("ENTITY_STARTED:", timestamp=started)
        tell("ENTITY_COMPLETED:", timestamp=completed)
        tell(f"TOTAL_LATENCY: {completed - received:.3f}s")

    def batch_written(self, commits: int, began: int, *, synced: bool) -> None:
        if self._log.level >= Level.TRACE:
            self._log.line(Level.TRACE, "batch written", commits=commits, synced=synced, duration=seconds_since(began))

    def fault(self, error: BaseException) -> None:
        # Its text could hold anything; the file of the fault has it.
        self._log.line(Level.ERROR, "fault", kind=type(error).__name__)

    def _changed(self, event: RoomChanged) -> None:
        if self._states.get(event.room_id) is not event.state:
            self._states[event.room_id] = event.state
            self._log.line(Level.DEBUG, "room", id=event.room_id, state=str(event.state))

    def _destroyed(self, event: RoomDestroyed) -> None:
        self._states.pop(event.room_id, None)
        self._log.line(Level.INFO, "room destroyed", room=event.room_id)

    def _accepted(self, event: InputAccepted) -> None:
        self._log.line(Level.TRACE, "input accepted", room=event.room_id, seq=event.entry.seq, queue=event.queue_depth)

    def _started(self, event: TurnStarted) -> None:
        self._log.line(Level.TRACE, "input started", room=event.room_id, seq=event.seq, attempt=event.attempt)

    def _said(self, event: Said) -> None:
        if self._log.level >= Level.TRACE:
            text = event.text[:MOST_OF_ENTITY]
            self._log.line(Level.TRACE, "entity said", room=event.room_id, seq=event.seq, n=event.n, text=text)


def said_bytes(entries: tuple[MemoryEntry, ...]) -> int:
    """Bytes of what an entity said in a turn, newlines not counted."""
    return sum(len(entry.content.encode()) for entry in entries if entry.type is EntryType.OUTPUT)
