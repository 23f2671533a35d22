"""Signals of an owner that stays. A handler notes which signal came; everything that it means is done by who waits.

Python runs handlers in the main thread, between two steps of whatever it does there: one that did more than note
would find locks held. What comes several times before anybody looks has come once.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from types import FrameType
from typing import Self

HEARD = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2})


class Signals:
    """A context manager for the main thread: inside it the signals are heard, afterwards they are what they were."""

    def __init__(self) -> None:
        self._noted: set[int] = set()

    def __enter__(self) -> Self:
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poller = select.poll()
        self._poller.register(self._wake, select.POLLIN)
        # A full pipe wakes as well as one byte does, and what was noted is not in it.
        self._waker_before = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._note) for number in HEARD}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._waker_before)
        os.close(self._wake)
        os.close(self._waker)

    def wait(self, seconds: float | None) -> set[int]:
        """Give the signals that have come since the last time, waiting so long (None: for ever) for the first."""
        self._poller.poll(None if seconds is None else max(0.0, seconds) * 1000)
        with suppress(BlockingIOError):
            while os.read(self._wake, 4096):
                pass
        came = set()
        while self._noted:
            came.add(self._noted.pop())
        return came

    def _note(self, number: int, _: FrameType | None) -> None:
        self._noted.add(number)
