"""Rows in a stream: each is its timestamp in eight bytes (0 for what is not memory), its length in four, its record."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from .records import HEADER, MAX_RECORD
from .store import MemoryRow

_HEAD = struct.Struct(">QI")
HEAD = _HEAD.size
_PIECE = 1 << 20


class RowsDamaged(Exception):
    """What should be rows is not; the text says what is wrong."""


class Reader(Protocol):
    def read(self, size: int) -> bytes: ...


def joined(rows: Iterable[MemoryRow]) -> bytes:
    pack = _HEAD.pack
    return b"".join([part for timestamp, record in rows for part in (pack(timestamp, len(record)), record)])


def checksum_after(row: MemoryRow, checksum: int) -> int:
    """The running CRC-32 of joined rows, one row further."""
    timestamp, record = row
    return zlib.crc32(record, zlib.crc32(_HEAD.pack(timestamp, len(record)), checksum))


def split(data: bytes) -> tuple[list[MemoryRow], bytes]:
    """The rows at the beginning, and what is left. Raises RowsDamaged."""
    unpack = _HEAD.unpack_from
    rows = []
    at, end = 0, len(data)
    while at + HEAD <= end:
        timestamp, length = unpack(data, at)
        if not HEADER < length <= MAX_RECORD:
            raise RowsDamaged("a record has a length that none can have")
        start = at + HEAD
        if start + length > end:
            break
        at = start + length
        rows.append((timestamp, data[start:at]))
    return rows, data[at:]


def streamed(source: Reader) -> Iterator[MemoryRow]:
    """All rows of a stream. Raises RowsDamaged."""
    rest = b""
    while piece := source.read(max(_PIECE, _missing(rest))):
        rows, rest = split(rest + piece)
        yield from rows
    if rest:
        raise RowsDamaged("the last record is cut off")


def _missing(rest: bytes) -> int:
    """Bytes that the row which has begun still needs: without this a long one would be joined piece by piece."""
    return _HEAD.unpack_from(rest)[1] + HEAD - len(rest) if len(rest) >= HEAD else 0
