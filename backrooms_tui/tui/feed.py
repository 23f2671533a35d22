"""Events on their way to the screen: one reader thread, one bounded buffer, a bell that rings once.

The reader never waits for the screen. While nothing happens it sleeps in the subscription and the console's loop
sleeps too: an idle console has no timer and writes nothing. Once rung, the loop drains the buffer at most
FLUSHES_PER_SECOND times a second: twenty flushes of one line cost 45 % of a core, four of 250 lines 11 %.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from backrooms_tui.model.events import Event, Lagged, Said, Saying
from backrooms_tui.service import Subscription

FLUSHES_PER_SECOND = 5
MAX_EVENTS = 20_000
MAX_CHARACTERS = 16 * 1024 * 1024
"""Of entity text waiting for the screen: an event count alone would let 1 MiB lines fill the memory."""
STOP_SECONDS = 2.0


class Feed:
    """Drains a subscription in the thread "console-feed". `ring` is called there whenever the buffer fills anew."""

    def __init__(self, subscription: Subscription, ring: Callable[[], None]) -> None:
        self._subscription = subscription
        self._ring = ring
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._characters = 0
        self._missed = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._read, name="console-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def drain(self) -> list[Event]:
        """Give everything that waits, oldest first; a `Lagged` before it when something had to give way."""
        with self._lock:
            events = list(self._events)
            if self._missed:
                events.insert(0, Lagged(self._missed))
            self._events.clear()
            self._characters = self._missed = 0
        return events

    def stop(self) -> None:
        """End the subscription and the thread; waits for it at most STOP_SECONDS."""
        self._stopped = True
        self._subscription.close()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _read(self) -> None:
        while not self._stopped:
            events = self._subscription.get()
            if not events:
                return
            with self._lock:
                was_empty = not self._events
                for event in events:
                    self._take(event)
            if was_empty and not self._stopped:
                self._ring()

    def _take(self, event: Event) -> None:
        if isinstance(event, Lagged):
            self._missed += event.missed
            return
        self._events.append(event)
        self._characters += _weight(event)
        while len(self._events) > MAX_EVENTS or self._characters > MAX_CHARACTERS:
            self._characters -= _weight(self._events.popleft())
            self._missed += 1


def _weight(event: Event) -> int:
    return len(event.text) if isinstance(event, Said | Saying) else 0
