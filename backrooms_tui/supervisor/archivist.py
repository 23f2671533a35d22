"""Whole rooms: exported, backed up, put back, recovered, checked. In the caller's thread; other rooms go on.

A room that is put in comes in steps between the commits of others: its place is cleared, its memory filled in by a
few megabytes at a time, and the last step establishes it. A crash before that leaves it not there, or CORRUPTED as it
was; its backup is untouched in any case.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from backrooms_tui.model.entries import Draft, EntryType, Meta
from backrooms_tui.model.errors import ArchiveInvalid, BackroomsError, NoBackup, UsageError
from backrooms_tui.model.events import RoomChanged, RoomCreated
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import (
    BackupInfo,
    BackupReport,
    BackupSpec,
    CheckReport,
    ExportReport,
    ExportSpec,
    Progress,
    RecoverReport,
    RestoreReport,
)
from backrooms_tui.model.room import Damage, RoomRecord
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.states import RoomState, Verb, transition
from backrooms_tui.model.units import NS
from backrooms_tui.persistence.damage import DamageFound
from backrooms_tui.persistence.records import seal
from backrooms_tui.persistence.segments import entry_count
from backrooms_tui.persistence.store import MemoryRow, RoomImage, RoomStore

from .engine import Engine
from .registry import Registry
from .room import LiveRoom
from .snapshots import decode_state

if TYPE_CHECKING:
    from backrooms_tui.persistence.shelf import Shelf

CHUNK = 4 * 1024 * 1024
"""Bytes of memory that one step puts in."""
REFUTABLE = frozenset({"CHECKSUM_MISMATCH", "SEQUENCE_GAP", "ENTITY_INIT_FAILED"})
"""Damage that a room's own bytes can prove wrong when they read well later. What was missing at its end, or stood in
its place, was seen by the witness, and no byte of what is left could tell.
"""

Reset = Callable[[LiveRoom, RoomRecord], None]
"""Has a room forget what it believed: the record is what the store holds."""


class Archivist:
    """The verbs of `RoomService` that concern whole rooms; see there."""

    def __init__(
        self,
        store: RoomStore,
        engine: Engine,
        registry: Registry,
        *,
        shelf: Path | None,
        spool: Path | None,
        reset: Reset,
    ) -> None:
        """`shelf` is the directory of backups, None where nothing outlives the owner; `spool` is one where a nameless
        file may stand while a room is put in, None for the system's.
        """
        self._store = store
        self._engine = engine
        self._registry = registry
        self._directory = shelf
        self._spool = spool
        self._opened: Shelf | None = None
        self._reset = reset
        self._placing = threading.Lock()

    @property
    def shelf(self) -> Shelf | None:
        if self._opened is None and self._directory is not None:
            from backrooms_tui.persistence.shelf import Shelf

            self._opened = Shelf(self._directory)
        return self._opened

    def export(self, room_id: RoomId, spec: ExportSpec, sink: BinaryIO, progress: Progress) -> ExportReport:
        from backrooms_tui.persistence.exporting import export

        spec.validated()
        room = self._registry.loaded(room_id)
        with self._registry.noticing(room), self._seen(room) as image:
            return export(image, spec, sink, progress)

    def backup(self, room_id: RoomId, spec: BackupSpec, sink: BinaryIO | None, progress: Progress) -> BackupReport:
        from backrooms_tui.persistence.archive import write_archive
        from backrooms_tui.persistence.exporting import Counted

        spec.validated()
        began, taken_at = time.monotonic(), time.time_ns()
        room = self._registry.loaded(room_id)
        room.require_sound()
        plain_size = 0
        with self._registry.noticing(room), self._store.image(room_id) as image:

            def write(file: BinaryIO) -> None:
                nonlocal plain_size
                plain_size = write_archive(image, spec, file, progress, taken_at=taken_at)

            if sink is not None:
                counted = Counted(sink)
                write(cast("BinaryIO", counted))  # an archive is only written
                size, path = counted.size, None
            else:
                info = self._require_shelf().put(room_id, taken_at, spec.compression, write)
                size, path = info.size, info.path
            entries = image.record.entries
        return BackupReport(room_id, path, entries, plain_size, size, time.monotonic() - began)

    def backups(self, room_id: RoomId | None) -> list[BackupInfo]:
        return [] if self.shelf is None else self.shelf.list(room_id)

    def forget(self, room_id: RoomId) -> None:
        """Remove a room's backups: they go before it does, so that nothing of a destroyed room is left."""
        if self.shelf is not None:
            self.shelf.forget(room_id)

    def restore(self, source: BinaryIO, progress: Progress) -> RestoreReport:
        from backrooms_tui.persistence.archive import read_archive

        with self._placing, read_archive(source, directory=self._spool, progress=_half(progress)) as archive:
            image = archive.image
            self._put_in(image, image.record, image.rows, progress)
        return RestoreReport(image.record.id, image.record.entries, image.record.state)

    def recover(self, room_id: RoomId, *, by: str, from_backup: bool, progress: Progress) -> RecoverReport:
        with self._placing:
            room = self._registry.ours(room_id)
            if room.record.state is not RoomState.CORRUPTED:  # damage deep in a room may have been seen by fsck alone
                for damage in self._looked_at(room.record, progress):
                    self._registry.corrupt(room, damage)
            transition(room.record.state, Verb.RECOVER)
            return (self._from_backup if from_backup else self._as_it_is)(room, by, progress)

    def check(self, progress: Progress) -> CheckReport:
        from backrooms_tui.persistence.fsck import check_store

        return check_store(self._store, [room.record for room in self._registry.all()], decode_state, progress)

    # The room's own bytes.

    def _as_it_is(self, room: LiveRoom, by: str, progress: Progress) -> RecoverReport:
        record = room.record
        for found in self._looked_at(record, progress):
            raise DamageFound(found)
        if record.damage is not None and record.damage.type not in REFUTABLE:
            raise DamageFound(record.damage)
        draft = _recovered("RECOVERED: NOTHING LOST", by, {"backup": None, "lost_entries": 0, "lost_seconds": 0})
        commit = self._engine.write(
            room, lambda: room.seal((draft,), state=RoomState.ACTIVE, damage=None, suspension=None)
        )
        self._reset(room, commit.record)
        return RecoverReport(room.id, RoomState.ACTIVE, None, commit.record.entries, 0, 0.0)

    def _looked_at(self, record: RoomRecord, progress: Progress) -> Iterator[Damage]:
        from backrooms_tui.persistence.fsck import Check

        return islice(Check(self._store, decode_state, progress, of=record.memory_usage).room(record), 1)

    # From a backup.

    def _from_backup(self, room: LiveRoom, by: str, progress: Progress) -> RecoverReport:
        from backrooms_tui.persistence.archive import read_archive

        for backup in self.backups(room.id):
            try:
                with (
                    self._require_shelf().open(backup) as source,
                    read_archive(
                        source, directory=self._spool, defaults=room.record.config, progress=_half(progress)
                    ) as archive,
                ):
                    if archive.image.record.id != room.id:
                        raise ArchiveInvalid("REASON: of another room")
                    return self._rebuilt(room, archive.image, backup, by, progress)
            except ArchiveInvalid as error:
                name = scrub(Path(backup.path).name)
                self._engine.notice("WARN", f"BACKUP SKIPPED: {name} {' '.join(error.details)}", room.id)
        raise NoBackup("MANUAL INTERVENTION REQUIRED")

    def _rebuilt(
        self, room: LiveRoom, image: RoomImage, backup: BackupInfo, by: str, progress: Progress
    ) -> RecoverReport:
        lost, seconds = _loss(room.record, image.record)
        name = Path(backup.path).name.partition(".")[0]
        draft = _recovered(
            f"RECOVERED FROM BACKUP {name}", by, {"backup": name, "lost_entries": lost, "lost_seconds": seconds}
        )
        now = time.time_ns()
        entries, tail = seal(room.id, image.record.tail, (draft,), now)
        size = len(entries[0].blob)
        record = image.record.with_(
            state=RoomState.ACTIVE,
            damage=None,
            suspension=None,
            last_active=now,
            tail=tail,
            memory_usage=image.record.memory_usage + size,
            memory_plain=image.record.memory_plain + size,
        )
        self._put_in(image, record, chain(image.rows, [(tail.timestamp, entries[0].blob)]), progress)
        return RecoverReport(room.id, record.state, backup, record.entries, lost, seconds)

    def _put_in(self, image: RoomImage, record: RoomRecord, rows: Iterable[MemoryRow], progress: Progress) -> None:
        """Put a room in whole, in the place of a CORRUPTED one or of none. Raises RoomExists, MaxRoomsExceeded."""
        with self._registry.placing(record.id) as damaged:
            if damaged is not None:
                self._registry.taken(damaged.id)
                self._engine.write(damaged, damaged.seal)  # that it is CORRUPTED may not have been written yet
                damaged.blocked = True  # nothing is written of it but what is put in
            try:
                self._fill(image, record, rows, progress, new=damaged is None)
                room = self._registry.placed(record)
                self._reset(room, record)
            finally:
                if damaged is not None:
                    damaged.blocked = False
        self._engine.bus.publish(RoomCreated(record.id) if damaged is None else RoomChanged(record.id, record.state))

    def _fill(
        self, image: RoomImage, record: RoomRecord, rows: Iterable[MemoryRow], progress: Progress, *, new: bool
    ) -> None:
        committer, store = self._engine.committer, self._store
        since = committer.failures
        committer.carry_out(lambda: store.clear(record.id), since=since)
        try:
            done = record.entries
            for piece in _pieces(rows):
                committer.carry_out(lambda piece=piece: store.fill(record.id, piece), since=since)  # type: ignore[misc]
                done += sum(entry_count(row) for _, row in piece)
                progress(done, 2 * record.entries)
            committer.carry_out(lambda: store.establish(record, image.snapshot, image.queue), since=since)
        except BaseException:
            if not self._landed(record):
                if new:
                    self._take_out(record.id, since)
                raise

    def _landed(self, record: RoomRecord) -> bool:
        """Whether a room is established although the last step raised."""
        try:
            return self._store.stored_tail(record.id) == record.tail
        except BackroomsError:
            return False

    def _take_out(self, room_id: RoomId, since: int) -> None:
        """Remove what was filled in. After a failed write re-opening has done that, or does when it succeeds."""
        try:
            self._engine.committer.carry_out(lambda: self._store.destroy(room_id), since=since)
        except BackroomsError:
            pass

    # What is seen of a room.

    def _seen(self, room: LiveRoom) -> AbstractContextManager[RoomImage]:
        """The room as it is now, or what is left of a damaged one."""
        corrupted = room.record.state is RoomState.CORRUPTED
        return self._store.remains(room.id) if corrupted else self._store.image(room.id)

    def _require_shelf(self) -> Shelf:
        if self.shelf is None:
            raise UsageError("THESE ROOMS ARE NOT PERSISTENT: THERE IS NO PLACE FOR THEIR BACKUPS")
        return self.shelf


def _half(progress: Progress) -> Progress:
    """Of a room that is put in, reading is one half and writing the other."""
    return lambda done, of: progress(done, 2 * of)


def _pieces(rows: Iterable[MemoryRow]) -> Iterator[list[MemoryRow]]:
    """Rows in pieces of about CHUNK bytes."""
    piece: list[MemoryRow] = []
    size = 0
    for row in rows:
        piece.append(row)
        size += len(row[1])
        if size >= CHUNK:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _loss(damaged: RoomRecord, backup: RoomRecord) -> tuple[int | None, float]:
    """Entries and seconds of a damaged room that are known to lie after its backup."""
    known = damaged.tail.seq
    lost = max(0, known - backup.tail.seq) if known else None
    if lost == 0:
        return 0, 0.0
    newest = backup.tail.timestamp or backup.created_at
    return lost, max(0, max(damaged.last_active, damaged.tail.timestamp) - newest) / NS


def _recovered(text: str, by: str, figures: dict[str, object]) -> Draft:
    return Draft(EntryType.STATE_CHANGE, text, {Meta.EVENT: "recovered", Meta.BY: by, Meta.DATA: figures})
