"""`SealedProcess`: the host's end of one room's process. Its descriptors, its decoder, its pidfd."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from backrooms_tui.model.value import value

from .frames import MAX_TURN_BYTES, Closed, Frame
from .process import ExitReport
from .wire import Decoder

_encode = json.JSONEncoder(separators=(",", ":")).encode
_TAKEN = 256 * 1024
"""Bytes taken at one call: all that a socket or pipe holds by default, and no more of a flood."""
MAX_STACK = 64 * 1024


@value
class Death:
    """How a process ended, as the zygote tells it; see ExitReport."""

    signal: int | None = None
    status: int | None = None
    address: int | None = None
    sent: bool = False


NEVER_BORN = Death()


@value
class Bounds:
    """What is taken from an entity, as configured."""

    output: int = MAX_TURN_BYTES
    """Bytes for one input."""
    buffer: int = 64 * 1024
    """Bytes read at once."""


class SealedProcess:
    """Implements EntityProcess. One thread uses it, except `kill`; the host's thread calls `born` and `died`."""

    def __init__(
        self,
        *,
        frames: int,
        captured: int,
        crash: int,
        on_exit: Callable[[ExitReport], None],
        bounds: Bounds = Bounds(),  # noqa: B008 - a value
    ) -> None:
        """Takes the descriptors over; all are non-blocking."""
        self.pid: int | None = None
        self.exit: ExitReport | None = None
        self.write_fileno = frames
        self.one_shot = False
        self._frames = frames
        self._captured = captured
        self._crash = crash
        self._open = True
        self._closed_told = False
        self._on_exit = on_exit
        self._buffer = bounds.buffer
        self._decoder = Decoder(bounds.output)
        self._unsent = bytearray()
        self._pidfd: int | None = None
        self._kill_asked = False
        self._lock = threading.Lock()  # around what the host's thread shares with the owner's

    def filenos(self) -> tuple[int, ...]:
        return (self._frames, self._captured) if self._open else ()

    def receive(self, fileno: int) -> list[Frame]:
        if not self._open:
            return []
        if fileno == self._captured:
            return self._take_printed()
        data, ended = _read(self._frames, self._buffer)
        # What it printed before `done` stands in the pipe by now: read after the frames, it is in time for the turn.
        printed = self._take_printed() if self._decoder.in_turn and (ended or _may_end_turn(data)) else []
        frames = [*printed, *self._decoder.feed(data)]
        return [*frames, *self._close_once()] if ended else frames

    def begin_turn(self, seq: int) -> None:
        self._decoder.begin_turn(seq)

    def send(self, frame: Mapping[str, Any]) -> bool:
        data = _encode(frame).encode()
        with self._lock:
            self._unsent += data
            self._unsent += b"\n"
        return self.flush()

    def flush(self) -> bool:
        with self._lock:
            while self._unsent and self._open:
                try:
                    del self._unsent[: os.write(self._frames, self._unsent)]
                except BlockingIOError:
                    return False
                except OSError:  # the peer is dead; `receive` tells
                    self._unsent.clear()
            return True

    def interrupt(self, seq: int) -> bool:  # noqa: ARG002 - its runtime knows which turn runs, and drops what is late
        with self._lock:
            self._signal(signal.SIGINT)
        return self._decoder.interrupt == "signal"

    def kill(self) -> None:
        with self._lock:
            self._kill_asked = True
            self._signal(signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        with self._lock:
            if self._open:
                self._open = False
                for descriptor in (self._frames, self._captured, self._crash):
                    os.close(descriptor)

    def born(self, pid: int, pidfd: int) -> None:
        """The zygote has answered. Takes the pidfd over."""
        with self._lock:
            self.pid, self._pidfd = pid, pidfd
            if self._kill_asked:
                self._signal(signal.SIGKILL)

    def died(self, how: Death) -> None:
        """It has ended and is reaped, or will never be born: make the report and pass it on."""
        with self._lock:
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None
            stack = _read(self._crash, MAX_STACK)[0][:MAX_STACK] if self._open else b""
            self.exit = ExitReport(
                pid=self.pid or 0,
                signal=how.signal,
                status=how.status,
                killed_by_host=self._kill_asked and how.signal == signal.SIGKILL,
                stack=stack.decode(errors="replace"),
                address=how.address,
                sent=how.sent,
            )
        self._on_exit(self.exit)

    def orphaned(self) -> None:
        """The zygote is gone, and by the kernel's promise its children with it."""
        with self._lock:
            self._signal(signal.SIGKILL)
            was_born = self._pidfd is not None
        self.died(Death(signal=int(signal.SIGKILL)) if was_born else NEVER_BORN)

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd is not None:
            try:
                signal.pidfd_send_signal(self._pidfd, number)
            except ProcessLookupError:
                pass  # dead already, and about to be reported

    def _take_printed(self) -> list[Frame]:
        data, ended = _read(self._captured, self._buffer)
        frames = self._decoder.feed_printed(data) if data else []
        return [*frames, *self._decoder.flush_printed(), *self._close_once()] if ended else frames

    def _close_once(self) -> list[Frame]:
        if self._closed_told:
            return []
        self._closed_told = True
        return [Closed()]


def _may_end_turn(data: bytes) -> bool:
    """Whether a frame in it can end the turn; asking a pipe that is nearly always empty costs a system call."""
    return b'"done"' in data or b'"fail"' in data


def _read(descriptor: int, size: int) -> tuple[bytes, bool]:
    """What is there, read by `size` bytes at once, and whether the other end is gone."""
    chunks: list[bytes] = []
    for _ in range(max(1, _TAKEN // size)):
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
