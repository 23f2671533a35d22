"""Events to many clients: one bounded ring of the newest, numbered within this start of the owner.

One thread takes events from the service; each subscribed connection has its own place in the ring and sends from
there. A client that is slow or does not read holds nothing but its place: the ring goes on, and what it has passed by
is told as `Lagged`. An event is packed once, by the first who sends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from backrooms_tui.model.events import Event, Lagged, Said, Saying
from backrooms_tui.model.ids import RoomId
from backrooms_tui.service import RoomService, Subscription

from .frames import make_packer
from .hello import new_epoch
from .values import kind

MAX_EVENTS = 65_536
MAX_CHARACTERS = 32 * 1024 * 1024
"""Of entity text in the ring; an event count alone would let 1 MiB lines fill the memory."""
BATCH_EVENTS = 512
BATCH_BYTES = 256 * 1024
JOIN_SECONDS = 5.0


class _Cell:
    __slots__ = ("event", "packed", "room_id", "weight")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.packed: bytes | None = None
        self.room_id: RoomId | None = getattr(event, "room_id", None)
        entries = getattr(event, "entries", ())
        self.weight = (
            len(event.text) if isinstance(event, Said | Saying) else sum(len(entry.content) for entry in entries)
        )


class Relay:
    """Thread-safe. It subscribes when the first client does: an owner that nobody watches pays nothing."""

    def __init__(self, service: RoomService, on_fault: Callable[[BaseException], None]) -> None:
        self.epoch = new_epoch()
        self.changed = threading.Condition(threading.Lock())
        self.closed = False
        self.cells: dict[int, _Cell] = {}
        """By number, dense."""
        self.first = 1
        self.next = 1
        self._characters = 0
        self._service = service
        self._on_fault = on_fault
        self._subscription: Subscription | None = None
        self._thread = threading.Thread(target=self._run, name="daemon-events", daemon=True)

    def follow(self, rooms: Iterable[RoomId] | None, after: tuple[str, int] | None) -> Follower:
        """A place in the ring: now, or behind the event `after` (epoch and number) if that is still known."""
        with self.changed:
            if self._subscription is None and not self.closed:
                self._subscription = self._service.subscribe()
                self._thread.start()
            missed = 0
            place = self.next
            if after is not None:
                epoch, number = after
                if epoch == self.epoch and number < self.next:
                    place = number + 1
                else:
                    missed = 1  # nobody knows how many: they were another owner's
        return Follower(self, None if rooms is None else frozenset(rooms), place, missed)

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()
            subscription = self._subscription
        if subscription is not None:
            subscription.close()
            if self._thread is not threading.current_thread():
                self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        try:
            assert self._subscription is not None
            while events := self._subscription.get():
                self._take(events)
        except Exception as error:  # the edge of the thread
            self._on_fault(error)
        finally:
            with self.changed:
                self.closed = True
                self.changed.notify_all()

    def _take(self, events: list[Event]) -> None:
        fresh = [*map(_Cell, events)]
        with self.changed:
            for cell in fresh:
                self.cells[self.next] = cell
                self.next += 1
                self._characters += cell.weight
            while len(self.cells) > MAX_EVENTS or self._characters > MAX_CHARACTERS:
                self._characters -= self.cells.pop(self.first).weight
                self.first += 1
            self.changed.notify_all()


class Follower:
    """One client's place in the ring; used by its connection's thread only."""

    def __init__(self, relay: Relay, rooms: frozenset[RoomId] | None, place: int, missed: int) -> None:
        self._relay = relay
        self._rooms = rooms
        self._place = place
        self._missed = missed
        self._packer = make_packer()

    @property
    def number(self) -> int:
        """Of the last event that was passed."""
        return self._place - 1

    def next(self, timeout: float) -> list[bytes] | None:
        """Wait for events and give some of them, packed; [] when `timeout` seconds pass, None when it is over."""
        relay = self._relay
        with relay.changed:
            if not self._missed:
                relay.changed.wait_for(lambda: relay.closed or relay.next > self._place, timeout)
            if relay.closed:
                return None
            lost = max(0, relay.first - self._place)
            self._place += lost
            missed, self._missed = self._missed + lost, 0
            cells = self._passed(relay)
        packed = [*map(self._pack, cells)]
        return [self._packed(Lagged(missed)), *packed] if missed else packed

    def _passed(self, relay: Relay) -> list[_Cell]:
        """Go on to the next events, as far as one message reaches. Under the ring's lock."""
        cells: list[_Cell] = []
        size = 0
        end = min(relay.next, self._place + BATCH_EVENTS)
        while self._place < end and size < BATCH_BYTES:
            cell = relay.cells[self._place]
            self._place += 1
            if self._rooms is None or cell.room_id is None or cell.room_id in self._rooms:
                cells.append(cell)
                size += cell.weight
        return cells

    def _pack(self, cell: _Cell) -> bytes:
        if cell.packed is None:
            cell.packed = self._packed(cell.event)
        return cell.packed

    def _packed(self, event: Event) -> bytes:
        packed: bytes = self._packer.pack(kind("Event").encode(event))
        return packed


def events_message(packer: Any, request: int, number: int, events: list[bytes]) -> bytes:
    """The message `[request, "events", [number, [event, ...]]]` from events that are packed already."""
    head = packer.pack_array_header(3) + packer.pack(request) + packer.pack("events")
    body = packer.pack_array_header(2) + packer.pack(number) + packer.pack_array_header(len(events))
    return b"".join((head, body, *events))
