"""What the seal truly holds, tried from inside a sealed process.

The zygote seals one child for this before it says hello. A row of the seal says SEALED only when every attempt of
it was refused here and now; a layer that merely should work does not count.
"""

from __future__ import annotations

import _socket
import _thread
import ctypes
import mmap
import os
import time
from collections.abc import Callable
from typing import Any

from .hermetic import Applied

_SECOND = 1_000_000_000
_CLOCK_CALLS = {"clock_gettime": 228, "gettimeofday": 96, "time": 201, "times": 100, "getrusage": 98, "sysinfo": 99}
_libc = ctypes.CDLL(None, use_errno=True)

Facts = dict[str, Any]


def facts(applied: Applied, memory_limit: int) -> Facts:
    """Try to get out; gives for each row whether all of it was refused."""
    return {
        "landlock": applied.landlock,
        "files": all_refused(
            lambda: os.open("/etc/passwd", os.O_RDONLY),
            lambda: os.open("/tmp", os.O_RDWR | os.O_TMPFILE),  # noqa: S108 - the attempt is the point
            lambda: os.stat("/"),  # noqa: PTH116 - the plain call is what is tried
            lambda: os.fstat(1),
            lambda: os.listdir("/"),  # noqa: PTH208
        ),
        "network": all_refused(*NETWORK),
        "process": all_refused(*PROCESSES),
        "native": all_refused(lambda: mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_EXEC)),
        "memory": all_refused(lambda: mmap.mmap(-1, memory_limit + mmap.PAGESIZE)),
        "time": applied.clock is not None and _clock_is_ours(applied),
    }


def all_refused(*attempts: Callable[[], object]) -> bool:
    """Make every attempt; gives whether none of them came to anything."""
    return all(map(_refused, attempts))


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, MemoryError, RuntimeError):
        return True
    return False


def fork() -> None:
    """Make a child that ends at once. Raises OSError."""
    if os.fork() == 0:
        os._exit(0)


def _clock_is_ours(applied: Applied) -> bool:
    assert applied.clock is not None
    for moment in (1_234_567_890 * _SECOND, 2 * _SECOND):
        applied.clock.set(moment)
        if {time.time_ns(), time.monotonic_ns(), time.perf_counter_ns(), time.process_time_ns()} != {moment}:
            return False
    buffer = ctypes.create_string_buffer(256)
    return all(_libc.syscall(number, buffer, buffer) == -1 for number in _CLOCK_CALLS.values())


NETWORK: tuple[Callable[[], object], ...] = (
    lambda: _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM),
    lambda: _socket.socket(_socket.AF_INET6, _socket.SOCK_DGRAM),
    lambda: _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM),
    lambda: _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW),
    _socket.socketpair,
)
PROCESSES: tuple[Callable[[], object], ...] = (
    fork,
    lambda: _thread.start_new_thread(int, ()),
    lambda: os.kill(os.getppid(), 0),
    lambda: os.kill(-1, 0),
)
"""What no room may do, whatever its profile."""
