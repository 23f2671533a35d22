"""Folding: a room's changes go from the journal into its files, so that the journal can be forgotten.

Three steps, each for all rooms before the next: `write` beside what readers see, sync, and `finish`, which puts the new
files in place. The room is what state.bin says, so that its renaming decides; whatever a crash leaves half done is
done again from the journal, over what is there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from .damage import DamageFound
from .files_changes import INDEX, MARK, STATE
from .files_log import LOG, LOG_INDEX
from .files_log_writing import LogWriter, rewrite
from .files_room import STATE_FILE, TEXTS, Disk, Room
from .files_state import Extent, StateFile, encode_state
from .private_files import DIRECTORY_MODE, open_directory, open_private, require_directory, sync_directory, write_all
from .readable import to_text

_NEW = ".new"
_FEW = 8
"""Rooms that are synced file by file. More of them are synced with all else that waits in their file system: two
calls of some 20 ms, where 1,024 rooms' own syncs, one by one or in threads, take 2.4 to 4.5 s.
"""


def fold_rooms(root: Path, rooms: Sequence[Room]) -> None:
    """Put the changes of rooms into their files, durably. After an OSError some are and some are not."""
    with ExitStack() as stack:
        disk = open_directory(root)
        stack.callback(os.close, disk)  # open before anything is written: it is told of what fails from then on
        folds = [Fold(room) for room in rooms]
        many = len(folds) > _FEW
        for fold in folds:
            stack.callback(fold.close)
            fold.write()
            if many:
                fold.close()
        if many:
            _sync_all(disk)
        else:
            for fold in folds:
                fold.sync()
        for fold in folds:
            fold.finish()
        if many:
            _sync_all(disk)
        else:
            for fold in folds:
                sync_directory(fold.room.path)
            os.fsync(disk)


def _sync_all(directory: int) -> None:
    """syncfs(2): all that waits in the file system of a directory, errors since it was opened included."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).syncfs(directory) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Fold:
    """One room on its way into its files. OSErrors pass through; then only `close` is legal."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._still = room.still(state=True, log=room.rewrites > 0)
        self._writer: LogWriter | None = None
        self._rewritten = False
        self._names: list[str] = []
        """Of files that have been written anew."""
        self._open: list[int] = []
        self._disk = Disk()

    def write(self) -> None:
        if not self.room.exists:
            with suppress(FileExistsError):
                self.room.path.mkdir(DIRECTORY_MODE)
        require_directory(self.room.path)
        extent = self._write_log()
        for kind, name in TEXTS.items():
            if (record := self._still.changed.get((kind, 0))) is not None:
                self._write_file(name, to_text(record).encode())
        state = self._state(extent)
        self._write_file(STATE_FILE, encode_state(self.room.id, state))
        self._disk = Disk(state.record, frozenset(state.queue), state.marked, extent)

    def sync(self) -> None:
        if self._writer is not None:
            self._writer.sync()
        for fd in self._open:
            os.fsync(fd)

    def finish(self) -> None:
        """Put the new files in place. Readers wait for that, and for no disk."""
        path = self.room.path
        with self.room.lock:
            for name in self._names:
                (path / (name + _NEW)).replace(path / name)
            if self._rewritten:
                for name in (LOG, LOG_INDEX):
                    (path / f"{name}.{self._disk.extent.generation}").replace(path / name)
            self.room.folded(self._disk)

    def close(self) -> None:
        """Idempotent."""
        if self._writer is not None:
            self._writer.close()
        while self._open:
            os.close(self._open.pop())

    def _write_log(self) -> Extent:
        """Append the new rows, or write the log anew when old ones have been replaced."""
        extent = self._still.disk.extent
        rows = self._still.rows(extent.last + 1)
        first = next(rows, None)
        writer = self._rewriting(extent) if self.room.rewrites else None
        if writer is None:
            if first is None and self.room.exists:
                return extent
            writer = self._writer = LogWriter(self.room.path, extent)
        if first is not None:
            writer.put(*first)
        for row in rows:
            writer.put(*row)
        return writer.finish()

    def _rewriting(self, extent: Extent) -> LogWriter | None:
        """A new log with the old rows; None when damage stands in the way: it stays, and is met by who reads."""
        generation = extent.generation + 1
        writer = LogWriter(self.room.path, Extent(generation), f".{generation}")
        try:
            log = self._still.log
            assert log is not None
            rewrite(log, writer, self._still.spans)
        except DamageFound:
            writer.close()
            return None
        except BaseException:
            writer.close()
            raise
        self._writer, self._rewritten = writer, True
        return writer

    def _state(self, extent: Extent) -> StateFile:
        """All rows of the room's state.bin. Those of one that cannot be read are gone, and are missed by the record."""
        still = self._still
        try:
            snapshot, queue = still.get(STATE, 0), still.queue()
        except DamageFound:
            snapshot, queue = still.changed.get((STATE, 0)), still.queue(changed_only=True)
        record = still.get(INDEX, 0) or None
        return StateFile(record, snapshot, queue, still.get(MARK, 0) is not None, extent)

    def _write_file(self, name: str, content: bytes) -> None:
        fd = open_private(self.room.path / (name + _NEW), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._names.append(name)
        self._open.append(fd)
        write_all(fd, content, 0)
