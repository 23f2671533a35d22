"""`RemoteService`: a `RoomService` whose rooms are owned by another process.

    service = connect(address, who="ann@example", token=None)   # address: path of a unix socket, or host:port
    service.session, service.welcome.address, service.lost
    subscription = service.subscribe(rooms, after=cursor)       # subscription.cursor names the last event given

Thread-safe: a call takes an idle connection or makes one, all of one session. When a connection breaks, the service
is lost: every call that waits and every later one raises ConnectionLost at once, subscriptions too. It is cheap to
replace. `close` lets go of the owner; rooms go on there.
"""

from __future__ import annotations

import _socket  # `socket` and `threading` cost a list of rooms half of what an interpreter's start does
import os
from _queue import SimpleQueue
from _thread import RLock, allocate_lock
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Any, BinaryIO

from backrooms_tui.model.errors import BackroomsError, ConnectionDenied, ConnectionLost, SessionOver
from backrooms_tui.model.limits import MAX_TIMEOUT

from . import hello
from .frames import Broken, Gone, Silence, Wire
from .places import reachable
from .values import Malformed, kind
from .verbs import VERBS, packed_arguments, taken_error

if TYPE_CHECKING:
    from backrooms_tui.model.entries import MemoryEntry
    from backrooms_tui.model.events import Event
    from backrooms_tui.model.ids import RoomId
    from backrooms_tui.model.reports import (
        BackupInfo,
        BackupReport,
        BackupSpec,
        CheckReport,
        CompressionReport,
        ExportReport,
        ExportSpec,
        Progress,
        RecoverReport,
        RestoreReport,
    )
    from backrooms_tui.model.room import RoomConfig
    from backrooms_tui.model.views import Occupant, Receipt, RoomView, ServiceStatus, StoreFacts, TurnResult

Cursor = tuple[str, int]
"""Epoch of an owner, and the number of an event in it."""

CONNECT_SECONDS = 5.0
IDLE_CONNECTIONS = 2
CONNECTIONS = 12
"""Of one client at once: a call beyond them waits for another's end."""
_CREDENTIALS = Struct("3i")
PIECE = 512 * 1024
"""Bytes of a data frame."""


def quiet(done: int, of: int) -> None:
    """As in `model.reports`, which a client loads only for the verbs that report."""


def connect(
    address: str, *, who: str = "", token: str | None = None, read_only: bool = False, seconds: float = CONNECT_SECONDS
) -> RemoteService:
    """Connect to an owner: `address` is the path of its unix socket, or `host:port`, which needs the token.

    Raises ConnectionLost when nobody answers, ConnectionDenied with the reason.
    """
    dial = Dial(address, seconds)
    wire, welcome = dial.greet(hello.Hello(who, token, None, read_only))
    return RemoteService(dial, hello.Hello(who, token, welcome.session, read_only), wire, welcome)


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
            kind_, body = _kind_of(message, 0)
            if kind_ == "error":
                raise taken_error(body)
            return wire, hello.answered(body)
        except (Gone, Silence, Broken, Malformed) as error:
            wire.socket.close()
            raise ConnectionLost(f"OWNER: {self.address}", f"REASON: {_reason(error)}") from None
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


class RemoteService:
    """See the module, and `RoomService` for the verbs."""

    def __init__(self, dial: Dial, greeting: hello.Hello, wire: Wire, welcome: hello.Welcome) -> None:
        self.welcome = welcome
        self.lost = False
        self._dial = dial
        self._greeting = greeting
        self._lock = allocate_lock()
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(CONNECTIONS):
            self._places.put(None)
        self._idle = [wire]
        self._all = {wire}
        self._subscriptions: set[RemoteSubscription] = set()
        self._closed = False

    @property
    def session(self) -> str:
        return self.welcome.session

    @property
    def address(self) -> str:
        """Where the owner was reached."""
        return self._dial.address

    # What is there.

    def resolve(self, handle: str) -> RoomId:
        return self._call("resolve", handle)  # type: ignore[no-any-return]

    def rooms(self) -> list[RoomView]:
        return [*self._call("rooms")]

    def listing(self) -> tuple[tuple[str, str], ...]:
        """Id and state of every room, oldest first: for a tenth of what `rooms` takes."""
        return self._call("listing")  # type: ignore[no-any-return]

    def room(self, room_id: RoomId) -> RoomView:
        return self._call("room", room_id)  # type: ignore[no-any-return]

    def presence(self, room_id: RoomId) -> tuple[Occupant, ...]:
        return self._call("presence", room_id)  # type: ignore[no-any-return]

    def read(
        self, room_id: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        return [*self._call("read", room_id, after, before, limit)]

    def store_facts(self) -> StoreFacts:
        return self._call("store_facts")  # type: ignore[no-any-return]

    def status(self) -> ServiceStatus:
        return self._call("status")  # type: ignore[no-any-return]

    # Lifecycle and input.

    def create(self, config: RoomConfig) -> RoomView:
        return self._call("create", config)  # type: ignore[no-any-return]

    def await_entity(self, room_id: RoomId, timeout: float | None = None) -> RoomView:
        return self._call("await_entity", room_id, _seconds(timeout))  # type: ignore[no-any-return]

    def enter(self, room_id: RoomId, *, read_only: bool = False) -> RoomView:
        return self._call("enter", room_id, read_only)  # type: ignore[no-any-return]

    def leave(self, room_id: RoomId) -> RoomView:
        return self._call("leave", room_id)  # type: ignore[no-any-return]

    def submit(
        self,
        room_id: RoomId,
        data: bytes,
        *,
        source: str,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        return self._call("submit", room_id, data, source, request_id, _seconds(timeout))  # type: ignore[no-any-return]

    def wait(self, receipt: Receipt, timeout: float | None = None) -> TurnResult | None:
        return self._call("wait", receipt, _seconds(timeout))  # type: ignore[no-any-return]

    def suspend(self, room_id: RoomId, *, by: str) -> RoomView:
        return self._call("suspend", room_id, by)  # type: ignore[no-any-return]

    def resume(self, room_id: RoomId, *, by: str) -> RoomView:
        return self._call("resume", room_id, by)  # type: ignore[no-any-return]

    def destroy(self, room_id: RoomId, *, confirm: str) -> None:
        self._call("destroy", room_id, confirm)

    def resume_pending(self) -> None:
        """The owner has done so: it stays, and this client may not."""

    # Long verbs.

    def export(self, room_id: RoomId, spec: ExportSpec, sink: BinaryIO, progress: Progress = quiet) -> ExportReport:
        return self._call("export", room_id, spec, progress=progress, sink=sink)  # type: ignore[no-any-return]

    def backup(
        self, room_id: RoomId, spec: BackupSpec, sink: BinaryIO | None = None, progress: Progress = quiet
    ) -> BackupReport:
        return self._call("backup", room_id, spec, sink is not None, progress=progress, sink=sink)  # type: ignore[no-any-return]

    def backups(self, room_id: RoomId | None = None) -> list[BackupInfo]:
        return [*self._call("backups", room_id)]

    def restore(self, source: BinaryIO, progress: Progress = quiet) -> RestoreReport:
        return self._call("restore", progress=progress, source=source)  # type: ignore[no-any-return]

    def recover(
        self, room_id: RoomId, *, by: str, from_backup: bool = False, progress: Progress = quiet
    ) -> RecoverReport:
        return self._call("recover", room_id, by, from_backup, progress=progress)  # type: ignore[no-any-return]

    def compact(self, room_id: RoomId, progress: Progress = quiet) -> CompressionReport:
        return self._call("compact", room_id, progress=progress)  # type: ignore[no-any-return]

    def check(self, progress: Progress = quiet) -> CheckReport:
        return self._call("check", progress=progress)  # type: ignore[no-any-return]

    # Watching and leaving.

    def subscribe(self, rooms: Iterable[RoomId] | None = None, *, after: Cursor | None = None) -> RemoteSubscription:
        """Events from now on, or those behind the event `after` first: if the owner has not got them all any more,
        the first that is given is `Lagged`.
        """
        wire = self._take_wire(fresh=True)
        try:
            epoch, number = after or (None, None)
            wanted = packed_arguments("subscribe", (None if rooms is None else [*rooms], epoch, number))
            wire.send((1, "subscribe", wanted))
            what, body = _kind_of(wire.receive(CONNECT_SECONDS), 1)
            if what == "error":
                raise taken_error(body)
            place = (str(body[0]), int(body[1]))
        except BackroomsError:
            self._drop(wire)
            raise
        except (Gone, Silence, Broken, ValueError, TypeError, IndexError) as error:
            self._drop(wire)
            raise self.lose(error) from None
        subscription = RemoteSubscription(self, wire, place)
        with self._lock:
            self._subscriptions.add(subscription)
        if self.lost or self._closed:
            subscription.close()
        return subscription

    def close(self) -> None:
        """Let go of the owner. Idempotent."""
        self._closed = True
        self._end_all()

    # Calls.

    def _call(self, name: str, *arguments: Any, **streams: Any) -> Any:
        packed = packed_arguments(name, arguments)
        self._places.get()
        try:
            wire = self._take_wire()
            try:
                answer = _Exchange(wire, **streams).run(name, packed)
            except (Gone, Silence, Broken, Malformed) as error:
                self._drop(wire)
                raise self.lose(error) from None
            except BaseException:  # of the caller's own progress or file: the owner hears it as the connection's end
                self._abandon(wire)
                raise
            self._give_back(wire)
        finally:
            self._places.put(None)
        if isinstance(answer, BackroomsError):
            raise answer
        return answer

    def _take_wire(self, *, fresh: bool = False) -> Wire:
        """An idle connection, or a new one of this session."""
        while True:
            with self._lock:
                self._require_open()
                wire = None if fresh or not self._idle else self._idle.pop()
            if wire is None:
                break
            if not wire.waiting():  # nothing is due: what has arrived is the end
                return wire
            self._drop(wire)
        return self._new_wire()

    def _new_wire(self) -> Wire:
        try:
            wire, _ = self._dial.greet(self._greeting)
        except (ConnectionLost, SessionOver) as error:
            raise self.lose(error) from None
        with self._lock:
            if not (self.lost or self._closed):
                self._all.add(wire)
                return wire
        wire.socket.close()
        raise self.refusal()

    def _give_back(self, wire: Wire) -> None:
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS and not (self.lost or self._closed):
                self._idle.append(wire)
                return
        self._drop(wire)

    def _abandon(self, wire: Wire) -> None:
        """Close a connection in the middle of a request. The last one has a successor first: the session goes on."""
        with self._lock:
            last = len(self._all) == 1
        if last:
            with suppress(BackroomsError):  # whoever calls next hears of it
                self._give_back(self._new_wire())
        self._drop(wire)

    def _drop(self, wire: Wire) -> None:
        with self._lock:
            self._all.discard(wire)
        wire.socket.close()

    def _require_open(self) -> None:
        if self.lost or self._closed:
            raise self.refusal()

    def refusal(self, reason: str = "closed") -> ConnectionLost:
        return ConnectionLost(f"OWNER: {self._dial.address}", f"REASON: {reason}")

    def lose(self, error: Exception) -> ConnectionLost:
        """One connection broke: all others end, so that whoever waits on them hears of it at once.

        Gives what to raise.
        """
        self.lost = True
        self._end_all()
        return error if isinstance(error, ConnectionLost) else self.refusal(_reason(error))

    def _end_all(self) -> None:
        with self._lock:
            wires, self._all = self._all, set()
            idle, self._idle = self._idle, []
            subscriptions, self._subscriptions = self._subscriptions, set()
        for wire in wires:
            with suppress(OSError):
                wire.socket.shutdown(_socket.SHUT_RDWR)  # whoever waits on it closes it
        for wire in idle:
            wire.socket.close()
        for subscription in subscriptions:
            subscription.end()

    def forget(self, subscription: RemoteSubscription, wire: Wire) -> None:
        """Called by a subscription that its user closes."""
        with self._lock:
            self._subscriptions.discard(subscription)
            self._all.discard(wire)


class RemoteSubscription:
    """See `Subscription`. Events wait at the owner until they are asked for; no thread is at work here."""

    def __init__(self, service: RemoteService, wire: Wire, place: Cursor) -> None:
        self._service = service
        self._wire = wire
        self._reading = RLock()
        self._closed = False
        self._left = False
        """Whether its user has closed it; otherwise it ended with the service."""
        self.cursor = place
        """Of the last event that was given: what `subscribe` takes as `after`."""

    def get(self, timeout: float | None = None) -> list[Event]:
        """Raises ConnectionLost when the owner is gone."""
        from time import monotonic

        deadline = None if timeout is None else monotonic() + timeout
        with self._reading:
            while not self._closed:
                try:
                    left = None if deadline is None else max(0.0, deadline - monotonic())
                    events = self._taken(self._wire.receive(left))
                except Silence:
                    return []
                except (Gone, Broken, Malformed) as error:
                    if self._closed:
                        break
                    raise self._service.lose(error) from None
                if events:
                    return events
        if self._service.lost and not self._left:
            raise self._service.refusal()
        return []

    def close(self) -> None:
        """Idempotent; a `get` in another thread gives []."""
        self._left = True
        self._service.forget(self, self._wire)
        self.end()

    def end(self) -> None:
        """Close the connection; who reads from it is woken and has let go of it by then."""
        self._closed = True
        with suppress(OSError):
            self._wire.socket.shutdown(_socket.SHUT_RDWR)
        with self._reading:
            self._wire.socket.close()

    def _taken(self, message: Any) -> list[Event]:
        what, body = _kind_of(message, 1)
        if what != "events" or type(body) is not list or len(body) != 2 or type(body[0]) is not int:
            raise Malformed
        events = kind("[Event]").decode(body[1])
        self.cursor = (self.cursor[0], body[0])
        return [*events]


class _Exchange:
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
        return _kind_of(self._wire.receive(None), 1)

    def _take(self, what: str, body: Any) -> None:
        if what == "data" and self._sink is not None and type(body) is bytes:
            self._sink.write(body)
        elif what == "progress" and type(body) is list and [*map(type, body)] == [int, int]:
            self._progress(*body)
        else:
            raise Malformed


def _kind_of(message: Any, request: int) -> tuple[str, Any]:
    """`[request, kind, body]`. Raises Malformed."""
    if type(message) is not list or len(message) != 3 or type(message[1]) is not str:
        raise Malformed
    if message[0] != request and message[1] != "error":  # an owner that ends tells so outside of any request
        raise Malformed
    return message[1], message[2]


def _seconds(timeout: float | None) -> float | None:
    """More than a day is for ever."""
    return None if timeout is None or timeout > MAX_TIMEOUT else max(0.0, timeout)


def _reason(error: Exception) -> str:
    if isinstance(error, Silence):
        return "no answer"
    return str(error) or type(error).__name__


if TYPE_CHECKING:
    from backrooms_tui.service import RoomService

    def _is_a_service(service: RemoteService) -> RoomService:
        """What the type checker is to prove."""
        return service
