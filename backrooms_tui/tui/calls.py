"""Service calls off the loop: they may wait for a disk or a deadline, the screen may not.

Four lanes of named daemon threads, so that a suspend which waits thirty seconds for an entity delays neither a
reader nor an input, and a backup of an hour none of them. SUBMIT has one thread: inputs reach the service in the
order they were typed. Results come back as messages; no thread touches a widget. Textual's own workers are not used
because leaving would wait for them: the loop's executor is joined at its end, whatever the call is waiting for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum
from queue import SimpleQueue
from typing import Any, TypeVar

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.value import value

T = TypeVar("T")


class Lane(Enum):
    """Who runs a call, and how many of them at once."""

    SUBMIT = 1
    READ = 2
    LONG = 3
    VERB = 4


@value
class Outcome:
    """An ended call, to be told on the loop by `tell`."""

    then: Callable[[Any], None]
    failed: Callable[[BackroomsError], None]
    value: object = None
    error: BackroomsError | None = None

    def tell(self) -> None:
        """Call back with the value or the refusal."""
        if self.error is None:
            self.then(self.value)
        else:
            self.failed(self.error)


@value
class _Call:
    work: Callable[[], object]
    then: Callable[[Any], None]
    failed: Callable[[BackroomsError], None]


class ServiceCalls:
    """Runs calls in its lanes. `done` is called in a lane's thread with each `Outcome`.

    `on_fault` makes a refusal of an exception that is a bug of ours; also in a lane's thread.
    """

    def __init__(self, done: Callable[[Outcome], None], on_fault: Callable[[Exception], BackroomsError]) -> None:
        self._done = done
        self._on_fault = on_fault
        self._queues: dict[Lane, SimpleQueue[_Call | None]] = {lane: SimpleQueue() for lane in Lane}
        self._stopped = threading.Event()
        self._started: set[Lane] = set()

    def run(
        self,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[BackroomsError], None],
        *,
        lane: Lane = Lane.VERB,
    ) -> None:
        """Run `work` in a thread of the lane; `then` or `failed` follows on the loop. Called on the loop only."""
        if self._stopped.is_set():
            return
        if lane not in self._started:
            self._start(lane)
        self._queues[lane].put(_Call(work, then, failed))

    def stop(self) -> None:
        """Take no more calls; what runs now is not waited for, its result is dropped."""
        self._stopped.set()
        for lane in self._started:
            for _ in range(lane.value):
                self._queues[lane].put(None)

    def _start(self, lane: Lane) -> None:
        self._started.add(lane)
        for number in range(lane.value):
            name = f"console-{lane.name.lower()}-{number + 1}"
            threading.Thread(target=self._serve, args=(self._queues[lane],), name=name, daemon=True).start()

    def _serve(self, queue: SimpleQueue[_Call | None]) -> None:
        while (call := queue.get()) is not None and not self._stopped.is_set():
            outcome = self._outcome(call)
            if not self._stopped.is_set():
                self._done(outcome)

    def _outcome(self, call: _Call) -> Outcome:
        """The boundary of the lanes: nothing that a call raises ends its thread."""
        try:
            return Outcome(call.then, call.failed, value=call.work())
        except BackroomsError as error:
            return Outcome(call.then, call.failed, error=error)
        except Exception as error:
            return Outcome(call.then, call.failed, error=self._on_fault(error))
