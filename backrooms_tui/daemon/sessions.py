"""Sessions: one for each client, over all its connections. What a session has entered it leaves with its last one."""

from __future__ import annotations

import threading
import time
from collections import Counter

from backrooms_tui.model.errors import BackroomsError, SessionOver
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.views import Visitor
from backrooms_tui.service import OwnerService

from .hello import Hello, new_session_id


class Session:
    """`entered` and `connections` are guarded by the lock of `Sessions`."""

    def __init__(self, hello: Hello) -> None:
        self.id = new_session_id()
        self.visitor = Visitor(self.id, hello.who)
        self.read_only = hello.read_only
        self.since = time.time_ns()
        self.connections = 0
        self.entered: Counter[RoomId] = Counter()


class Sessions:
    """Thread-safe."""

    def __init__(self, service: OwnerService) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def all(self) -> list[Session]:
        with self._lock:
            return list(self._sessions.values())

    def join(self, hello: Hello) -> Session:
        """The session that the client names, or a new one. Raises SessionOver."""
        with self._lock:
            if hello.session is None:
                session = Session(hello)
                self._sessions[session.id] = session
            elif (found := self._sessions.get(hello.session)) is not None:
                session = found
            else:
                raise SessionOver(f"SESSION: {hello.session}")
            session.connections += 1
            return session

    def part(self, session: Session) -> None:
        """One of its connections is gone; with the last the session is over and leaves its rooms."""
        with self._lock:
            session.connections -= 1
            if session.connections:
                return
            del self._sessions[session.id]
            entered = list(session.entered.elements())
        for room_id in entered:
            try:
                self._service.leave(room_id, visitor=session.visitor)
            except BackroomsError:
                pass  # the room is gone, or cannot be written: nobody is there to be told

    def enter(self, session: Session, room_id: RoomId, *, read_only: bool) -> object:
        """Carry out `enter` for a session; one that only looks enters so."""
        looks = read_only or session.read_only
        view = self._service.enter(room_id, read_only=looks, visitor=session.visitor)
        with self._lock:
            session.entered[room_id] += 1
        return view

    def leave(self, session: Session, room_id: RoomId) -> object:
        view = self._service.leave(room_id, visitor=session.visitor)
        with self._lock:
            if session.entered[room_id]:
                session.entered[room_id] -= 1
        return view
