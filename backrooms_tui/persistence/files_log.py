"""`memory.log` and its sparse index `memory.idx`: reading. Numbers are big-endian.

```
memory.log   [timestamp u64][type u8][length u32][content][checksum u64]      (seed 000, Memory Log Format)
memory.idx   [timestamp u64][offset u64][checksum u64]
```

`content` is the row: the record of an entry (types 0 to 4) or a segment (5). Checksums are a CRC-32 of all that stands
before them, and below it the length of the whole, so that a log can be read backwards from its end as well. The index
names the first row and then one about every 16 KiB of log, so that a page in the middle of a million entries costs two
reads. Damage in it is damage of the room, and is found when the log is opened. What `Extent` does not span is not read.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from .damage import DamageFound, damage
from .files_state import Extent
from .private_files import open_private
from .records import MAX_RECORD

LOG, LOG_INDEX = "memory.log", "memory.idx"
HEAD = struct.Struct(">QBI")
TAIL = struct.Struct(">II")
MARK = struct.Struct(">QQ")
OVERHEAD = HEAD.size + TAIL.size
INDEXED = MARK.size + TAIL.size
SEED = 0x4D454D4C
_CHUNK = 1 << 15
"""Bytes that a read asks for: a page of ordinary entries takes two or three."""

Step = tuple[int, int, bytes, int, int]
"""A record as met on a walk: its timestamp, where it is, the bytes it is among, where in those it begins and ends."""


class Log:
    """A room's log, at one extent. What is read stays what it is when the log is appended to or replaced."""

    def __init__(self, room: Path, extent: Extent) -> None:
        """Open the log and read its index. Raises DamageFound, UnsafePath, OSError."""
        self.extent = extent
        self._room = room.name
        self._file = _opened(room, LOG)
        marks = _opened(room, LOG_INDEX)
        self._stamps, self._offsets = self._marked(os.pread(marks.fd, extent.index_size, 0))

    def _marked(self, content: bytes) -> tuple[array[int], array[int]]:
        if len(content) < self.extent.index_size:
            self._damaged(len(content), "MEMORY_LOG_TRUNCATED", LOG_INDEX)
        if zlib.crc32(content) != self.extent.index_checksum:
            self._damaged(first_wrong(content), "CHECKSUM_MISMATCH", LOG_INDEX)
        fields = array("Q", content)
        if sys.byteorder == "little":
            fields.byteswap()
        return fields[::3], fields[1::3]

    def forward(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Rows with timestamps from `start` up to `stop`. Raises DamageFound when one of them is damaged."""
        for timestamp, at, chunk, begin, end in self._walk(self._before(start)):
            if timestamp >= stop:
                return
            if timestamp >= start:
                yield timestamp, self._content(at, chunk, begin, end)

    def backward(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The same rows, the last one first."""
        for timestamp, at, chunk, begin, end in self._walk_back(self.position(stop)):
            if timestamp < start:
                return
            yield timestamp, self._content(at, chunk, begin, end)

    def position(self, timestamp: int) -> int:
        """Where the first row at or after a timestamp begins, or where the log ends. Raises DamageFound."""
        if timestamp > self.extent.last:
            return self.extent.size
        for met, at, *_ in self._walk(self._before(timestamp)):
            if met >= timestamp:
                return at
        return self.extent.size

    def read(self, at: int, size: int) -> bytes:
        """Bytes as they stand, unchecked. Raises DamageFound when the log ends before them."""
        content = os.pread(self._file.fd, size, at)
        if len(content) < size:
            self._damaged(at + len(content), "MEMORY_LOG_TRUNCATED")
        return content

    def marks(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """What the index says of a range of bytes: timestamps and offsets."""
        for n in range(bisect_left(self._offsets, start), bisect_left(self._offsets, stop)):
            yield self._stamps[n], self._offsets[n]

    def _before(self, timestamp: int) -> int:
        """The indexed row nearest before a timestamp, or at it; the first one where there is none."""
        found = bisect_left(self._stamps, timestamp)
        if found < len(self._stamps) and self._stamps[found] == timestamp:
            return self._offsets[found]
        return self._offsets[found - 1] if found else 0

    def _walk(self, at: int) -> Iterator[Step]:
        """Records from a byte on. Lengths are checked, contents are not."""
        size, want = self.extent.size, _CHUNK
        while at < size:
            chunk = self.read(at, min(want, size - at))
            begin, want = 0, _CHUNK
            while begin + OVERHEAD <= len(chunk):
                timestamp, _, length = HEAD.unpack_from(chunk, begin)
                end = begin + OVERHEAD + length
                if end > len(chunk):
                    if length > MAX_RECORD or at + end > size:
                        self._damaged(at + begin)
                    want = max(_CHUNK, end - begin)
                    break
                if TAIL.unpack_from(chunk, end - TAIL.size)[1] != end - begin:
                    self._damaged(at + begin)
                yield timestamp, at + begin, chunk, begin, end
                begin = end
            if len(chunk) < OVERHEAD:
                self._damaged(at)
            at += begin

    def _walk_back(self, end: int) -> Iterator[Step]:
        """Records up to a byte, the last one first. Lengths are checked, contents are not."""
        want = _CHUNK
        while end > 0:
            start = max(0, end - want)
            chunk = self.read(start, end - start)
            below, want = len(chunk), _CHUNK
            while below >= OVERHEAD:
                total = TAIL.unpack_from(chunk, below - TAIL.size)[1]
                begin = below - total
                if begin < 0:
                    if total > MAX_RECORD + OVERHEAD or start + begin < 0:
                        self._damaged(start + below - TAIL.size)
                    want = max(_CHUNK, total)
                    break
                timestamp, _, length = HEAD.unpack_from(chunk, begin) if total >= OVERHEAD else (0, 0, 0)
                if length + OVERHEAD != total:
                    self._damaged(start + below - TAIL.size)
                yield timestamp, start + begin, chunk, begin, below
                below = begin
            if len(chunk) < OVERHEAD:
                self._damaged(start)
            end = start + below

    def _content(self, at: int, chunk: bytes, begin: int, end: int) -> bytes:
        content = chunk[begin + HEAD.size : end - TAIL.size]
        checksum = zlib.crc32(content, zlib.crc32(chunk[begin : begin + HEAD.size], SEED))
        if TAIL.unpack_from(chunk, end - TAIL.size)[0] != checksum:
            self._damaged(at)
        return content

    def _damaged(self, at: int, type_: str = "CHECKSUM_MISMATCH", file: str = LOG) -> NoReturn:
        raise DamageFound(damage(type_, f"{self._room}/{file}".encode(), at))


class _Descriptor:
    """An open file that is closed when nobody reads it any more, in whatever thread that is."""

    def __init__(self, path: Path) -> None:
        self.fd = -1
        self.fd = open_private(path, os.O_RDONLY)

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


def _opened(room: Path, name: str) -> _Descriptor:
    try:
        return _Descriptor(room / name)
    except FileNotFoundError:
        raise DamageFound(damage("MEMORY_LOG_TRUNCATED", f"{room.name}/{name}".encode())) from None


def content_of(path: Path | str, *, limit: int = sys.maxsize) -> bytes | None:
    """The bytes of a file of ours, at most `limit`; None when there is none. Raises UnsafePath, OSError."""
    try:
        fd = open_private(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        content = os.read(fd, _CHUNK)  # most are shorter, and need not be asked how long they are
        if len(content) == _CHUNK:
            content += os.pread(fd, min(os.fstat(fd).st_size, limit) - _CHUNK, _CHUNK)
        return content
    finally:
        os.close(fd)


def first_wrong(index: bytes) -> int:
    """The byte at which the first mark of an index begins that is not whole; the end when all are."""
    for at in range(0, len(index), INDEXED):
        checksum = zlib.crc32(index[at : at + MARK.size], SEED)
        if index[at + MARK.size : at + INDEXED] != TAIL.pack(checksum, INDEXED):
            return at
    return len(index)
