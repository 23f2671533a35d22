"""`state.bin`: all of a room but its memory, in the form of seed 000 (State File Format). Numbers are big-endian.

```
HEADER  64 bytes   magic 0x524F4F4D, version u32, checksum u64, flags u32, 44 reserved zero bytes
BODY               state_enum u8
                   entity_state: length u32, snapshot record (none: 0)
                   timestamp u64: when the room was last active
                   counters: length u32, index record (none: 0; then state_enum is 255 and timestamp 0)
                   ours: count u32 of queued inputs, each sequence u64, length u32, queue record
                   ours: how far memory.log and memory.idx are the room's (`Extent`)
```

The checksum is a CRC-32 of everything else, seeded with the room's id, and below it the file's length. Flag 1 is the
mark of a removal that has been decided. `state_enum` counts the seed's states from 0.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.states import RoomState

from .files_changes import INDEX, QUEUE, STATE
from .records import HEADER, Damaged, unpack

_MAGIC, _VERSION, _MARKED = 0x524F4F4D, 1, 1
_START = struct.Struct(">II")
_CHECKSUM = struct.Struct(">II")
_FLAGS = struct.Struct(">I44s")
_CHECKSUM_AT, _FLAGS_AT, _BODY = 8, 16, 64
_ZEROS = bytes(44)
_LENGTH = struct.Struct(">I")
_TIMESTAMP = struct.Struct(">Q")
_QUEUED = struct.Struct(">QI")
_EXTENT = struct.Struct(">IQQQII")
_NO_ROOM = (255, 0)
_NUMBERS = {str(state): number for number, state in enumerate(RoomState)}


class Extent(NamedTuple):
    """How far the log and its index are the room's. What stands behind that was never acknowledged."""

    generation: int = 0
    """Rises when the log is rewritten: the new one is called memory.log.GENERATION until it is in place."""
    size: int = 0
    last: int = 0
    """Timestamp of the last row."""
    indexed: int = 0
    """Where in the log the last row stands that the index knows."""
    index_size: int = 0
    index_checksum: int = 0
    """CRC-32 of the index."""


class StateFile(NamedTuple):
    """What a state.bin holds."""

    record: bytes | None = None
    """The index record: the room without its memory."""
    snapshot: bytes | None = None
    queue: dict[int, bytes] = {}  # noqa: RUF012 - never changed
    marked: bool = False
    extent: Extent = Extent()


def encode_state(room_id: RoomId, state: StateFile) -> bytes:
    number, timestamp = _told(state.record)
    parts = [bytes((number,)), *_sized(state.snapshot), _TIMESTAMP.pack(timestamp), *_sized(state.record)]
    parts.append(_LENGTH.pack(len(state.queue)))
    for seq, record in sorted(state.queue.items()):
        parts += (_QUEUED.pack(seq, len(record)), record)
    parts.append(_EXTENT.pack(*state.extent))
    rest = b"".join((_FLAGS.pack(_MARKED if state.marked else 0, _ZEROS), *parts))
    start = _START.pack(_MAGIC, _VERSION)
    return b"".join((start, _CHECKSUM.pack(*_checked(room_id, start, rest)), rest))


def decode_state(room_id: RoomId, content: bytes) -> StateFile:
    """Raises Damaged."""
    rest = content[_FLAGS_AT:]
    if content[:_CHECKSUM_AT] != _START.pack(_MAGIC, _VERSION):
        raise Damaged("CHECKSUM_MISMATCH", 0)
    if len(content) < _BODY or content[_CHECKSUM_AT:_FLAGS_AT] != _CHECKSUM.pack(
        *_checked(room_id, content[:_CHECKSUM_AT], rest)
    ):
        raise Damaged("CHECKSUM_MISMATCH", min(_CHECKSUM_AT, len(content)))
    flags, reserved = _FLAGS.unpack_from(content, _FLAGS_AT)
    if flags not in (0, _MARKED) or reserved != _ZEROS:
        raise Damaged("CHECKSUM_MISMATCH", _FLAGS_AT)
    try:
        return _decode_body(content)._replace(marked=bool(flags))
    except (struct.error, IndexError):  # a whole checksum over what no version of ours wrote
        raise Damaged("CHECKSUM_MISMATCH", _BODY) from None


def _decode_body(content: bytes) -> StateFile:
    snapshot, at = _taken(content, _BODY + 1)
    (timestamp,) = _TIMESTAMP.unpack_from(content, at)
    index, at = _taken(content, at + _TIMESTAMP.size)
    if (content[_BODY], timestamp) != _told(index):
        raise Damaged("CHECKSUM_MISMATCH", _BODY)
    (count,) = _LENGTH.unpack_from(content, at)
    at += _LENGTH.size
    queue = {}
    for _ in range(count):
        seq, length = _QUEUED.unpack_from(content, at)
        at += _QUEUED.size + length
        queue[seq] = content[at - length : at]
    return StateFile(index, snapshot, queue, extent=Extent(*_EXTENT.unpack_from(content, at)))


def place_in(state: StateFile, kind: str, number: int) -> int:
    """At which byte of the file a row's value begins; for a row that is not there, where it would."""
    at = _BODY + 1 + _LENGTH.size
    if kind == STATE:
        return at
    at += len(state.snapshot or b"") + _TIMESTAMP.size + _LENGTH.size
    if kind == INDEX:
        return at
    at += len(state.record or b"") + _LENGTH.size
    if kind == QUEUE:
        at += sum(_QUEUED.size + len(record) for seq, record in state.queue.items() if seq < number) + _QUEUED.size
    return at


def _told(index: bytes | None) -> tuple[int, int]:
    """The state and the time that stand in the file beside the record they are taken from."""
    if index is None:
        return _NO_ROOM
    values: Any = unpack(index[HEADER:])
    try:
        return _NUMBERS[values[0]], values[4]
    except (KeyError, IndexError, TypeError):
        raise Damaged("CHECKSUM_MISMATCH", 0) from None


def _checked(room_id: RoomId, start: bytes, rest: bytes) -> tuple[int, int]:
    return zlib.crc32(rest, zlib.crc32(start, _seed(room_id))), len(start) + _CHECKSUM.size + len(rest)


@lru_cache(maxsize=4096)
def _seed(room_id: RoomId) -> int:
    return zlib.crc32(room_id.encode(), _MAGIC)


def _sized(value: bytes | None) -> Iterable[bytes]:
    return (_LENGTH.pack(0),) if value is None else (_LENGTH.pack(len(value)), value)


def _taken(content: bytes, at: int) -> tuple[bytes | None, int]:
    (length,) = _LENGTH.unpack_from(content, at)
    at += _LENGTH.size + length
    return (content[at - length : at] if length else None), at
