"""Archives: a whole room in one file, and back.

A tar file of these members, in this order, compressed or not (`archive_tar`, `archive_compression`):

| member | is |
|---|---|
| manifest.json | format and its version, product, room, time, number of entries, last entry |
| metadata.json | when the room was made and by whom, as seed 000's layout shows it |
| config.json | its settings; only when they were asked for: without them a restored room gets the defaults |
| record.rec | the room's record |
| state.rec | the entity's state; only when it has one |
| queue.rec | accepted inputs that have not ended |
| memory/000001.rec ... | memory rows as stored, about 4 MiB in each |
| checksums.json | size and SHA-256 of each member |

Equal rooms at equal times make equal archives. Reading takes the file from its beginning to its end once, needs not
seek, believes nothing (`archive_checks`) and refuses every byte that `write_archive` would not have written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from backrooms_tui import __version__
from backrooms_tui.model.reports import BackupSpec, Progress, quiet
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.units import NS
from backrooms_tui.model.value import value

from .archive_checks import CheckedMemory
from .archive_compression import Compressor, Source, StreamDamaged
from .archive_members import (
    CHECKSUMS,
    CONFIG,
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
from .archive_reading import read_stream, read_tar
from .archive_rows import RowsDamaged, joined, joined_record
from .archive_tar import TarWriter, invalid
from .export_binary import MAGIC
from .exporting import Pace
from .records import Damaged
from .room_records import encode_queued, encode_room, encode_snapshot
from .store import RoomImage
from .walking import walk_rows

_CHUNK = 4 << 20
"""Bytes of a memory member; the last rows of one may take it over that."""


@value
class Archive:
    """A room that was in an archive or a binary export, all of it checked."""

    image: RoomImage
    taken_at: int | None
    """Nanoseconds since the epoch; None for a binary export, which does not say."""


def write_archive(
    image: RoomImage, spec: BackupSpec, sink: BinaryIO, progress: Progress = quiet, *, taken_at: int
) -> int:
    """Write a room's archive; give its size before compression.

    `taken_at` is nanoseconds since the epoch. `progress` is told entries. Raises RoomCorrupted, OSError and what the
    Progress raises; what was written until then is no archive.
    """
    record = image.record if spec.include_config else image.record.with_(config=RoomConfig())
    stream = Compressor(sink, spec.compression)
    tar = TarWriter(stream, taken_at // NS)
    checksums = Checksums()

    def add(name: str, data: bytes) -> None:
        tar.add(name, data)
        checksums.add(name, data)

    add(MANIFEST, Manifest(taken_at, __version__, spec.include_config).text(record))
    add(METADATA, metadata_text(record))
    if spec.include_config:
        add(CONFIG, config_text(record))
    add(RECORD, joined_record(encode_room(record)))
    if image.snapshot is not None:
        add(STATE, joined_record(encode_snapshot(record.id, image.snapshot, record.state_version)))
    add(QUEUE, b"".join(joined_record(encode_queued(record.id, queued)) for queued in image.queue))
    pace = Pace(progress, record.entries)
    for n, data in enumerate(_memory(image, pace), start=1):
        add(memory_name(n), data)
    tar.add(CHECKSUMS, checksums.text())
    tar.finish()
    stream.finish()
    return stream.plain_size


@contextmanager
def read_archive(
    source: BinaryIO, progress: Progress = quiet, *, directory: Path | None = None, defaults: RoomConfig | None = None
) -> Iterator[Archive]:
    """Give the room of an archive, or of a whole binary export, when all of it has been read and checked.

    Its rows can be read once, inside the block; they are kept in a nameless file in `directory` (or the system's place
    for temporary files). An archive without the room's settings gets `defaults`. `progress` is told entries. Raises
    ArchiveInvalid with a reason, StoreFailed when there is no place for the file; nothing is left behind.
    """
    with closing(CheckedMemory(directory)) as memory:
        try:
            stream = Source(source)
            stream.expand()
            if stream.peek(len(MAGIC))[:3] == MAGIC[:3]:
                archive = Archive(read_stream(stream, memory, progress), None)
            else:
                archive = Archive(*read_tar(stream, memory, progress, defaults or RoomConfig()))
        except (StreamDamaged, RowsDamaged) as error:
            raise invalid(str(error)) from None
        except Damaged as error:
            raise invalid(f"{error.type} in a record", f"BYTE: {error.offset}") from None
        yield archive


def _memory(image: RoomImage, pace: Pace) -> Iterator[bytes]:
    """What the memory members hold."""
    waiting: list[bytes] = []
    size = 0
    for stretch in walk_rows(image.record, image.rows):
        data = joined(stretch.rows)
        waiting.append(data)
        size += len(data)
        pace.step(stretch.entries)
        if size >= _CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
