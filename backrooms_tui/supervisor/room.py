"""One room in the owner's memory: its record, its queue, its entity, and how a step of it becomes a commit.

Everything here is guarded by `lock`; no method does I/O. Commits are sealed and queued under the lock, so their
order on disk is the order of the record's changes, and written outside it.
"""

from __future__ import annotations

import os
import pwd
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from backrooms_tui.model.entries import Draft
from backrooms_tui.model.errors import BackroomsError, RoomCorrupted, RoomLeasedElsewhere, RoomSuspended
from backrooms_tui.model.events import Event
from backrooms_tui.model.ids import RoomId, new_room_id
from backrooms_tui.model.room import Creation, Damage, QueuedInput, RoomConfig, RoomRecord
from backrooms_tui.model.states import RoomState, Verb, transition
from backrooms_tui.model.units import format_time
from backrooms_tui.model.value import value
from backrooms_tui.model.views import Occupant, Receipt, RoomView, RunningTurn, TurnResult
from backrooms_tui.persistence.records import seal
from backrooms_tui.persistence.store import Compaction, RoomCommit, SealedEntry

if TYPE_CHECKING:
    from backrooms_tui.entity.process import EntityProcess

    from .committer import Ticket
    from .turn import Turn
    from .worker import Timer

RESULTS_KEPT = 32
RESULT_ENTRIES_KEPT = 256
"""A turn of 80,000 lines takes 30 MB: with 32 of them kept, streaming rooms ate the memory."""
RESULT_CHARACTERS_KEPT = 64 * 1024
"""And as many of few long lines would take 512 MB in each room that floods."""
RECEIPTS_KEPT = 256
DEATHS_KEPT = 5


@value
class Pending:
    """A queued input with its text."""

    input: QueuedInput
    text: str
    session: str | None
    """Of the client that sent it; None: the owner itself."""
    marked: bool = False
    """Its next start is counted in `input.attempt` already."""


def user_name() -> str:
    """Of the user whose process this is; its number when it has no name, as in a container that says which to use."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def new_record(config: RoomConfig) -> RoomRecord:
    """The record of a room that is made now, by this process."""
    now = time.time_ns()
    creation = Creation(os.getpid(), user_name(), socket.gethostname())
    return RoomRecord(
        id=new_room_id(created_at=now, origin=f"{creation.user}@{creation.host}:{creation.pid}"),
        state=RoomState.ACTIVE,
        config=config,
        creation=creation,
        created_at=now,
        last_active=now,
    )


class Starts:
    """How the starts of a room's processes have gone."""

    def __init__(self) -> None:
        self.failures = 0
        """Deaths in a row before an entity was ready."""
        self.unborn = 0
        """Processes in a row that the zygote did not make, for it died."""
        self.replaying = False
        """The process that starts is being given the inputs that an earlier one has answered."""
        self.afresh = False
        """A process has not got over that: they are started without it, as long as the owner lives."""


class LiveRoom:
    """See the module. `process`, `ready`, `turn` change in the room's worker thread only (under the lock)."""

    def __init__(self, record: RoomRecord) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        """Notified when the entity becomes ready or dies, a turn ends, the room halts or is gone."""
        self.record = record
        self.loaded = False
        """Whether queue, state and tail have been checked and read since the store was opened."""
        self.queue: deque[Pending] = deque()
        self.awaited = 0
        """Callers that wait for the end of an input."""
        self.durable_seq = record.tail.seq
        """Inputs up to this one are on disk; of a later one's turn nothing may be told yet."""
        self.held: list[Event] = []
        """What is to be told of the running turn when its input is durable."""
        self.on_durable: list[Callable[[], None]] = []
        """To be called when the running turn's input is."""
        self.state: dict[str, Any] = {}
        """The entity's committed state; meaningful when `loaded`."""
        self.process: EntityProcess | None = None
        self.ready = False
        self.born = 0
        """When `process` was started, in monotonic nanoseconds."""
        self.at_work_since = 0
        """When `process` was given its first input, in monotonic nanoseconds; 0 before that."""
        self.wants_entity = False
        """Somebody waits for the entity, though no input does."""
        self.turn: Turn | None = None
        self.alarm: Timer | None = None
        """The one deadline that matters now: of the initialisation, the turn, or a closed channel's death."""
        self.halted = False
        """No new turn may start: the room is being suspended, destroyed, or the owner is closing."""
        self.gone = False
        self.foreign = False
        """Another daemon's to write to, or nobody's yet: the record is what was stored when somebody last looked."""
        self.blocked = False
        """No new turn may start: the room's memory is being compacted, or put in. One at a time does that."""
        self.held_up = False
        """A turn or an entity was called for while the room was blocked."""
        self.exhausted = False
        """The last compaction could not bring memory within its capacity: what is left has to stay for now."""
        self.compacted_seq = 0
        """Where the tail was when memory was last compacted."""
        self.compacted_through = 0
        """Timestamp up to which everything has been compacted or found not to be worth it."""
        self.spawn_error: BackroomsError | None = None
        """Why no process could be made at the last try; None once one was."""
        self.present: tuple[Occupant, ...] = ()
        """Who has entered and not left."""
        self.restarting = False
        """The entity died of an input; the fresh one's readiness is recorded in memory."""
        self.starts = Starts()
        self.deaths: deque[float] = deque(maxlen=DEATHS_KEPT)
        """When the entity died of itself, in monotonic seconds."""
        self.dirty = False
        """The record holds changes (refused inputs, idleness) that no commit has taken along yet."""
        self.results: OrderedDict[int, TurnResult] = OrderedDict()
        self.receipts: OrderedDict[str, Receipt] | None = None
        """By request id; None until a submit with a request id has looked at the newest entries."""
        self.accepting: dict[str, tuple[Ticket, Receipt]] = {}
        """By request id: inputs that are being written, and what is answered when they are."""

    @property
    def id(self) -> RoomId:
        return self.record.id

    def seal(
        self,
        drafts: Sequence[Draft] = (),
        *,
        now: int | None = None,
        snapshot: bytes | None = None,
        queue_put: tuple[QueuedInput, ...] = (),
        queue_del: tuple[int, ...] = (),
        compactions: tuple[Compaction, ...] = (),
        freed: int = 0,
        freed_plain: int = 0,
        **changes: object,
    ) -> RoomCommit:
        """Put drafts onto the tail and changes into the record; gives the commit to queue before the lock is let go.

        `freed` bytes, and `freed_plain` uncompressed ones, leave memory by the compactions. Raises RoomLeasedElsewhere
        for a room that is not ours: what is sealed onto an old record would never fit.
        """
        if self.foreign:
            raise RoomLeasedElsewhere(f"ROOM: {self.id}")
        expected = self.record.tail
        entries: tuple[SealedEntry, ...] = ()
        tail = expected
        if drafts:
            entries, tail = seal(self.id, expected, drafts, time.time_ns() if now is None else now)
        size = sum(len(e.blob) for e in entries)
        self.record = self.record.with_(
            tail=tail,
            memory_usage=self.record.memory_usage + size - freed,
            memory_plain=self.record.memory_plain + size - freed_plain,
            **changes,
        )
        self.dirty = False
        return RoomCommit(
            record=self.record,
            expected=expected,
            entries=entries,
            snapshot=snapshot,
            queue_put=queue_put,
            queue_del=queue_del,
            compactions=compactions,
        )

    def require_open(self) -> None:
        """Raise RoomSuspended or RoomCorrupted when the room takes no input, with the seed's lines."""
        if self.record.state is RoomState.SUSPENDED:
            lines = []
            if (suspension := self.record.suspension) is not None:
                lines = [f"SUSPENDED_AT: {format_time(suspension.at)}", f"SUSPENDED_BY: {suspension.by}"]
            raise RoomSuspended(*lines, "USE 'room.exe resume' TO REACTIVATE")
        self.require_sound()

    def require_sound(self) -> None:
        """Raise RoomCorrupted, with the seed's lines, when the room is."""
        if self.record.state is RoomState.CORRUPTED:
            damage = self.record.damage or Damage("STATE_UNREADABLE", "", 0, 0)
            raise RoomCorrupted(
                "UNABLE TO LOAD STATE",
                f"CORRUPTION_TYPE: {damage.type}",
                f"OFFSET: 0x{damage.offset:08X}",
                "MANUAL RECOVERY REQUIRED",
            )

    def corrupt(self, damage: Damage) -> None:
        """Mark the room CORRUPTED in memory; its bytes stay as they are."""
        self.record = self.record.with_(state=transition(self.record.state, Verb.CORRUPT), damage=damage)
        self.halted = True
        self.changed.notify_all()

    def adopt(self, record: RoomRecord) -> None:
        """Believe what is stored, and nothing else. Under the lock."""
        self.record, self.turn, self.loaded = record, None, False
        self.queue.clear()
        self.held.clear()
        self.on_durable.clear()
        self.durable_seq = record.tail.seq
        self.receipts = None
        self.changed.notify_all()

    def renew(self) -> None:
        """Let a room that has been recovered work again. Under the lock."""
        self.halted = self.exhausted = self.restarting = False
        self.starts = Starts()
        self.spawn_error = None
        self.compacted_seq = self.compacted_through = 0
        self.deaths.clear()
        self.results.clear()

    def keep_result(self, result: TurnResult) -> None:
        """Keep a result for who waits for it; a large one is put together from memory when it is asked for."""
        small = len(result.entries) <= RESULT_ENTRIES_KEPT
        if small and sum(len(entry.content) for entry in result.entries) <= RESULT_CHARACTERS_KEPT:
            self.results[result.seq] = result
        while len(self.results) > RESULTS_KEPT:
            self.results.popitem(last=False)
        self.changed.notify_all()

    @property
    def working(self) -> bool:
        """Whether inputs are worked on in the room's state."""
        return self.record.state in (RoomState.ACTIVE, RoomState.IDLE)

    @property
    def idle(self) -> bool:
        """Whether the process has nothing to do: the room may go cold."""
        return self.ready and self.turn is None and not self.queue and not self.wants_entity

    def pending(self, seq: int) -> bool:
        return any(waiting.input.seq == seq for waiting in self.queue)

    @property
    def depth(self) -> int:
        """Inputs that wait, the running one not counted."""
        return len(self.queue) - (self.turn is not None) if self.loaded else self.record.queued

    def view(self) -> RoomView:
        with self.lock:
            turn = self.turn
            return RoomView(
                record=self.record,
                queue_depth=self.depth,
                running=None
                if turn is None
                else RunningTurn(
                    turn.seq, time.time_ns() - (time.monotonic_ns() - turn.started), turn.timeout, turn.waits_for
                ),
                entity="COLD" if self.process is None else "LIVE" if self.ready else "STARTING",
                entity_pid=None if self.process is None else self.process.pid,
                occupants=len(self.present),
            )

    def facts(self, session: str | None) -> dict[str, Any]:
        """What an entity is told of its room with each input: true figures, no other room's, no clock; and the
        `session` of the client that it comes from.
        """
        record = self.record
        counters = record.counters
        return {
            "state": str(record.state),
            "created_at": record.created_at,
            "last_input_at": record.last_input_at,
            "memory_usage": record.memory_usage,
            "memory_capacity": record.config.memory_limit,
            "entries": record.entries,
            "inputs": counters.inputs,
            "outputs": counters.outputs,
            "silent": counters.silent,
            "errors": counters.errors,
            "timeouts": counters.timeouts,
            "crashes": counters.crashes,
            "latency_avg": record.latencies.average,
            "latency_p95": record.latencies.percentile(0.95),
            "queue": max(0, len(self.queue) - 1),
            "timeout": record.config.timeout,
            "mode": "standalone" if session is None else "daemon",
            "session": session,
        }
