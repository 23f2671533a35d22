"""`memory.log` and `memory.idx`: writing. A log is appended to, or written anew beside the old one.

Nothing here is synced, and nothing is the room's until a state.bin says so: what a writer leaves half done is
written over by the next one.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .files_changes import Span
from .files_log import HEAD, INDEXED, LOG, LOG_INDEX, MARK, OVERHEAD, SEED, TAIL, Log, content_of, first_wrong
from .files_state import Extent
from .private_files import open_private, write_all
from .records import HEADER, MAX_RECORD, Damaged, unpack
from .segments import is_segment

_SPARSE = 1 << 14
"""Bytes of log after which the index names a row again."""
_PIECE = 1 << 20
"""Bytes that are written at once, and that a copy holds in memory."""
_SEGMENT = 5
"""The number of a segment among the entry types."""
_NO_TYPE = 255
_LINES = 1024
"""Rows that are written at once."""
_UNREAD = -1


class LogWriter:
    """Writes rows behind an extent of a log and its index. `extent` grows with them."""

    def __init__(self, room: Path, extent: Extent, suffix: str = "") -> None:
        self.extent = extent
        self._log = open_private(room / (LOG + suffix), os.O_RDWR | os.O_CREAT)
        self._index = -1
        try:
            self._index = open_private(room / (LOG_INDEX + suffix), os.O_RDWR | os.O_CREAT)
            for fd, size in ((self._log, extent.size), (self._index, extent.index_size)):
                if os.fstat(fd).st_size > size:  # of an attempt that was cut short
                    os.ftruncate(fd, size)
        except BaseException:
            self.close()
            raise
        self._at = extent.size
        """Up to where the log has been written; the rest waits."""
        self._waiting: list[bytes] = []
        self._marks: list[bytes] = []

    def put(self, timestamp: int, row: bytes) -> None:
        size, indexed = self.extent.size, self.extent.indexed
        if not size or size - indexed >= _SPARSE:
            self._mark(timestamp, size)
        line = _line(timestamp, row)
        self._append(line)
        self.extent = self.extent._replace(size=size + len(line), last=timestamp)

    def copy(self, old: Log, start: int, stop: int) -> None:
        """Take a range of another log over as it stands: damage in it stays damage. Raises DamageFound where that log
        is cut off.
        """
        moved = self.extent.size - start
        for timestamp, offset in old.marks(start, stop):
            self._mark(timestamp, offset + moved)
        for at in range(start, stop, _PIECE):
            self._append(old.read(at, min(_PIECE, stop - at)))
        if stop > start:
            last = old.extent.last if stop == old.extent.size else _UNREAD
            self.extent = self.extent._replace(size=stop + moved, last=last)

    def finish(self) -> Extent:
        """Write what is waiting; gives the extent with all of it."""
        self._flush()
        marks = b"".join(self._marks)
        write_all(self._index, marks, self.extent.index_size)
        self.extent = self.extent._replace(
            index_size=self.extent.index_size + len(marks),
            index_checksum=zlib.crc32(marks, self.extent.index_checksum),
        )
        if self.extent.last == _UNREAD:
            self.extent = self.extent._replace(last=_last(self._log, self.extent.size))
        return self.extent

    def sync(self) -> None:
        os.fdatasync(self._log)
        if self._marks:
            os.fdatasync(self._index)

    def close(self) -> None:
        for fd in (self._log, self._index):
            if fd >= 0:
                os.close(fd)
        self._log = self._index = -1

    def _mark(self, timestamp: int, offset: int) -> None:
        mark = MARK.pack(timestamp, offset)
        self._marks.append(mark + TAIL.pack(zlib.crc32(mark, SEED), INDEXED))
        self.extent = self.extent._replace(indexed=offset)

    def _append(self, data: bytes) -> None:
        self._waiting.append(data)
        if len(self._waiting) >= _LINES or len(data) == _PIECE:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._waiting)
        write_all(self._log, data, self._at)
        self._at += len(data)
        self._waiting.clear()


def rewrite(old: Log, writer: LogWriter, spans: Sequence[Span]) -> None:
    """Write a log anew with some of its rows replaced; what lies between is copied, never held. Raises DamageFound
    when it cannot be told where a row begins.
    """
    at, last = 0, old.extent.last
    for span in spans:
        if span.first > last:
            break
        writer.copy(old, old.position(at), old.position(span.first))
        if span.value is not None and span.last <= last:
            writer.put(span.last, span.value)
        at = span.last + 1
    if at <= last:
        writer.copy(old, old.position(at), old.extent.size)


def found_extent(room: Path) -> Extent:
    """The extent of a log whose own word of it is lost: all that is there, as far as it can be read."""
    index = content_of(room / LOG_INDEX) or b""
    index = index[: first_wrong(index)]
    indexed = MARK.unpack_from(index, len(index) - INDEXED)[1] if index else 0
    size, last = 0, 0
    with suppress(FileNotFoundError):
        log = open_private(room / LOG, os.O_RDONLY)
        try:
            size = os.fstat(log).st_size
            last = _last(log, size)
        finally:
            os.close(log)
    return Extent(0, size, last, indexed, len(index), zlib.crc32(index))


def _last(log: int, size: int) -> int:
    """The timestamp of a log's last row; 0 when that cannot be read."""
    tail = os.pread(log, TAIL.size, max(0, size - TAIL.size))
    total = TAIL.unpack(tail)[1] if len(tail) == TAIL.size else 0
    if not OVERHEAD <= total <= min(size, MAX_RECORD + OVERHEAD):
        return 0
    timestamp: int = HEAD.unpack(os.pread(log, HEAD.size, size - total))[0]
    return timestamp


def _line(timestamp: int, row: bytes) -> bytes:
    head = HEAD.pack(timestamp, _number(row), len(row))
    return b"".join((head, row, TAIL.pack(zlib.crc32(row, zlib.crc32(head, SEED)), len(row) + OVERHEAD)))


def _number(row: bytes) -> int:
    """The type that stands in the log beside a row, for people."""
    if is_segment(row):
        return _SEGMENT
    try:
        number = unpack(row[HEADER:])[2]
    except (Damaged, TypeError, IndexError):
        return _NO_TYPE
    return number if type(number) is int and 0 <= number < _SEGMENT else _NO_TYPE
