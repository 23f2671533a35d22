"""`RowStore`: the room store over any engine of rows.

What is the same whatever rooms are kept in stands here and nowhere else: the admission of commits, what a room's rows
are, how damage is found and told, the witness, destruction in two steps, rooms put in whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from backrooms_tui.model.entries import MemoryEntry, Tail
from backrooms_tui.model.errors import RoomExists, RoomNotFound, StoreCorrupted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage, QueuedInput, RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import changed

from . import keys
from .checking import check_room, held_against, read_queue, read_record, read_snapshot, ruin
from .damage import DamageFound, damage
from .expecting import admit
from .leases import Fleet
from .owner_lock import OwnerLock
from .pages import entry_at, read_after, read_before
from .records import Damaged
from .room_records import decode_room, encode_room
from .room_rows import mark_of, memory_rows, put_commit, put_record, put_rows
from .rows import Row, Rows, View, prefixed
from .store import MemoryRow, RoomCommit, RoomImage, StoreContents
from .witness import Mark, Witness, WitnessKeeper

_Seen = TypeVar("_Seen")


class RowStore:
    """See `RoomStore`."""

    def __init__(self, rows: Rows, witness: WitnessKeeper, lock: OwnerLock | None) -> None:
        """Take over an open engine, its witness and the lock they were opened under; all are closed with the store.

        Raises StoreCorrupted when there are rooms and no witness of them; then everything is closed.
        """
        self.backend = rows.backend
        self._rows = rows
        self._witness = witness
        self._lock = lock
        self._known: dict[RoomId, RoomRecord] = {}
        """Records as last acknowledged or loaded; changed by the writing thread only."""
        self._marks_complete = witness.found is None or witness.found.clean
        """Whether the witness may be called that of a clean stop: not before an unclean one has been loaded."""
        try:
            self._require_witness()
        except BaseException:
            rows.close()
            self._release()
            raise

    def _require_witness(self) -> None:
        with self._rows.reading() as view:
            if any(True for _ in self._shared(view, keys.INDEX)):
                self._witness.require()

    @property
    def fleet(self) -> Fleet | None:
        return None

    def load(self) -> StoreContents:
        self._end_destructions()
        witness = self._witness.current
        with self._rows.reading() as view:
            records = [self._loaded(view, witness, row) for row in self._shared(view, keys.INDEX)]
            present = {record.id for record in records}
            for room_id in witness.marks.keys() - present:
                lost = damage("MEMORY_LOG_TRUNCATED", keys.index(room_id))
                records.append(ruin(view, room_id, self._located(lost), witness.marks[room_id]))
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
            raise StoreCorrupted(f"KEY: {keys.printable(key)}", self._recovery)
        try:
            record = decode_room(room_id, value)
        except Damaged as error:
            found = self._located(damage(error.type, key, error.offset))
            return ruin(view, room_id, found, witness.marks.get(room_id))
        mark = mark_of(record, value)
        lost = held_against(witness, view, record, mark)
        if lost is None:
            if witness.marks.get(room_id) != mark:
                self._witness.acknowledge({room_id: mark}, commits=1, synced=False)
            return record
        return record.with_(state=RoomState.CORRUPTED, damage=self._located(lost))

    def verify(self, room_id: RoomId) -> Damage | None:
        try:
            with self._fixed(room_id) as view:
                check_room(view, room_id)
        except DamageFound as error:
            return error.damage
        return None

    def commit(self, commits: Sequence[RoomCommit], *, sync: bool = True) -> None:
        batch = self._rows.batch(sync=sync)
        after = admit(commits, self._stored)
        marks = {}
        for commit in commits:
            put_commit(batch, commit)
            for compaction in commit.compactions:
                self._rows.replace(batch, commit.record.id, compaction.timestamps, compaction.blob)
        for room_id, record in after.items():
            marks[room_id] = put_record(batch, record, self._known.get(room_id))
        self._witness.before_writing()
        self._rows.write(batch)
        self._known.update(after)
        self._witness.acknowledge(marks, commits=len(commits), synced=sync)

    def destroy(self, room_id: RoomId) -> None:
        known = self._known.get(room_id)
        batch = self._rows.batch(sync=True)
        batch.put(keys.destroyed(room_id), b"")
        batch.delete(keys.index(room_id))
        self._witness.before_writing()
        self._rows.write(batch)
        self._end_destruction(room_id, erase=known is not None and known.state is not RoomState.CORRUPTED)

    def _end_destructions(self) -> None:
        """Remove what is left of rooms whose destruction was cut short."""
        with self._rows.reading() as view:
            marked = list(self._shared(view, keys.DESTROYED))
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
        self._rows.sweep(room_id, erase=erase)

    def clear(self, room_id: RoomId) -> None:
        known = self._stored(room_id)
        if known is not None and known.state is not RoomState.CORRUPTED:
            raise RoomExists(f"ROOM: {room_id}")
        batch = self._rows.batch(sync=True)
        if known is None:  # a removal that has been decided: a crash before `establish` ends it
            batch.put(keys.destroyed(room_id), b"")
        else:
            batch.put(keys.index(room_id), encode_room(known))
        self._witness.before_writing()
        self._rows.write(batch)
        if known is not None:
            self._rows.sweep(room_id, erase=False)

    def fill(self, room_id: RoomId, rows: Sequence[MemoryRow]) -> None:
        batch = self._rows.batch(sync=False)
        put_rows(batch, room_id, rows)
        self._rows.write(batch)

    def establish(self, record: RoomRecord, snapshot: bytes | None, queue: Sequence[QueuedInput]) -> None:
        batch = self._rows.batch(sync=True)
        batch.delete(keys.destroyed(record.id))
        put_commit(batch, RoomCommit(record, record.tail, snapshot=snapshot, queue_put=tuple(queue)))
        mark = put_record(batch, record, None)
        self._rows.write(batch)
        self._known[record.id] = record
        self._witness.acknowledge({record.id: mark}, commits=1, synced=True)

    def read(
        self, room_id: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        if limit < 1:
            return []

        def look(view: View, record: RoomRecord) -> list[MemoryEntry]:
            if after is None:
                return read_before(view, record, before=before, limit=limit)
            return read_after(view, record, after=after, before=before, limit=limit)

        return self._looked(room_id, look)

    def queue(self, room_id: RoomId) -> list[QueuedInput]:
        self._require(room_id)
        with self._reading() as view:
            return read_queue(view, room_id)

    def entry(self, room_id: RoomId, timestamp: int) -> MemoryEntry:
        return self._looked(room_id, lambda view, _: entry_at(view, room_id, timestamp)[0])

    def _looked(self, room_id: RoomId, look: Callable[[View, RoomRecord], _Seen]) -> _Seen:
        """What `look` sees in a room's memory. What seems damaged is looked at again in one moment of the room: a
        compaction that replaces rows between two scans is no damage.
        """
        record = self._require(room_id)
        try:
            with self._rows.reading() as view:
                return look(view, record)
        except DamageFound:
            with self._fixed(room_id) as view:
                newer = None if record.state is RoomState.CORRUPTED else read_record(view, room_id)
                return look(view, newer or record)

    def rows(self, room_id: RoomId, *, after: int, size: int) -> list[MemoryRow]:
        self._require(room_id)
        taken: list[MemoryRow] = []
        with self._reading() as view:
            for row in memory_rows(view, room_id, keys.memory(room_id, after + 1), gate=self._rows.gate):
                taken.append(row)
                size -= len(row[1])
                if size <= 0:
                    break
        return taken

    def snapshot(self, room_id: RoomId) -> bytes | None:
        self._require(room_id)
        with self._reading() as view:
            found = read_snapshot(view, room_id)
        return None if found is None else found[0]

    @contextmanager
    def image(self, room_id: RoomId, *, proven: bool = False) -> Iterator[RoomImage]:
        with self._fixed(room_id, proven=proven) as view:
            check_room(view, room_id)
            record = read_record(view, room_id)
            assert record is not None
            snapshot = read_snapshot(view, room_id)
            queue = tuple(read_queue(view, room_id))
            rows = self._rows_of(view, room_id, record.tail.timestamp)
            yield RoomImage(record, None if snapshot is None else snapshot[0], queue, rows)

    @contextmanager
    def remains(self, room_id: RoomId) -> Iterator[RoomImage]:
        record = self._require(room_id)
        with self._fixed(room_id) as view:
            yield RoomImage(record, None, (), self._rows_of(view, room_id, record.tail.timestamp or keys.LAST))

    def _rows_of(self, view: View, room_id: RoomId, last: int) -> Iterator[MemoryRow]:
        """Everything up to a timestamp; ends with an error when the store is to be opened again meanwhile."""
        return memory_rows(view, room_id, keys.memory_range(room_id)[0], last=last, gate=self._rows.gate)

    def inspect(self) -> Iterator[Damage]:
        return self._rows.inspect()

    def stored_tail(self, room_id: RoomId) -> Tail | None:
        with self._reading() as view:
            record = read_record(view, room_id)
        return None if record is None else record.tail

    def reopen(self) -> None:
        self._rows.reopen()
        try:
            self._end_destructions()
            self._recall()
        except BaseException:
            self._rows.poison("REASON: what was acknowledged could not be read back")
            raise

    def _recall(self) -> None:
        """Read every room's record back. Raises StoreCorrupted when one is behind what was acknowledged."""
        with self._rows.reading() as view:
            stored = dict(self._readable(self._shared(view, keys.INDEX)))
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
                    self._recovery,
                )
        self._known.update({room_id: record for room_id, (record, _) in stored.items()})
        marks = {room_id: mark for room_id, (_, mark) in stored.items()}
        self._witness.acknowledge(marks, commits=len(marks), synced=True)

    @staticmethod
    def _readable(rows: Iterable[Row]) -> Iterator[tuple[RoomId, tuple[RoomRecord, Mark]]]:
        for key, value in rows:
            room_id = keys.room_of(key)
            if room_id is not None:
                with suppress(Damaged):
                    record = decode_room(room_id, value)
                    yield room_id, (record, mark_of(record, value))

    def witness_due(self) -> bool:
        return self._witness.due

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._rows.warnings

    def write_witness(self) -> None:
        self._rows.gate.check()
        self._rows.keep()
        self._witness.write()

    def disk_usage(self) -> int:
        return self._rows.disk_usage() + self._witness.disk_usage()

    def close(self) -> None:
        if self._rows.gate.closed:
            return
        try:
            if self._witness.unsynced and not self._rows.gate.barred:
                self._rows.write(self._rows.batch(sync=True))
                self._witness.acknowledge({}, commits=0, synced=True)
        finally:
            sound = not self._rows.gate.barred
            try:
                self._rows.close()
                if sound:
                    self._witness.write(clean=self._marks_complete)
            finally:
                self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _stored(self, room_id: RoomId) -> RoomRecord | None:
        if (known := self._known.get(room_id)) is not None:
            return known
        with self._reading() as view:
            return read_record(view, room_id)

    def _require(self, room_id: RoomId) -> RoomRecord:
        record = self._stored(room_id)
        if record is None:
            raise RoomNotFound(f"ROOM: {room_id}")
        return record

    @contextmanager
    def _reading(self) -> Iterator[View]:
        with self._rows.reading() as view, self._telling():
            yield view

    @contextmanager
    def _fixed(self, room_id: RoomId, *, proven: bool = False) -> Iterator[View]:
        with self._rows.fixed(room_id, proven=proven) as view, self._telling():
            yield view

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Have damage named as an operator finds it in this backend."""
        try:
            yield
        except DamageFound as error:
            raise DamageFound(self._located(error.damage)) from None

    def _located(self, found: Damage) -> Damage:
        if not keys.is_key(found.where):  # the engine named the place itself
            return found
        where, offset = self._rows.locate(found.where.encode(), found.offset)
        return changed(found, where=where, offset=offset)

    def _shared(self, view: View, prefix: bytes) -> Iterator[Row]:
        """Rows that concern all rooms. Raises StoreCorrupted."""
        try:
            yield from prefixed(view, prefix)
        except Damaged as error:
            told = (error.reason,) if error.reason else ()
            raise StoreCorrupted(f"KEY: {keys.printable(prefix)}", *told, self._recovery) from None

    @property
    def _recovery(self) -> str:
        return f"RECOVERY: restore {self._rows.place} from a backup."
