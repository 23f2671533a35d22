"""The LEVELDB backend: rooms in LevelDB, one synced batch for each group of commits.

A store is a directory of mode 0700 holding `owner.lock`, `witness` and LevelDB's own `leveldb/`. Its process keeps
everything it creates private (see `keep_private`), because LevelDB makes files whenever it likes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from backrooms_tui.model.entries import MemoryEntry, Tail
from backrooms_tui.model.errors import RoomNotFound, StoreCorrupted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage, QueuedInput, RoomRecord
from backrooms_tui.model.states import RoomState

from . import keys
from .checking import check_room, held_against, read_queue, read_record, read_snapshot, ruin
from .damage import DamageFound, corrupted, damage, found_at
from .expecting import admit
from .leveldb import LevelDb, Row, View
from .owner_lock import OwnerLock
from .pages import open_row, read_after, read_before
from .private_files import keep_private, private_directory
from .records import Damaged, checksum_of
from .room_records import decode_room, encode_config, encode_creation, encode_queued, encode_room, encode_snapshot
from .store import RoomCommit, StoreContents
from .witness import Mark, Witness, WitnessKeeper

_SWEEP = 4096
"""Keys that the removal of a room deletes in one batch."""


class LevelDbStore:
    """See `RoomStore`."""

    backend = "LEVELDB"

    def __init__(self, root: Path, *, cache_size: int, write_buffer_size: int) -> None:
        """Take the owner lock and open the store at `root`, which is created with its parents when it is missing.

        Sizes in bytes. Raises StoreBusy, UnsafePath, StoreCorrupted, StoreFailed; then nothing is held.
        """
        keep_private()
        self.root = private_directory(root)
        self.lock = OwnerLock.acquire(self.root / "owner.lock")
        try:
            self._witness = WitnessKeeper(self.root / "witness")
            files = private_directory(self.root / "leveldb")
            self._db = LevelDb(
                files,
                # LevelDB erases every table it finds when it creates a database: only where there is none.
                create=self._witness.found is None and not any(files.glob("*.l[do][bg]")),
                cache_size=cache_size,
                write_buffer_size=write_buffer_size,
            )
            self._require_witness()
        except BaseException:
            self.lock.release()
            raise
        self._known: dict[RoomId, RoomRecord] = {}
        """Records as last acknowledged or loaded; changed by the writing thread only."""
        self._marks_complete = self._witness.found is None or self._witness.found.clean
        """Whether the witness may be called that of a clean stop: not before an unclean one has been loaded."""

    def _require_witness(self) -> None:
        try:
            with self._db.reading() as view:
                rooms = _shared(self.root, view, keys.INDEX, limit=1)
            if rooms:
                self._witness.require()
        except BaseException:
            self._db.close()
            raise

    def load(self) -> StoreContents:
        self._end_destructions()
        witness = self._witness.current
        with self._db.reading() as view:
            records = [self._loaded(view, witness, row) for row in _shared(self.root, view, keys.INDEX)]
            present = {record.id for record in records}
            for room_id in witness.marks.keys() - present:
                lost = damage("MEMORY_LOG_TRUNCATED", keys.index(room_id))
                records.append(ruin(view, room_id, lost, witness.marks[room_id]))
        self._known = {record.id: record for record in records}
        self._marks_complete = True
        return StoreContents(tuple(sorted(records, key=lambda record: (record.created_at, record.id))))

    def _loaded(self, view: View, witness: Witness, row: Row) -> RoomRecord:
        """A room as found, or CORRUPTED. What the witness knows of a damaged room stays in it, so that the damage is
        found again at the next start.
        """
        key, value = row
        room_id = keys.room_of(key)
        if room_id is None:
            raise StoreCorrupted(f"KEY: {keys.printable(key)}", _recovery(self.root))
        try:
            record = decode_room(room_id, value)
        except Damaged as error:
            found = damage(error.type, key, error.offset)
            return ruin(view, room_id, found, witness.marks.get(room_id))
        mark = _mark(record, value)
        lost = held_against(witness, view, record, mark)
        if lost is None:
            if witness.marks.get(room_id) != mark:
                self._witness.acknowledge({room_id: mark}, commits=1, synced=False)
            return record
        return record.with_(state=RoomState.CORRUPTED, damage=lost)

    def verify(self, room_id: RoomId) -> Damage | None:
        try:
            with self._db.fixed() as view:
                check_room(view, room_id)
        except DamageFound as error:
            return error.damage
        return None

    def commit(self, commits: Sequence[RoomCommit], *, sync: bool = True) -> None:
        batch = self._db.batch(sync=sync)
        after = admit(commits, self._stored)
        marks = {}
        for commit in commits:
            _put_commit(batch, commit)
        for room_id, record in after.items():
            marks[room_id] = _put_record(batch, record, self._known.get(room_id))
        self._witness.before_writing()
        self._db.write(batch)
        self._known.update(after)
        self._witness.acknowledge(marks, commits=len(commits), synced=sync)

    def destroy(self, room_id: RoomId) -> None:
        known = self._known.get(room_id)
        batch = self._db.batch(sync=True)
        batch.put(keys.destroyed(room_id), b"")
        batch.delete(keys.index(room_id))
        self._witness.before_writing()
        self._db.write(batch)
        self._end_destruction(room_id, erase=known is not None and known.state is not RoomState.CORRUPTED)

    def _end_destructions(self) -> None:
        """Remove what is left of rooms whose destruction was cut short."""
        with self._db.reading() as view:
            marked = _shared(self.root, view, keys.DESTROYED)
        for key, _ in marked:
            if (room_id := keys.room_of(key)) is not None:
                self._witness.before_writing()
                self._end_destruction(room_id, erase=False)

    def _end_destruction(self, room_id: RoomId, *, erase: bool) -> None:
        """Once the index record is durably gone so is the room: sweep up, and erase the bytes from the tables.

        The mark goes last, and after the witness has forgotten the room: until then a crash leaves either a room
        that the witness does not miss or a mark that says why it is missing. Erasing is not tried again after a
        crash, nor around known damage: a rewrite that meets a damaged table makes LevelDB refuse all writes.
        """
        self._known.pop(room_id, None)
        self._witness.forget(room_id)
        self._witness.write()
        ranges = (keys.room(room_id), keys.index(room_id))
        if erase:  # values leave only from a table below the one with their deletion: push them down first
            self._db.rewrite(*ranges)
        self._sweep(room_id)
        if erase:
            self._db.rewrite(*ranges)

    def _sweep(self, room_id: RoomId) -> None:
        """Delete all keys of a room, then the mark of its destruction."""
        start = keys.room(room_id)
        last = False
        while not last:
            with self._db.reading() as view:
                found = view.keys(keys.room(room_id), start=start, limit=_SWEEP)
            last = len(found) < _SWEEP
            batch = self._db.batch(sync=last)
            for key in found:
                batch.delete(key)
                start = key
            if last:
                batch.delete(keys.destroyed(room_id))
            self._db.write(batch)

    def read(
        self, room_id: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        if limit < 1:
            return []
        tail = self._require(room_id).tail
        with self._db.reading() as view:
            if after is None:
                return read_before(view, room_id, tail, before=before, limit=limit)
            return read_after(view, room_id, tail, after=after, before=before, limit=limit)

    def queue(self, room_id: RoomId) -> list[QueuedInput]:
        self._require(room_id)
        with self._db.reading() as view:
            return read_queue(view, room_id)

    def entry(self, room_id: RoomId, timestamp: int) -> MemoryEntry:
        self._require(room_id)
        key = keys.memory(room_id, timestamp)
        with self._db.reading() as view, found_at(key):
            value = view.get(key)
        if value is None:
            raise corrupted("SEQUENCE_GAP", key)
        return open_row(room_id, (key, value))[0]

    def snapshot(self, room_id: RoomId) -> bytes | None:
        self._require(room_id)
        with self._db.reading() as view:
            found = read_snapshot(view, room_id)
        return None if found is None else found[0]

    def stored_tail(self, room_id: RoomId) -> Tail | None:
        with self._db.reading() as view:
            record = read_record(view, room_id)
        return None if record is None else record.tail

    def reopen(self) -> None:
        self._db.reopen()
        try:
            self._end_destructions()
            self._recall()
        except BaseException:
            self._db.poison("REASON: what was acknowledged could not be read back")
            raise

    def _recall(self) -> None:
        """Read every room's record back. Raises StoreCorrupted when one is behind what was acknowledged."""
        with self._db.reading() as view:
            stored = dict(self._readable(_shared(self.root, view, keys.INDEX)))
        for room_id, known in self._known.items():
            if known.state is RoomState.CORRUPTED:  # what is known of it may be more than what is left of it
                stored.pop(room_id, None)
                continue
            found = stored.get(room_id)
            seq = 0 if found is None else found[0].tail.seq
            if found is None or seq < known.tail.seq:
                raise StoreCorrupted(
                    f"ROOM: {room_id}",
                    f"ACKNOWLEDGED SEQUENCE: {known.tail.seq}",
                    f"STORED SEQUENCE: {seq}",
                    _recovery(self.root),
                )
        self._known.update({room_id: record for room_id, (record, _) in stored.items()})
        marks = {room_id: mark for room_id, (_, mark) in stored.items()}
        self._witness.acknowledge(marks, commits=len(marks), synced=True)

    @staticmethod
    def _readable(rows: list[Row]) -> Iterator[tuple[RoomId, tuple[RoomRecord, Mark]]]:
        for key, value in rows:
            room_id = keys.room_of(key)
            if room_id is not None:
                with suppress(Damaged):
                    record = decode_room(room_id, value)
                    yield room_id, (record, _mark(record, value))

    def witness_due(self) -> bool:
        return self._witness.due

    def write_witness(self) -> None:
        self._db.gate.check()
        self._witness.write()

    def disk_usage(self) -> int:
        self._db.gate.check()
        total = 0
        for directory in (self.root, self.root / "leveldb"):
            with os.scandir(directory) as files:
                for file in files:
                    with suppress(FileNotFoundError):  # LevelDB removes tables whenever it likes
                        total += file.stat(follow_symlinks=False).st_blocks * 512
        return total

    def close(self) -> None:
        if self._db.gate.closed:
            return
        try:
            if self._witness.unsynced and not self._db.gate.barred:
                self._db.write(self._db.batch(sync=True))
                self._witness.acknowledge({}, commits=0, synced=True)
        finally:
            sound = not self._db.gate.barred
            self._db.close()
            try:
                if sound:
                    self._witness.write(clean=self._marks_complete)
            finally:
                self.lock.release()

    def _stored(self, room_id: RoomId) -> RoomRecord | None:
        if (known := self._known.get(room_id)) is not None:
            return known
        with self._db.reading() as view:
            return read_record(view, room_id)

    def _require(self, room_id: RoomId) -> RoomRecord:
        record = self._stored(room_id)
        if record is None:
            raise RoomNotFound(f"ROOM: {room_id}")
        return record


def _put_commit(batch: Any, commit: RoomCommit) -> None:
    """All of a commit but the record."""
    room_id = commit.record.id
    for sealed in commit.entries:
        batch.put(keys.memory(room_id, sealed.entry.timestamp), sealed.blob)
    if commit.snapshot is not None:
        batch.put(keys.state(room_id), encode_snapshot(room_id, commit.snapshot, commit.record.state_version))
    for queued in commit.queue_put:
        batch.put(keys.queue(room_id, queued.seq), encode_queued(room_id, queued))
    for seq in commit.queue_del:
        batch.delete(keys.queue(room_id, seq))


def _put_record(batch: Any, record: RoomRecord, known: RoomRecord | None) -> Mark:
    """The room's record, and what stands beside it when that is new."""
    if known is None:
        batch.put(keys.metadata(record.id), encode_creation(record.id, record.creation, record.created_at))
    if known is None or known.config != record.config:
        batch.put(keys.config(record.id), encode_config(record.id, record.config))
    value = encode_room(record)
    batch.put(keys.index(record.id), value)
    return _mark(record, value)


def _mark(record: RoomRecord, value: bytes) -> Mark:
    return Mark(record.tail.seq, record.tail.timestamp, record.tail.chain, checksum_of(value))


def _shared(root: Path, view: View, prefix: bytes, *, limit: int | None = None) -> list[Row]:
    """Rows that concern all rooms. Raises StoreCorrupted."""
    try:
        return view.prefixed(prefix, limit=limit)
    except Damaged as error:
        told = (error.reason,) if error.reason else ()
        raise StoreCorrupted(f"KEY: {keys.printable(prefix)}", *told, _recovery(root)) from None


def _recovery(root: Path) -> str:
    return f"RECOVERY: restore {root} from a backup."
