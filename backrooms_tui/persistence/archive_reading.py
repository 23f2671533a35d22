"""Reading archives and binary exports: in their one order, within bounds, nothing left over.

Sizes are refused before they are read. What can be computed from the record (the manifest, the JSON texts, the
checksums) is computed and compared by letter, instead of being interpreted.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

from backrooms_tui.model.ids import ID_LENGTH, RoomId
from backrooms_tui.model.limits import MAX_ROOM_MEMORY
from backrooms_tui.model.reports import Progress
from backrooms_tui.model.room import QueuedInput, RoomConfig, RoomRecord
from backrooms_tui.model.units import NS
from backrooms_tui.model.value import changed

from .archive_checks import CheckedMemory, require_sane
from .archive_compression import Source
from .archive_members import (
    CHECKSUMS,
    CONFIG,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    METADATA,
    QUEUE,
    RECORD,
    STATE,
    Checksums,
    Manifest,
    config_text,
    memory_name,
    metadata_text,
)
from .archive_rows import Block, RowsDamaged, blocks
from .archive_tar import MAX_TIME, TarReader, invalid
from .export_binary import FOOT, HEAD, MAGIC
from .exporting import Pace
from .records import ENTRY, MAX_RECORD, unframe, unpack
from .room_records import decode_config, decode_creation, decode_queued, decode_room, decode_snapshot
from .segments import SEGMENT
from .store import RoomImage
from .walking import LAST_TIME

_MAX_TEXT = 1 << 16
_MAX_RECORDS = 1 << 20
"""Bytes of the room's record, or of its queue."""
_MAX_CHUNK = (8 << 20) + MAX_RECORD
_PRODUCT = re.compile(r"[0-9A-Za-z.+-]{1,64}")
_ROOM = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")


class _Members:
    """The members of an archive, asked for by their names."""

    def __init__(self, source: Source) -> None:
        self.tar = TarReader(source)
        self.checksums = Checksums()
        self._next: tuple[str, int] | None = None
        """A member that has been met and not been asked for."""

    def take(self, name: str, limit: int) -> bytes:
        """All bytes of the member that must come next."""
        data = self.take_if(name, limit)
        if data is None:
            raise self.tar.refusal(f"{name} is missing")
        return data

    def take_if(self, name: str, limit: int) -> bytes | None:
        """The bytes of the next member, if it is this one."""
        found = self._next = self._next or self.tar.next()
        if found is None or found[0] != name:
            return None
        if found[1] > limit:
            raise self.tar.refusal("the member is larger than any can be")
        self._next = None
        data = self.tar.read(found[1])
        if name != CHECKSUMS:
            self.checksums.add(name, data)
        return data

    def end(self) -> None:
        if self._next is not None or self.tar.next() is not None:
            raise self.tar.refusal("a member that should not be there")


def read_tar(source: Source, memory: CheckedMemory, progress: Progress, defaults: RoomConfig) -> tuple[RoomImage, int]:
    """Give the room and when it was archived (nanoseconds since the epoch). Raises ArchiveInvalid, and Damaged or
    StreamDamaged for what the caller can name better.
    """
    members = _Members(source)
    text = members.take(MANIFEST, _MAX_TEXT)
    told = _told(text)
    room_id, manifest = _manifest(told)
    if members.tar.seconds != min(manifest.taken_at // NS, MAX_TIME):
        raise members.tar.refusal("the manifest's time is not the archive's")
    metadata = members.take(METADATA, _MAX_TEXT)
    config = members.take(CONFIG, _MAX_TEXT) if manifest.config else None
    record = decode_room(room_id, _only(members.take(RECORD, _MAX_RECORDS)))
    state = members.take(STATE, _MAX_CHUNK) if record.state_version else None
    snapshot = None if state is None else _snapshot(record, _only(state))
    queue = [decode_queued(room_id, row) for row in _all(members.take(QUEUE, _MAX_RECORDS))]
    require_sane(record, snapshot, queue)
    if text != manifest.text(record) or metadata != metadata_text(record):
        raise invalid("the manifest or the metadata is not the record's")
    if config != (config_text(record) if manifest.config else None):
        raise invalid("the configuration is not the record's")
    if not manifest.config:
        record = _with_defaults(record, defaults)
    record = memory.take(record, _memory(members), queue, Pace(progress, record.entries))
    checksums = members.checksums.text()
    if members.take(CHECKSUMS, len(checksums)) != checksums:
        raise members.tar.refusal("the checksums are not the members'")
    members.end()
    return RoomImage(record, snapshot, tuple(queue), memory.rows()), manifest.taken_at


def _memory(members: _Members) -> Iterator[Block]:
    n = 1
    while (data := members.take_if(memory_name(n), _MAX_CHUNK)) is not None:
        if not data:
            raise members.tar.refusal("memory is cut off")
        try:
            yield from blocks(io.BytesIO(data))
        except RowsDamaged as error:
            raise members.tar.refusal(str(error)) from None
        n += 1


def _told(text: bytes) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid("the manifest is not JSON") from None
    if type(told) is not dict or told.get("format") != FORMAT:
        raise invalid("not an archive of room.exe")
    version = told.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        raise invalid("made by a newer version", f"FORMAT_VERSION: {version}"[:64], f"SUPPORTED: {FORMAT_VERSION}")
    return told


def _manifest(told: dict[str, Any]) -> tuple[RoomId, Manifest]:
    """What cannot be computed from the record; the rest is compared later."""
    room, taken_at, product, config = (told.get(name) for name in ("room", "taken_at", "product", "config"))
    sound = (
        type(room) is str
        and _ROOM.fullmatch(room) is not None
        and type(taken_at) is int
        and 0 <= taken_at <= LAST_TIME
        and type(product) is str
        and _PRODUCT.fullmatch(product) is not None
        and type(config) is bool
    )
    if not sound:
        raise invalid("the manifest holds what it must not")
    return RoomId(str(room)), Manifest(int(taken_at or 0), str(product), bool(config))


def _all(data: bytes) -> list[bytes]:
    """The records of a member that is no memory."""
    found = [rows for _, rows in blocks(io.BytesIO(data))]
    if any(any(rows.places) for rows in found):
        raise invalid("a record stands where it must not")
    return [record for rows in found for record in rows.records]


def _only(data: bytes) -> bytes:
    records = _all(data)
    if len(records) != 1:
        raise invalid("one record is wanted in a place")
    return records[0]


def _snapshot(record: RoomRecord, row: bytes) -> bytes:
    snapshot, version = decode_snapshot(record.id, row)
    if version != record.state_version:
        raise invalid("the state is of another time than the record")
    return snapshot


def _with_defaults(record: RoomRecord, defaults: RoomConfig) -> RoomRecord:
    """Settings that were not archived; with room for what the room remembers, and a quarter more."""
    if record.config != RoomConfig():
        raise invalid("the manifest does not name the configuration that is there")
    limit = min(max(defaults.memory_limit, record.memory_usage * 5 // 4), MAX_ROOM_MEMORY)
    return record.with_(config=changed(defaults, memory_limit=limit))


class _Stream:
    """The blocks of a binary export, asked for by the kind of their rows, with their running checksum."""

    def __init__(self, source: Source) -> None:
        self._blocks = blocks(source)
        self._next: Block | None = None
        self.checksum = 0

    def _take_if(self, *kinds: bytes) -> Block | None:
        """The next block, if it begins with one of these kinds."""
        block = self._next = self._next or next(self._blocks, None)
        if block is None or block[1].records[0][2:3] not in kinds:
            return None
        self._next = None
        if kinds != (FOOT,):
            self.checksum = zlib.crc32(block[0], self.checksum)
        return block

    def take_if(self, kind: bytes) -> bytes | None:
        """The next record, if it is of this kind and no memory."""
        block = self._take_if(kind)
        if block is None:
            return None
        places, records = block[1]
        if places != [0]:
            raise invalid("a record stands where it must not")
        return records[0]

    def take(self, kind: bytes) -> bytes:
        record = self.take_if(kind)
        if record is None:
            raise invalid(f"a record of kind {kind.decode()} is missing")
        return record

    def memory(self) -> Iterator[Block]:
        while (block := self._take_if(ENTRY, SEGMENT)) is not None:
            yield block

    def end(self) -> None:
        if self._next is not None or next(self._blocks, None) is not None:
            raise invalid("bytes behind the end of the export")


def read_stream(source: Source, memory: CheckedMemory, progress: Progress) -> RoomImage:
    """The room of a whole binary export. Raises as `read_tar`, and RowsDamaged."""
    head = source.read(len(MAGIC) + ID_LENGTH // 2)
    if head[3:4] > MAGIC[3:]:
        raise invalid("made by a newer version", f"FORMAT_VERSION: {head[3]}", f"SUPPORTED: {MAGIC[3]}")
    if head[:4] != MAGIC or len(head) < len(MAGIC) + ID_LENGTH // 2:
        raise invalid("not a binary export of room.exe")
    room_id = RoomId(head[len(MAGIC) :].hex())
    stream = _Stream(source)
    if unpack(unframe(HEAD, room_id, stream.take(HEAD))) != [True]:
        raise invalid("the export holds a part of the room's memory, and only a whole one can be restored")
    config = decode_config(room_id, stream.take(b"C"))
    creation = decode_creation(room_id, stream.take(b"M"))
    record = decode_room(room_id, stream.take(b"I"))
    if (config, creation) != (record.config, (record.creation, record.created_at)):
        raise invalid("configuration or creation facts are not the record's")
    snapshot = _snapshot(record, stream.take(b"S")) if record.state_version else None
    queue: list[QueuedInput] = []
    while (row := stream.take_if(b"Q")) is not None:
        queue.append(decode_queued(room_id, row))
        if len(queue) > record.queued:
            raise invalid("the queue is not the record's")
    require_sane(record, snapshot, queue)
    record = memory.take(record, stream.memory(), queue, Pace(progress, record.entries))
    if unpack(unframe(FOOT, room_id, stream.take(FOOT))) != [record.entries, stream.checksum]:
        raise invalid("the footer does not fit what stands before it")
    stream.end()
    return RoomImage(record, snapshot, tuple(queue), memory.rows())
