"""One client's connection on the owner's side: hello, then one request after the other, in a thread of its own."""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from backrooms_tui.model.errors import AnswerTooLarge, BackroomsError, ConnectionLost, ProtocolBroken, ReadOnly
from backrooms_tui.model.value import as_dict, changed
from backrooms_tui.model.views import TurnResult

from . import hello
from .frames import MAX_MESSAGE, Broken, Gone, Silence, Wire, make_packer
from .relay import events_message
from .sessions import Session
from .streams import Sink, Source, Teller
from .values import kind
from .verbs import VERBS, packed_error, taken_arguments

if TYPE_CHECKING:
    from .server import Server

LARGEST_ARRAY = 4096
"""Items of an array in a request: more than there are rooms."""
SLICE = 1.0
"""Seconds after which somebody who waits is looked at: it may have gone."""
HEARTBEAT = 15.0
"""Seconds after which a subscriber is told that nothing happened."""
LINGER = 1.0
"""Seconds that a client that is turned away has to read why."""
_CREDENTIALS = struct.Struct("3i")
_METHODS = (b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"TRAC", b"CONN")
_LARGEST_HEAD = 8 * 1024
"""Bytes of an HTTP request."""


def peer_uid(sock: socket.socket) -> int | None:
    """Who is at the other end of a unix socket; None over TCP."""
    if sock.family != socket.AF_UNIX:
        return None
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(credentials)[1]
    return uid


class Connection:
    """Made and started by the server; ends with its socket."""

    def __init__(self, server: Server, sock: socket.socket, number: int) -> None:
        self._server = server
        self._socket = sock
        self._wire = Wire(sock, items=LARGEST_ARRAY, longest=0)
        self._wire.stall_seconds = server.bounds.stall_seconds
        self._session: Session | None = None
        self._packer = make_packer()
        self._source: Source | None = None
        """What the client sends for the request at work."""
        self.busy = False
        """Whether a request is at work; a subscription is none."""
        self.subscribed = False
        """Whether it carries events."""
        self.thread = threading.Thread(target=self._run, name=f"daemon-client-{number}", daemon=True)

    def end(self) -> None:
        """Have it end, from any thread: whatever it waits for on its socket is over."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended by itself

    def _run(self) -> None:
        try:
            self._serve()
        except (Gone, Silence):
            pass
        except Broken as error:
            self._turn_away(ProtocolBroken(f"REASON: {error}"))
        except Exception as error:  # the edge of the thread
            self._server.on_fault(error)
        finally:
            if self._session is not None:
                self._server.sessions.part(self._session)
            self._socket.close()
            self._server.forget(self)

    def _serve(self) -> None:
        if not self._greet():
            return
        while not self._server.stopping:
            message = self._wire.receive(self._server.bounds.idle_seconds)
            self.busy = True
            try:
                self._answer(message)
            finally:
                self.busy = False

    # Hello.

    def _greet(self) -> bool:
        """Let the client in; False when it is not one of ours, and has been told."""
        server = self._server
        seconds = server.bounds.hello_seconds
        try:
            heard = hello.heard(self._wire.receive(seconds, deadline=time.monotonic() + seconds))
            hello.admit(heard, token=server.token, peer_uid=peer_uid(self._socket))
            self._session = server.sessions.join(heard)
        except BackroomsError as error:
            self._turn_away(error)
            return False
        except Broken:
            if self._wire.held[:4] in _METHODS:
                self._answer_http()
                return False
            raise
        self._wire.send((0, "ok", as_dict(server.welcome(self._session))))
        return True

    def _turn_away(self, error: BackroomsError) -> None:
        try:
            self._wire.send((0, "error", packed_error(error)))
            self._linger()
        except Gone:
            pass

    def _linger(self) -> None:
        """Closing at once would throw away what the client has not read yet."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(LINGER)
            deadline = time.monotonic() + LINGER
            while time.monotonic() < deadline and self._socket.recv(65_536):
                pass
        except OSError:
            pass

    def _answer_http(self) -> None:
        """Answer what a browser or Prometheus asks; nothing else of HTTP is spoken here."""
        head = bytearray(self._wire.held)
        deadline = time.monotonic() + self._server.bounds.hello_seconds
        try:
            while b"\r\n\r\n" not in head and len(head) < _LARGEST_HEAD and time.monotonic() < deadline:
                self._socket.settimeout(max(0.001, deadline - time.monotonic()))
                if not (data := self._socket.recv(_LARGEST_HEAD)):
                    return
                head += data
            self._socket.settimeout(self._server.bounds.hello_seconds)
            self._socket.sendall(self._server.http(bytes(head)))
        except OSError:
            return
        self._linger()

    # Requests.

    def _answer(self, message: Any) -> None:
        request, name, arguments = _parsed(message)
        try:
            if name == "subscribe":
                self._subscribe(request, arguments)
                return
            answer = self._carried_out(request, name, arguments)
            packed = self._packer.pack((request, "ok", kind(VERBS[name].answer).encode(answer)))
            if len(packed) > MAX_MESSAGE:
                raise AnswerTooLarge(f"SIZE: {len(packed)} bytes", f"MAX: {MAX_MESSAGE} bytes")
        except BackroomsError as error:
            self._wire.send((request, "error", packed_error(error)))
        except (Gone, Broken):
            raise
        except Exception as error:  # a fault of ours; the client hears that there was one, and goes on
            self._server.on_fault(error)
            self._wire.send((request, "error", packed_error(BackroomsError())))
        else:
            self._wire.send_packed(packed, request)
        if self._source is not None:  # the client hears the answer while it still sends
            self._source.drain()
            self._source = None

    def _carried_out(self, request: int, name: str, arguments: list[Any]) -> Any:
        """Carry out a verb; raises BackroomsError."""
        verb = VERBS.get(name)
        if verb is None:
            raise ProtocolBroken("VERB: there is no such verb")
        taken = taken_arguments(name, arguments)
        session = self._require_session()
        if verb.changes and session.read_only:
            raise ReadOnly(f"VERB: {name}", "THIS SESSION ONLY LOOKS")
        if name in _OWN:
            return _OWN[name](self, **taken)
        if not verb.long:
            return getattr(self._server.service, name)(**taken)
        return self._carried_out_long(request, name, taken)

    def _carried_out_long(self, request: int, name: str, taken: dict[str, Any]) -> Any:
        method = getattr(self._server.service, name)
        progress = Teller(self._wire, request)
        if name == "restore":
            self._source = Source(self._wire, request)
            return method(cast("BinaryIO", self._source), progress=progress)
        sink = Sink(self._wire, request)
        if name == "export" or taken.pop("to_client", False):
            taken["sink"] = sink
        report = method(**taken, progress=progress)
        sink.flush()
        return report

    def _require_session(self) -> Session:
        assert self._session is not None
        return self._session

    # Verbs that are more than a call.

    def _listing(self) -> Any:
        return [(view.record.id, str(view.record.state)) for view in self._server.service.rooms()]

    def _enter(self, *, room_id: Any, read_only: bool) -> Any:
        return self._server.sessions.enter(self._require_session(), room_id, read_only=read_only)

    def _leave(self, *, room_id: Any) -> Any:
        return self._server.sessions.leave(self._require_session(), room_id)

    def _submit(self, **taken: Any) -> Any:
        return self._server.service.submit(**taken, visitor=self._require_session().visitor)

    def _status(self) -> Any:
        welcome = self._server.welcome(self._require_session())
        return changed(
            self._server.service.status(),
            epoch=welcome.epoch,
            address=welcome.address,
            session=welcome.session,
            connections=self._server.connections,
        )

    def _wait(self, *, receipt: Any, timeout: float | None) -> TurnResult | None:
        """In slices: a client that has gone is not waited for."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = SLICE if deadline is None else min(SLICE, deadline - time.monotonic())
            began = time.monotonic()
            result = self._server.service.wait(receipt, max(0.0, left))
            ended_early = time.monotonic() - began < left * 0.9
            if result is not None or ended_early or left < SLICE:
                return result
            if self._server.ending or self._wire.over():
                raise Gone("nobody waits any more")

    def _subscribe(self, request: int, arguments: list[Any]) -> None:
        """Send events until the connection ends; it takes no other request from then on."""
        taken = taken_arguments("subscribe", arguments)
        after = None if taken["epoch"] is None else (taken["epoch"], taken["after"] or 0)
        follower = self._server.relay.follow(taken["rooms"], after)
        self.busy, self.subscribed = False, True
        self._wire.send((request, "ok", [self._server.relay.epoch, follower.number]))
        last = time.monotonic()
        while (events := follower.next(SLICE)) is not None:
            now = time.monotonic()
            if events or now - last >= HEARTBEAT:
                self._wire.send_packed(events_message(self._packer, request, follower.number, events), request)
                last = now
            elif self._wire.over():
                return
        self._wire.send((0, "error", packed_error(ConnectionLost("REASON: THE OWNER ENDED"))))
        raise Gone("the owner ends")


_OWN: dict[str, Any] = {
    "enter": Connection._enter,  # noqa: SLF001 - the table is this class's own
    "leave": Connection._leave,  # noqa: SLF001
    "submit": Connection._submit,  # noqa: SLF001
    "listing": Connection._listing,  # noqa: SLF001
    "status": Connection._status,  # noqa: SLF001
    "wait": Connection._wait,  # noqa: SLF001
}


def _parsed(message: Any) -> tuple[int, str, list[Any]]:
    """`[request, verb, [argument, ...]]`. Raises Broken."""
    if type(message) is not list or len(message) != 3:
        raise Broken("a request is [number, verb, arguments]")
    request, name, arguments = message
    if type(request) is not int or type(name) is not str or type(arguments) is not list:
        raise Broken("a request is [number, verb, arguments]")
    return request, name, arguments
