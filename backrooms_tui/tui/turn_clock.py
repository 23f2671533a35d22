"""How long the shown room's entity has been at work, in the input box, once a second while it is.

What was read of the room goes there, too: that an input which waited has begun is told by no event's queue depth.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.timer import Timer

from backrooms_tui.model.runtimes import parse
from backrooms_tui.model.units import NS
from backrooms_tui.model.views import RoomView, RunningTurn

from .screen import ConsoleScreen


class TurnClock:
    """Used on the loop only. `clock` gives nanoseconds since the epoch, `look` has the shown room read anew."""

    def __init__(self, screen: ConsoleScreen, clock: Callable[[], int], look: Callable[[], None]) -> None:
        self._screen = screen
        self._clock = clock
        self._look = look
        self._turn: RunningTurn | None = None
        self._calls = False
        """Whether the room makes calls, for which its time stands still."""
        self._timer: Timer | None = None

    def show(self, turn: RunningTurn | None) -> None:
        """Show the running input; None: the entity waits, or what it does is not known."""
        self._turn = turn
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._screen.set_interval(1.0, self._tick, name="turn") if turn is not None else None
        if turn is None and self._screen.input_box is not None:
            self._screen.input_box.set_processing(None)

    def learn(self, view: RoomView | None) -> None:
        """Take what was read of the shown room; of a turn that is not the running one any more, nothing."""
        self._calls = view is not None and bool(parse(view.record.config.entity).calls)
        box, turn = self._screen.input_box, None if view is None else view.running
        if box is not None and view is not None and box.room_id == view.record.id:
            box.set_queue(view.queue_depth)
        if turn is not None and self._turn is not None and turn.seq == self._turn.seq:
            self._turn = turn

    def _tick(self) -> None:
        box, turn = self._screen.input_box, self._turn
        if box is not None and turn is not None:
            box.set_processing((self._clock() - turn.started_at) / NS, turn.timeout, turn.waits_for)
            if self._calls:
                self._look()
