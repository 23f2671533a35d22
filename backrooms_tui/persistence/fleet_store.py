"""`FleetStore`: the room store of one daemon among several that share their rooms on a Redis server.

What it holds by lease is as in every store. The others' rooms are read as they stand at each look: nothing of them is
believed later, and nothing is written.

A witness is one daemon's, and others write on after it. So a room is held against it when its lease is taken, and by
the rule for owners that were killed: it must be as far as this daemon knows it to have been, with the entry it knows
still in the chain. What it has only seen in rooms of others counts as known while it lives. A room that somebody has
removed or put back from a backup since is not held against what was known before: the server remembers those for
thirty days. A daemon with a new directory joins without a witness.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from backrooms_tui.model.errors import RoomLeasedElsewhere, RoomNotFound, SequenceConflict, StoreCorrupted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.states import RoomState

from . import keys
from .checking import held_against, read_record, ruin
from .damage import damage
from .leases import Fleet, Glance
from .owner_lock import OwnerLock
from .records import HEADER, Damaged
from .redis_fleet import FleetRows
from .redis_rows import RedisRows
from .room_records import decode_room
from .room_rows import mark_of
from .row_store import RowStore
from .rows import Row, Rows, View
from .store import RoomCommit, StoreContents
from .witness import Mark, Witness, WitnessKeeper


def store_over(rows: Rows, witness: WitnessKeeper, lock: OwnerLock) -> RowStore:
    """The store over REDIS rows, a fleet's or a single owner's. What a fleet has removed since this directory's owner
    was last one of it is no loss; a witness of a clean stop has been a single owner's, and knows better.
    """
    if isinstance(rows, FleetRows):
        return FleetStore(rows, witness, lock)
    try:
        if isinstance(rows, RedisRows) and witness.found is not None and not witness.found.clean:
            for room_id in rows.cuts():
                witness.forget(room_id)
    except BaseException:
        rows.close()
        lock.release()
        raise
    return RowStore(rows, witness, lock)


class FleetStore(RowStore):
    """See `RoomStore` and `Fleet`."""

    _rows: FleetRows

    def __init__(self, rows: FleetRows, witness: WitnessKeeper, lock: OwnerLock | None) -> None:
        self._cuts: dict[RoomId, bytes] = {}
        """When each room's history began anew, as far as that has been taken into account."""
        self._hearsay: dict[RoomId, Mark] = {}
        """How far rooms of others have been seen to be."""
        self._glanced: dict[RoomId, bytes] = {}
        """How records of others' rooms began at the last glance."""
        super().__init__(rows, witness, lock)
        self._marks_complete = False  # others write on: no stop is a clean one

    def _require_witness(self) -> None:
        """A daemon may join with a new directory."""

    @property
    def fleet(self) -> Fleet:
        return self

    # Reading.

    def load(self) -> StoreContents:
        """Rooms of others are shown as stored. Those that are gone, though nobody removed them, are CORRUPTED."""
        self._end_destructions()
        for room_id, at in self._rows.cuts().items():
            self._heed(room_id, at)
        with self._rows.reading() as view:
            records = [self._found(view, row) for row in self._shared(view, keys.INDEX)]
            present = {record.id for record in records}
            for room_id, mark in self._witness.current.marks.items():
                if room_id not in present:
                    records.append(self._missing(view, room_id, mark))
        self._known = {record.id: record for record in records if self.holds(record.id)}
        return StoreContents(tuple(sorted(records, key=lambda record: (record.created_at, record.id))))

    def _found(self, view: View, row: Row) -> RoomRecord:
        room_id = keys.room_of(row[0])
        if room_id is not None and self.holds(room_id):
            return self._judged(view, room_id, row)
        return self._seen(view, row)

    def _seen(self, view: View, row: Row) -> RoomRecord:
        """A room of others as it is stored now."""
        key, value = row
        room_id = keys.room_of(key)
        if room_id is None:
            raise StoreCorrupted(f"KEY: {keys.printable(key)}", self._recovery)
        try:
            record = decode_room(room_id, value)
        except Damaged as error:
            return ruin(view, room_id, self._located(damage(error.type, key, error.offset)), None)
        before = self._hearsay.get(room_id)
        if before is None or before.seq < record.tail.seq:
            self._hearsay[room_id] = mark_of(record, value)
        return record

    def _missing(self, view: View, room_id: RoomId, mark: Mark) -> RoomRecord:
        return ruin(view, room_id, self._located(damage("MEMORY_LOG_TRUNCATED", keys.index(room_id))), mark)

    def peek(self, room_id: RoomId) -> RoomRecord | None:
        key = keys.index(room_id)
        with self._reading() as view:
            value = view.get(key)
            return None if value is None else self._seen(view, (key, value))

    def glance(self) -> Glance:
        present, changed = set(), []
        with self._reading() as view:
            for key, value in self._shared(view, keys.INDEX):
                room_id = keys.room_of(key)
                if room_id is None:
                    continue
                present.add(room_id)
                if self.holds(room_id):
                    self._glanced.pop(room_id, None)
                elif self._glanced.get(room_id) != value[:HEADER]:
                    self._glanced[room_id] = value[:HEADER]
                    changed.append(self._seen(view, (key, value)))
        for room_id in self._glanced.keys() - present:
            del self._glanced[room_id]
        return Glance(tuple(changed), present)

    def _stored(self, room_id: RoomId) -> RoomRecord | None:
        if self.holds(room_id) and (known := self._known.get(room_id)) is not None:
            return known
        with self._reading() as view:
            return read_record(view, room_id)

    # Leases. In the writing thread.

    @property
    def stirred(self) -> bool:
        return bool(self._rows.lost) or self._rows.leases.lapsed or self._rows.leases.unclaimed

    def holds(self, room_id: RoomId) -> bool:
        return self._rows.holds(room_id)

    def hold(self, room_id: RoomId) -> RoomRecord:
        held = self._rows.hold(room_id)
        if held.cut is not None:
            self._heed(room_id, held.cut)
        return self._taken_up(room_id, held.record)

    def claim(self) -> tuple[RoomRecord, ...]:
        taken = self._rows.claim()
        if taken:
            self._end_destructions()
            for room_id, at in self._rows.cuts().items():
                self._heed(room_id, at)
        records = []
        for room_id, value in taken.items():
            with suppress(RoomNotFound):  # its removal has just been ended
                records.append(self._taken_up(room_id, value))
        return tuple(records)

    def losses(self) -> tuple[RoomId, ...]:
        lost, self._rows.lost = self._rows.lost, []
        if self._rows.leases.lapsed:
            lost += self._rows.verify()
        for room_id in lost:
            self._known.pop(room_id, None)
        return tuple(lost)

    def _taken_up(self, room_id: RoomId, value: bytes | None) -> RoomRecord:
        """The record of a room that is ours from now on. Raises RoomNotFound."""
        key = keys.index(room_id)
        with self._rows.reading() as view:
            if value is not None:
                record = self._judged(view, room_id, (key, value))
            elif (mark := self._witness.current.marks.get(room_id)) is not None:
                record = self._missing(view, room_id, mark)
            else:
                self._rows.release(room_id)
                raise RoomNotFound(f"ROOM: {room_id}")
        self._known[room_id] = record
        return record

    def _judged(self, view: View, room_id: RoomId, row: Row) -> RoomRecord:
        """A room of ours, held against the witness and what has been seen of it."""
        seen = self._hearsay.pop(room_id, None)
        record = self._loaded(view, Witness(marks=self._witness.current.marks), row)
        if seen is None or record.state is RoomState.CORRUPTED:
            return record
        lost = held_against(Witness(marks={room_id: seen}), view, record, mark_of(record, row[1]))
        if lost is None:
            return record
        self._hearsay[room_id] = seen
        return record.with_(state=RoomState.CORRUPTED, damage=self._located(lost))

    def _heed(self, room_id: RoomId, cut: bytes) -> None:
        """Somebody has ended a room's history, or begun it anew: what was known of it is no more."""
        if self._cuts.get(room_id) != cut:
            self._cuts[room_id] = cut
            self._hearsay.pop(room_id, None)
            self._witness.forget(room_id)

    # Writing.

    def commit(self, commits: Sequence[RoomCommit], *, sync: bool = True) -> None:
        try:
            super().commit(commits, sync=sync)
        except SequenceConflict:
            for commit in commits:
                if not self.holds(commit.record.id) and self.peek(commit.record.id) is not None:
                    raise self._rows.leases.who(commit.record.id) from None
            raise

    def clear(self, room_id: RoomId) -> None:
        if not self.holds(room_id):
            self._rows.hold(room_id)
        super().clear(room_id)
        self._rows.cut(room_id)

    def _end_destruction(self, room_id: RoomId, *, erase: bool) -> None:
        super()._end_destruction(room_id, erase=erase)
        self._rows.release(room_id)

    def _end_destructions(self) -> None:
        """Only of rooms that are nobody else's: what is being put in there carries the same mark."""
        with self._rows.reading() as view:
            marked = [keys.room_of(key) for key, _ in self._shared(view, keys.DESTROYED)]
        for room_id in marked:
            if room_id is not None:
                with suppress(RoomLeasedElsewhere):
                    self._rows.hold(room_id)
                    self._witness.before_writing()
                    self._end_destruction(room_id, erase=False)

    def _recall(self) -> None:
        """Read back what is still ours. A room behind what was acknowledged is found out when it is loaded."""
        marks = {}
        self._known = {room_id: record for room_id, record in self._known.items() if self.holds(room_id)}
        with self._rows.reading() as view:
            rows: Iterable[Row] = self._ours(view)
            for room_id, (record, mark) in self._readable(rows):
                if record.tail.seq >= self._known.get(room_id, record).tail.seq:
                    self._known[room_id] = record
                    marks[room_id] = mark
        self._witness.acknowledge(marks, commits=len(marks), synced=True)

    def _ours(self, view: View) -> Iterator[Row]:
        for room_id in list(self._known):
            with suppress(Damaged):
                if (value := view.get(keys.index(room_id))) is not None:
                    yield keys.index(room_id), value
