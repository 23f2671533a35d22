"""A client's side of a connection: how an owner is reached, and one request with all that comes of it."""

from __future__ import annotations

import _socket  # `socket` costs a list of rooms a third of what an interpreter's start does
import os
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, BinaryIO

from backrooms_tui.model.errors import ConnectionDenied, ConnectionLost

from . import hello
from .frames import Broken, Gone, Silence, Wire
from .places import reachable
from .values import Malformed, kind
from .verbs import VERBS, taken_error

PIECE = 512 * 1024
"""Bytes of a data frame."""
_CREDENTIALS = Struct("3i")


def quiet(done: int, of: int) -> None:
    """As in `model.reports`, which a client loads only for the verbs that report."""


class Dial:
    """How an owner is reached."""

    def __init__(self, address: str, seconds: float) -> None:
        self.address = address
        self._seconds = seconds

    def greet(self, greeting: hello.Hello) -> tuple[Wire, hello.Welcome]:
        wire = Wire(self._connected())
        try:
            try:
                wire.send(hello.said(greeting))
            except Gone:
                pass  # the owner may have said already why it does not listen
            message = wire.receive(self._seconds)
            kind_, body = kind_of(message, 0)
            if kind_ == "error":
                raise taken_error(body)
            return wire, hello.answered(body)
        except (Gone, Silence, Broken, Malformed) as error:
            wire.socket.close()
            raise ConnectionLost(f"OWNER: {self.address}", f"REASON: {reason_of(error)}") from None
        except BaseException:
            wire.socket.close()
            raise

    def _connected(self) -> _socket.socket:
        try:
            return self._unix() if "/" in self.address else self._tcp()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ConnectionLost(f"OWNER: {self.address}", f"REASON: {reason}") from None

    def _unix(self) -> _socket.socket:
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        try:
            sock.settimeout(self._seconds)
            with reachable(self.address) as name:
                sock.connect(name)
            credentials = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _CREDENTIALS.size)
            listens = _CREDENTIALS.unpack(credentials)[1]
            if listens not in (0, os.geteuid()):  # what is typed is for the owner's eyes
                raise ConnectionDenied(f"OWNER: {self.address}", f"REASON: it is uid {listens} who listens there")
        except BaseException:
            sock.close()
            raise
        return sock

    def _tcp(self) -> _socket.socket:
        import socket

        host, _, port = self.address.rpartition(":")
        sock = socket.create_connection((host.strip("[]"), int(port)), self._seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class Exchange:
    """One request and what comes of it."""

    def __init__(
        self,
        wire: Wire,
        *,
        progress: Callable[[int, int], None] = quiet,
        sink: BinaryIO | None = None,
        source: BinaryIO | None = None,
    ) -> None:
        self._wire = wire
        self._progress = progress
        self._sink = sink
        self._source = source

    def run(self, name: str, arguments: Sequence[Any]) -> Any:
        """Give the answer, or the error that the owner answered."""
        self._wire.send((1, name, arguments))
        if self._source is not None:
            what, body = self._sent(self._source)
        else:
            what, body = self._next()
        while what in ("progress", "data"):
            self._take(what, body)
            what, body = self._next()
        if what == "error":
            return taken_error(body)
        if what != "ok":
            raise Malformed
        return kind(VERBS[name].answer).decode(body)

    def _sent(self, source: BinaryIO) -> tuple[str, Any]:
        """Send a file until it ends or the owner has answered; gives what the owner said next."""
        while data := source.read(PIECE):
            self._wire.send((1, "data", data))
            while self._wire.waiting():
                what, body = self._next()
                if what != "progress":
                    self._wire.send((1, "end", None))
                    return what, body
                self._take(what, body)
        self._wire.send((1, "end", None))
        return self._next()

    def _next(self) -> tuple[str, Any]:
        return kind_of(self._wire.receive(None), 1)

    def _take(self, what: str, body: Any) -> None:
        if what == "data" and self._sink is not None and type(body) is bytes:
            self._sink.write(body)
        elif what == "progress" and type(body) is list and [*map(type, body)] == [int, int]:
            self._progress(*body)
        else:
            raise Malformed


def kind_of(message: Any, request: int) -> tuple[str, Any]:
    """`[request, kind, body]`. Raises Malformed."""
    if type(message) is not list or len(message) != 3 or type(message[1]) is not str:
        raise Malformed
    if message[0] != request and message[1] != "error":  # an owner that ends tells so outside of any request
        raise Malformed
    return message[1], message[2]


def reason_of(error: Exception) -> str:
    if isinstance(error, Silence):
        return "no answer"
    return str(error) or type(error).__name__
