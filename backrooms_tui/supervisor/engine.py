"""What the parts of the supervisor share: the store behind its committer, the entities' host, the bus, the limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from backrooms_tui.model.errors import EntityInitFailed
from backrooms_tui.model.events import EntriesAdded, Event, InputAccepted, Notice, RoomChanged
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.telemetry import UNWATCHED, Telemetry
from backrooms_tui.model.value import value
from backrooms_tui.persistence.store import RoomCommit, RoomStore

from .bus import EventBus
from .committer import Committer, Then, Ticket
from .places import Living, Places
from .room import LiveRoom

if TYPE_CHECKING:
    from backrooms_tui.entity.calls import Broker, MakeBroker
    from backrooms_tui.entity.process import EntityHost, Seal

    from .compacting import Compactor

MakeHost = Callable[[], "EntityHost"]
"""Makes the entities' host when the first one is needed."""


@value
class Limits:
    """The configured limits that the supervisor enforces; see model.limits for their upper bounds."""

    max_rooms: int
    max_input_size: int
    queue_depth: int
    concurrent_inputs: int
    memory_entries: int
    init_timeout: float
    """Seconds an entity may take to say `ready`."""
    compression_threshold: float = 0.85
    """Part of its capacity at which a room's memory is compressed."""
    observations: bool = True
    """Whether observations are remembered; they are shown in any case."""
    idle_after: float = 300.0
    """Seconds without activity after which an ACTIVE room becomes IDLE."""
    live_entities: int = 128
    """Processes kept; beyond, the least recently used idle one goes cold. A cold start costs 5-10 ms."""
    interrupt_grace: float = 1.0
    """Seconds until an interrupted entity that does not end its turn is killed."""


class Engine:
    """See the module."""

    compactor: Compactor
    """Set by the supervisor, which knows who drives rooms on afterwards."""

    def __init__(
        self,
        store: RoomStore,
        make_host: MakeHost,
        limits: Limits,
        *,
        on_lost: Callable[[], None],
        on_fault: Callable[[BaseException], None],
        telemetry: Telemetry = UNWATCHED,
        make_broker: MakeBroker | None = None,
    ) -> None:
        self.store = store
        self.telemetry = telemetry
        self._make_host = make_host
        self._host: EntityHost | None = None
        self._host_lock = threading.Lock()
        self._closed = False
        self.limits = limits
        self.bus = EventBus(telemetry)
        self.committer = Committer(store, on_lost=on_lost, on_fault=on_fault, telemetry=telemetry)
        self.slots = Places(limits.concurrent_inputs)
        """Turns at work."""
        self.living = Living(limits.live_entities)
        self._make_broker = make_broker
        self._broker: Broker | None = None

    @property
    def host(self) -> EntityHost:
        """Raises EntityInitFailed when the owner is closing."""
        with self._host_lock:
            if self._closed:
                raise EntityInitFailed("THE OWNER IS CLOSING")
            if self._host is None:
                self._host = self._make_host()
            return self._host

    @property
    def broker(self) -> Broker | None:
        """Who answers calls, made when the first room needs it; None where nobody does, and while the owner closes."""
        with self._host_lock:
            if self._broker is None and self._make_broker is not None and not self._closed:
                self._broker = self._make_broker(self._notify)
            return self._broker

    def _notify(self, room_id: RoomId, text: str) -> None:
        self.notice("INFO", f"NOTIFIED: {text}", room_id, foreign=True)

    @property
    def seals(self) -> Mapping[str, Seal]:
        """What is applied to entities here, by profile; empty before the first."""
        return {} if self._host is None else self._host.seals

    def close_host(self) -> None:
        """End all entities; nobody gets another."""
        with self._host_lock:
            self._closed = True
        if self._broker is not None:
            self._broker.close()
        if self._host is not None:
            self._host.close()

    def enqueue(self, room: LiveRoom, commit: RoomCommit, *, sync: bool = True, then: Then | None = None) -> Ticket:
        """Queue a commit that nobody waits for, and tell watchers when it is durable. Call under the room's lock."""

        def ended(error: Exception | None) -> None:
            if error is None:
                self.tell_commit(room, commit)

        return self.committer.enqueue(commit, sync=sync, then=then or ended)

    def write(self, room: LiveRoom, seal: Callable[[], RoomCommit]) -> RoomCommit:
        """Seal under the lock, write, wait, tell watchers. Not from worker threads. Raises StoreFailed."""
        with room.lock:
            commit = seal()
            ticket = self.committer.enqueue(commit, here=True)
        self.committer.finish(ticket)
        self.tell_commit(room, commit)
        return commit

    def tell_commit(self, room: LiveRoom, commit: RoomCommit) -> None:
        if commit.entries:
            self.bus.publish(EntriesAdded(room.id, tuple(e.entry for e in commit.entries)))
        self.bus.publish(RoomChanged(room.id, commit.record.state))

    def tell_turn(self, room: LiveRoom, seq: int, event: Event) -> None:
        """Publish an event of the turn on input `seq`, or keep it until that input is durable."""
        if seq > room.durable_seq:
            with room.lock:
                if seq > room.durable_seq:
                    room.held.append(event)
                    return
        self.bus.publish(event)

    def when_durable(self, room: LiveRoom, seq: int, then: Callable[[], None]) -> bool:
        """Whether input `seq` is durable; if not, `then` is called when it is, in the writing thread."""
        with room.lock:
            if seq > room.durable_seq:
                room.on_durable.append(then)
                return False
            return True

    def tell_accepted(self, room: LiveRoom, event: InputAccepted) -> None:
        """Publish that an input is durable, and what its turn has to say already."""
        with room.lock:
            self.bus.publish(event)
            self.bus.publish(RoomChanged(room.id, room.record.state))
            for held in room.held:
                self.bus.publish(held)
            room.held.clear()
            room.durable_seq = event.entry.seq
            waiting, room.on_durable = room.on_durable, []
        for then in waiting:
            then()

    def notice(self, severity: str, text: str, room_id: RoomId | None = None, *, foreign: bool = False) -> None:
        """Tell operators. `foreign`: after its first word, a code, the text may hold an entity's words."""
        notice = Notice(time.time_ns(), severity, room_id, text)
        self.telemetry.notice(notice, foreign=foreign)
        self.bus.publish(notice)
