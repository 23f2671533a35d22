"""How a turn is ended early: its calls are cancelled, or the entity is asked; who does not end it is killed."""

from __future__ import annotations

import time
from collections.abc import Callable

from .calls import Calls
from .engine import Engine
from .processes import Processes
from .room import LiveRoom
from .turn import Turn

REMINDER = 0.05
"""Seconds between signals to one that was asked: a signal that comes just before an entity begins to wait in the kernel
is not noticed before the wait has ended, unless another one ends it.
"""


class Interrupting:
    """One worker's; every method runs in its thread."""

    def __init__(
        self, engine: Engine, processes: Processes, calls: Calls, end: Callable[[LiveRoom, Turn], None]
    ) -> None:
        """`end` makes a turn's commit, as INTERRUPTED."""
        self._engine = engine
        self._processes = processes
        self._calls = calls
        self._end = end

    def interrupt(self, room: LiveRoom, turn: Turn, by: str) -> None:
        """Ask the entity to end its turn; one that knows no way to, takes too long, or is asked again, is killed."""
        process = room.process
        if room.turn is not turn or turn.ended or process is None:
            return
        again = turn.interrupted_by is not None
        turn.interrupted_by = turn.interrupted_by or by
        if again or not (self._calls.cancel(turn) or process.interrupt(turn.seq)):
            self._cut(room, turn)
        else:
            self._await_end(room, turn, time.monotonic() + self._engine.limits.interrupt_grace)

    def end_undone(self, room: LiveRoom, turn: Turn) -> None:
        """End it without the entity's `done`: what was said stays, what was to be its state goes."""
        turn.staged = None
        self._end(room, turn)

    def _await_end(self, room: LiveRoom, turn: Turn, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            self._cut(room, turn)
        else:
            self._processes.set_alarm(room, min(REMINDER, left), lambda: self._remind(room, turn, until))

    def _remind(self, room: LiveRoom, turn: Turn, until: float) -> None:
        if room.process is not None and room.turn is turn and not turn.ended:
            room.process.remind()
            self._await_end(room, turn, until)

    def _cut(self, room: LiveRoom, turn: Turn) -> None:
        if room.turn is turn and not turn.ended:
            self._processes.part(room)
            self.end_undone(room, turn)
            self._engine.notice("INFO", "INTERRUPTED ENTITY KILLED", room.id)
