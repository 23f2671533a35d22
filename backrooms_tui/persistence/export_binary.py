"""The binary export: the room's own records in one stream, lossless; a whole one can be restored.

It begins with `RMX`, the format's version 1 and the room id in 32 bytes.
Then come blocks of rows (see archive_rows), all but memory's of one row:

| kind | is |
|---|---|
| H | header: whether the export is whole |
| C M I | config, creation facts, the room's record |
| S | the entity's state; only where there is one |
| Q ... | queued inputs |
| E Z ... | memory: entries and segments as stored; of a part of memory the entries that were asked for |
| F | footer: number of entries, and a CRC-32 over all blocks before it |
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from backrooms_tui.model.reports import ExportSpec

from .archive_compression import Writer
from .archive_rows import joined
from .columns import Columns
from .exporting import Counted, Pace, selected
from .records import ENTRY, frame, pack
from .room_records import encode_config, encode_creation, encode_queued, encode_room, encode_snapshot
from .store import RoomImage
from .walking import walk, walk_rows

MAGIC = b"RMX\x01"
HEAD = b"H"
FOOT = b"F"
_PIECE = 1 << 20


class _Summed:
    """Writes rows in larger pieces, and keeps their checksum."""

    def __init__(self, sink: Writer) -> None:
        self._sink = sink
        self._waiting: list[bytes] = []
        self._size = 0
        self._checksum = 0

    def put(self, record: bytes) -> None:
        """What is not memory."""
        self.put_rows(Columns([0], [record]))

    def put_rows(self, rows: Columns) -> None:
        data = joined(rows)
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _PIECE:
            self.flush()

    def flush(self) -> int:
        """Give the checksum of all so far."""
        data = b"".join(self._waiting)
        self._checksum = zlib.crc32(data, self._checksum)
        self._sink.write(data)
        self._waiting, self._size = [], 0
        return self._checksum


def write_binary(image: RoomImage, spec: ExportSpec, sink: Counted, pace: Pace) -> int:
    """Give the number of entries written. What lies before damage is written, without a footer."""
    record = image.record
    room_id = record.id
    sink.write(MAGIC + bytes.fromhex(room_id))
    stream = _Summed(sink)
    stream.put(frame(HEAD, room_id, pack([spec.whole])))
    stream.put(encode_config(room_id, record.config))
    stream.put(encode_creation(room_id, record.creation, record.created_at))
    stream.put(encode_room(record))
    if image.snapshot is not None:
        stream.put(encode_snapshot(room_id, image.snapshot, record.state_version))
    for queued in image.queue:
        stream.put(encode_queued(room_id, queued))
    count = 0
    try:
        for entries, rows in _memory(image, spec, pace):
            if rows.records:
                stream.put_rows(rows)
            count += entries
    finally:
        checksum = stream.flush()
    stream.put(frame(FOOT, room_id, pack([count, checksum])))
    stream.flush()
    return count


def _memory(image: RoomImage, spec: ExportSpec, pace: Pace) -> Iterator[tuple[int, Columns]]:
    """Chunks of memory: how many entries, and their rows, where there are any."""
    if spec.whole:
        for stretch in walk_rows(image.record, image.rows):
            pace.step(stretch.entries)
            yield stretch.entries, stretch.rows
        return
    for chunk in walk(image.record, image.rows):
        _, bodies, entries = chunk
        (kept,) = selected([chunk], spec, pace)
        wanted = {entry.seq for entry in kept}
        records = [
            frame(ENTRY, image.record.id, body)
            for body, entry in zip(bodies, entries, strict=True)
            if entry.seq in wanted
        ]
        yield len(kept), Columns([entry.timestamp for entry in kept], records)
