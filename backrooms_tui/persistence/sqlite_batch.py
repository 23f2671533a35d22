"""Rows as the statements that write them, in the order in which they were given."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from backrooms_tui.model.ids import RoomId

from .readable import entry_columns, entry_record, to_text
from .records import Damaged
from .segments import is_segment
from .sqlite_schema import NUMBERED, TERMINATED
from .sqlite_view import STAMP, facts_of, parts

Statement = tuple[str, tuple[Any, ...]]

_RANGE = "DELETE FROM {} WHERE room_id = ? AND {} BETWEEN ? AND ?"
_CHECKPOINT = (
    "INSERT INTO checkpoints VALUES (?, ?, ?) ON CONFLICT (room_id)"
    " DO UPDATE SET timestamp = excluded.timestamp, state_snapshot = excluded.state_snapshot"
)
_RECORD = "INSERT INTO records VALUES (?, ?) ON CONFLICT (room_id) DO UPDATE SET record = excluded.record"
_FACTS = "UPDATE rooms SET state = ?, created_at = ?, last_active = ? WHERE id = ?"


class Batch:
    """See `rows.Batch`. A key of memory is written once, unless it is removed before."""

    def __init__(self, *, sync: bool) -> None:
        self.sync = sync
        self.statements: list[Statement] = []
        self.homes: list[str] = []
        """Rooms that need a row in `rooms`."""

    def put(self, key: bytes, value: bytes) -> None:
        kind, room_id, number = parts(key)
        self.homes.append(room_id)
        if number is not None:
            self._put_numbered(kind, room_id, number, value)
        elif kind == "index":
            self._add(_FACTS, *facts_of(value), room_id)
            self._add(_RECORD, room_id, value)
        elif kind == "state":
            now = time.time_ns()
            self._add(_CHECKPOINT, room_id, now, value + now.to_bytes(STAMP, "big"))
        elif kind == "destroyed":
            self._add("INSERT OR IGNORE INTO destroyed VALUES (?)", room_id)
        else:
            self._add(f"UPDATE rooms SET {kind} = ? WHERE id = ?", to_text(value), room_id)  # noqa: S608 - a column's name

    def _put_numbered(self, kind: str, room_id: RoomId, number: int, value: bytes) -> None:
        if kind == "queue":
            self._add("INSERT OR REPLACE INTO queue VALUES (?, ?, ?)", room_id, number, value)
        elif (columns := _columns(room_id, number, value)) is not None:
            self._add("INSERT INTO memory VALUES (?, ?, ?, ?, ?)", room_id, *columns)
        else:
            self._add("INSERT OR REPLACE INTO segments VALUES (?, ?, ?)", room_id, number, value)

    def delete(self, key: bytes) -> None:
        kind, room_id, number = parts(key)
        if number is not None and kind == "queue":
            self._add(_RANGE.format(kind, NUMBERED[kind]), room_id, number, number)
        elif number is not None:
            self.replace(room_id, number, number, None)
        elif kind == "index":
            self._add("DELETE FROM records WHERE room_id = ?", room_id)
            self._add("UPDATE rooms SET state = ? WHERE id = ?", TERMINATED, room_id)
        elif kind == "destroyed":
            self._add("DELETE FROM destroyed WHERE room_id = ?", room_id)
        else:
            raise AssertionError(kind)  # config, creation facts and state go with their room

    def replace(self, room_id: RoomId, first: int, last: int, value: bytes | None) -> None:
        """Have memory rows with timestamps in a range be one row at the last of them, or none."""
        for table in ("memory", "segments"):
            self._add(_RANGE.format(table, "timestamp"), room_id, first, last)
        if value is not None:
            self._put_numbered("memory", room_id, last, value)

    def _add(self, statement: str, *values: Any) -> None:
        self.statements.append((statement, values))


def _columns(room_id: RoomId, timestamp: int, record: bytes) -> tuple[int, int, str, str] | None:
    """An entry's columns; None for a segment, and for the rare entry that would not come back from them byte for byte
    (JSON forgets the sign of a NaN): that too is kept among the segments, whose rows hold any memory record as it is.
    """
    if is_segment(record):
        return None
    entry, metadata = entry_columns(room_id, record)
    columns = (timestamp, int(entry.type), entry.content, metadata)
    with suppress(Damaged):
        if entry_record(room_id, *columns) == record:
            return columns
    return None
