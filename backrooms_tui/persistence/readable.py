"""Config, creation facts and memory entries in the form in which the seed's layouts show them to people.

FILESYSTEM and SQLITE store these as JSON (seed 000: `config.json`, `metadata.json`, the columns `config` and
`metadata`). The text is made from a record and gives back that very record, checksum included: a text that is not
byte for byte what this module writes is damage.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.ids import RoomId

from .records import ENTRY, HEADER, Damaged, UnstorableEntry, checksum_of, decode_entry, frame, pack, unframe, unpack

_FIELDS = {
    b"C": ("memory_limit", "timeout", "compression", "entity", "name"),
    b"M": ("creation_timestamp", "creator_pid", "creator_user", "creator_host"),
}
_CHECKSUM = "checksum"
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def to_text(record: bytes) -> str:
    """The JSON text of a config or creation record. Its `checksum` is the record's."""
    names = _FIELDS[record[2:3]]
    values = dict(zip(names, unpack(record[HEADER:]), strict=True))
    return _dumped(values | {_CHECKSUM: f"{checksum_of(record):08x}"})


def from_text(kind: bytes, room_id: RoomId, text: str | bytes) -> bytes:
    """The record that `to_text` made a text of. `kind` is b"C" or b"M". Raises Damaged, also for an odd space."""
    values = _loaded(text)
    names = _FIELDS[kind]
    if tuple(values) != (*names, _CHECKSUM):
        raise Damaged("CHECKSUM_MISMATCH", 0)
    record = frame(kind, room_id, _packed([values[name] for name in names]))
    if to_text(record).encode() != (text.encode() if isinstance(text, str) else text):
        raise Damaged("CHECKSUM_MISMATCH", 0)
    return record


def entry_columns(room_id: RoomId, record: bytes) -> tuple[MemoryEntry, str]:
    """An entry, and the JSON text of its metadata with what else its record holds: `seq`, `chain`, `checksum`."""
    entry, tail = decode_entry(unframe(ENTRY, room_id, record))
    metadata = {"data": entry.metadata, "seq": entry.seq, "chain": tail.chain}
    return entry, _dumped(metadata | {_CHECKSUM: f"{checksum_of(record):08x}"})


def entry_record(room_id: RoomId, timestamp: Any, type_: Any, content: Any, metadata: Any) -> bytes:
    """The record that `entry_columns` made columns of. Raises Damaged, also where JSON could not hold all of it: it
    forgets the sign and the payload of a NaN.
    """
    values = _loaded(metadata)
    if tuple(values) != ("data", "seq", "chain", _CHECKSUM):
        raise Damaged("CHECKSUM_MISMATCH", 0)
    body = _packed([values["seq"], timestamp, type_, content, values["data"], 0])[:-1]
    try:
        chain = b"\xce" + values["chain"].to_bytes(4, "big")
    except (AttributeError, OverflowError):
        raise Damaged("CHECKSUM_MISMATCH", 0) from None
    record = frame(ENTRY, room_id, body + chain)
    if f"{checksum_of(record):08x}" != values[_CHECKSUM] or _dumped(values) != metadata:
        raise Damaged("CHECKSUM_MISMATCH", 0)
    return record


def _dumped(values: dict[str, Any]) -> str:
    return _ENCODER.encode(values)


def _loaded(text: Any) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise Damaged("CHECKSUM_MISMATCH", 0) from None
    if type(values) is not dict:
        raise Damaged("CHECKSUM_MISMATCH", 0)
    return values


def _packed(values: Sequence[Any]) -> bytes:
    """Raises Damaged for what no record ever held."""
    try:
        return pack(list(values))
    except UnstorableEntry:
        raise Damaged("CHECKSUM_MISMATCH", 0) from None
