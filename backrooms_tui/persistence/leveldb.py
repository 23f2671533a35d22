"""A LevelDB handle that is honest about failed writes. The only module that imports plyvel.

Any exception from a write poisons the handle: LevelDB goes on after a failed append and loses what it acknowledges
later (86 of 86 runs). From then on only `reopen` and `close` are legal. LevelDB's own LOCK file is never touched:
merely closing a second descriptor of it would drop the lock.

No compression: old memory is compressed in segments, and the wheel's Snappy makes opening 7x slower. Bloom filters of
10 bits for look-ups of what is not there. Checksums are verified on every read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import plyvel

from backrooms_tui.model.errors import StoreClosed, StoreCorrupted, StoreFailed
from backrooms_tui.model.scrub import scrub

from .gate import Gate
from .records import Damaged

Row = tuple[bytes, bytes]
"""A key and its value."""
_CUT = "Invalid argument"
"""How LevelDB words a read beyond the end of a mapped table: as an I/O error, though the disk is well."""


class View:
    """What can be read: the newest state, or a fixed one. Damage in LevelDB's blocks raises Damaged."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def get(self, key: bytes) -> bytes | None:
        with _reads():
            value: bytes | None = self._source.get(key, verify_checksums=True)
            return value

    def rows(
        self,
        start: bytes,
        stop: bytes,
        *,
        limit: int | None = None,
        reverse: bool = False,
        include_stop: bool = False,
    ) -> list[Row]:
        """Rows from `start` up to `stop`, at most `limit`; with `reverse` the last ones, downwards."""
        with (
            _reads(),
            self._source.iterator(
                start=start, stop=stop, include_stop=include_stop, reverse=reverse, verify_checksums=True
            ) as rows,
        ):
            return list(islice(rows, limit))

    def prefixed(self, prefix: bytes, *, limit: int | None = None) -> list[Row]:
        return self.rows(prefix, _after(prefix), limit=limit)

    def keys(self, prefix: bytes, *, start: bytes, limit: int) -> list[bytes]:
        """Keys alone from `start` on, for removal: what is to go need not be intact, so checksums are not asked."""
        with _reads(), self._source.iterator(start=start, stop=_after(prefix), include_value=False) as keys:
            return list(islice(keys, limit))


class LevelDb:
    """One open database. Reads may run in any thread; writes, `reopen` and `close` in one at a time."""

    def __init__(self, path: Path, *, create: bool, cache_size: int, write_buffer_size: int) -> None:
        """Open the database. Sizes in bytes; `write_buffer_size` also bounds the log that a restart replays.

        Raises StoreCorrupted when LevelDB refuses its files, StoreFailed when the system refuses LevelDB.
        """
        self.path = path
        self.gate = Gate()
        self._sizes = {"lru_cache_size": cache_size, "write_buffer_size": write_buffer_size}
        self._db = self._open(create=create)

    @contextmanager
    def reading(self) -> Iterator[View]:
        """The newest state. Raises StoreFailed while poisoned, StoreClosed."""
        with self.gate.passing():
            yield View(self._db)

    @contextmanager
    def fixed(self) -> Iterator[View]:
        """The state of one moment, whatever is written meanwhile. Raises like `reading`."""
        with self.gate.passing(), self._db.snapshot() as snapshot:
            yield View(snapshot)

    def batch(self, *, sync: bool) -> Any:
        """A batch with `put` and `delete`, to be given to `write`. Raises StoreFailed while poisoned, StoreClosed."""
        self.gate.check()
        return self._db.write_batch(sync=sync)

    def write(self, batch: Any) -> None:
        """Write a batch atomically. Whatever goes wrong poisons the handle and, but for signals, is StoreFailed."""
        try:
            batch.write()
        except BaseException as error:  # the poison rule knows no harmless exception
            self.poison(_reason(error))
            if isinstance(error, Exception):
                raise StoreFailed(_reason(error)) from error
            raise

    def poison(self, reason: str) -> None:
        """Refuse everything from now on, until `reopen`."""
        self.gate.bar(StoreFailed, reason)

    def rewrite(self, *prefixes: bytes) -> None:
        """Merge the tables around some prefixes downwards; what has been deleted above its value leaves the disk."""
        self.gate.check()
        for prefix in prefixes:
            self._db.compact_range(start=prefix, stop=_after(prefix))

    def reopen(self) -> None:
        """Close, open again and prove with a synced write that the disk takes writes. Raises StoreFailed,
        StoreCorrupted; the handle is then still poisoned.
        """
        if self.gate.closed:
            raise StoreClosed
        self.poison("THE STORE IS BEING OPENED AGAIN")
        self.gate.drain()
        self._db.close()
        self._db = self._open(create=False)
        self.write(self._db.write_batch(sync=True))  # an empty batch is a record in the log all the same
        self.gate.open()

    def close(self) -> None:
        """Idempotent; waits for readers."""
        self.gate.bar(StoreClosed)
        self.gate.drain()
        self._db.close()

    def _open(self, *, create: bool) -> Any:
        try:
            return plyvel.DB(
                str(self.path),
                create_if_missing=create,
                paranoid_checks=True,
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


def _after(prefix: bytes) -> bytes:
    """The first key after all that start with `prefix`."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


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
