"""A process that the zygote has made, as the host holds it: its number, its handle, its death.

What it says, and how it is spoken to, is for those who build on this: see sealed and command.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from backrooms_tui.model.value import value

from .frames import MAX_TURN_BYTES
from .process import ExitReport

MAX_STACK = 64 * 1024
TAKEN = 256 * 1024
"""Bytes taken at one call: all that a socket or pipe holds by default, and no more of a flood."""


@value
class Death:
    """How a process ended, as the zygote tells it; see ExitReport."""

    signal: int | None = None
    status: int | None = None
    address: int | None = None
    sent: bool = False
    frame0: str | None = None
    crowded: bool = False
    """The zygote has ended it, for having made too many processes and threads."""


NEVER_BORN = Death()


@value
class Bounds:
    """What is taken from an entity, as configured."""

    output: int = MAX_TURN_BYTES
    """Bytes for one input."""
    buffer: int = 64 * 1024
    """Bytes read at once."""


class Mortal:
    """Its owner's thread uses it, except `kill` and `await_birth`; the host's calls `born`, `died` and `orphaned`."""

    write_fileno: int

    def __init__(self, on_exit: Callable[[ExitReport], None]) -> None:
        self.pid: int | None = None
        self.exit: ExitReport | None = None
        self.crowded = False
        self._on_exit = on_exit
        self._pidfd: int | None = None
        self._kill_asked = False
        self._early: list[signal.Signals] = []
        """Sent before it was known to whom: it may speak, and be interrupted, before the zygote tells of its birth."""
        self._open = True
        self._answered = threading.Event()
        self._lock = threading.Lock()  # around what the host's thread shares with the owner's

    def kill(self) -> None:
        with self._lock:
            self._kill_asked = True
            self._signal(signal.SIGKILL)

    def await_birth(self, timeout: float | None = None) -> bool:
        return self._answered.wait(timeout)

    def close(self) -> None:
        self.kill()
        with self._lock:
            if self._open:
                self._open = False
                self._release()

    def born(self, pid: int, pidfd: int) -> None:
        """The zygote has answered. Takes the pidfd over."""
        with self._lock:
            self.pid, self._pidfd = pid, pidfd
            for number in self._early:
                self._signal(number)
        self._answered.set()

    def died(self, how: Death) -> None:
        """It has ended and is reaped, or will never be born: make the report and pass it on."""
        with self._lock:
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None
            self.exit = ExitReport(
                pid=self.pid or 0,
                signal=how.signal,
                status=how.status,
                killed_by_host=self._kill_asked and how.signal == signal.SIGKILL,
                stack=self._stack() if self._open else "",
                address=how.address,
                sent=how.sent,
                frame0=how.frame0,
            )
            self.crowded = how.crowded
            if self._open:
                self._reported()
        self._answered.set()
        self._on_exit(self.exit)

    def orphaned(self) -> None:
        """The zygote is gone, and by the kernel's promise its children with it."""
        with self._lock:
            self._signal(signal.SIGKILL)
            was_born = self._pidfd is not None
        self.died(Death(signal=int(signal.SIGKILL)) if was_born else NEVER_BORN)

    def remind(self) -> None:
        """A program may take a second signal for another interrupt: it has had its one."""

    def flush(self) -> bool:
        """Go on writing; True when everything is written."""
        raise NotImplementedError

    def filenos(self) -> tuple[int, ...]:
        """Descriptors to watch for reading."""
        raise NotImplementedError

    def _release(self) -> None:
        """Close every descriptor. Under the lock."""
        raise NotImplementedError

    def _stack(self) -> str:
        """What it has left of its stack. Under the lock."""
        return ""

    def _reported(self) -> None:
        """`exit` is there. Under the lock."""

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal, as soon as there is anybody to have it. Under the lock."""
        if self._pidfd is None:
            self._early.append(number)
            return
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            pass  # dead already, and about to be reported


def take(descriptor: int, size: int, most: int = TAKEN) -> tuple[bytes, bool]:
    """What is there, `most` bytes of it, read by `size` bytes at once, and whether the other end is gone."""
    size = min(size, most)
    chunks: list[bytes] = []
    for _ in range(max(1, most // size)):
        try:
            chunk = os.read(descriptor, size)
        except BlockingIOError:
            break
        except OSError:  # a reset is an end too
            return b"".join(chunks), True
        if not chunk:
            return b"".join(chunks), True
        chunks.append(chunk)
        if len(chunk) < size:
            break
    return b"".join(chunks), False
