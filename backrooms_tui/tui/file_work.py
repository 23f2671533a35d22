"""The long verbs that read or write an operator's own files; in a lane's thread, raising BackroomsErrors only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from backrooms_tui.model.errors import OutputFailed, RoomCorrupted, UsageError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import (
    BackupReport,
    BackupSpec,
    ExportReport,
    ExportSpec,
    Progress,
    RestoreReport,
)
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.units import format_size_whole
from backrooms_tui.service import RoomService

MAX_BATCH_BYTES = 1024 * 1024


def export_to(service: RoomService, room_id: RoomId, spec: ExportSpec, path: Path, progress: Progress) -> ExportReport:
    """Export into a file that appears whole or not at all; but what lies before damage is kept, and said to be a part.

    Raises RoomCorrupted then.
    """
    with _whole(path) as sink:
        try:
            return service.export(room_id, spec, sink, progress)
        except RoomCorrupted as error:
            if not sink.tell():
                raise
            damage, size = error, format_size_whole(sink.tell())
    raise RoomCorrupted(f"READABLE PART KEPT: {size} in {scrub(str(path))}", *damage.details)


def backup_to(
    service: RoomService, room_id: RoomId, spec: BackupSpec, path: Path | None, progress: Progress
) -> BackupReport:
    """Back up into a file, or onto the shelf."""
    if path is None:
        return service.backup(room_id, spec, None, progress)
    with _whole(path) as sink:
        return service.backup(room_id, spec, sink, progress)


def restore_from(service: RoomService, path: Path, progress: Progress) -> RestoreReport:
    with _opened(path) as source:
        return service.restore(source, progress)


def batch_text(path: Path) -> bytes:
    """Read a file of commands. Raises UsageError where it is none."""
    with _opened(path) as source:
        data = source.read(MAX_BATCH_BYTES + 1)
    if len(data) > MAX_BATCH_BYTES:
        raise UsageError(f"BATCH: more than {MAX_BATCH_BYTES} bytes.")
    return data


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    from backrooms_tui.persistence.whole_file import whole_file

    try:
        with whole_file(path) as sink:
            yield sink
    except OSError as error:
        raise OutputFailed(f"OUTPUT: {scrub(str(path))}: {_reason(error)}") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        # O_NONBLOCK: a pipe that was put in the file's place meanwhile must not hold a thread for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as source:
            yield source
    except OSError as error:
        raise UsageError(f"INPUT: {scrub(str(path))}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
