"""`RoomService`: every verb of the product once, for every face.

Synchronous, typed, thread-safe. The command line and the console know nothing else; a remote implementation can
stand in its place. Every method raises `BackroomsError`s only, and may block for a durable write (milliseconds),
except where it says that it waits. Room arguments are full ids: `resolve` turns what a person typed into one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from backrooms_tui.config.paths import store_root
from backrooms_tui.config.settings import Settings
from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.events import Event
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
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.telemetry import UNWATCHED, Telemetry
from backrooms_tui.model.views import Occupant, Receipt, RoomView, ServiceStatus, StoreFacts, TurnResult, Visitor

if TYPE_CHECKING:
    from backrooms_tui.entity.calls import Broker, MakeBroker, Notify
    from backrooms_tui.entity.process import EntityHost
    from backrooms_tui.supervisor.rounds import BackupPlan


class Subscription(Protocol):
    """A bounded queue of events. A subscriber that falls behind loses the oldest and is told with `Lagged`."""

    def get(self, timeout: float | None = None) -> list[Event]:
        """Give all waiting events, waiting up to `timeout` seconds (None: for ever) for the first; [] on timeout
        and for ever after `close`.
        """
        ...

    def close(self) -> None: ...


class RoomService(Protocol):
    def resolve(self, handle: str) -> RoomId:
        """Raises InvalidRoomId, RoomNotFound, RoomAmbiguous."""
        ...

    def rooms(self) -> list[RoomView]:
        """All rooms, oldest first."""
        ...

    def room(self, room_id: RoomId) -> RoomView: ...

    def create(self, config: RoomConfig) -> RoomView:
        """Durable when it returns; the entity stays cold until it is called for (`await_entity`, `enter`, `submit`).

        Raises UsageError, MaxRoomsExceeded.
        """
        ...

    def await_entity(self, room_id: RoomId, timeout: float | None = None) -> RoomView:
        """Start the room's entity if it is cold and wait until it is ready. Raises EntityInitFailed."""
        ...

    def enter(self, room_id: RoomId, *, read_only: bool = False) -> RoomView:
        """Count a session in; wakes an IDLE room and starts its entity, unless it comes only to look.

        Raises RoomSuspended, RoomCorrupted.
        """
        ...

    def leave(self, room_id: RoomId) -> RoomView:
        """Count a session out; a room without sessions and pending inputs becomes IDLE."""
        ...

    def presence(self, room_id: RoomId) -> tuple[Occupant, ...]:
        """Who has entered and not left, in the order in which they came. Raises RoomNotFound."""
        ...

    def submit(
        self,
        room_id: RoomId,
        data: bytes,
        *,
        source: str,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Accept one input: durable before this returns. A repeated `request_id` gives the first receipt again.

        `timeout` overrides the room's seconds for this input. Raises InputRefused kinds, RoomSuspended,
        RoomCorrupted, StoreFailed.
        """
        ...

    def wait(self, receipt: Receipt, timeout: float | None = None) -> TurnResult | None:
        """Wait until the input has ended and its results are durable; None when `timeout` seconds pass first."""
        ...

    def read(
        self, room_id: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        """A page of memory in rising order, by timestamp cursors, as `RoomStore.read` gives it."""
        ...

    def interrupt(self, room_id: RoomId, *, by: str) -> TurnResult:
        """End the running input early and wait for that: a call of the entity is cancelled, the entity is asked to
        stop and killed when it does not. What was said stays. Raises NothingRuns, RoomSuspended, RoomCorrupted.
        """
        ...

    def suspend(self, room_id: RoomId, *, by: str) -> RoomView:
        """Waits for the running input to end (its deadline bounds that), halts the entity, keeps the queue."""
        ...

    def resume(self, room_id: RoomId, *, by: str) -> RoomView: ...

    def destroy(self, room_id: RoomId, *, confirm: str) -> None:
        """`confirm` is the full id. The entity is killed, every trace removed. Raises ConfirmationMismatch."""
        ...

    def resume_pending(self) -> None:
        """Start inputs that an earlier owner accepted and did not end; for owners that stay (console, daemon)."""
        ...

    # Long verbs: `progress` is told how far they are, and stops them by raising. Not from threads that must not wait.

    def export(self, room_id: RoomId, spec: ExportSpec, sink: BinaryIO, progress: Progress = quiet) -> ExportReport:
        """Write a room's memory, as of now, into an open file. Works on SUSPENDED rooms, too. Raises RoomCorrupted
        where damage is met, after all that lies before it.
        """
        ...

    def backup(
        self, room_id: RoomId, spec: BackupSpec, sink: BinaryIO | None = None, progress: Progress = quiet
    ) -> BackupReport:
        """Archive the room at one moment, into an open file or, without one, onto the shelf. Raises RoomCorrupted."""
        ...

    def backups(self, room_id: RoomId | None = None) -> list[BackupInfo]:
        """What is on the shelf (of one room, or of all), newest first."""
        ...

    def restore(self, source: BinaryIO, progress: Progress = quiet) -> RestoreReport:
        """Bring a room back from an archive or a whole binary export. Everything is validated before anything is
        touched. Raises ArchiveInvalid, RoomExists, MaxRoomsExceeded.
        """
        ...

    def recover(
        self, room_id: RoomId, *, by: str, from_backup: bool = False, progress: Progress = quiet
    ) -> RecoverReport:
        """Make a CORRUPTED room ACTIVE again: if every byte of it is sound after all or, `from_backup`, by putting
        the newest valid backup in its place. Raises RoomCorrupted with what is wrong, NoBackup, IllegalTransition.
        """
        ...

    def compact(self, room_id: RoomId, progress: Progress = quiet) -> CompressionReport:
        """Compress a room's memory now, by its configured algorithm. Its inputs wait meanwhile."""
        ...

    def check(self, progress: Progress = quiet) -> CheckReport:
        """Look at every byte of the store and change nothing. Rooms go on meanwhile."""
        ...

    def store_facts(self) -> StoreFacts: ...

    def status(self) -> ServiceStatus: ...

    def subscribe(self, rooms: Iterable[RoomId] | None = None) -> Subscription:
        """Events of the given rooms (all when None) from now on."""
        ...

    def close(self) -> None:
        """End cleanly: running inputs are stopped and stay queued, entities die, the store closes. Idempotent."""
        ...


class OwnerService(RoomService, Protocol):
    """A `RoomService` that can be served to others: it knows for whom it acts."""

    def enter(self, room_id: RoomId, *, read_only: bool = False, visitor: Visitor | None = None) -> RoomView:
        """As above, for a client's session; without a `visitor` for the owner itself."""
        ...

    def leave(self, room_id: RoomId, *, visitor: Visitor | None = None) -> RoomView: ...

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
        """As above; the entity learns whose session it is."""
        ...

    def responds(self, seconds: float) -> bool:
        """Whether whoever writes to the store gets to new work within so many seconds: a sign of life."""
        ...

    def settle(self, seconds: float) -> bool:
        """Begin no turn any more and wait so long for those at work; gives whether all have ended. What is accepted
        from now on stays queued.
        """
        ...


def _print_fault(error: BaseException) -> None:
    import traceback  # 4 ms, for what should never happen

    traceback.print_exception(error, file=sys.stderr)


def _host_maker(settings: Settings) -> Callable[[], EntityHost]:
    def make() -> EntityHost:
        from backrooms_tui.entity.host import ZygoteHost
        from backrooms_tui.entity.mortal import Bounds

        bounds = Bounds(settings.limits.max_output_size, settings.entity.response_buffer)
        return ZygoteHost(bounds, require_seal=settings.entity.require_seal)

    return make


def _broker_maker(settings: Settings, on_fault: Callable[[BaseException], None]) -> MakeBroker:
    def make(notify: Notify) -> Broker:
        from backrooms_tui.broker.broker import HostBroker

        return HostBroker(settings.model, notify=notify, on_fault=on_fault)

    return make


def open_service(
    settings: Settings,
    *,
    persist: bool = True,
    socket: str | None = None,
    address: str | None = None,
    on_fault: Callable[[BaseException], None] = _print_fault,
    telemetry: Telemetry = UNWATCHED,
) -> OwnerService:
    """Own the configured store, for as long as the service is open. Without `persist` rooms live in memory only.

    `socket` is the path of the control socket that is going to be served: who finds the store owned learns it.
    `address` is where a daemon is reached: with one, and where `persistence.fleet` says so, rooms are shared.
    `on_fault` is told, in whatever thread it happened, of exceptions that are our own bugs; rooms go on. `telemetry`
    (`observability.start` makes one) is told of all that is done. Raises StoreBusy when another process owns the
    store, StoreCorrupted, UnsafePath.
    """
    from backrooms_tui.persistence.opening import open_store, store_options
    from backrooms_tui.supervisor.engine import Limits
    from backrooms_tui.supervisor.supervisor import Supervisor

    persistence = settings.persistence
    root = store_root(settings) if persist else None
    options = store_options(persistence, address=None if address is None else _known_as(address))
    store = open_store(root, backend=persistence.backend, options=options, socket=socket)
    limits = Limits(
        max_rooms=settings.limits.max_rooms,
        max_input_size=settings.limits.max_input_size,
        queue_depth=settings.limits.input_queue_depth,
        concurrent_inputs=settings.limits.concurrent_inputs,
        memory_entries=settings.limits.memory_entries_max,
        init_timeout=settings.entity.init_timeout,
        compression_threshold=settings.entity.memory_compression_threshold,
        observations=settings.entity.enable_observations,
        live_entities=settings.entity.live_processes,
        interrupt_grace=settings.entity.interrupt_grace,
    )

    def fault(error: BaseException) -> None:
        telemetry.fault(error)
        on_fault(error)

    return Supervisor(
        store,
        _host_maker(settings),
        limits,
        workers=settings.daemon.workers,
        path=None if root is None else str(root),
        plan=None if root is None else _plan(settings, root),
        on_fault=fault,
        telemetry=telemetry,
        make_broker=_broker_maker(settings, fault),
    )


def _known_as(address: str) -> str:
    """An address as other machines can use it: one that stands for all of a machine's is the machine's name."""
    host, _, port = address.rpartition(":")
    return address if host.strip("[]:0.") else f"{os.uname().nodename}:{port}"


def _plan(settings: Settings, root: Path) -> BackupPlan:
    from backrooms_tui.supervisor.rounds import BackupPlan

    backup = settings.persistence.backup
    directory = root.parent / "backups" if backup.path is None else Path(backup.path).expanduser()
    return BackupPlan(directory, backup.enabled, backup.interval, backup.retention, backup.compression)
