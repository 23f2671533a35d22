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
from _queue import SimpleQueue
from _thread import allocate_lock
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from backrooms_tui.model.errors import BackroomsError, ConnectionLost, SessionOver
from backrooms_tui.model.limits import MAX_TIMEOUT

from . import hello
from .calling import Dial, Exchange, kind_of, quiet, reason_of
from .frames import Broken, Gone, Silence, Wire
from .values import Malformed
from .verbs import packed_arguments, taken_error

if TYPE_CHECKING:
    from backrooms_tui.model.entries import MemoryEntry
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

    from .watching import Cursor, RemoteSubscription

CONNECT_SECONDS = 5.0
IDLE_CONNECTIONS = 2
CONNECTIONS = 12
"""Of one client at once: a call beyond them waits for another's end."""


def connect(
    address: str, *, who: str = "", token: str | None = None, read_only: bool = False, seconds: float = CONNECT_SECONDS
) -> RemoteService:
    """Connect to an owner: `address` is the path of its unix socket, or `host:port`, which needs the token.

    Raises ConnectionLost when nobody answers, ConnectionDenied with the reason.
    """
    dial = Dial(address, seconds)
    wire, welcome = dial.greet(hello.Hello(who, token, None, read_only))
    return RemoteService(dial, hello.Hello(who, token, welcome.session, read_only), wire, welcome)


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

    def interrupt(self, room_id: RoomId, *, by: str) -> TurnResult:
        return self._call("interrupt", room_id, by)  # type: ignore[no-any-return]

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
        from .watching import RemoteSubscription

        wire = self._take_wire(fresh=True)
        try:
            epoch, number = after or (None, None)
            wanted = packed_arguments("subscribe", (None if rooms is None else [*rooms], epoch, number))
            wire.send((1, "subscribe", wanted))
            what, body = kind_of(wire.receive(CONNECT_SECONDS), 1)
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
                answer = Exchange(wire, **streams).run(name, packed)
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
        return error if isinstance(error, ConnectionLost) else self.refusal(reason_of(error))

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


def _seconds(timeout: float | None) -> float | None:
    """More than a day is for ever."""
    return None if timeout is None or timeout > MAX_TIMEOUT else max(0.0, timeout)


if TYPE_CHECKING:
    from backrooms_tui.service import RoomService

    def _is_a_service(service: RemoteService) -> RoomService:
        """What the type checker is to prove."""
        return service
