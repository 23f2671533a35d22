"""A worker thread: one selector, one inbox, one list of deadlines. What it does with rooms is the driver's."""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable

Call = Callable[[], None]


class Timer:
    """A call at a time; see `Worker.cancel`."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call: Call | None = call


class Worker:
    """`post` is for any thread; everything else for calls that run in the worker itself."""

    def __init__(self, name: str, *, on_fault: Callable[[BaseException], None]) -> None:
        """`on_fault` is told of an exception that escaped a call; the worker lives on, other rooms need it."""
        self._on_fault = on_fault
        self._selector = selectors.DefaultSelector()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ, self._drain_wake)
        self._inbox: deque[Call] = deque()
        self._woken = False
        self._writers: dict[int, Call] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._cancelled = 0
        self._order = itertools.count()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, call: Call) -> None:
        """Run `call` in the worker, soon."""
        self._inbox.append(call)
        if not self._woken:  # a second wake-up would cost the caller a system call and a fight for the GIL
            self._woken = True
            os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        """Run what is in the inbox, then end; waits for the thread."""
        self.post(self._stop)
        self._thread.join()

    def watch(self, fileno: int, call: Call) -> None:
        self._selector.register(fileno, selectors.EVENT_READ, call)

    def unwatch(self, fileno: int) -> None:
        """Forget a descriptor; harmless when it is not watched."""
        self._writers.pop(fileno, None)
        try:
            self._selector.unregister(fileno)
        except KeyError:
            pass

    def watch_writing(self, fileno: int, call: Call) -> None:
        """Call when a descriptor that may also be watched for reading can be written, until `stop_writing`."""
        self._writers[fileno] = call
        try:
            reading = self._selector.get_key(fileno).data
        except KeyError:
            self._selector.register(fileno, selectors.EVENT_WRITE, None)
        else:
            self._selector.modify(fileno, selectors.EVENT_READ | selectors.EVENT_WRITE, reading)

    def stop_writing(self, fileno: int) -> None:
        if self._writers.pop(fileno, None) is None:
            return
        reading = self._selector.get_key(fileno).data
        if reading is None:
            self._selector.unregister(fileno)
        else:
            self._selector.modify(fileno, selectors.EVENT_READ, reading)

    def at(self, when: float, call: Call) -> Timer:
        """Call at monotonic second `when`."""
        timer = Timer(call)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        """Forget a timer. Cancelled ones are swept out together: deadlines outnumber expiries thousands to one."""
        timer.call = None
        self._cancelled += 1
        if self._cancelled > 256 and self._cancelled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2].call is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def _run(self) -> None:
        while not self._stopping:
            for key, mask in self._selector.select(self._patience()):
                if mask & selectors.EVENT_READ and key.data is not None:
                    self._guarded(key.data)
                if mask & selectors.EVENT_WRITE and key.fd in self._writers:
                    self._guarded(self._writers[key.fd])
            self._fire_timers()
        self._selector.close()

    def __del__(self) -> None:
        os.close(self._wake)  # not before: what is posted behind the end must not wake a descriptor of somebody else

    def _patience(self) -> float | None:
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _fire_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            call = heapq.heappop(self._timers)[2].call
            if call is not None:
                self._guarded(call)

    def _drain_wake(self) -> None:
        os.eventfd_read(self._wake)
        self._woken = False  # before the inbox is emptied: what comes from now on wakes again
        while self._inbox:
            self._guarded(self._inbox.popleft())

    def _guarded(self, call: Call) -> None:
        try:
            call()
        except Exception as error:  # the worker edge, one of the three places that may catch everything
            self._on_fault(error)

    def _stop(self) -> None:
        self._stopping = True
