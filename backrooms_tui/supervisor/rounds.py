"""Automatic backups: a thread of a long-lived owner that goes round the rooms, and clears the shelf of what is old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from backrooms_tui.model.errors import BackroomsError, RoomNotFound
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import BackupSpec
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.units import NS
from backrooms_tui.model.value import value

from .archivist import Archivist
from .engine import Engine
from .registry import Registry


@value
class BackupPlan:
    directory: Path
    """The shelf."""
    enabled: bool
    interval: float
    """Seconds from the end of one round to the next, by a clock that nobody sets."""
    retention: int
    """Hours a backup is kept."""
    compression: str


class Rounds:
    """Backs up every room that has changed since its last backup. A failure is told and ends nothing."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        archivist: Archivist,
        plan: BackupPlan,
        *,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._archivist = archivist
        self._plan = plan
        self._on_fault = on_fault
        self._kept: dict[RoomId, tuple[object, ...]] = {}
        """What was the case in each room before its last backup by this owner."""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Idempotent."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="backups", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """A backup at work is given up."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        delay = 0.0 if self._overdue() else self._plan.interval
        while not self._stopping.wait(delay):
            try:
                self._go_round()
            except _Stopped:
                return
            except Exception as error:  # a worker edge: the next round may succeed
                self._on_fault(error)
            delay = self._plan.interval

    def _overdue(self) -> bool:
        """Whether an earlier owner's backups are older than the interval. No backups at all is no reason to hurry."""
        try:
            newest = self._archivist.backups(None)[:1]
        except BackroomsError:  # told by the round
            return True
        return bool(newest) and time.time_ns() - newest[0].taken_at > self._plan.interval * NS

    def _go_round(self) -> None:
        rooms = self._registry.all()
        for room in rooms:
            if room.record.state is not RoomState.CORRUPTED and not room.foreign:
                self._back_up(room.record)
        # What a damaged room can be rebuilt from stays, however old it is.
        damaged = [room.id for room in rooms if room.record.state is RoomState.CORRUPTED]
        try:
            if (shelf := self._archivist.shelf) is not None:
                shelf.purge(self._plan.retention, time.time_ns(), spare=damaged)
        except BackroomsError as error:
            self._failed(error, None)

    def _back_up(self, record: RoomRecord) -> None:
        facts = (record.tail, record.state, record.config)
        try:
            if self._kept.get(record.id) != facts and self._changed(record):
                spec = BackupSpec(self._plan.compression, include_config=True)
                self._archivist.backup(record.id, spec, None, self._unless_stopping)
            self._kept[record.id] = facts
        except RoomNotFound:  # destroyed meanwhile
            self._kept.pop(record.id, None)
        except BackroomsError as error:
            self._failed(error, record.id)

    def _changed(self, record: RoomRecord) -> bool:
        """Whether a room is not on the shelf as it is; by its times, where this owner has not backed it up before."""
        if record.id in self._kept:
            return True
        newest = self._archivist.backups(record.id)[:1]
        return not newest or not record.last_active <= newest[0].taken_at <= time.time_ns()

    def _unless_stopping(self, done: int, of: int) -> None:  # noqa: ARG002 - a Progress
        if self._stopping.is_set():
            raise _Stopped

    def _failed(self, error: BackroomsError, room_id: RoomId | None) -> None:
        self._engine.notice("WARN", f"BACKUP FAILED: {' '.join((error.code, *error.details))}", room_id)


class _Stopped(Exception):
    """The owner is closing."""
