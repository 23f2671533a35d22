"""Jobs: the long verbs under way and those that have ended, as the operator sees them.

A job runs in a thread of the LONG lane. Its `progress` is called there by the service and only writes down two
numbers, which the loop reads when it draws; a cancelled job is ended by what `progress` raises, so a verb is stopped
where it can leave nothing half done, and nowhere else. Ended jobs stay in the list: their results are read later.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import TypeVar

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import Progress
from backrooms_tui.model.units import NS

from .calls import Lane, ServiceCalls
from .safe import SafeText

T = TypeVar("T")

MAX_ENDED = 100
LEAVING_SECONDS = 5.0
"""How long a leaving console waits for its cancelled jobs to take their half files away."""


class Cancelled(BackroomsError):
    """The operator ended the job; what it had written is gone again."""

    code = "CANCELLED"


class Stage(StrEnum):
    """How a job stands."""

    WAITING = "WAITING"
    """For a thread of the lane."""
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    """Ends as soon as its verb looks up from its work."""
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


OPEN = frozenset({Stage.WAITING, Stage.RUNNING, Stage.CANCELLING})


class Job:
    """One long verb. Its figures are written in a lane's thread and read on the loop: each is one value."""

    def __init__(self, number: int, verb: str, room_id: RoomId | None, clock: Callable[[], int]) -> None:
        self.number = number
        self.verb = verb
        self.room_id = room_id
        """None: about no room, or about one that is not known yet."""
        self.done = 0
        self.of = 0
        """0: nobody knows."""
        self.line = SafeText.ours("")
        """What came of it."""
        self.report: Callable[[], tuple[str, ...]] = tuple
        """Gives what there is to read about it so far; foreign text may be in it."""
        self.started_at: int | None = None
        """Nanoseconds since the epoch."""
        self.ended_at: int | None = None
        self._clock = clock
        self._stage = Stage.WAITING
        self._cancelled = False

    @property
    def stage(self) -> Stage:
        return Stage.CANCELLING if self._cancelled and self._stage in OPEN else self._stage

    @property
    def open(self) -> bool:
        return self._stage in OPEN

    def progress(self, done: int, of: int) -> None:
        """The `Progress` of the job's verb. Raises Cancelled once the operator has said so."""
        self.done, self.of = done, of
        if self._cancelled:
            raise Cancelled

    def begin(self) -> None:
        """The verb starts now, in the thread that calls. Raises Cancelled when it is not wanted any more."""
        self.started_at = self._clock()
        self._stage = Stage.RUNNING
        self.progress(0, 0)

    def cancel(self) -> None:
        self._cancelled = True

    def end(self, stage: Stage, line: SafeText) -> None:
        self._stage, self.line, self.ended_at = stage, line, self._clock()

    def seconds(self) -> float:
        """How long it has been at work, or was."""
        if self.started_at is None:
            return 0.0
        return max(0.0, ((self.ended_at or self._clock()) - self.started_at) / NS)

    def fraction(self) -> float | None:
        """How much of it is done; None when nobody knows."""
        return min(1.0, self.done / self.of) if self.of > 0 else None

    def rate(self) -> float:
        """Units a second since it started; 0.0 before that can be said."""
        seconds = self.seconds()
        return self.done / seconds if seconds > 0 else 0.0

    def left(self) -> float | None:
        """Seconds until it ends, if it goes on like this; None when nobody knows."""
        rate = self.rate()
        return (self.of - self.done) / rate if rate > 0 and self.of >= self.done > 0 else None


class Jobs:
    """All jobs of this console, newest last. Used on the loop only, but for the verbs themselves."""

    def __init__(self, calls: ServiceCalls, clock: Callable[[], int], changed: Callable[[], None]) -> None:
        """`changed` is called when a job starts and when one has ended."""
        self._calls = calls
        self._clock = clock
        self._changed = changed
        self._jobs: deque[Job] = deque()
        self._count = 0
        self._at_work = 0
        self._rest = threading.Condition()

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs))

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def open(self) -> tuple[Job, ...]:
        """Those that have not ended, oldest first."""
        return tuple(job for job in self._jobs if job.open)

    def start(
        self,
        verb: str,
        room_id: RoomId | None,
        work: Callable[[Progress], T],
        then: Callable[[Job, T], str],
        failed: Callable[[Job, BackroomsError], None],
    ) -> Job:
        """Run `work` as a job. On the loop follow `then`, which gives one line of what came of it (of any origin),
        or `failed`.
        """
        self._count += 1
        job = Job(self._count, verb, room_id, self._clock)
        self._jobs.append(job)
        self._drop_old()
        self._calls.run(
            partial(self._work, job, work),
            partial(self._ended, job, then),
            partial(self._failed, job, failed),
            lane=Lane.LONG,
        )
        self._changed()
        return job

    def cancel_newest(self) -> Job | None:
        """Cancel the job that was started last; gives it, or None when none runs."""
        wanted = [job for job in self.open if job.stage is not Stage.CANCELLING]
        if not wanted:
            return None
        wanted[-1].cancel()
        return wanted[-1]

    def stop(self, seconds: float = LEAVING_SECONDS) -> None:
        """Cancel everything and wait until nothing is at work, at most so long: half files are taken away first."""
        for job in self.open:
            job.cancel()
        deadline = time.monotonic() + seconds
        with self._rest:
            self._rest.wait_for(lambda: not self._at_work, deadline - time.monotonic())

    def _work(self, job: Job, work: Callable[[Progress], T]) -> T:
        """In a thread of the lane."""
        with self._rest:
            self._at_work += 1
        try:
            job.begin()
            return work(job.progress)
        finally:
            with self._rest:
                self._at_work -= 1
                self._rest.notify_all()

    def _ended(self, job: Job, then: Callable[[Job, T], str], value: T) -> None:
        job.end(Stage.DONE, SafeText.of(then(job, value)))
        self._changed()

    def _failed(self, job: Job, failed: Callable[[Job, BackroomsError], None], error: BackroomsError) -> None:
        if isinstance(error, Cancelled):
            job.end(Stage.CANCELLED, SafeText.ours("NOTHING HALF DONE IS LEFT"))
        else:
            job.end(Stage.FAILED, SafeText.of("  ".join((error.code, *error.details))))
        failed(job, error)
        self._changed()

    def _drop_old(self) -> None:
        ended = [job for job in self._jobs if not job.open]
        for job in ended[: max(0, len(ended) - MAX_ENDED)]:
            self._jobs.remove(job)
