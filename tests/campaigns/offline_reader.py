"""An independent reader of a LevelDB room store: shares no code with the product, only docs/PERSISTENCE.md.

Reads a copy of a store that nobody owns, record by record, and gives each room's entries. It trusts nothing: every
checksum, sequence number and chain value is computed again.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import plyvel

INPUT, OUTPUT, OBSERVATION, STATE_CHANGE, ERROR = range(5)


@dataclass
class Entry:
    seq: int
    timestamp: int
    type: int
    content: str
    metadata: dict[str, Any]


def _decode(room: str, record: bytes, chain: int) -> tuple[Entry, int]:
    magic, kind, version, stored = struct.unpack(">2scBI", record[:8])
    body = record[8:]
    assert (magic, kind, version) == (b"RM", b"E", 1), f"{room}: not an entry record"
    seeded = zlib.crc32(kind + bytes([version]) + room.encode(), 0x524F4F4D)
    assert zlib.crc32(body, seeded) == stored, f"{room}: checksum"
    seq, timestamp, type_, content, metadata, carried = msgpack.unpackb(body)
    assert zlib.crc32(body[1:-5], chain) == carried, f"{room}: chain breaks at {seq}"
    return Entry(seq, timestamp, type_, content, metadata), carried


def read_store(root: Path, copy: Path) -> dict[str, list[Entry]]:
    """Entries of every room, by room id, in order. Raises AssertionError for anything out of order or damaged."""
    shutil.copytree(root / "leveldb", copy)
    database = plyvel.DB(str(copy), create_if_missing=False, paranoid_checks=True, compression=None)
    try:
        rooms: dict[str, list[Entry]] = {}
        for key, value in database.iterator(prefix=b"/index/"):
            assert value
            rooms[key.decode().removeprefix("/index/")] = []
        for room, entries in rooms.items():
            prefix = f"/room/{room}/memory/".encode()
            chain = 0
            for key, value in database.iterator(prefix=prefix):
                entry, chain = _decode(room, value, chain)
                assert int(key.removeprefix(prefix)) == entry.timestamp
                assert entry.seq == len(entries) + 1, f"{room}: sequence {entry.seq} after {len(entries)}"
                entries.append(entry)
    finally:
        database.close()
        shutil.rmtree(copy)
    return rooms
