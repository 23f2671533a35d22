"""Rooms in one SQLite file, `rooms.db`, that any sqlite3 shell can read.

Write-ahead log and synchronous=FULL: a commit is one append and one sync, and readers never wait for it. Each reader
takes a connection and a read transaction of its own, so it sees one moment; a long one keeps the log from being
folded into the file meanwhile. After a clean stop the file is alone.

SQLite believes its pages: with a flipped bit in an inner page or in the list of free ones it would write rows of one
table into another. So nothing is written before `quick_check` has found every page well, once for each opening: 1.4 ms
for each megabyte, paid by the first write, not by those who only read. What that leaves (899 of 3,277 flipped bits
gave other values) is found by the records' checksums; a log that was cut, by the witness.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import BackroomsError, StoreClosed, StoreCorrupted, StoreFailed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage
from backrooms_tui.model.scrub import scrub

from .gate import Gate
from .private_files import keep_private, open_private, sync_directory
from .records import MAX_RECORD
from .sqlite_batch import Batch, Statement
from .sqlite_schema import APPLICATION_ID, SCHEMA, VERSION, expected_schema
from .sqlite_view import TROUBLE, View, parts, reading, reason, refuses

_LONGEST = 8 * MAX_RECORD
"""Bytes of a row: JSON may take six for one of text. A damaged length beyond it is refused before it is allocated."""
_WAIT = 5.0
"""Seconds a write waits for somebody's shell that writes the file beside us."""
_IDLE = 4
"""Readers' connections that are kept for the next reader."""
_SWEEP = 4096
"""Rows that the removal of a room deletes in one transaction."""
_SOME = (
    "DELETE FROM {0} WHERE rowid IN (SELECT row.rowid FROM {0} AS entry CROSS JOIN {0} AS row NOT INDEXED"
    " ON row.rowid = entry.rowid WHERE entry.room_id = ? AND row.room_id = ? LIMIT {1})"
)
"""By the index, and by the row it leads to: a damaged index entry may lead to another room's."""
_REST = (
    "UPDATE rooms SET config = '', metadata = NULL WHERE id = ?",
    "DELETE FROM rooms WHERE id = ? AND NOT EXISTS (SELECT 1 FROM records WHERE room_id = id)",
    "DELETE FROM destroyed WHERE room_id = ?",
)
"""What else there is of a room. The second is refused, by the foreign keys, while an index still knows rows of it."""
_BESIDE = ("-wal", "-shm")
_WRITTEN_FIRST = ("rooms", "records", "queue", "checkpoints", "destroyed")
"""Small tables whose indexes are compared with their rows before anything is written."""
_WRITE_VERSION_AT = 18
_LOGGED = b"\x02"
"""The newest way of writing in SQLite's header: with a later one the file would only be read, and say nothing."""
_CARELESS = "NORMAL"
_DURABLE = "FULL"


class SqliteRows:
    """See `Rows`."""

    backend = "SQLITE"
    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path, *, new: bool) -> None:
        """Open the database at `path`; one is made where there is none, if the store is `new`.

        Raises StoreCorrupted when the file is not one of ours or SQLite refuses it, StoreFailed, UnsafePath.
        """
        keep_private()
        self.place = str(path)
        self.gate = Gate()
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._proven = False
        self._sound: bool | None = None
        self._durable = True
        self._log_holds_words = False
        """Of rooms that are gone."""
        self._homes: set[str] = set()
        """Rooms known to have a row in `rooms`, which all their other rows refer to."""
        self._writer = self._open(new=new)

    @contextmanager
    def reading(self) -> Iterator[View]:
        with self.gate.passing(), self._borrowed() as connection:
            view = View(connection, self._path.name)
            try:
                yield view
            finally:
                view.close()

    def fixed(self, room_id: RoomId, *, proven: bool = False) -> Any:  # noqa: ARG002 - a transaction holds all rooms still at once
        return self.reading()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a read transaction."""
        with reading(self._path.name, shared=True):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect("query_only = ON")
            connection.execute("BEGIN")
        try:
            yield connection
        finally:
            with suppress(sqlite3.Error):  # a transaction that SQLite has ended itself is over all the same
                connection.execute("ROLLBACK")
            if len(self._idle) < _IDLE and not connection.in_transaction:
                self._idle.append(connection)
            else:
                connection.close()

    def batch(self, *, sync: bool) -> Batch:
        self.gate.check()
        return Batch(sync=sync)

    def replace(self, batch: Batch, room_id: RoomId, timestamps: Sequence[int], value: bytes | None) -> None:
        batch.replace(room_id, timestamps[0], timestamps[-1], value)

    def write(self, batch: Batch) -> None:
        try:
            self._transact(batch.homes, batch.statements, sync=batch.sync)
            if self._log_holds_words:
                self._truncate_log()
        except BaseException as error:  # the poison rule knows no harmless exception
            raise self._poisoned(error) from error

    def _poisoned(self, error: BaseException) -> BaseException:
        """Bar the gate; gives what the writer is told."""
        told = error
        if not isinstance(error, BackroomsError):
            self.poison(reason(error))
            if isinstance(error, Exception):
                told = StoreFailed(reason(error))
        else:
            self.gate.bar(type(error), *error.details)
        return told

    def _transact(self, homes: Sequence[str], statements: Sequence[Statement], *, sync: bool) -> None:
        if not self._proven:
            self._prove()
        writer = self._writer
        if sync != self._durable:  # a commit syncs the whole log: with it all that was not synced before
            writer.execute(f"PRAGMA synchronous = {_DURABLE if sync else _CARELESS}")
            self._durable = sync
        writer.execute("BEGIN IMMEDIATE")
        for room_id in homes:
            if room_id not in self._homes:
                writer.execute("INSERT OR IGNORE INTO rooms VALUES (?, 4, 0, 0, '', NULL)", (room_id,))
        for statement, values in statements:
            writer.execute(statement, values)
        if sync and not statements:  # without a changed page a commit syncs nothing
            writer.execute(f"PRAGMA user_version = {VERSION}")
        writer.execute("COMMIT")
        self._homes.update(homes)

    def _prove(self) -> None:
        """Look at every page, and at the indexes that writes go by. Raises StoreCorrupted."""
        checks = ("quick_check(1)", *(f"integrity_check({table})" for table in _WRITTEN_FIRST))
        try:
            told = [self._writer.execute(f"PRAGMA {check}").fetchone()[0] for check in checks]
        except TROUBLE as error:
            if not refuses(error):
                raise
            told = [str(error)]
        for line in told:
            if line != "ok":
                raise self._refusal(f"REASON: {scrub(line)}")
        self._proven = True

    def poison(self, reason: str) -> None:
        self.gate.bar(StoreFailed, reason)

    def sweep(self, room_id: RoomId, *, erase: bool) -> None:
        self.gate.check()
        try:
            try:
                self._delete(room_id)
            except TROUBLE as error:
                if not refuses(error):
                    raise
                self._mend()
                self._delete(room_id)
            if erase:  # SQLite has overwritten the rows; their words still stand in the log
                self._truncate_log()
        except BaseException as error:
            raise self._poisoned(error) from error

    def _delete(self, room_id: RoomId) -> None:
        """Remove a room's rows, some at a time, and then the rest of it, durably. Raises what SQLite raises."""
        for table in ("memory", "segments", "queue", "checkpoints"):
            statement = (_SOME.format(table, _SWEEP), (room_id, room_id))
            deleted = _SWEEP
            while deleted == _SWEEP:
                before = self._writer.total_changes
                self._transact((), [statement], sync=False)
                deleted = self._writer.total_changes - before
        self._homes.discard(room_id)
        self._transact((), [(statement, (room_id,)) for statement in _REST], sync=True)

    def _mend(self) -> None:
        """Make the indexes anew and remove rows of no room: a damaged column, or index entry, of the room that is to go
        would keep SQLite from deleting its rows. Only after that has happened: it takes the time of all rooms' rows.
        """
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        strangers = "DELETE FROM {} WHERE room_id NOT IN (SELECT id FROM rooms)"
        self._transact((), [("REINDEX", ())], sync=False)
        self._transact((), [(strangers.format(table), ()) for table in ("memory", "segments")], sync=False)

    def _truncate_log(self) -> None:
        """Fold the log into the file and cut it off; put off to the next write while somebody reads in it."""
        self._writer.execute("PRAGMA busy_timeout = 0")
        self._log_holds_words = bool(self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
        self._writer.execute(f"PRAGMA busy_timeout = {int(_WAIT * 1000)}")

    def reopen(self) -> None:
        if self.gate.closed:
            raise StoreClosed
        self.poison("THE STORE IS BEING OPENED AGAIN")
        self.gate.drain()
        self._disconnect()
        self._writer = self._open(new=False)
        self.write(Batch(sync=True))
        self.gate.open()

    def locate(self, key: bytes, offset: int) -> tuple[str, int]:
        """The row; or the file, when its pages and indexes do not fit together: then a row that cannot be found may
        be well, and the damage that hides it other rooms' too. SQLite is asked once, when first damage is told.
        """
        if self._sound is None:
            with self.reading() as view:
                self._sound = not any(True for _ in view.faults())
        if not self._sound:
            return self._path.name, 0
        kind, room_id, number = parts(key)
        return "/".join((self._path.name, kind, room_id, *([] if number is None else [str(number)]))), offset

    def inspect(self) -> Iterator[Damage]:
        with self.reading() as view:
            for type_, what in view.faults():
                yield Damage(type_, f"{self._path.name}: {scrub(what)}", 0, time.time_ns())

    def disk_usage(self) -> int:
        self.gate.check()
        total = 0
        for suffix in ("", *_BESIDE):
            with suppress(FileNotFoundError):
                total += self._beside(suffix).lstat().st_blocks * 512
        return total

    def keep(self) -> None: ...

    def close(self) -> None:
        self.gate.bar(StoreClosed)
        self.gate.drain()
        self._disconnect()

    def _disconnect(self) -> None:
        """The last connection folds the log into the file and removes it; what it cannot fold stays in the log."""
        while self._idle:
            self._idle.pop().close()
        self._writer.close()

    def _open(self, *, new: bool) -> sqlite3.Connection:
        self._proven = self._log_holds_words = False
        self._sound = None
        self._durable = True
        self._homes.clear()
        self._make_files(new=new)
        try:
            writer = self._connect(
                "foreign_keys = ON",
                "secure_delete = ON",
                f"synchronous = {_DURABLE}",
            )
            try:
                self._require_ours(writer, new=new)
            except BaseException:
                writer.close()
                raise
        except TROUBLE as error:
            if not refuses(error):
                raise StoreFailed(f"PATH: {self._path}", reason(error)) from None
            raise self._refusal(reason(error)) from None
        return writer

    def _make_files(self, *, new: bool) -> None:
        """Have all files be ours and private before SQLite opens them, the log too: in a directory where others may
        write, such as the seed's /tmp, theirs could stand in its place.
        """
        made = os.O_RDWR | os.O_CREAT
        try:
            fd = open_private(self._path, made if new else os.O_RDWR)
            written_by = os.pread(fd, 1, _WRITE_VERSION_AT)
            os.close(fd)
            if written_by > _LOGGED:
                raise self._refusal(f"OFFSET: 0x{_WRITE_VERSION_AT:08X}")
            with suppress(FileNotFoundError):
                os.close(open_private(self._beside("-journal"), os.O_RDWR))
            for suffix in _BESIDE:
                os.close(open_private(self._beside(suffix), made))
            if new:
                sync_directory(self._path.parent)
        except FileNotFoundError:
            raise self._refusal("REASON: missing") from None
        except OSError as error:
            raise StoreFailed(f"PATH: {self._path}", f"REASON: {error.strerror}") from None

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _connect(self, *pragmas: str) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        connection.text_factory = _text
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        try:
            for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", *pragmas):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _require_ours(self, writer: sqlite3.Connection, *, new: bool) -> None:
        """Raises StoreCorrupted unless the file has exactly our schema; makes it in an empty file of a new store."""
        found = _schema_of(writer)
        if new and not found:
            writer.execute("BEGIN IMMEDIATE")
            for statement in (*SCHEMA, f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION}"):
                writer.execute(statement)
            writer.execute("COMMIT")
            found = _schema_of(writer)
        (version,) = writer.execute("PRAGMA user_version").fetchone()
        (application,) = writer.execute("PRAGMA application_id").fetchone()
        if application == APPLICATION_ID and version > VERSION:
            raise self._refusal(f"REASON: made by a newer version (schema {version})")
        if (application, version) != (APPLICATION_ID, VERSION) or found != expected_schema():
            raise self._refusal("REASON: not a database of rooms, or its schema has been changed")
        (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreFailed(f"PATH: {self._path}", "REASON: the file system does not take a write-ahead log")

    def _refusal(self, why: str) -> StoreCorrupted:
        return StoreCorrupted(f"PATH: {self._path}", why, f"RECOVERY: restore {self._path} from a backup.")


def _schema_of(connection: sqlite3.Connection) -> set[tuple[Any, ...]]:
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")
    return set(rows)


def _text(raw: bytes) -> str:
    """Bytes that are no text come as lone surrogates, which no record holds: the row is damaged, not the scan."""
    return raw.decode("utf-8", "surrogateescape")
