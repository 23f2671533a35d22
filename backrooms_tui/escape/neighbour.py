"""A room beside those that attempts are made in: it answers all the time, and its latency shows what they cost it."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from itertools import takewhile
from typing import Self

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.value import value
from backrooms_tui.service import RoomService

from .probes import KEEP, KEPT

PAUSE = 0.004
"""Seconds between two inputs."""
PATIENCE = 30.0
KEPT_SAMPLES = 5_000
FACTOR = 2.0
"""How much slower a neighbour may become."""
FLOOR = 0.010
"""Seconds that a neighbour's median may be slower in any case: below, it is the machine's own noise."""
EVERY = 50
"""Inputs after which it is given another word to keep."""
LEAST = 5
"""Inputs that a measurement takes at least."""


@value
class Sample:
    at: float
    """Monotonic seconds at which it was asked."""
    seconds: float


class Neighbour:
    """A context manager: entering begins to ask."""

    def __init__(self, service: RoomService, room: RoomId) -> None:
        self._service, self._room = service, room
        self._samples: deque[Sample] = deque(maxlen=KEPT_SAMPLES)
        self._came = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, name="neighbour", daemon=True)
        self.trouble = ""
        """What went wrong with it, for people; empty as long as it is well."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def asked(self, since: float, *, least: int = LEAST) -> list[float]:
        """Seconds of the answers to what was asked since a monotonic moment, when there are enough of them."""
        with self._came:
            self._came.wait_for(lambda: self._over.is_set() or len(self._since(since)) >= least, PATIENCE)
            return self._since(since)

    def _since(self, moment: float) -> list[float]:
        return [sample.seconds for sample in takewhile(lambda sample: sample.at >= moment, reversed(self._samples))]

    def forgive(self) -> None:
        """Forget what went wrong: it was meant to."""
        self.trouble = ""

    def _ask_on(self) -> None:
        asked, kept = 0, ""
        while not self._over.wait(PAUSE):
            started = time.monotonic()
            try:
                if asked % EVERY == 0 or not kept:
                    kept = f"word {asked}"
                    self._ask(f"{KEEP}{kept}")
                    started = time.monotonic()
                answer = self._ask(KEPT)
            except BackroomsError as error:
                answer = " ".join((error.code, *error.details))
            asked += 1
            if answer != kept:
                self.trouble, kept = f"it answered {answer!r}, not {kept!r}", ""
            with self._came:
                self._samples.append(Sample(started, time.monotonic() - started))
                self._came.notify_all()

    def _ask(self, text: str) -> str:
        receipt = self._service.submit(self._room, text.encode(), source="escape")
        result = self._service.wait(receipt, PATIENCE)
        return "no answer" if result is None else "\n".join(entry.content for entry in result.entries)


def slowed(during: float, quiet: float) -> bool:
    """Whether a median says that the neighbour had to suffer."""
    return during > max(FACTOR * quiet, quiet + FLOOR)


def median(samples: list[float]) -> float:
    return statistics.median(samples) if samples else 0.0
