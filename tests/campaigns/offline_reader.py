"""An independent reader of room stores: shares no code with the product, only docs/PERSISTENCE.md.

Reads a copy of a store that nobody owns (of Redis the server itself), record by record, and gives each room's entries.
It trusts nothing: every checksum, sequence number and chain value is computed again.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lz4.block
import msgpack
import plyvel
import zstandard

INPUT, OUTPUT, OBSERVATION, STATE_CHANGE, ERROR = range(5)

Records = dict[str, list[bytes]]
"""Each room's memory rows, oldest first: records of entries and of segments."""


@dataclass
class Entry:
    seq: int
    timestamp: int
    type: int
    content: str
    metadata: dict[str, Any]


def read_store(root: Path, copy: Path, backend: str, socket: str) -> dict[str, list[Entry]]:
    """Entries of every room, by room id, in order. Raises AssertionError for anything out of order or damaged."""
    if backend != "REDIS":
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns("control.sock"))
    try:
        read = {"LEVELDB": leveldb, "FILESYSTEM": files, "SQLITE": sqlite}
        records = redis(socket) if backend == "REDIS" else read[backend](copy)
        return {room: entries(room, rows) for room, rows in records.items()}
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def entries(room: str, rows: list[bytes]) -> list[Entry]:
    found: list[Entry] = []
    chain = 0
    for row in rows:
        for body in bodies(room, row):
            seq, timestamp, type_, content, metadata, carried = msgpack.unpackb(body)
            assert zlib.crc32(body[1:-5], chain) == carried, f"{room}: chain breaks at {seq}"
            assert seq == len(found) + 1, f"{room}: sequence {seq} after {len(found)}"
            found.append(Entry(seq, timestamp, type_, content, metadata))
            chain = carried
    return found


def bodies(room: str, record: bytes) -> Iterator[bytes]:
    """The entries of a record; a segment is expanded."""
    magic, kind, version, stored = struct.unpack(">2scBI", record[:8])
    body = record[8:]
    assert (magic, version) == (b"RM", 1), f"{room}: not a record"
    seeded = zlib.crc32(kind + bytes([version]) + room.encode(), 0x524F4F4D)
    assert zlib.crc32(body, seeded) == stored, f"{room}: checksum"
    if kind == b"E":
        yield body
        return
    assert kind == b"Z", f"{room}: kind {kind!r} in memory"
    algorithm, count, _, _, _, _, size = struct.unpack_from(">BIQQQII", body)
    packed = body[struct.calcsize(">BIQQQII") :]
    plain = (
        zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        if algorithm == 1
        else lz4.block.decompress(packed, uncompressed_size=size)
    )
    at = 0
    for _ in range(count):
        (length,) = struct.unpack_from(">I", plain, at)
        yield plain[at + 4 : at + 4 + length]
        at += 4 + length
    assert at == size, f"{room}: a segment is longer than its entries"


def leveldb(copy: Path) -> Records:
    database = plyvel.DB(str(copy / "leveldb"), create_if_missing=False, paranoid_checks=True, compression=None)
    try:
        rooms = [
            key.decode().removeprefix("/index/") for key in database.iterator(prefix=b"/index/", include_value=False)
        ]
        prefixes = {room: f"/room/{room}/memory/".encode() for room in rooms}
        return {room: list(database.iterator(prefix=prefixes[room], include_key=False)) for room in rooms}
    finally:
        database.close()


def files(copy: Path) -> Records:
    """The rooms' directories, and over them what is still in the journal."""
    rooms: dict[str, dict[int, bytes]] = {}
    for place in copy.iterdir():
        if len(place.name) == 64 and (place / "state.bin").exists():
            rooms[place.name] = dict(log_rows(place))
    for payload in journal(copy / "journal"):
        at, head = 0, struct.Struct(">c?32sQQI")
        while at < len(payload):
            kind, valued, raw, number, first, size = head.unpack_from(payload, at)
            at += head.size + size
            room, value = raw.hex(), payload[at - size : at]
            if kind in b"IE":
                rows = rooms.setdefault(room, {})
            if kind == b"E":
                rows[number] = value
            elif kind == b"R":
                for timestamp in [t for t in rooms[room] if first <= t <= number]:
                    del rooms[room][timestamp]
                if valued:
                    rooms[room][number] = value
    return {room: [rows[timestamp] for timestamp in sorted(rows)] for room, rows in rooms.items()}


def log_rows(place: Path) -> Iterator[tuple[int, bytes]]:
    """The log as far as state.bin says that it is the room's."""
    extent = struct.Struct(">IQQQII")
    generation, size, *_ = extent.unpack((place / "state.bin").read_bytes()[-extent.size :])
    if not size:
        return
    rewritten = place / f"memory.log.{generation}"
    log = (rewritten if rewritten.exists() else place / "memory.log").read_bytes()[:size]
    assert len(log) == size, f"{place.name}: the log is cut"
    at, head = 0, struct.Struct(">QBI")
    while at < size:
        timestamp, _, length = head.unpack_from(log, at)
        end = at + head.size + length
        checksum, whole = struct.unpack_from(">II", log, end)
        assert whole == end + 8 - at, f"{place.name}: length at {at}"
        assert checksum == zlib.crc32(log[at:end], 0x4D454D4C), f"{place.name}: checksum at {at}"
        yield timestamp, log[at + head.size : end]
        at = end + 8


def journal(path: Path) -> Iterator[bytes]:
    """Payloads of whole frames, from the first."""
    content, frame = path.read_bytes(), struct.Struct(">4sQQI")
    assert content[:4] == b"RMJ\x01"
    at, expected = 16, 1
    while at + frame.size + 4 <= len(content):
        magic, sequence, _, length = frame.unpack_from(content, at)
        start = at + frame.size + 4
        payload = content[start : start + length]
        checksum = zlib.crc32(payload, zlib.crc32(content[at : at + frame.size], 0x4A524E4C))
        whole = magic == b"RMJF" and sequence == expected and len(payload) == length
        if not whole or struct.pack(">I", checksum) != content[start - 4 : start]:
            return
        yield payload
        at, expected = start + length, expected + 1


def sqlite(copy: Path) -> Records:
    database = sqlite3.connect(copy / "rooms.db")
    try:
        rooms: Records = {}
        for (room,) in database.execute("SELECT room_id FROM records").fetchall():
            rows = dict(database.execute("SELECT timestamp, record FROM segments WHERE room_id = ?", (room,)))
            columns = "SELECT timestamp, type, content, metadata FROM memory WHERE room_id = ?"
            for timestamp, type_, content, metadata in database.execute(columns, (room,)):
                told = json.loads(metadata)
                body = msgpack.packb([told["seq"], timestamp, type_, content, told["data"]])
                body = b"\x96" + body[1:] + b"\xce" + struct.pack(">I", told["chain"])
                rows[timestamp] = b"RME\x01" + bytes.fromhex(told["checksum"]) + body
            rooms[room] = [rows[timestamp] for timestamp in sorted(rows)]
        return rooms
    finally:
        database.close()


def redis(socket: str) -> Records:
    from redis import Redis

    with Redis(unix_socket_path=socket) as server:
        rooms = [room.decode() for room in server.hkeys("room:index")]
        return {room: server.lrange(f"room:{room}:memory", 0, -1) for room in rooms}
