"""Folding: a room's changes go from the journal into its files, so that the journal can be forgotten.

Three steps, each for many rooms before the next: `write` beside what readers see, `sync`, and `finish`, which puts the
new files in place. The room is what state.bin says, so that its renaming decides; whatever a crash leaves half done is
done again from the journal, over what is there.
"""

from __future__ import annotations

import os
from contextlib import suppress

from .damage import DamageFound
from .files_changes import INDEX, MARK, STATE
from .files_log import LOG, LOG_INDEX
from .files_log_writing import LogWriter, rewrite
from .files_room import STATE_FILE, TEXTS, Disk, Room
from .files_state import Extent, StateFile, encode_state
from .private_files import DIRECTORY_MODE, open_private, require_directory, sync_directory, write_all
from .readable import to_text

_NEW = ".new"


class Fold:
    """One room on its way into its files. OSErrors pass through; then only `close` is legal."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._still = room.still(state=True, log=room.rewrites > 0)
        self.made = not room.exists
        """Whether its directory is a new one."""
        self._writer: LogWriter | None = None
        self._rewritten = False
        self._files: list[tuple[str, int]] = []
        """Names, and descriptors of the new files that are to have them."""
        self._disk = Disk()

    def write(self) -> None:
        if self.made:
            with suppress(FileExistsError):
                self._room.path.mkdir(DIRECTORY_MODE)
        require_directory(self._room.path)
        extent = self._write_log()
        for kind, name in TEXTS.items():
            if (record := self._still.changed.get((kind, 0))) is not None:
                self._write_file(name, to_text(record).encode())
        state = self._state(extent)
        self._write_file(STATE_FILE, encode_state(self._room.id, state))
        self._disk = Disk(state.record, frozenset(state.queue), state.marked, extent)

    def sync(self) -> None:
        if self._writer is not None:
            self._writer.sync()
        for _, fd in self._files:
            os.fsync(fd)

    def finish(self) -> None:
        """Put the new files in place. Readers wait for the renames, and not for the sync of the directory."""
        path = self._room.path
        with self._room.lock:
            for name, _ in self._files:
                (path / (name + _NEW)).replace(path / name)
            if self._rewritten:
                for name in (LOG, LOG_INDEX):
                    (path / f"{name}.{self._disk.extent.generation}").replace(path / name)
            self._room.folded(self._disk)
        sync_directory(path)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        for _, fd in self._files:
            os.close(fd)
        self._files.clear()

    def _write_log(self) -> Extent:
        """Append the new rows, or write the log anew when old ones have been replaced."""
        extent = self._still.disk.extent
        rows = self._still.rows(extent.last + 1)
        first = next(rows, None)
        writer = self._rewriting(extent) if self._room.rewrites else None
        if writer is None:
            if first is None and not self.made:
                return extent
            writer = self._writer = LogWriter(self._room.path, extent)
        if first is not None:
            writer.put(*first)
        for row in rows:
            writer.put(*row)
        return writer.finish()

    def _rewriting(self, extent: Extent) -> LogWriter | None:
        """A new log with the old rows; None when damage stands in the way: it stays, and is met by who reads."""
        generation = extent.generation + 1
        writer = LogWriter(self._room.path, Extent(generation), f".{generation}")
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
        fd = open_private(self._room.path / (name + _NEW), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._files.append((name, fd))
        write_all(fd, content, 0)
