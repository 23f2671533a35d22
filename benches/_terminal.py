"""Run a program on a pseudo-terminal and time what it paints. Shared by the console's benches."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence


class Terminal:
    """A program on a terminal of its own; answers nothing, like a terminal that does not know the questions."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], columns: int = 120, lines: int = 40
    ) -> None:
        self.started = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(command[0], list(command), {**environment, "TERM": "xterm-256color"})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.received = 0

    def read(self, seconds: float) -> bytes:
        """What comes within `seconds`, as soon as something does."""
        ready, _, _ = select.select([self.fd], [], [], max(0.0, seconds))
        if not ready:
            return b""
        try:
            data = os.read(self.fd, 1 << 20)
        except OSError:
            return b""
        self.received += len(data)
        return data

    def wait_for(self, *markers: bytes, seconds: float = 30.0) -> float:
        """Read until all markers have been painted since the start or the last call; gives seconds since the start."""
        seen = b""
        deadline = time.monotonic() + seconds
        while not all(marker in seen for marker in markers):
            if time.monotonic() > deadline:
                sys.exit(f"not painted within {seconds} s: {markers}; last: {seen[-400:]!r}")
            seen += self.read(deadline - time.monotonic())
        return time.monotonic() - self.started

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
