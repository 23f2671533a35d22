"""The console's hold on the owner of the rooms: one `RoomService` that stays, whatever becomes of the way to it.

An owner in this process cannot be lost. A served one can: then every call raises ConnectionLost at once, and the
thread that reads events (`feed`), which is always the first to know, makes a new connection, waiting longer after
each failure. Nothing is sent again from here: who has sent an input knows what it was (`outbox`).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from backrooms_tui.model.errors import BackroomsError, ConnectionLost, ReadOnly
from backrooms_tui.model.events import Event
from backrooms_tui.model.units import NS
from backrooms_tui.model.value import value
from backrooms_tui.service import RoomService

if TYPE_CHECKING:
    from backrooms_tui.daemon.client import RemoteService
    from backrooms_tui.daemon.watching import RemoteSubscription

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
JITTER = 0.2
"""Part of a delay by which it varies: consoles that lost one owner do not all come back in one moment."""


Reach = Callable[[], "RemoteService"]
"""Makes a new connection. Raises BackroomsError."""


@value
class Outage:
    """The connection is lost."""

    since: int
    """Nanoseconds since the epoch."""
    error: BackroomsError
    """Why."""
    failure: BackroomsError | None
    """Why the last try failed; None before the first."""
    attempt: int
    """Number of the next try, from 1."""
    due: int
    """When that is made: nanoseconds since the epoch."""
    delay: float
    """Seconds from the last try to it."""
    session: str
    """The one that was lost."""


def delays(dice: Callable[[], float] = random.random) -> Callable[[int], float]:
    """Seconds before the n-th try: 0.5, doubling to 30, each by chance a little more or less."""

    def delay(attempt: int) -> float:
        base = min(LONGEST_SECONDS, FIRST_SECONDS * float(1 << min(attempt - 1, 16)))
        return base * (1 - JITTER + 2 * JITTER * dice())

    return delay


class Attachment:
    """Gives every verb of `RoomService` by its name; `service` is itself as one."""

    def __init__(
        self,
        service: RoomService,
        reach: Reach | None = None,
        *,
        read_only: bool = False,
        delay: Callable[[int], float] | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Without `reach` the service is this process's own."""
        self.read_only = read_only
        self.remote = reach is not None
        self.outage: Outage | None = None
        """Set while there is no connection. Written in the reader's thread."""
        self.connections = 1
        """How many there have been: who sees another number is in a new session."""
        self.changed: Callable[[], None] = lambda: None
        """Called in the reader's thread when `outage` is another one."""
        self._service = service
        self._reach = reach
        self._delay = delay or delays()
        self._clock = clock
        self._nudge = threading.Event()
        self._closed = False
        self._refused = _changing_verbs() if read_only else frozenset()

    def __getattr__(self, name: str) -> Any:
        """A verb; of the service that is there when it is called, not when it is named."""
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._call, name)

    @property
    def service(self) -> RoomService:
        return cast("RoomService", self)

    @property
    def session(self) -> str:
        """Our session at the owner; the owner's own is `local`."""
        return str(getattr(self._service, "session", "local"))

    @property
    def address(self) -> str:
        return str(getattr(self._service, "address", ""))

    def enter(self, room_id: Any, **options: Any) -> Any:
        if self.read_only:
            options["read_only"] = True
        return self._call("enter", room_id, **options)

    def resume_pending(self) -> None:
        """One that only looks starts nothing, not even as the owner."""
        if not self.read_only:
            self._call("resume_pending")

    def subscribe(self) -> Watch:
        return Watch(self, self._service.subscribe())

    def retry(self) -> None:
        """Try now."""
        self._nudge.set()

    def close(self) -> None:
        """Let go. Does not end the subscription of `subscribe`."""
        self._closed = True
        self._nudge.set()
        self._service.close()

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        if name in self._refused:
            raise ReadOnly(f"VERB: {name}", "THIS CONSOLE ONLY LOOKS")
        return getattr(self._service, name)(*arguments, **named)

    # For `Watch`.

    def again(
        self, error: BackroomsError, cursor: tuple[str, int], wanted: Callable[[], bool]
    ) -> RemoteSubscription | None:
        """Make a new connection and subscribe behind the last event, however long that takes; None when nobody wants
        it any more.
        """
        if self._reach is None:
            return None
        since, session, attempt = self._clock(), self.session, 0
        failure: BackroomsError | None = None
        while wanted() and not self._closed:
            attempt += 1
            delay = self._delay(attempt)
            self._tell(Outage(since, error, failure, attempt, self._clock() + int(delay * NS), delay, session))
            self._nudge.wait(delay)
            self._nudge.clear()
            if self._closed or not wanted():
                break
            try:
                return self._attached(self._reach(), cursor)
            except BackroomsError as refusal:
                failure = refusal
            except OSError as trouble:  # no descriptor is left, the store's directory is gone: that may pass
                failure = ConnectionLost(f"REASON: {trouble.strerror or trouble}")
        return None

    def _attached(self, service: RemoteService, cursor: tuple[str, int]) -> RemoteSubscription:
        try:
            subscription = service.subscribe(after=cursor)
        except BackroomsError:
            service.close()
            raise
        lost, self._service = self._service, service
        self.connections += 1
        lost.close()
        if self._closed:
            service.close()
        self._tell(None)
        return subscription

    def _tell(self, outage: Outage | None) -> None:
        self.outage = outage
        self.changed()


class Watch:
    """A `Subscription` that goes on with the next connection where the last one ended."""

    def __init__(self, attachment: Attachment, subscription: Any) -> None:
        self._attachment = attachment
        self._subscription = subscription
        self._closed = False

    def get(self, timeout: float | None = None) -> list[Event]:
        """Waits while the connection is lost, too; [] after `close` and, with a `timeout`, when that has passed."""
        while not self._closed:
            try:
                events: list[Event] = self._subscription.get(timeout)
            except ConnectionLost as error:
                next_one = self._attachment.again(error, self._subscription.cursor, lambda: not self._closed)
                if next_one is None:
                    break
                self._subscription = next_one
            else:
                return events
        return []

    def close(self) -> None:
        self._closed = True
        self._attachment.retry()
        self._subscription.close()


def _changing_verbs() -> frozenset[str]:
    from backrooms_tui.daemon.verbs import VERBS

    return frozenset(name for name, verb in VERBS.items() if verb.changes)
