"""`SealedProcess`: the host's end of one hermetic room's process: its descriptors, its decoder."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from .frames import Closed, Frame
from .mortal import MAX_STACK, TAKEN, Bounds, Mortal, take
from .process import ExitReport
from .wire import Decoder

SIP = 1024
"""Bytes."""
_encode = json.JSONEncoder(separators=(",", ":")).encode


class SealedProcess(Mortal):
    """Implements EntityProcess."""

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
        super().__init__(on_exit)
        self.write_fileno = frames
        self.one_shot = False
        self._frames = frames
        self._captured = captured
        self._crash = crash
        self._closed_told = False
        self._buffer = bounds.buffer
        self._decoder = Decoder(bounds.output)
        self._unsent = bytearray()

    def filenos(self) -> tuple[int, ...]:
        return (self._frames, self._captured) if self._open else ()

    def receive(self, fileno: int) -> list[Frame]:
        if not self._open:
            return []
        if fileno == self._captured:
            return self._take_printed(self._appetite())
        data, ended = take(self._frames, self._buffer, self._appetite())
        # What it printed before `done` stands in the pipe by now: read after the frames, it is in time for the turn.
        printed = self._take_printed(TAKEN) if self._decoder.in_turn and (ended or _may_end_turn(data)) else []
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

    def interrupt(self, seq: int) -> bool:
        self.send({"type": "interrupt", "seq": seq})  # what does not fit now is late, and it is killed for it
        with self._lock:
            self._signal(signal.SIGINT)
        return self._decoder.interrupt == "signal"

    def remind(self) -> None:
        """Its runtime raises an interrupt once a turn, however often it is signalled."""
        with self._lock:
            self._signal(signal.SIGINT)

    def _release(self) -> None:
        for descriptor in (self._frames, self._captured, self._crash):
            os.close(descriptor)

    def _stack(self) -> str:
        return take(self._crash, MAX_STACK)[0][:MAX_STACK].decode(errors="replace")

    def _take_printed(self, most: int) -> list[Frame]:
        data, ended = take(self._captured, self._buffer, most)
        frames = self._decoder.feed_printed(data) if data else []
        return [*frames, *self._decoder.flush_printed(), *self._close_once()] if ended else frames

    def _appetite(self) -> int:
        """Bytes to be taken at once: of a flood no more than can be worked through in a millisecond or two, of the dead
        all that they have left.
        """
        return SIP if self._decoder.loud and self.exit is None else TAKEN

    def _close_once(self) -> list[Frame]:
        if self._closed_told:
            return []
        self._closed_told = True
        return [Closed()]


def _may_end_turn(data: bytes) -> bool:
    """Whether a frame in it can end the turn; asking a pipe that is nearly always empty costs a system call."""
    return b'"done"' in data or b'"fail"' in data
