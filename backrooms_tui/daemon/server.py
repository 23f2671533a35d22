"""An owner served to others: who may connect, how many, for how long.

    server = serve(service, [listen_unix(directory), listen_tcp(bind)], settings.daemon, token=token)
    ...
    server.stop(seconds)   # let requests at work end within `seconds`, then close every connection
    service.close()

The server never closes the service, and it ends by itself nowhere: whoever serves stops it.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from backrooms_tui import __version__
from backrooms_tui.config.settings import DaemonSettings
from backrooms_tui.model.errors import ConnectionDenied
from backrooms_tui.model.value import value
from backrooms_tui.service import OwnerService

from .connection import LINGER, Connection
from .frames import STALL_SECONDS, Gone, Wire
from .hello import Welcome
from .listening import Listener
from .relay import Relay
from .sessions import Session, Sessions
from .verbs import packed_error

HELLO_SECONDS = 5.0
"""How long a connection may take to say who it is."""
JOIN_SECONDS = 5.0
FAREWELL_SECONDS = 0.5
"""How long all subscribers together may take to be told that the owner ends; the others see their connections end."""
WAITING_FOR_DESCRIPTORS = 0.1
"""Seconds before the next try to accept when the process has no descriptor left."""
_LINGERING = 16
"""Connections that were refused and may still read why."""


def not_found(_: bytes) -> bytes:
    """The HTTP answer of an owner that has no pages."""
    return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@value
class Bounds:
    """What clients are held to; `Server.bounds` may be replaced while it serves."""

    max_connections: int
    idle_seconds: float
    hello_seconds: float = HELLO_SECONDS
    stall_seconds: float = STALL_SECONDS


class Server:
    """Made by `serve`. Thread-safe."""

    def __init__(
        self,
        service: OwnerService,
        listeners: Sequence[Listener],
        bounds: Bounds,
        *,
        token: str | None,
        http: Callable[[bytes], bytes],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self.service = service
        self.bounds = bounds
        self.token = token
        self.http = http
        self.on_fault = on_fault
        self.sessions = Sessions(service)
        self.relay = Relay(service, on_fault)
        self.stopping = False
        """No new connections, and no new requests on those that are there."""
        self.ending = False
        """Nothing is waited for any more."""
        self._listeners = [*listeners]
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._counter = 0
        self._refused: list[tuple[float, socket.socket]] = []
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._accept, name="daemon-accept", daemon=True)

    @property
    def address(self) -> str | None:
        """TCP address on which it serves."""
        return next((listener.address for listener in self._listeners if listener.tcp), None)

    @property
    def connections(self) -> int:
        return len(self._connections)

    def welcome(self, session: Session) -> Welcome:
        return Welcome(session.id, self.relay.epoch, __version__, os.getpid(), self.address)

    def start(self) -> None:
        self._thread.start()

    def forget(self, connection: Connection) -> None:
        """Called by a connection that has ended."""
        with self._lock:
            self._connections.discard(connection)

    def stop(self, seconds: float = 0.0) -> None:
        """Take no new connection; let requests at work end within `seconds`; end every connection. Idempotent.

        Requests that come meanwhile on connections that are there are carried out, too, until time is up.
        """
        os.eventfd_write(self._wake, 1)
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(connection.busy for connection in self._all()):
            time.sleep(0.01)
        self.stopping = self.ending = True
        self.relay.close()
        connections = self._all()
        deadline = time.monotonic() + FAREWELL_SECONDS
        for connection in connections:
            if connection.subscribed and connection.thread is not threading.current_thread():
                connection.thread.join(max(0.0, deadline - time.monotonic()))
        for connection in connections:
            connection.end()
        deadline = time.monotonic() + JOIN_SECONDS
        for connection in connections:
            if connection.thread is not threading.current_thread():
                connection.thread.join(max(0.0, deadline - time.monotonic()))

    def _all(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _accept(self) -> None:
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        by_descriptor = {listener.socket.fileno(): listener for listener in self._listeners}
        for descriptor in by_descriptor:
            poller.register(descriptor, select.POLLIN)
        try:
            while True:
                for descriptor, _ in poller.poll(LINGER * 1000 if self._refused else None):
                    if descriptor == self._wake:
                        return
                    self._take(by_descriptor[descriptor])
                self._let_go()
        except Exception as error:  # the edge of the thread
            self.on_fault(error)
        finally:
            self._let_go(everybody=True)
            for listener in self._listeners:
                listener.close()

    def _take(self, listener: Listener) -> None:
        try:
            sock, _ = listener.socket.accept()
        except OSError:  # gone again, or no descriptor is left: others may close theirs
            time.sleep(WAITING_FOR_DESCRIPTORS if self.connections else 0)
            return
        if listener.tcp:
            _notice_dead_peers(sock)
        with self._lock:
            full = len(self._connections) >= self.bounds.max_connections
            if not full:
                self._counter += 1
                connection = Connection(self, sock, self._counter)
                self._connections.add(connection)
        if full:
            self._refuse(sock)
            return
        try:
            connection.thread.start()
        except RuntimeError:  # no thread can be made now
            self.forget(connection)
            sock.close()

    def _refuse(self, sock: socket.socket) -> None:
        """Say why in one frame, without waiting for anything."""
        wire = Wire(sock)
        wire.stall_seconds = 0.0
        with suppress(Gone, OSError):
            wire.send((0, "error", packed_error(ConnectionDenied(f"MAX: {self.bounds.max_connections} connections"))))
            sock.shutdown(socket.SHUT_WR)
        self._refused.append((time.monotonic() + LINGER, sock))

    def _let_go(self, *, everybody: bool = False) -> None:
        now = time.monotonic()
        while self._refused and (everybody or len(self._refused) > _LINGERING or self._refused[0][0] <= now):
            self._refused.pop(0)[1].close()


def _notice_dead_peers(sock: socket.socket) -> None:
    """A client whose machine went away without a word is noticed within 45 seconds."""
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def serve(
    service: OwnerService,
    listeners: Sequence[Listener],
    settings: DaemonSettings,
    *,
    token: str | None = None,
    http: Callable[[bytes], bytes] = not_found,
    on_fault: Callable[[BaseException], None],
) -> Server:
    """Serve an owner's service on listening sockets, which the server closes when it is stopped.

    `token` is what TCP clients must show; without one no TCP client is let in. `http` gives the whole answer to the
    head of an HTTP request of any method; the connection is closed after it.
    """
    bounds = Bounds(settings.max_connections, settings.connection_timeout)
    server = Server(service, listeners, bounds, token=token, http=http, on_fault=on_fault)
    server.start()
    return server
