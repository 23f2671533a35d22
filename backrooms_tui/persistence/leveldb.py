"""A LevelDB handle that is honest about failed writes. The only module that imports plyvel.

Any exception from a write poisons the handle: LevelDB goes on after a failed append and loses what it acknowledges
later (86 of 86 runs). From then on only `reopen` and `close` are legal. LevelDB's own LOCK file is never touched:
merely closing a second descriptor of it would drop the lock.

No compression: old memory is compressed in segments, and the wheel's Snappy makes opening 7x slower. Bloom filters of
10 bits for look-ups of what is not there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import plyvel

from backrooms_tui.model.errors import StoreClosed, StoreCorrupted, StoreFailed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage
from backrooms_tui.model.scrub import scrub

from . import keys
from .damage import damage
from .gate import Gate
from .private_files import keep_private, private_directory
from .records import Damaged
from .rows import Row, after

_BITE = 256
"""Keys looked at at once."""
_SWEEP = 4096
"""Keys that the removal of a room deletes in one batch."""
_CUT = "Invalid argument"
"""How LevelDB words a read beyond the end of a mapped table: as an I/O error, though the disk is well."""


class View:
    """What can be read: the newest state, or a fixed one. What LevelDB cannot take apart raises Damaged.

    Unless that is wanted (`proven`) LevelDB is not asked to check its blocks. It passes by one whose checksum is wrong,
    with every row of every room in it, and plyvel does not say so; our records have checksums of their own, know their
    key and their neighbours, and so the one value that was hit is told, with the byte in it.
    """

    def __init__(self, source: Any, *, proven: bool = False) -> None:
        self._source = source
        self._how = {"verify_checksums": True, "fill_cache": False} if proven else {}

    def get(self, key: bytes) -> bytes | None:
        with _reads():
            value: bytes | None = self._source.get(key, **self._how)
            return value

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False, include_stop: bool = False) -> Iterator[Row]:
        with (
            _reads(),
            self._source.iterator(
                start=start, stop=stop, include_stop=include_stop, reverse=reverse, **self._how
            ) as rows,
        ):
            yield from rows

    def strangers(self) -> Iterator[bytes]:
        """Keys before, between and behind the ranges of ours."""
        start = None
        for prefix in (*sorted(keys.PREFIXES), None):
            with _reads(), self._source.iterator(start=start, stop=prefix, include_value=False) as found:
                yield from found
            start = prefix and after(prefix)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """Keys alone, for removal. A block that cannot be read at all is passed by: keys before it come from below,
        those behind it from above.
        """
        for reverse in (False, True):
            try:
                with (
                    _reads(),
                    self._source.iterator(
                        start=prefix, stop=after(prefix), include_value=False, reverse=reverse
                    ) as found,
                ):
                    yield from found
                return
            except Damaged:
                continue


class LevelDb:
    """See `Rows`."""

    backend = "LEVELDB"
    warnings: tuple[str, ...] = ()

    def __init__(self, root: Path, *, new: bool, cache_size: int, write_buffer_size: int) -> None:
        """Open the database in `root`; one is made where there is none, if the store is `new`.

        Sizes in bytes; `write_buffer_size` also bounds the log that a restart replays. Raises StoreCorrupted when
        LevelDB refuses its files, StoreFailed when the system refuses LevelDB.
        """
        keep_private()
        self.place = str(root)
        self.path = private_directory(root / "leveldb")
        self.gate = Gate()
        self._written = False
        self._sizes = {"lru_cache_size": cache_size, "write_buffer_size": write_buffer_size}
        # LevelDB erases every table it finds when it creates a database: only where there is none.
        self._db = self._open(create=new and not any(self.path.glob("*.l[do][bg]")))

    @contextmanager
    def reading(self) -> Iterator[View]:
        with self.gate.passing():
            yield View(self._db)

    @contextmanager
    def fixed(self, room_id: RoomId, *, proven: bool = False) -> Iterator[View]:  # noqa: ARG002 - LevelDB holds all rooms still at once
        with self.gate.passing(), self._db.snapshot() as snapshot:
            yield View(snapshot, proven=proven)

    def batch(self, *, sync: bool) -> Any:
        self.gate.check()
        return self._db.write_batch(sync=sync)

    def replace(self, batch: Any, room_id: RoomId, timestamps: Sequence[int], value: bytes | None) -> None:
        for timestamp in timestamps:
            batch.delete(keys.memory(room_id, timestamp))
        if value is not None:
            batch.put(keys.memory(room_id, timestamps[-1]), value)

    def write(self, batch: Any) -> None:
        self._written = True
        try:
            batch.write()
        except BaseException as error:  # the poison rule knows no harmless exception
            self.poison(_reason(error))
            if isinstance(error, Exception):
                raise StoreFailed(_reason(error)) from error
            raise

    def poison(self, reason: str) -> None:
        self.gate.bar(StoreFailed, reason)

    def sweep(self, room_id: RoomId, *, erase: bool) -> None:
        ranges = (keys.room(room_id), keys.index(room_id))
        if erase:  # values leave only from a table below the one with their deletion: push them down first
            self._rewrite(ranges)
        self._delete(room_id)
        if erase:
            self._rewrite(ranges)

    def _rewrite(self, prefixes: Sequence[bytes]) -> None:
        """Merge the tables around some prefixes downwards; what has been deleted above its value leaves the disk."""
        self.gate.check()
        for prefix in prefixes:
            self._db.compact_range(start=prefix, stop=after(prefix))

    def _delete(self, room_id: RoomId) -> None:
        batch, size = self.batch(sync=False), 0
        with self.reading() as view:
            for key in view.keys(keys.room(room_id)):
                batch.delete(key)
                size += 1
                if size == _SWEEP:
                    self.write(batch)
                    batch, size = self.batch(sync=False), 0
        self.write(batch)
        last = self.batch(sync=True)
        last.delete(keys.destroyed(room_id))
        self.write(last)

    def reopen(self) -> None:
        if self.gate.closed:
            raise StoreClosed
        self.poison("THE STORE IS BEING OPENED AGAIN")
        self.gate.drain()
        self._db.close()
        self._db = self._open(create=False)
        self.write(self._db.write_batch(sync=True))  # an empty batch is a record in the log all the same
        self.gate.open()

    def locate(self, key: bytes, offset: int) -> tuple[str, int]:
        return keys.printable(key), offset

    def inspect(self) -> Iterator[Damage]:
        """Keys that are none of ours."""
        with self.reading() as view:
            try:
                for key in view.strangers():
                    yield damage("STATE_UNREADABLE", key)
            except Damaged as error:
                yield Damage(error.type, str(self.path), error.offset, time.time_ns())

    def disk_usage(self) -> int:
        self.gate.check()
        total = 0
        with os.scandir(self.path) as files:
            for file in files:
                with suppress(FileNotFoundError):  # LevelDB removes tables whenever it likes
                    total += file.stat(follow_symlinks=False).st_blocks * 512
        return total

    def keep(self) -> None: ...

    def close(self) -> None:
        """What is in the log goes into a table first, which opening would do otherwise. A log is damaged for all rooms,
        a block of a table for the rooms in it alone.
        """
        if self._written and not self.gate.barred:
            self._db.compact_range(start=b"\xff", stop=b"\xff\xff")  # of no key: the rest stays where it is
        self.gate.bar(StoreClosed)
        self.gate.drain()
        self._db.close()

    def _open(self, *, create: bool) -> Any:
        """A log of acknowledged writes is replayed strictly, or what is damaged in it would be dropped. Tables are
        merged as they are: a strict merger refuses every write from the first damaged block on, a lenient one gives
        the block a right checksum, and the record in it stays as wrong as it was.
        """
        if any(log.stat().st_size for log in self.path.glob("*.log")):
            self._opened(create=False, strict=True).close()
        return self._opened(create=create, strict=False)

    def _opened(self, *, create: bool, strict: bool) -> Any:
        try:
            return plyvel.DB(
                str(self.path),
                create_if_missing=create,
                paranoid_checks=strict,
                compression=None,
                bloom_filter_bits=10,
                **self._sizes,
            )
        except plyvel.IOError as error:
            raise StoreFailed(f"PATH: {self.path}", _reason(error)) from None
        except plyvel.Error as error:
            raise StoreCorrupted(
                f"PATH: {self.path}",
                _reason(error),
                f"RECOVERY: restore {self.path.parent} from a backup; nothing in it was changed.",
            ) from None


@contextmanager
def _reads() -> Iterator[None]:
    try:
        yield
    except plyvel.Error as error:
        reason = _reason(error)
        if isinstance(error, plyvel.IOError) and not reason.endswith(_CUT):
            raise StoreFailed(reason) from None
        raise Damaged("CHECKSUM_MISMATCH", 0, reason) from None


def _reason(error: BaseException) -> str:
    text = error.args[0] if error.args else type(error).__name__
    return f"REASON: {scrub(text.decode('utf-8', 'replace') if isinstance(text, bytes) else str(text))}"
