"""Exports: a room's memory in a form for other programs, streamed, every entry checked in passing.

| format | is |
|---|---|
| jsonl | the seed's lines, by letter: seconds, type, content; what an entity said has its `ENTITY: ` in front |
| csv | all of each entry; a cell that a spreadsheet would run has an apostrophe in front |
| sqlite | a database in the seed's schema |
| binary | the room's own records: a whole one can be restored, see `export_binary` |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from backrooms_tui.model.reports import ExportReport, ExportSpec, Progress, quiet

from .store import RoomImage
from .walking import Chunk, walk

_EVERY_ENTRIES = 4096
_EVERY_SECONDS = 0.1

Entries = Iterator[list[Any]]
"""Chunks of RawEntry or FullEntry."""


class Counted:
    """A sink that knows how many bytes it was given."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self.size = 0

    def write(self, data: bytes) -> None:
        self._sink.write(data)
        self.size += len(data)


class Pace:
    """Tells a Progress how far entries are, ten times a second or every 4,096 entries, and at the end."""

    def __init__(self, progress: Progress, of: int) -> None:
        self._progress = progress
        self._of = of
        self._done = self._told = 0
        self._at = time.monotonic()

    def step(self, entries: int) -> None:
        self._done += entries
        now = time.monotonic()
        if self._done - self._told >= _EVERY_ENTRIES or now - self._at >= _EVERY_SECONDS or self._done == self._of:
            self._progress(self._done, self._of)
            self._told, self._at = self._done, now


def export(image: RoomImage, spec: ExportSpec, sink: BinaryIO, progress: Progress = quiet) -> ExportReport:
    """Write what `spec` asks for into an open binary file.

    Raises RoomCorrupted where damage is met, after all that lies before it has been written; OSError; what the
    Progress raises. `progress` is told entries looked at, of all entries.
    """
    counted = Counted(sink)
    pace = Pace(progress, image.record.entries)
    entries = _FORMATS[spec.format](image, spec, counted, pace)
    return ExportReport(entries, counted.size)


def selected(chunks: Iterable[Chunk], spec: ExportSpec, pace: Pace) -> Entries:
    """The entries that a spec asks for."""
    types = frozenset(map(int, spec.types)) or None
    since, until = spec.since, spec.until
    for _, _, entries in chunks:
        pace.step(len(entries))
        if spec.whole:
            yield entries
            continue
        yield [
            entry
            for entry in entries
            if (types is None or entry.type in types)
            and (since is None or entry.timestamp >= since)
            and (until is None or entry.timestamp <= until)
        ]


def _jsonl(image: RoomImage, spec: ExportSpec, sink: Counted, pace: Pace) -> int:
    from .export_text import write_jsonl

    return write_jsonl(selected(walk(image.record, image.rows, records=False), spec, pace), sink)


def _csv(image: RoomImage, spec: ExportSpec, sink: Counted, pace: Pace) -> int:
    from .export_text import write_csv

    return write_csv(selected(walk(image.record, image.rows, full=True, records=False), spec, pace), sink)


def _sqlite(image: RoomImage, spec: ExportSpec, sink: Counted, pace: Pace) -> int:
    from .export_sqlite import write_sqlite

    entries = selected(walk(image.record, image.rows, full=True, records=False), spec, pace)
    return write_sqlite(image, entries, sink, whole=spec.whole)


def _binary(image: RoomImage, spec: ExportSpec, sink: Counted, pace: Pace) -> int:
    from .export_binary import write_binary

    return write_binary(image, spec, sink, pace)


_FORMATS: dict[str, Callable[[RoomImage, ExportSpec, Counted, Pace], int]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "sqlite": _sqlite,
    "binary": _binary,
}
