"""How a turn is ended early: its calls are cancelled, or the entity is asked; who does not end it is killed."""

from __future__ import annotations

from collections.abc import Callable

from .calls import Calls
from .engine import Engine
from .processes import Processes
from .room import LiveRoom
from .turn import Turn


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
            self._processes.set_alarm(room, self._engine.limits.interrupt_grace, lambda: self._cut(room, turn))

    def end_undone(self, room: LiveRoom, turn: Turn) -> None:
        """End it without the entity's `done`: what was said stays, what was to be its state goes."""
        turn.staged = None
        self._end(room, turn)

    def _cut(self, room: LiveRoom, turn: Turn) -> None:
        if room.turn is turn and not turn.ended:
            self._processes.part(room)
            self.end_undone(room, turn)
            self._engine.notice("INFO", "INTERRUPTED ENTITY KILLED", room.id)
