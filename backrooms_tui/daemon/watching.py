"""A client's subscription: events wait at the owner until they are asked for; no thread is at work here."""

from __future__ import annotations

import _socket
from _thread import RLock
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from backrooms_tui.model.errors import ConnectionLost

from .calling import kind_of
from .frames import Broken, Gone, Silence, Wire
from .values import Malformed, kind
from .verbs import taken_error

if TYPE_CHECKING:
    from backrooms_tui.model.events import Event

    from .client import RemoteService

SILENCE_SECONDS = 60.0
"""An owner that says nothing for so long is lost, though no socket tells so. It says something every 15."""

Cursor = tuple[str, int]
"""Epoch of an owner, and the number of an event in it."""


class RemoteSubscription:
    """See `Subscription`. Made by `RemoteService.subscribe`."""

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
        deadline = None if timeout is None else monotonic() + timeout
        with self._reading:
            while not self._closed:
                left = SILENCE_SECONDS if deadline is None else min(SILENCE_SECONDS, max(0.0, deadline - monotonic()))
                try:
                    events = self._taken(self._wire.receive(left))
                except Silence as silence:
                    if left < SILENCE_SECONDS:
                        return []
                    raise self._service.lose(silence) from None
                except ConnectionLost as farewell:
                    raise self._service.lose(farewell) from None
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
        what, body = kind_of(message, 1)
        if what == "error":
            raise taken_error(body)
        if what != "events" or type(body) is not list or len(body) != 2 or type(body[0]) is not int:
            raise Malformed
        events = kind("[Event]").decode(body[1])
        self.cursor = (self.cursor[0], body[0])
        return [*events]
