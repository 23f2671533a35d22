"""The record format: a frame that finds all damage, and memory entries in it.

A record is magic, kind, version and CRC-32 in eight bytes, then one msgpack array. No store finds all damage by
itself (a cut LevelDB log is silent, 4,880 of 4,880), so every value says for itself what it is. The checksum starts
from a non-zero seed mixed with kind, version and room id: zero-filled sectors do not decode, and a record does not
decode as another kind or in another room. Entries are also dense in `seq` and linked by `chain`, a running
checksum, so that a missing one is seen by its neighbours.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Any

import msgpack

from backrooms_tui.model.entries import Draft, EntryType, MemoryEntry, Tail
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.limits import MAX_OUTPUT_SIZE

from .store import SealedEntry

HEADER = 8
MAX_RECORD = 2 * MAX_OUTPUT_SIZE
"""Bytes. No value that may legally be stored comes near; a larger one is damage."""
ENTRY = b"E"

_MAGIC = b"RM"
_VERSION = b"\x01"
_ENTRY_START = _MAGIC + ENTRY + _VERSION
_SEED = 0x524F4F4D
_CHECKSUM_AT = 4
_start, _sum, _body = (itemgetter(slice(*place)) for place in ((0, 4), (_CHECKSUM_AT, HEADER), (HEADER, None)))
"""Of a record. Mapped over many, they take two thirds of what comprehensions do."""
_BIG_INTEGER = 1
"""msgpack extension type of an integer beyond 64 bits, as decimal digits: JSON has them."""
_MAX_DIGITS = 4300
_CHAIN = b"\xce"
"""msgpack's mark of a 32-bit integer: the chain always takes five bytes, whatever its value."""
_ENTRY_ARRAY = b"\x96"
"""msgpack's mark of an array of six."""
_TYPES = tuple(EntryType)


class UnstorableEntry(BackroomsError):
    """Metadata that is not JSON-like, is nested too deeply, or holds text that is not valid Unicode."""

    code = "INVALID_ENTRY"


class Damaged(Exception):
    """Bytes that are not the record they should be. Stores turn it into Damage or RoomCorrupted."""

    def __init__(self, type_: str, offset: int, reason: str | None = None) -> None:
        super().__init__(type_, offset)
        self.type = type_
        """A `Damage.type`."""
        self.offset = offset
        """Byte within the record at which it was seen."""
        self.reason = reason
        """A printable line with what the machinery below said of it, where it said anything."""


def frame(kind: bytes, room_id: RoomId, body: bytes) -> bytes:
    """Put a body into a record of one kind (a single byte) and room."""
    return b"".join((_MAGIC, kind, _VERSION, _checksum(kind, room_id, body).to_bytes(4, "big"), body))


def unframe(kind: bytes, room_id: RoomId, record: bytes) -> bytes:
    """Give the body of a record. Raises Damaged."""
    if len(record) <= HEADER or len(record) > MAX_RECORD:
        raise Damaged("CHECKSUM_MISMATCH", min(len(record), MAX_RECORD))
    if record[:_CHECKSUM_AT] != _MAGIC + kind + _VERSION:
        raise Damaged("CHECKSUM_MISMATCH", 0)
    body = record[HEADER:]
    if int.from_bytes(record[_CHECKSUM_AT:HEADER], "big") != _checksum(kind, room_id, body):
        raise Damaged("CHECKSUM_MISMATCH", _CHECKSUM_AT)
    return body


def unframe_all(kind: bytes, room_id: RoomId, records: Sequence[bytes]) -> list[bytes]:
    """The bodies of many records, for half of what `unframe` takes for each. Raises Damaged."""
    bodies = list(map(_body, records))
    sums = map(zlib.crc32, bodies, repeat(_seed(kind, room_id)))
    if (
        set(map(_start, records)) == {_MAGIC + kind + _VERSION}
        and b"".join(map(_sum, records)) == struct.pack(f">{len(bodies)}I", *sums)
        and all(bodies)
        and max(map(len, bodies)) <= MAX_RECORD - HEADER
    ):
        return bodies
    return [unframe(kind, room_id, record) for record in records]


def checksum_of(record: bytes) -> int:
    """The checksum a record carries: tells one version of a value from another."""
    return int.from_bytes(record[_CHECKSUM_AT:HEADER], "big")


def _checksum(kind: bytes, room_id: RoomId, body: bytes) -> int:
    return zlib.crc32(body, _seed(kind, room_id))


@lru_cache(maxsize=4096)
def _seed(kind: bytes, room_id: RoomId) -> int:
    return zlib.crc32(kind + _VERSION + room_id.encode(), _SEED)


def pack(value: Any) -> bytes:
    """Encode JSON-like values as msgpack. Raises UnstorableEntry."""
    return _packed(msgpack.Packer(default=_pack_other).pack, value)


def _packed(packed: Callable[[Any], bytes], value: Any) -> bytes:
    """The same with a packer that is at hand: making one takes longer than what it does for an entry."""
    try:
        return packed(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnstorableEntry(f"METADATA: {type(error).__name__}") from None


def unpack(body: bytes) -> Any:
    """Read back what `pack` wrote, allocating no more than the body justifies. Raises Damaged."""
    try:
        return msgpack.unpackb(body, strict_map_key=True, ext_hook=_unpack_extension)
    except (ValueError, TypeError, OverflowError, RecursionError):  # msgpack's own errors are all ValueErrors
        raise Damaged("CHECKSUM_MISMATCH", HEADER) from None


def _pack_other(value: Any) -> msgpack.ExtType:
    if type(value) is int:
        return msgpack.ExtType(_BIG_INTEGER, str(value).encode())
    raise TypeError


def _unpack_extension(code: int, data: bytes) -> int:
    if code != _BIG_INTEGER or len(data) > _MAX_DIGITS:
        raise ValueError
    return int(data)


def seal(room_id: RoomId, tail: Tail, drafts: Sequence[Draft], now: int) -> tuple[tuple[SealedEntry, ...], Tail]:
    """Put drafts onto a room's tail, in order: gives them in their places, and the tail after them.

    Sequence numbers go on densely. Timestamps are `now` (nanoseconds since the epoch) or one above the one before,
    so they rise whatever the clock does. Raises UnstorableEntry; then nothing is sealed.
    """
    sealed = []
    seq, timestamp, chain = tail.seq, tail.timestamp, tail.chain
    seed, packed = _seed(ENTRY, room_id), msgpack.Packer(default=_pack_other).pack
    sound: dict[str, Any] | None = None  # the lines of a turn share theirs
    for draft in drafts:
        seq, timestamp, metadata = seq + 1, max(now, timestamp + 1), draft.metadata
        entry = MemoryEntry(seq, timestamp, draft.type, draft.content, metadata)
        items = _packed(packed, [seq, timestamp, int(draft.type), draft.content, metadata])[1:]
        if metadata is not sound:
            require_json_like(metadata)
            sound = metadata
        chain = zlib.crc32(items, chain)
        body = b"".join((_ENTRY_ARRAY, items, _CHAIN, chain.to_bytes(4, "big")))
        sealed.append(SealedEntry(entry, b"".join((_ENTRY_START, zlib.crc32(body, seed).to_bytes(4, "big"), body))))
    return tuple(sealed), Tail(seq, timestamp, chain)


def require_json_like(metadata: dict[str, Any]) -> None:
    """Refuse at the border what could be packed and not shown as JSON: bytes, and keys that are not text."""
    containers: list[Any] = [metadata]
    while containers:  # ends: what has been packed has no cycle
        container = containers.pop()
        if isinstance(container, dict):
            if not all(type(key) is str for key in container):
                raise UnstorableEntry("METADATA: a key is not text")
            container = container.values()
        for item in container:
            if isinstance(item, dict | list | tuple):
                containers.append(item)
            elif isinstance(item, bytes | bytearray | memoryview):
                raise UnstorableEntry("METADATA: bytes are not text")


def open_entry(room_id: RoomId, record: bytes) -> tuple[MemoryEntry, Tail]:
    """Give the entry of a record, and the tail its room had with it. Raises Damaged."""
    return decode_entry(unframe(ENTRY, room_id, record))


def decode_entry(body: bytes) -> tuple[MemoryEntry, Tail]:
    """Give the entry of a record's body, and the tail its room had with it. Raises Damaged."""
    values = unpack(body)
    if type(values) is not list or len(values) != 6 or body[-5:-4] != _CHAIN:
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    seq, timestamp, number, content, metadata, chain = values
    if not (
        type(seq) is type(timestamp) is type(number) is type(chain) is int
        and type(content) is str
        and type(metadata) is dict
        and seq > 0
        and 0 <= number < len(_TYPES)
    ):
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    return MemoryEntry(seq, timestamp, _TYPES[number], content, metadata), Tail(seq, timestamp, chain)


def chain_after(body: bytes, chain: int) -> int:
    """The chain value that an intact entry's body must carry when its predecessor's is `chain`."""
    return zlib.crc32(memoryview(body)[1:-5], chain)
