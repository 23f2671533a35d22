"""Rows in a stream, in blocks, so that a million of them are framed and taken apart without a step for each.

A block is two numbers of four bytes, how many rows it has and how many bytes their records have together; then the
timestamps of the rows, in eight bytes each (0 for what is not memory); then the lengths of their records, in four;
then the records.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Protocol

from .columns import Columns
from .records import HEADER, MAX_RECORD

_HEAD = struct.Struct(">II")
_MAX_ROWS = 1 << 12
_MAX_SIZE = MAX_RECORD + (2 << 20)
"""Bytes of records: what has been collected, and one more of any length."""

Block = tuple[bytes, Columns]
"""A block as it was read, and its rows."""


class RowsDamaged(Exception):
    """What should be rows is not; the text says what is wrong."""


class Reader(Protocol):
    def read(self, size: int) -> bytes: ...


def joined(rows: Columns) -> bytes:
    """A block of rows, at most as many as a chunk of `walk` has."""
    places, records = rows
    data = b"".join(records)
    head = _numbers(len(records)).pack(*places, *map(len, records))
    return b"".join((_HEAD.pack(len(records), len(data)), head, data))


def joined_record(record: bytes) -> bytes:
    """A block of what is not memory."""
    return joined(Columns([0], [record]))


def blocks(source: Reader) -> Iterator[Block]:
    """All blocks of a stream. Raises RowsDamaged."""
    while head := source.read(_HEAD.size):
        if len(head) < _HEAD.size:
            raise RowsDamaged("the last row is cut off")
        count, size = _HEAD.unpack(head)
        if not 0 < count <= _MAX_ROWS or not count * HEADER < size <= _MAX_SIZE:
            raise RowsDamaged("a number of rows, or of bytes, that cannot be")
        numbers = _numbers(count)
        body = source.read(numbers.size + size)
        if len(body) < numbers.size + size:
            raise RowsDamaged("the last row is cut off")
        places = numbers.unpack_from(body)
        lengths = places[count:]
        if sum(lengths) != size or min(lengths) <= HEADER:
            raise RowsDamaged("a record has a length that it cannot have")
        records = map(io.BytesIO(memoryview(body)[numbers.size :]).read, lengths)  # five times as fast as slices
        yield head + body, Columns(list(places[:count]), list(records))


def _numbers(count: int) -> struct.Struct:
    return struct.Struct(f">{count}Q{count}I")
