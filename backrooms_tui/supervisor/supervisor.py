"""The supervisor: every verb of `RoomService`, carried out on the rooms this process owns.

Verbs run in the caller's thread up to the durable write; what takes an entity happens in the room's worker.
Shutdown order: keeper, backups, compactions, rooms halt (running inputs go back to their queues), entities, workers,
committer, store.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from backrooms_tui import __version__
from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.errors import (
    InputRefused,
    NothingRuns,
    SequenceConflict,
)
from backrooms_tui.model.events import RoomChanged
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
    quiet,
)
from backrooms_tui.model.room import RoomConfig, RoomRecord
from backrooms_tui.model.telemetry import UNWATCHED, Telemetry
from backrooms_tui.model.views import Occupant, Receipt, RoomView, ServiceStatus, StoreFacts, TurnResult, Visitor
from backrooms_tui.persistence.store import RoomStore

from .accepting import accept, count_refusal
from .archivist import Archivist
from .bus import QueueSubscription
from .compacting import Compactor
from .crew import Crew
from .engine import Engine, Limits, MakeHost
from .keeper import Keeper
from .lifecycle import HALT_SECONDS, Lifecycle
from .registry import Registry
from .room import LiveRoom
from .rounds import BackupPlan, Rounds
from .upkeep import Upkeep
from .waiting import await_turn

if TYPE_CHECKING:
    from backrooms_tui.entity.calls import MakeBroker

    from .driver import Driver

Fault = Callable[[BaseException], None]


class Supervisor:
    """A `RoomService` over a store that this process owns."""

    def __init__(
        self,
        store: RoomStore,
        make_host: MakeHost,
        limits: Limits,
        *,
        workers: int,
        path: str | None,
        plan: BackupPlan | None = None,
        on_fault: Fault,
        telemetry: Telemetry = UNWATCHED,
        make_broker: MakeBroker | None = None,
    ) -> None:
        """`path` is where the rooms are, for people. Without a `plan` there is no shelf for backups. `on_fault` is
        told of exceptions that are our own bugs. Without `make_broker` every call of an entity is refused.
        """
        self._store = store
        self._path = path
        self._started_at = time.time_ns()
        self._registry = Registry(store, max_rooms=limits.max_rooms)
        self._engine = Engine(
            store,
            make_host,
            limits,
            on_lost=self._reload,
            on_fault=on_fault,
            telemetry=telemetry,
            make_broker=make_broker,
        )
        self._crew = Crew(self._engine, workers=workers, on_fault=on_fault)
        self._engine.living.retire = lambda room: self._driver(room).retire(room)
        self._engine.compactor = Compactor(
            self._engine, kick=self._kick, corrupt=self._registry.corrupt, on_fault=on_fault
        )
        self._archivist = Archivist(
            store,
            self._engine,
            self._registry,
            shelf=None if plan is None else plan.directory,
            spool=None if path is None or not Path(path).is_dir() else Path(path),
            reset=self._renew,
        )
        self._lifecycle = Lifecycle(self._engine, self._registry, self._crew, self._archivist)
        self._rounds: Rounds | None = None
        if plan is not None and plan.enabled:
            self._rounds = Rounds(self._engine, self._registry, self._archivist, plan, on_fault=on_fault)
        if store.fleet is not None:
            from .tenancy import Tenancy

            self._registry.tenancy = Tenancy(
                store.fleet, self._engine, self._registry, halt=self._forget, revive=self._revive
            )
        self._upkeep = Upkeep(store, self._engine, self._registry)
        self._keeper = Keeper(often=self._upkeep.often, every_second=self._upkeep.every_second, on_fault=on_fault)
        self._close_lock = threading.Lock()
        self._closed = False
        self._stays = False
        """Whether queued inputs are worked on though nobody calls for their rooms."""

    # What is there.

    def resolve(self, handle: str) -> RoomId:
        return self._registry.resolve(handle)

    def rooms(self) -> list[RoomView]:
        return [room.view() for room in self._registry.shown()]

    def room(self, room_id: RoomId) -> RoomView:
        return self._registry.loaded(room_id).view()

    def read(
        self, room_id: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        with self._registry.noticing(self._registry.get(room_id)):
            return self._store.read(room_id, after=after, before=before, limit=limit)

    def store_facts(self) -> StoreFacts:
        committer = self._engine.committer
        return StoreFacts(
            backend=self._store.backend,
            path=self._path,
            last_flush=committer.last_flush,
            flush_average=committer.flush_average,
            disk_usage=self._store.disk_usage(),
        )

    def status(self) -> ServiceStatus:
        from backrooms_tui.model.runtimes import COMMAND_PROFILE, HERMETIC_PROFILE

        seals = {profile: seal.lines() for profile, seal in self._engine.seals.items()}
        return ServiceStatus(
            version=__version__,
            pid=os.getpid(),
            started_at=self._started_at,
            durable=self._store.backend != "MEMORY",
            read_only_because=self._engine.committer.failure,
            live_entities=len(self._engine.living),
            seal=seals.get(HERMETIC_PROFILE, ()),
            command_seal=seals.get(COMMAND_PROFILE, ()),
            warnings=self._store.warnings,
        )

    def subscribe(self, rooms: Iterable[RoomId] | None = None) -> QueueSubscription:
        return self._engine.bus.subscribe(rooms)

    def presence(self, room_id: RoomId) -> tuple[Occupant, ...]:
        return self._registry.get(room_id).present

    # Lifecycle.

    def create(self, config: RoomConfig) -> RoomView:
        return self._lifecycle.create(config)

    def await_entity(self, room_id: RoomId, timeout: float | None = None) -> RoomView:
        return self._lifecycle.await_entity(room_id, timeout)

    def enter(self, room_id: RoomId, *, read_only: bool = False, visitor: Visitor | None = None) -> RoomView:
        return self._lifecycle.enter(room_id, read_only=read_only, visitor=visitor)

    def leave(self, room_id: RoomId, *, visitor: Visitor | None = None) -> RoomView:
        return self._lifecycle.leave(room_id, visitor=visitor)

    def suspend(self, room_id: RoomId, *, by: str) -> RoomView:
        return self._lifecycle.suspend(room_id, by=by)

    def resume(self, room_id: RoomId, *, by: str) -> RoomView:
        return self._lifecycle.resume(room_id, by=by)

    def destroy(self, room_id: RoomId, *, confirm: str) -> None:
        self._lifecycle.destroy(room_id, confirm=confirm)

    # Input.

    def submit(
        self,
        room_id: RoomId,
        data: bytes,
        *,
        source: str,
        request_id: str | None = None,
        timeout: float | None = None,
        visitor: Visitor | None = None,
    ) -> Receipt:
        def sent() -> Receipt:
            room = self._registry.ours(room_id)
            try:
                return accept(
                    self._engine,
                    room,
                    data,
                    source=source,
                    session=None if visitor is None else visitor.session,
                    request_id=request_id,
                    timeout=timeout,
                    kick=self._driver(room).kick,
                )
            except InputRefused as refusal:
                count_refusal(self._engine, room, refusal)
                raise

        try:
            return sent()
        except SequenceConflict:  # put on what a write that failed had left; nothing of it was written
            self._settled(self._registry.get(room_id))
            return sent()

    def wait(self, receipt: Receipt, timeout: float | None = None) -> TurnResult | None:
        return await_turn(self._store, self._registry.get(receipt.room_id), receipt, timeout)

    def interrupt(self, room_id: RoomId, *, by: str) -> TurnResult:
        room = self._registry.ours(room_id)
        with room.lock:
            room.require_open()
            turn = room.turn
        if turn is None:
            raise NothingRuns(f"ROOM: {room_id}")
        self._driver(room).interrupt(room, turn, by)
        receipt = Receipt(room_id, turn.seq, turn.input.timestamp, 0)
        result = await_turn(self._store, room, receipt, self._engine.limits.interrupt_grace + HALT_SECONDS)
        if result is None:  # the owner is closing, or the store has failed
            raise NothingRuns(f"ROOM: {room_id}", f"INPUT: {turn.seq} WAS GIVEN BACK TO ITS QUEUE")
        return result

    def resume_pending(self) -> None:
        """Start the inputs that an earlier owner accepted and did not end. Rooms that nobody calls for stay cold
        otherwise: a one-shot command must not start work that it will not finish. Who calls this stays, so the
        zygote is started too, and so are automatic backups.
        """
        self._stays = True
        self._engine.host.start()
        if self._rounds is not None:
            self._rounds.start()
        for room in self._registry.all():
            if room.record.queued and room.working and not room.foreign:
                self._driver(self._registry.loaded(room.id)).kick(room)
        if self._registry.tenancy is not None:
            self._registry.tenancy.claim()

    # Long verbs.

    def compact(self, room_id: RoomId, progress: Progress = quiet) -> CompressionReport:
        return self._engine.compactor.compact(self._registry.ours(room_id), progress)

    def export(self, room_id: RoomId, spec: ExportSpec, sink: BinaryIO, progress: Progress = quiet) -> ExportReport:
        return self._archivist.export(room_id, spec, sink, progress)

    def backup(
        self, room_id: RoomId, spec: BackupSpec, sink: BinaryIO | None = None, progress: Progress = quiet
    ) -> BackupReport:
        return self._archivist.backup(room_id, spec, sink, progress)

    def backups(self, room_id: RoomId | None = None) -> list[BackupInfo]:
        return self._archivist.backups(room_id)

    def restore(self, source: BinaryIO, progress: Progress = quiet) -> RestoreReport:
        return self._archivist.restore(source, progress)

    def recover(
        self, room_id: RoomId, *, by: str, from_backup: bool = False, progress: Progress = quiet
    ) -> RecoverReport:
        return self._archivist.recover(room_id, by=by, from_backup=from_backup, progress=progress)

    def check(self, progress: Progress = quiet) -> CheckReport:
        return self._archivist.check(progress)

    # Leaving.

    def responds(self, seconds: float) -> bool:
        return self._engine.committer.responds(seconds)

    def settle(self, seconds: float) -> bool:
        return self._engine.slots.settle(seconds)

    def close(self) -> None:
        with self._close_lock:
            if self._closed:
                return
            self._closed = True
        self._keeper.stop()
        if self._rounds is not None:
            self._rounds.stop()
        self._engine.compactor.stop()
        busy = [room for room in self._registry.all() if room.process is not None or room.turn is not None]
        for room in busy:
            room.halted = True
        for halted in [self._lifecycle.post_halt(room) for room in busy]:
            halted.wait(HALT_SECONDS)
        self._engine.close_host()  # before the workers: it reports deaths to them
        self._crew.stop()
        self._upkeep.write_dirty()
        self._engine.committer.close()
        self._engine.bus.close()
        self._store.close()

    # The machine's own.

    def _driver(self, room: LiveRoom) -> Driver:
        return self._crew.driver(room)

    def _kick(self, room: LiveRoom) -> None:
        if not self._closed:
            self._driver(room).kick(room)

    def _settled(self, room: LiveRoom) -> None:
        """Wait until what has been posted to a room's worker is done: that it is to begin anew, above all."""
        done = threading.Event()
        self._driver(room).after(done.set)
        done.wait(HALT_SECONDS)

    def _forget(self, room: LiveRoom, record: RoomRecord | None = None) -> None:
        """Have a room forget everything but its record, and part with its process."""
        done = threading.Event()
        self._driver(room).reset(room, record or room.record, done.set)
        done.wait(HALT_SECONDS)

    def _renew(self, room: LiveRoom, record: RoomRecord) -> None:
        """Have a room that has been put in or recovered begin anew from its record."""
        self._forget(room, record)
        with room.lock:
            room.renew()
        if self._stays and record.queued:
            self._registry.loaded(room.id)
            self._driver(room).kick(room)

    def _reload(self) -> None:
        """After a failed write: whatever rooms believed since the last acknowledgement is forgotten."""
        if self._closed:  # the rooms are halted, and their workers may be gone
            return
        self._engine.notice("WARN", "STORE_FAILED: RE-OPENED AND VERIFIED; UNACKNOWLEDGED WRITES WERE REFUSED")
        for room, record in self._registry.reload():
            self._driver(room).reset(room, record, lambda room=room: self._reloaded(room))  # type: ignore[misc]

    def _revive(self, room: LiveRoom) -> None:
        self._driver(room).revive(room, lambda: self._registry.loaded(room.id))

    def _reloaded(self, room: LiveRoom) -> None:
        if room.record.queued or room.awaited:  # what is awaited may have landed
            self._registry.loaded(room.id)
            self._driver(room).kick(room)
        self._engine.bus.publish(RoomChanged(room.id, room.record.state))
