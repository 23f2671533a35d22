"""Reading `rooms.db`: rows put together again into the records they were made of.

Nothing a column says is believed. A row that does not give back, byte for byte, a record with the right checksum is
given as an empty value, which is no record: whoever decodes it tells the damage, with the row's own key. Only what
SQLite itself refuses (a malformed page) is told here, as damage of the file: it has no key, and other rooms may share
the page.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from heapq import merge
from operator import itemgetter
from typing import Any

from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage
from backrooms_tui.model.scrub import scrub

from . import keys
from .damage import DamageFound
from .readable import entry_record, from_text
from .records import HEADER, Damaged, unpack
from .rows import Row
from .sqlite_schema import NUMBERED, STATES, TERMINATED

UNREADABLE = b""
"""Stands for a row that is not what was written. No record is empty."""
LARGEST = 2**63 - 1
STAMP = 8
"""Bytes of the timestamp behind a snapshot."""

_THROUGH = (
    "SELECT {1} FROM {0} AS entry CROSS JOIN {0} AS row NOT INDEXED ON row.rowid = entry.rowid WHERE entry.{2} = ?"
)
"""Rows by an index, and every column from the row itself: SQLite would answer from the index what stands in both."""
_MEMORY = _THROUGH.format("memory", "row.content, row.metadata, row.type, row.timestamp, row.room_id", "room_id")
_NUMBERED = {
    table: _THROUGH.format(table, f"row.record, row.{number}, row.room_id", "room_id")
    for table, number in NUMBERED.items()
}
_RANGE = " AND entry.{} BETWEEN ? AND ? ORDER BY entry.{}"
_SNAPSHOT = _THROUGH.format("checkpoints", "row.state_snapshot, row.timestamp, row.room_id", "room_id")
_RECORD = _THROUGH.format("records", "row.record, row.room_id", "room_id")
_FACTS = _THROUGH.format("rooms", "row.state, row.created_at, row.last_active, row.id", "id")
_TEXT = {kind: _THROUGH.format("rooms", f"row.{kind}, row.id", "id") for kind in ("config", "metadata")}
_ALL_FACTS = "SELECT state, created_at, last_active, id FROM rooms NOT INDEXED"
_ALL_RECORDS = "SELECT record, room_id FROM records NOT INDEXED"
_LEFT = (
    "SELECT id FROM rooms NOT INDEXED WHERE id NOT IN (SELECT room_id FROM records)"
    " AND id NOT IN (SELECT room_id FROM destroyed)"
)
_REFUSED = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG}
    | {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT}
)
"""What SQLite says of bytes that make no sense; all else is the system's fault, or the disk's."""
TROUBLE = (sqlite3.Error, UnicodeDecodeError, OverflowError)
"""The latter two are Python's, of a damaged name in an error message and of a damaged length."""


class View:
    """One connection inside a read transaction: every read of it sees the same moment."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._cursors: set[sqlite3.Cursor] = set()

    def close(self) -> None:
        """End all scans, also those that somebody still holds: they would keep the transaction open."""
        while self._cursors:
            self._cursors.pop().close()

    def get(self, key: bytes) -> bytes | None:
        if key.startswith(keys.INDEX):
            return self._index(parts(key)[1])
        kind, room_id, number = parts(key)
        if number is not None:
            return next((value for _, value in self._part(kind, room_id, number, number, reverse=False)), None)
        with self._reading(kind):
            if kind == "state":
                return _snapshot(room_id, self._one(_SNAPSHOT, room_id))
            if kind == "destroyed":
                return None if self._one("SELECT 1 FROM destroyed WHERE room_id = ?", room_id) is None else b""
            row = self._one(_TEXT[kind], room_id)
        return None if row is None or row[0] in ("", None) else _text(kind, room_id, *row)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False, include_stop: bool = False) -> Iterator[Row]:
        if start.startswith(keys.INDEX):
            return iter(self._shared(self._rooms))
        if start.startswith(keys.DESTROYED):
            return iter(self._shared(self._destroyed))
        kind, room_id, low = parts(start)
        high = parts(stop)[2]
        last = LARGEST if high is None else min(high - (not include_stop), LARGEST)
        return self._part(kind, room_id, low or 0, last, reverse=reverse)

    def faults(self) -> Iterator[tuple[str, str]]:
        """What SQLite finds wrong with the file, and rows that belong to no room: type of damage, and a line."""
        try:
            for (told,) in self._rows("PRAGMA integrity_check", ()):
                if told != "ok":
                    yield "CHECKSUM_MISMATCH", told
            for table, row, *_ in self._rows("PRAGMA foreign_key_check", ()):
                yield "STATE_UNREADABLE", f"{table} row {row} belongs to no room"
            for (room_id,) in self._rows(_LEFT, ()):
                yield "STATE_UNREADABLE", f"rooms row {room_id} is left of no room"
        except TROUBLE as error:
            if not refuses(error):
                raise StoreFailed(reason(error)) from None
            yield "CHECKSUM_MISMATCH", str(error)

    def _part(self, kind: str, room_id: RoomId, low: int, high: int, *, reverse: bool) -> Iterator[Row]:
        """A room's rows of one kind with their numbers in a range, one after the other as they are asked for."""
        if low > high:
            return
        bounds = (room_id, low, high)
        with self._reading(kind):
            if kind == "queue":
                yield from self._numbered("queue", keys.queue, bounds, reverse=reverse)
                return
            entries = self._entries(bounds, reverse=reverse)
            segments = self._numbered("segments", keys.memory, bounds, reverse=reverse)
            yield from merge(entries, segments, key=itemgetter(0), reverse=reverse)

    def _entries(self, bounds: tuple[RoomId, int, int], *, reverse: bool) -> Iterator[Row]:
        room_id = bounds[0]
        for content, metadata, type_, timestamp, found in self._rows(_MEMORY + _ordered("timestamp", reverse), bounds):
            value = UNREADABLE
            if found == room_id:
                with suppress(Damaged):
                    value = entry_record(room_id, timestamp, type_, content, metadata)
            yield keys.memory(room_id, _number(timestamp)), value

    def _numbered(self, table: str, key: Any, bounds: tuple[RoomId, int, int], *, reverse: bool) -> Iterator[Row]:
        room_id, name = bounds[0], NUMBERED[table]
        for record, number, found in self._rows(_NUMBERED[table] + _ordered(name, reverse), bounds):
            yield key(room_id, _number(number)), _blob(record) if found == room_id else UNREADABLE

    def _shared(self, read: Any) -> list[Row]:
        with self._reading("shared"):
            return sorted(read())

    def _rooms(self) -> Iterator[Row]:
        """Index rows. A row whose id is no room's is left out: its other half tells of the damage."""
        facts = {row[-1]: row for row in self._rows(_ALL_FACTS, ()) if is_room(row[-1])}
        found = {row[-1]: row for row in self._rows(_ALL_RECORDS, ()) if is_room(row[-1])}
        for id_ in facts.keys() | found.keys():
            room_id = RoomId(id_)
            value = _index_record(room_id, found.get(id_), facts.get(id_))
            if value is not None:
                yield keys.index(room_id), value

    def _destroyed(self) -> Iterator[Row]:
        for (room_id,) in self._rows("SELECT room_id FROM destroyed NOT INDEXED", ()):
            if is_room(room_id):
                yield keys.destroyed(RoomId(room_id)), b""

    def _index(self, room_id: RoomId) -> bytes | None:
        with self._reading("index"):
            return _index_record(room_id, self._one(_RECORD, room_id), self._one(_FACTS, room_id))

    def _one(self, query: str, room_id: str) -> Any:
        with closing(self._connection.execute(query, (room_id,))) as cursor:
            return cursor.fetchone()

    def _rows(self, query: str, values: tuple[Any, ...]) -> Iterator[Any]:
        cursor = self._connection.execute(query, values)
        self._cursors.add(cursor)
        try:
            for row in cursor:  # noqa: UP028 - `yield from` closes a cursor by itself, and once more
                yield row
        finally:
            if cursor in self._cursors:  # else the view has ended the scan, and its connection may be closed by now
                self._cursors.remove(cursor)
                cursor.close()

    @contextmanager
    def _reading(self, kind: str) -> Iterator[None]:
        with reading(self._name, shared=kind in ("shared", "destroyed")):
            yield


@contextmanager
def reading(name: str, *, shared: bool) -> Iterator[None]:
    """Turn what SQLite says into damage of the file, as the room that met it tells it or as all do (`Damaged`)."""
    try:
        yield
    except TROUBLE as error:
        if not refuses(error):
            raise StoreFailed(reason(error)) from None
        if shared:
            raise Damaged("CHECKSUM_MISMATCH", 0, reason(error)) from None
        raise DamageFound(Damage("CHECKSUM_MISMATCH", name, 0, time.time_ns())) from None


def refuses(error: Exception) -> bool:
    """Whether bytes made no sense, rather than that the system does not let SQLite work."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _REFUSED


def reason(error: BaseException) -> str:
    return f"REASON: {scrub(str(error) or type(error).__name__)}"


def parts(key: bytes) -> tuple[str, RoomId, int | None]:
    """Kind, room and number of a key, or of a bound of a range: then the number may be missing."""
    words = key.decode().split("/")
    if words[1] != "room":
        return words[1], RoomId(words[2]), None
    return words[3], RoomId(words[2]), int(words[4]) if words[4:] and words[4] else None


def is_room(id_: Any) -> bool:
    return type(id_) is str and id_.isascii() and keys.room_of(b"/" + id_.encode()) is not None


def facts_of(record: bytes) -> list[Any]:
    """State, created_at and last_active by an index record. Raises Damaged."""
    values = unpack(record[HEADER:])
    if type(values) is not list or len(values) < 5 or values[0] not in STATES:
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    return [STATES[values[0]], *values[3:5]]


def _index_record(room_id: RoomId, found: Any, facts: Any) -> bytes | None:
    """The index record by its row in `records`, if the row in `rooms` says the same; None where there is no room."""
    if found is None:
        return None if facts is None or facts[0] == TERMINATED else UNREADABLE
    with suppress(Damaged, TypeError):  # a row that is not there, a record that is no bytes
        record, owner = found
        if owner == room_id and [*facts] == [*facts_of(record), room_id]:
            return bytes(record)
    return UNREADABLE


def _ordered(name: str, reverse: bool) -> str:
    return _RANGE.format(name, f"{name} DESC" if reverse else name)


def _number(found: Any) -> int:
    """What a key can end in; a damaged column is told by the value beside it."""
    return found if type(found) is int and found >= 0 else 0


def _blob(found: Any) -> bytes:
    return found if type(found) is bytes else UNREADABLE


def _text(kind: str, room_id: RoomId, text: Any, found: Any) -> bytes:
    if found != room_id or type(text) is not str:
        return UNREADABLE
    with suppress(Damaged):
        return from_text(b"C" if kind == "config" else b"M", room_id, text.encode("utf-8", "surrogateescape"))
    return UNREADABLE


def _snapshot(room_id: RoomId, row: Any) -> bytes | None:
    if row is None:
        return None
    snapshot, timestamp, found = row
    if found != room_id or type(snapshot) is not bytes or type(timestamp) is not int or timestamp < 0:
        return UNREADABLE
    return snapshot[:-STAMP] if snapshot[-STAMP:] == timestamp.to_bytes(STAMP, "big") else UNREADABLE
