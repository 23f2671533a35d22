"""The metrics page on an address of its own, `metrics.bind`.

One thread, many connections, no waiting for any of them: who asks slowly or does not take the answer is let go at the
deadline, and connections beyond the bound are closed.
"""

from __future__ import annotations

import ipaddress
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from backrooms_tui.model.errors import BackroomsError, UsageError

from .http import MAX_HEAD, SECONDS, Site, answer, whole

MAX_CONNECTIONS = 32
PAUSE = 0.1


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9001` or `[::1]:9001`. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"ADDRESS: {text[:80]!r} is not an address and a port, such as 127.0.0.1:9001.")
    return host.removeprefix("[").removesuffix("]"), int(port)


class _Client:
    """A connection of the server: what it has sent, or what it still has to take."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.head = b""
        self.rest = memoryview(b"")
        self.deadline = time.monotonic() + SECONDS


class HttpServer:
    """See the module. Close it where it was made."""

    def __init__(self, bind: str, site: Callable[[bool], Site]) -> None:
        """`site` is told whether only this machine can connect. Raises UsageError, BackroomsError."""
        self._listener = _listen(bind)
        self._listener.setblocking(False)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._site = site(ipaddress.ip_address(self.address[0]).is_loopback)
        self._clients: dict[int, _Client] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._woken, self._waker = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        self._waker.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is not self._woken:
                    self._on(self._clients[key.fd])
            now = time.monotonic()
            for client in [client for client in self._clients.values() if client.deadline <= now]:
                self._let_go(client)
        for client in list(self._clients.values()):
            self._let_go(client)
        for own in (self._listener, self._woken, self._selector):
            own.close()

    def _patience(self) -> float | None:
        if not self._clients:
            return None
        return max(0.0, min(client.deadline for client in self._clients.values()) - time.monotonic())

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptor is left: then the next try is not at once
            select.select([self._woken], [], [], PAUSE)
            return
        if len(self._clients) >= MAX_CONNECTIONS:
            connection.close()
            return
        connection.setblocking(False)
        self._clients[connection.fileno()] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _on(self, client: _Client) -> None:
        try:
            if client.rest:
                self._send(client)
            else:
                self._receive(client)
        except BlockingIOError:
            pass
        except OSError:
            self._let_go(client)

    def _receive(self, client: _Client) -> None:
        more = client.connection.recv(MAX_HEAD)
        client.head += more
        if not more:
            self._let_go(client)
        elif whole(client.head):
            client.rest = memoryview(answer(client.head, self._site))
            client.deadline = time.monotonic() + SECONDS
            self._selector.modify(client.connection, selectors.EVENT_WRITE)
            self._send(client)

    def _send(self, client: _Client) -> None:
        client.rest = client.rest[client.connection.send(client.rest) :]
        if not client.rest:
            _part(client.connection)
            self._let_go(client)

    def _let_go(self, client: _Client) -> None:
        self._clients.pop(client.connection.fileno(), None)
        self._selector.unregister(client.connection)
        client.connection.close()


def _part(connection: socket.socket) -> None:
    """End an answer. What the client has sent beyond its request is taken: unread, it would reset the connection and
    the answer with it. Raises OSError.
    """
    connection.shutdown(socket.SHUT_WR)
    with suppress(BlockingIOError):
        connection.recv(MAX_HEAD)


def _listen(bind: str) -> socket.socket:
    host, port = parse_address(bind)
    with ExitStack() as undo:
        try:
            family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listener = undo.enter_context(socket.socket(family, kind, proto))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(MAX_CONNECTIONS)
        except OSError as error:
            raise BackroomsError(f"ADDRESS: {bind}", f"REASON: {error.strerror}", code="BIND_FAILED") from None
        undo.pop_all()
    return listener
