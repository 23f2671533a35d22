"""Long verbs on the owner's side of a connection: progress, data both ways, and noticing that nobody waits any more."""

from __future__ import annotations

import time

from .frames import Broken, Gone, Silence, Wire

PIECE = 512 * 1024
"""Bytes of one data frame."""
GATHERED = 64 * 1024
"""Bytes that small writes are gathered to."""
EVERY = 0.1
"""Seconds between two progress frames."""


class Teller:
    """The `Progress` of a verb that runs for a client. Raises Gone when the client has closed the connection."""

    def __init__(self, wire: Wire, request: int) -> None:
        self._wire = wire
        self._request = request
        self._last = 0.0

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self._last < EVERY:
            return
        self._last = now
        if self._wire.over():
            raise Gone("closed")
        self._wire.send((self._request, "progress", (done, of)))


class Sink:
    """A file that is a client's: what is written goes out as data frames."""

    def __init__(self, wire: Wire, request: int) -> None:
        self._wire = wire
        self._request = request
        self._gathered = bytearray()

    def write(self, data: bytes) -> int:
        self._gathered += data
        if len(self._gathered) >= GATHERED:
            self.flush()
        return len(data)

    def flush(self) -> None:
        for start in range(0, len(self._gathered), PIECE):
            self._wire.send((self._request, "data", bytes(self._gathered[start : start + PIECE])))
        self._gathered.clear()


class Source:
    """A file that is a client's: what is read comes as data frames, up to `end`."""

    def __init__(self, wire: Wire, request: int) -> None:
        self._wire = wire
        self._request = request
        self._held = bytearray()
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._held) < size):
            self._held += self._next()
        taken = bytes(self._held if size < 0 else self._held[:size])
        del self._held[: len(taken)]
        return taken

    def drain(self) -> None:
        """Take what the client still sends, so that it comes to hear the answer."""
        while not self._ended:
            self._next()

    def _next(self) -> bytes:
        try:
            message = self._wire.receive(self._wire.stall_seconds)
        except Silence:
            raise Gone("silent in the middle of its data") from None
        if type(message) is list and message[:2] == [self._request, "end"]:
            self._ended = True
            return b""
        if type(message) is list and message[:2] == [self._request, "data"] and type(message[-1]) is bytes:
            data: bytes = message[-1]
            return data
        raise Broken("neither data nor end")
