"""Bodies of entries taken apart by msgspec, many at once, for a third of what one by one takes. Loaded when a walk
wants what entries say, and not only that they are what was written.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .records import HEADER, Damaged, UnstorableEntry, decode_entry, require_json_like


class RawEntry(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """An entry's body. Its metadata has not been looked at: checksums say that it is as it was written."""

    seq: int
    timestamp: int
    type: int
    content: str
    metadata: msgspec.Raw
    chain: int


class FullEntry(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """An entry's body, all of it proven to be what an entry may hold."""

    seq: int
    timestamp: int
    type: int
    content: str
    metadata: dict[str, str | int | float | bool | None]
    chain: int


_decode_raw = msgspec.msgpack.Decoder(RawEntry).decode
_decode_flat = msgspec.msgpack.Decoder(FullEntry).decode


def decoded(bodies: list[bytes], *, full: bool) -> list[Any]:
    """Give RawEntry of each, or with `full` FullEntry. Raises Damaged."""
    try:
        return list(map(_decode_flat if full else _decode_raw, bodies))
    except msgspec.ValidationError:
        if full:
            return list(map(_decode_slowly, bodies))
        raise Damaged("CHECKSUM_MISMATCH", HEADER) from None
    except msgspec.MsgspecError:
        raise Damaged("CHECKSUM_MISMATCH", HEADER) from None


def _decode_slowly(body: bytes) -> FullEntry:
    """Metadata with containers or large integers in it is rare."""
    entry, tail = decode_entry(body)
    try:
        require_json_like(entry.metadata)
    except UnstorableEntry:
        raise Damaged("CHECKSUM_MISMATCH", HEADER) from None
    return FullEntry(entry.seq, entry.timestamp, entry.type, entry.content, entry.metadata, tail.chain)
