"""Events on their way to whoever watches: bounded, ordered, never slowed down by a slow reader."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from backrooms_tui.model.events import Event, Lagged, Said, Saying
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.telemetry import UNWATCHED, Telemetry

MAX_EVENTS = 16_384
MAX_CHARACTERS = 32 * 1024 * 1024
"""Of entity text waiting for one subscriber; an event count alone would let 1 MiB lines fill the memory."""


def _weight(event: Event) -> int:
    return len(event.text) if isinstance(event, Said | Saying) else 0


class QueueSubscription:
    """One subscriber's bounded queue. The oldest events give way, and `Lagged` says how many."""

    def __init__(self, bus: EventBus, rooms: frozenset[RoomId] | None) -> None:
        self._bus = bus
        self._rooms = rooms
        self._events: deque[Event] = deque()
        self._characters = 0
        self._missed = 0
        self._closed = False
        self._changed = threading.Condition(threading.Lock())

    def offer(self, event: Event) -> None:
        """Take an event if it is of a room that is watched; never blocks."""
        room_id = getattr(event, "room_id", None)
        if self._rooms is not None and room_id is not None and room_id not in self._rooms:
            return
        with self._changed:
            if self._closed:
                return
            self._events.append(event)
            self._characters += _weight(event)
            while len(self._events) > MAX_EVENTS or self._characters > MAX_CHARACTERS:
                self._characters -= _weight(self._events.popleft())
                self._missed += 1
            self._changed.notify()

    def get(self, timeout: float | None = None) -> list[Event]:
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._closed, timeout)
            events: list[Event] = list(self._events)
            if self._missed:
                self._bus.telemetry.missed(self._missed)
                events.insert(0, Lagged(self._missed))
            self._events.clear()
            self._characters = self._missed = 0
            return [] if self._closed else events

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._bus.forget(self)


class EventBus:
    """All subscriptions. `publish` may be called from any thread; each subscriber sees one room's events in order
    because a room's events are published by one thread at a time.
    """

    def __init__(self, telemetry: Telemetry = UNWATCHED) -> None:
        self.telemetry = telemetry
        self._lock = threading.Lock()
        self._subscriptions: tuple[QueueSubscription, ...] = ()

    def subscribe(self, rooms: Iterable[RoomId] | None) -> QueueSubscription:
        subscription = QueueSubscription(self, None if rooms is None else frozenset(rooms))
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def forget(self, subscription: QueueSubscription) -> None:
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)

    @property
    def watched(self) -> bool:
        return bool(self._subscriptions)

    def publish(self, event: Event) -> None:
        self.telemetry.event(event)
        for subscription in self._subscriptions:
            subscription.offer(event)

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
