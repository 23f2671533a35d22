"""Export as a database in the seed's schema (seed 000, SQLite Backend), for `sqlite3` and all that reads it.

Times are nanoseconds since the epoch, as everywhere in memory; states and types are numbers in the seed's order; an
entry's `rowid` in `memory` is its sequence number. SQLite needs a file to write in: a private one in the system's
place for temporary files (TMPDIR), gone at the end.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import RoomCorrupted, StoreFailed
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.states import RoomState

from .archive_compression import Writer
from .export_text import as_json
from .private_files import open_private
from .store import RoomImage

_SCHEMA = """
CREATE TABLE rooms (
  id TEXT PRIMARY KEY,
  state INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_active INTEGER NOT NULL,
  config TEXT NOT NULL,
  metadata TEXT
);

CREATE TABLE memory (
  room_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  type INTEGER NOT NULL,
  content TEXT NOT NULL,
  metadata TEXT,
  FOREIGN KEY (room_id) REFERENCES rooms(id)
);

CREATE TABLE checkpoints (
  room_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  state_snapshot BLOB NOT NULL,
  FOREIGN KEY (room_id) REFERENCES rooms(id)
);
"""
_INDEX = "CREATE INDEX idx_memory_room_time ON memory(room_id, timestamp)"
_FAST = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-8192;"
"""The file is thrown away when anything goes wrong, so nothing of it needs to be safe on the way."""
_PIECE = 1 << 20


def write_sqlite(image: RoomImage, chunks: Iterable[list[Any]], sink: Writer, *, whole: bool) -> int:
    """Give the number of entries written; with `whole` the entity's state is among what is written.

    What lies before damage is written, too. Raises StoreFailed when there is no place for the temporary file.
    """
    try:
        place = tempfile.TemporaryDirectory(prefix="room.exe-")
    except OSError as error:
        raise _no_place(error) from None
    try:
        with place as folder:
            path = Path(folder, "export.db")
            os.close(open_private(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
            try:
                count = _fill(path, image, chunks, whole=whole)
            except RoomCorrupted:
                _copy(path, sink)
                raise
            _copy(path, sink)
            return count
    except sqlite3.Error as error:
        raise _no_place(error) from None


def _no_place(error: Exception) -> StoreFailed:
    return StoreFailed(f"PATH: {tempfile.gettempdir()}", f"REASON: {getattr(error, 'strerror', error)}")


def _fill(path: Path, image: RoomImage, chunks: Iterable[list[Any]], *, whole: bool) -> int:
    record = image.record
    database = sqlite3.connect(path, isolation_level=None)
    count = 0
    try:
        database.executescript(_FAST + _SCHEMA)
        database.execute("BEGIN")
        database.execute("INSERT INTO rooms VALUES (?, ?, ?, ?, ?, ?)", _room(record))
        if whole and image.snapshot is not None:
            database.execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?)", (record.id, record.tail.timestamp, image.snapshot)
            )
        try:
            for entries in chunks:
                database.executemany(
                    "INSERT INTO memory(rowid, room_id, timestamp, type, content, metadata) VALUES (?, ?, ?, ?, ?, ?)",
                    [(e.seq, record.id, e.timestamp, e.type, e.content, as_json(e.metadata)) for e in entries],
                )
                count += len(entries)
        finally:
            database.execute(_INDEX)
            database.execute("COMMIT")
    finally:
        database.close()
    return count


def _room(record: RoomRecord) -> tuple[Any, ...]:
    config, creation, counters = record.config, record.creation, record.counters
    settings = {
        "memory_limit": config.memory_limit,
        "timeout": config.timeout,
        "compression": config.compression,
        "entity": config.entity,
        "name": config.name,
    }
    metadata = {
        "creation_timestamp": record.created_at,
        "creator_pid": creation.pid,
        "creator_user": creation.user,
        "creator_host": creation.host,
        "total_inputs": counters.inputs,
        "total_outputs": counters.outputs,
        "total_errors": counters.errors,
        "last_error": record.last_error,
        "state_version": record.state_version,
    }
    state = list(RoomState).index(record.state)
    return record.id, state, record.created_at, record.last_active, as_json(settings), as_json(metadata)


def _copy(path: Path, sink: Writer) -> None:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            sink.write(piece)
