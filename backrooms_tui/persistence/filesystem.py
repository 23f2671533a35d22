"""The FILESYSTEM engine: seed 000's layout, a directory of files for each room, and one journal for all of them.

```
STORE/journal                     what the files below do not hold yet
STORE/ROOM_ID/state.bin           state, entity's state, counters, queue           files_state.py
              memory.log          entries and segments, oldest first; memory.idx   files_log.py
              config.json         settings                                         readable.py
              metadata.json       when it was made and by whom                     readable.py
```

To write a room's files durably takes four to six syncs (2 to 8 ms). So a batch is one frame at the end of the journal
and one sync, and is kept in memory as well; when the journal has grown to 4 MiB (more when very many rooms changed, at
most 32), and when the store is closed, all changed rooms are folded into their files and the journal is cut back to its
header. The write that causes a fold waits for it, 1 to 2 ms for each changed room, most of it for the blocks of
replaced files to be freed; readers wait for one room's renames only. A clean stop leaves everything in
the rooms' files.

A write or sync that fails poisons the handle. `reopen` reads everything again from the disk, and writes the journal
anew: after a failed sync the kernel shows bytes that are not there. Nothing leaves the journal before the files that
hold it are synced, so that a disk that fills up during a fold loses nothing.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from backrooms_tui.model.errors import BackroomsError, StoreClosed, StoreFailed
from backrooms_tui.model.ids import ID_LENGTH, RoomId
from backrooms_tui.model.room import Damage

from . import keys
from .damage import DamageFound, damage
from .files_changes import ENTRY, SPAN, SWEEP, Change, name_of, pack_changes, unpack_changes
from .files_folding import fold_rooms
from .files_inspection import blocks_in, inspect_room
from .files_room import STATE_FILE, Room, Still
from .files_view import Batch, View, reads, reason
from .gate import Gate
from .journal import Journal
from .private_files import keep_private, sync_directory

_FOLD_AT = 4 << 20
"""Bytes of journal after which rooms are folded: what a start after a kill replays, and what is held in memory."""
_FOLD_EACH = 16 << 10
"""Bytes of journal for each changed room that are worth a fold of its own."""
_FOLD_LATER = 32 << 20
_LOGS = 64
"""Logs that are kept open for reading."""
JOURNAL = "journal"
_GONE = ".gone"
_HEX = frozenset("0123456789abcdef")


class FilesystemRows:
    """See `Rows`."""

    backend = "FILESYSTEM"
    warnings: tuple[str, ...] = ()

    def __init__(self, root: Path, *, new: bool) -> None:
        """Open the store in `root`; a journal is made where there is none, if the store is `new`.

        Raises StoreCorrupted, StoreFailed, UnsafePath; then nothing that was acknowledged has changed.
        """
        keep_private()
        self.place = str(root)
        self.gate = Gate()
        self.rooms: dict[RoomId, Room] = {}
        self._root = root
        self._writing = threading.Lock()
        self._fold_at = _FOLD_AT
        self._open_logs: OrderedDict[RoomId, Room] = OrderedDict()
        self._opening = threading.Lock()
        self._journal = self._open(new=new)

    @contextmanager
    def reading(self) -> Iterator[View]:
        with self.gate.passing():
            yield View(self.rooms, self.still)

    @contextmanager
    def fixed(self, room_id: RoomId, *, proven: bool = False) -> Iterator[View]:  # noqa: ARG002 - files have no checksums but ours
        with self.gate.passing():
            with reads():
                still = self.still(room_id, state=True, log=True)
            yield View(self.rooms, self.still, still or Room(self._root, room_id, exists=False).still())

    def still(self, room_id: RoomId, *, state: bool = False, log: bool = False) -> Still | None:
        """One room at this moment, or None; not so many rooms' logs stay open."""
        room = self.rooms.get(room_id)
        if room is None:
            return None
        still = room.still(state=state, log=log)
        if log:
            with self._opening:
                self._open_logs[room_id] = room
                self._open_logs.move_to_end(room_id)
                if len(self._open_logs) > _LOGS:
                    self._open_logs.popitem(last=False)[1].forget_log()
        return still

    def batch(self, *, sync: bool) -> Batch:
        self.gate.check()
        return Batch(sync=sync)

    def replace(self, batch: Batch, room_id: RoomId, timestamps: Sequence[int], value: bytes | None) -> None:
        batch.changes.append(Change(SPAN, room_id, timestamps[-1], value, timestamps[0]))

    def write(self, batch: Batch) -> None:
        with self._changing():
            changes = self._in_order(batch.changes)
            self._journal.append(pack_changes(changes), sync=batch.sync)
            self._apply(changes)
            self._fold_when_due()

    def sweep(self, room_id: RoomId, *, erase: bool) -> None:
        with self.reading() as view:
            index = view.get(keys.index(room_id))
        batch = self.batch(sync=True)
        batch.changes.append(Change(SWEEP, room_id, 0, None))  # all of it, the mark as well
        if index:
            batch.put(keys.index(room_id), index)
        self.write(batch)
        if erase:
            with self._changing():
                self._fold()  # the journal would hold the room's words for a while

    def poison(self, reason: str) -> None:
        self.gate.bar(StoreFailed, reason)

    def reopen(self) -> None:
        if self.gate.closed:
            raise StoreClosed
        self.poison("THE STORE IS BEING OPENED AGAIN")
        self.gate.drain()
        with self._changing():
            self._journal.close()
            self._journal = self._open(new=False)
            self._journal.renew()
            self._journal.append(b"", sync=True)
        self.gate.open()

    def locate(self, key: bytes, offset: int) -> tuple[str, int]:
        """The file in the store and the byte in it, as far as the damage itself lets them be known."""
        try:
            kind, room_id, number = name_of(key)
            still = self.still(room_id, state=True, log=kind == ENTRY)
            file, at = (STATE_FILE, 0) if still is None else still.place(kind, number)
        except DamageFound as error:
            return error.damage.where, error.damage.offset
        except ValueError:
            return keys.printable(key), offset
        return f"{room_id}/{file}", at + offset

    def inspect(self) -> Iterator[Damage]:
        with self.reading(), reads():
            with self._writing:
                wrong_at = self._journal.check()
            if wrong_at is not None:
                yield damage("CHECKSUM_MISMATCH", self._journal.path.name.encode(), wrong_at)
            for room_id in sorted(self.rooms):
                if (room := self.rooms.get(room_id)) is not None:
                    yield from inspect_room(room)

    def disk_usage(self) -> int:
        self.gate.check()
        with reads():
            return blocks_in(self._root, [room.path for room in list(self.rooms.values()) if room.exists])

    def keep(self) -> None: ...

    def close(self) -> None:
        if self.gate.closed:
            return
        sound = not self.gate.barred
        self.gate.bar(StoreClosed)
        self.gate.drain()
        try:
            if sound and not self._journal.empty:
                with self._changing():
                    self._fold()
        finally:
            self._journal.close()

    def _open(self, *, new: bool) -> Journal:
        """List the rooms, and take on what the journal holds. A room's files are read when it is asked for."""
        try:
            self.rooms, self._open_logs = self._listed(), OrderedDict()
            journal = Journal(self._root / JOURNAL, new=new)
        except OSError as error:
            raise StoreFailed(f"PATH: {self._root}", reason(error)) from None
        try:
            for payload in journal.take_found():
                self._apply(list(unpack_changes(payload)))
        except OSError as error:
            journal.close()
            raise StoreFailed(f"PATH: {self._root}", reason(error)) from None
        except BaseException:
            journal.close()
            raise
        return journal

    def _listed(self) -> dict[RoomId, Room]:
        rooms = {}
        with os.scandir(self._root) as places:
            for place in places:
                room, dot, rest = place.name.partition(".")
                if len(room) != ID_LENGTH or not _HEX.issuperset(room):
                    continue
                if not dot:
                    rooms[RoomId(room)] = Room(self._root, RoomId(room), exists=True)
                elif dot + rest == _GONE:
                    shutil.rmtree(place.path)
        return rooms

    def _in_order(self, changes: Iterable[Change]) -> list[Change]:
        """Rows of memory that are not put behind all others replace what is at their place."""
        newest: dict[RoomId, int] = {}
        ordered = []
        for change in changes:
            if change.kind == ENTRY:
                last = newest.get(change.room_id)
                if last is None:
                    room = self.rooms.get(change.room_id)
                    last = 0 if room is None else room.last
                newest[change.room_id] = max(last, change.number)
                if change.value is None or change.number <= last:
                    change = change._replace(kind=SPAN, first=change.number)  # noqa: PLW2901 - the same change
            ordered.append(change)
        return ordered

    def _apply(self, changes: Iterable[Change]) -> None:
        """Take on what the journal holds, each room's changes at once."""
        by_room: dict[RoomId, list[Change]] = {}
        for change in changes:
            if change.kind == SWEEP:
                by_room.pop(change.room_id, None)
                self._remove(change.room_id)
            else:
                by_room.setdefault(change.room_id, []).append(change)
        for room_id, of_room in by_room.items():
            room = self.rooms.get(room_id)
            if room is None:
                room = Room(self._root, room_id, exists=False)
            room.apply(of_room)
            self.rooms[room_id] = room

    def _remove(self, room_id: RoomId) -> None:
        """A room's directory goes, durably; done again at the next start as long as the journal says so."""
        self.rooms.pop(room_id, None)
        path, gone = self._root / room_id, self._root / (room_id + _GONE)
        if gone.exists():
            shutil.rmtree(gone)
        with suppress(FileNotFoundError):
            path.rename(gone)
            shutil.rmtree(gone)
        sync_directory(self._root)

    def _fold_when_due(self) -> None:
        """A fold costs a millisecond or two for each changed room, and the rewriting of logs whose rows were replaced:
        both are worth waiting for, within bounds.
        """
        if self._journal.size > self._fold_at:
            rooms = [room for room in self.rooms.values() if room.dirty]
            rewritten = sum(room.rewrites for room in rooms) // 8
            self._fold_at = min(_FOLD_LATER, max(_FOLD_AT, _FOLD_EACH * len(rooms), rewritten))
            if self._journal.size > self._fold_at:
                self._fold()

    def _fold(self) -> None:
        fold_rooms(self._root, [room for room in self.rooms.values() if room.dirty])
        self._journal.reset()
        self._fold_at = _FOLD_AT

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One at a time; whatever goes wrong poisons the handle and, but for signals, is StoreFailed."""
        with self._writing:
            try:
                yield
            except BaseException as error:
                self.poison(reason(error))
                if isinstance(error, Exception) and not isinstance(error, BackroomsError):
                    raise StoreFailed(reason(error)) from error
                raise
