"""How far a long command is: rate and time left on stderr, where that is a terminal, and Ctrl-C.

The line is redrawn at most ten times a second and erased at the end. Ctrl-C asks the command to stop where it can
without leaving anything half done, a second one at once.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from backrooms_tui.model.reports import Progress
from backrooms_tui.model.units import format_duration, format_size

REDRAW_SECONDS = 0.1
SETTLED_SECONDS = 0.5
"""How long a rate is measured before it is believed."""


@contextmanager
def progress(what: str, unit: str = "entries", *, quiet: bool = False) -> Iterator[Progress]:
    """A Progress for a verb called in the block. `unit` is "entries" or "bytes"; `quiet`: nothing is drawn.

    KeyboardInterrupt passes through, after saying so.
    """
    meter = Meter(what, unit, sys.stderr) if shows() and not quiet else None
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            signal.default_int_handler(number, frame)
        asked = True

    def told(done: int, of: int) -> None:
        if asked:
            raise KeyboardInterrupt
        if meter is not None:
            meter.show(done, of)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield told
    except KeyboardInterrupt:
        _erase(meter)
        sys.stderr.write("INTERRUPTED\n")
        sys.stderr.flush()
        raise
    finally:
        signal.signal(signal.SIGINT, before)
        _erase(meter)


def shows() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _erase(meter: Meter | None) -> None:
    if meter is not None:
        meter.erase()


class Meter:
    """One line that is redrawn."""

    def __init__(self, what: str, unit: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._unit = unit
        self._stream = stream
        self._clock = clock
        self._started = clock()
        self._next = 0.0
        self._drawn = False

    def show(self, done: int, of: int) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + REDRAW_SECONDS
        self._drawn = True
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r{self.line(done, of, now - self._started)[:width]}\x1b[K")
        self._stream.flush()

    def line(self, done: int, of: int, seconds: float) -> str:
        """`EXPORTING 41% 412,000 of 1,000,000 entries, 205,000/s, 2s left`."""
        amounts = self._amount(done) if of <= 0 else f"{done * 100 // of}% {self._amount(done)} of {self._amount(of)}"
        parts = [f"{self._what} {amounts}{' entries' * (self._unit == 'entries')}"]
        if seconds >= SETTLED_SECONDS and done > 0:
            rate = done / seconds
            parts.append(f"{self._amount(int(rate))}/s")
            if of > done:
                parts.append(f"{format_duration((of - done) / rate)} left")
        return ", ".join(parts)

    def _amount(self, number: int) -> str:
        return format_size(number) if self._unit == "bytes" else f"{number:,}"

    def erase(self) -> None:
        if self._drawn:
            self._drawn = False
            self._stream.write("\r\x1b[K")
            self._stream.flush()
