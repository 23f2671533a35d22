"""How a room and its process part though nothing went wrong: it is unused, the room is halted, or begins anew."""

from __future__ import annotations

from collections.abc import Callable

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.events import RoomChanged
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.value import changed

from .calls import Calls
from .engine import Engine
from .processes import Processes
from .room import LiveRoom, Pending
from .turn import Turn


class Parting:
    """One worker's; every method runs in its thread."""

    def __init__(self, engine: Engine, processes: Processes, calls: Calls, called_off: Callable[[], None]) -> None:
        """`called_off` is told of each turn that was at work and will never be written."""
        self._engine = engine
        self._processes = processes
        self._calls = calls
        self._called_off = called_off

    def retire(self, room: LiveRoom) -> None:
        """Let an idle entity go; the room answers from its snapshot later."""
        with room.lock:
            idle = room.idle
        if not idle:
            self._engine.living.stays(room)
            return
        self._processes.part(room)
        self._engine.bus.publish(RoomChanged(room.id, room.record.state))

    def halt(self, room: LiveRoom, then: Callable[[], None]) -> None:
        """End the room's process and give its running input back to the queue, then call `then`."""
        running = self._part_in_turn(room)
        with room.lock:
            if running is not None:
                room.turn = None
            if room.queue and (running is not None or room.queue[0].marked):
                self._give_back(room)
            room.changed.notify_all()
        then()

    def reset(self, room: LiveRoom, record: RoomRecord, then: Callable[[], None]) -> None:
        """Forget everything since the last durable commit: `record` is what the store holds. Then call `then`."""
        self._part_in_turn(room)
        with room.lock:
            room.adopt(record)
        then()

    def _part_in_turn(self, room: LiveRoom) -> Turn | None:
        """Part with the process, whatever it is at; gives the turn that it was at."""
        turn = room.turn
        self._processes.part(room)
        if turn is None or turn.ended:
            return None
        self._calls.drop(turn)
        self._called_off()
        return turn

    def _give_back(self, room: LiveRoom) -> None:
        """The attempt does not count: the host lives. Under the room's lock."""
        first = room.queue[0]
        given_back = changed(first.input, attempt=first.input.attempt - 1)
        room.queue[0] = Pending(given_back, first.text, first.session)
        try:
            self._engine.enqueue(room, room.seal(queue_put=(given_back,)), sync=False)
        except BackroomsError:
            pass  # costs one attempt
