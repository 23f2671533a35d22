"""A timer as a descriptor, so that whoever watches descriptors needs no clock of its own.

Python 3.11 has no words for timerfd.
"""

from __future__ import annotations

import ctypes
import os
import struct

_MONOTONIC = 1
_libc = ctypes.CDLL(None, use_errno=True)
_SPEC = struct.Struct("=qqqq")
"""struct itimerspec: interval, then the first time, each in seconds and nanoseconds."""


class Ticker:
    """Readable once for each `after`."""

    def __init__(self) -> None:
        """Raises OSError."""
        self.fileno = int(_libc.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        if self.fileno < 0:
            raise OSError(ctypes.get_errno(), "no timer")

    def after(self, seconds: float) -> None:
        """Tick in so many seconds, and no sooner: an earlier wish is forgotten. 0 never."""
        whole, part = divmod(int(seconds * 1e9), 1_000_000_000)
        _libc.timerfd_settime(self.fileno, 0, _SPEC.pack(0, 0, whole, part), None)

    def clear(self) -> None:
        """Take note of the tick."""
        try:
            os.read(self.fileno, 8)
        except BlockingIOError:
            pass
