"""Segments: up to 256 consecutive entries compressed into one record. Readers never notice.

A segment holds its entries' bodies; their own checksums and headers would only be bytes that do not compress, and the
segment's checksum covers them all. Its key is that of its last entry, so that the first row at or after a cursor is
always the one that holds what comes next.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence

from backrooms_tui.model.entries import Tail
from backrooms_tui.model.ids import RoomId

from .records import ENTRY, HEADER, MAX_RECORD, Damaged, decode_entry, frame, unframe, unframe_all

SEGMENT = b"Z"
MAX_ENTRIES = 256
MAX_PLAIN = 1 << 20
"""Bytes of bodies after which a segment takes no further entry: what a reader must hold at once."""
ALGORITHMS = ("none", "zstd", "lz4")
"""By their number on disk. `none` keeps single entries; no segment is ever made with it."""
LEVEL = 3
"""Of zstd; lz4 has its one fast way."""

_KIND = slice(2, 3)
_HEAD = struct.Struct(">BIQQQII")
"""Algorithm, entries, sequence and timestamp of the first, timestamp and chain of the last, bytes when expanded."""
_LENGTH = struct.Struct(">I")


def is_segment(record: bytes) -> bool:
    return record[_KIND] == SEGMENT


def entry_count(record: bytes) -> int:
    """Entries a memory row holds, by its own word; for a damaged one some number."""
    return int.from_bytes(record[HEADER + 1 : HEADER + 5], "big") if is_segment(record) else 1


def plain_size(record: bytes) -> int:
    """Bytes that a whole memory row's entries take as single records."""
    if not is_segment(record):
        return len(record)
    _, count, *_, size = _HEAD.unpack_from(record, HEADER)
    return int(size + count * (HEADER - _LENGTH.size))


def compress(room_id: RoomId, records: Sequence[bytes], algorithm: str) -> bytes:
    """Make a segment of consecutive entry records. Raises Damaged when one of them is not whole."""
    bodies = unframe_all(ENTRY, room_id, records)
    parts = [b""] * (2 * len(bodies))
    parts[::2] = map(_LENGTH.pack, map(len, bodies))
    parts[1::2] = bodies
    plain = b"".join(parts)
    first, last = decode_entry(bodies[0])[1], decode_entry(bodies[-1])[1]
    head = _HEAD.pack(
        ALGORITHMS.index(algorithm), len(bodies), first.seq, first.timestamp, last.timestamp, last.chain, len(plain)
    )
    return frame(SEGMENT, room_id, head + _compressed(plain, algorithm))


def bodies_of(room_id: RoomId, record: bytes) -> list[bytes]:
    """Give the bodies of the entries in a memory row, in order. Raises Damaged."""
    if not is_segment(record):
        return [unframe(ENTRY, room_id, record)]
    body = unframe(SEGMENT, room_id, record)
    algorithm, count, _, _, _, _, size = _head(body)
    plain = _expanded(memoryview(body)[_HEAD.size :], ALGORITHMS[algorithm], size)
    bodies = list(_split(plain))
    if len(bodies) != count:
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    return bodies


def tail_of(room_id: RoomId, record: bytes) -> Tail:
    """The tail the room had with the last entry of a memory row, without expanding it. Raises Damaged."""
    if not is_segment(record):
        return decode_entry(unframe(ENTRY, room_id, record))[1]
    _, count, seq, _, timestamp, chain, _ = _head(unframe(SEGMENT, room_id, record))
    return Tail(seq + count - 1, timestamp, chain)


def _head(body: bytes) -> tuple[int, ...]:
    if len(body) <= _HEAD.size:
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    head = _HEAD.unpack_from(body)
    if not 0 < head[0] < len(ALGORITHMS) or not 0 < head[1] <= MAX_ENTRIES or head[-1] > MAX_RECORD:
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    return head


def _split(plain: bytes) -> Iterator[bytes]:
    take, left = io.BytesIO(plain).read, len(plain)
    while left:
        size = int.from_bytes(take(_LENGTH.size), "big")
        left -= _LENGTH.size + size
        if left < 0:
            raise Damaged("CHECKSUM_MISMATCH", HEADER)
        yield take(size)


def _compressed(plain: bytes, algorithm: str) -> bytes:
    if algorithm == "lz4":
        import lz4.block

        packed: bytes = lz4.block.compress(plain, store_size=False)
        return packed
    import zstandard

    return zstandard.ZstdCompressor(level=LEVEL).compress(plain)


def _expanded(packed: memoryview, algorithm: str, size: int) -> bytes:
    """Exactly `size` bytes, and no more memory than they take. Raises Damaged."""
    plain = b""
    if algorithm == "lz4":
        import lz4.block

        try:
            plain = lz4.block.decompress(packed, uncompressed_size=size)
        except (lz4.block.LZ4BlockError, ValueError):
            pass
    else:
        import zstandard

        try:
            with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
                plain = reader.read(size + 1)
        except zstandard.ZstdError:
            pass
    if len(plain) != size:
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    return plain
