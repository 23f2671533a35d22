"""What a batch changes, as the FILESYSTEM engine keeps it: in its journal, and in memory until it is in the files.

A row is named by its kind (the record's own letter, D for the mark of destruction), its room and its number. Rows of
memory that were replaced are a span: that way a segment in the place of 256 rows costs one change, not 257.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from backrooms_tui.model.ids import RoomId

from . import keys

INDEX, CONFIG, CREATION, STATE, QUEUE, MARK, ENTRY = "I", "C", "M", "S", "Q", "D", "E"
SPAN, SWEEP = "R", "Z"
"""Changes that are of no single row: memory rows from `first` to `number` make place for one; a whole room goes."""

_KINDS = {
    b"index": INDEX,
    b"config": CONFIG,
    b"metadata": CREATION,
    b"state": STATE,
    b"queue": QUEUE,
    b"destroyed": MARK,
    b"memory": ENTRY,
}
_HEAD = struct.Struct(">c?32sQQI")
"""Kind, whether there is a value, room, number, first, bytes of the value. Everything on disk is big-endian."""


class Name(NamedTuple):
    """A key, taken apart."""

    kind: str
    room_id: RoomId
    number: int


def name_of(key: bytes) -> Name:
    """`key` is one of keys.py, or a prefix of some: then its number is 0. Raises ValueError for another one."""
    parts = key.split(b"/")
    at = 1 if len(parts) == 3 else 3
    kind = _KINDS.get(parts[at]) if at < len(parts) <= 5 else None
    if kind is None:
        raise ValueError(keys.printable(key))
    return Name(kind, RoomId(parts[2].decode()), int(parts[4] or b"0") if len(parts) == 5 else 0)


class Change(NamedTuple):
    kind: str
    room_id: RoomId
    number: int
    value: bytes | None
    first: int = 0
    """Of a span: where it begins."""


def pack_changes(changes: Iterable[Change]) -> bytes:
    parts = []
    for kind, room_id, number, value, first in changes:
        size = 0 if value is None else len(value)
        parts.append(_HEAD.pack(kind.encode(), value is not None, bytes.fromhex(room_id), number, first, size))
        parts.append(value or b"")
    return b"".join(parts)


def unpack_changes(payload: bytes) -> Iterator[Change]:
    at = 0
    while at < len(payload):
        kind, valued, room, number, first, size = _HEAD.unpack_from(payload, at)
        at += _HEAD.size + size
        value = payload[at - size : at] if valued else None
        yield Change(kind.decode(), RoomId(room.hex()), number, value, first)


class Span(NamedTuple):
    """Memory rows from `first` to `last` are gone; with a value there is one row, at `last`."""

    first: int
    last: int
    value: bytes | None


def first_of(span: Span) -> int:
    return span.first


def last_of(span: Span) -> int:
    return span.last


def with_span(spans: Sequence[Span], new: Span) -> tuple[Span, ...]:
    """Spans, disjoint and rising, after another one. What it only partly covers keeps the row above it."""
    kept = []
    for span in spans:
        if span.last < new.first or span.first > new.last:
            kept.append(span)
            continue
        new = new._replace(first=min(new.first, span.first))
        if span.last > new.last:
            kept.append(span._replace(first=new.last + 1))
    return tuple(sorted([*kept, new]))
