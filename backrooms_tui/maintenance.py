"""Work on stores as wholes, while nobody uses them: listing one, checking one, copying one to another backend.

Beside the service: it opens stores itself, and loads nothing of what drives entities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from backrooms_tui.config.paths import store_root
from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.errors import BackroomsError, RoomCorrupted, UsageError
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import value
from backrooms_tui.model.views import RoomView

if TYPE_CHECKING:
    from backrooms_tui.model.reports import CheckReport, Progress
    from backrooms_tui.persistence.row_store import RowStore
    from backrooms_tui.persistence.store import RoomImage

FILL_BYTES = 4 * 1024 * 1024
"""Bytes of memory rows written at once."""


@value
class StoredRooms:
    """What a store holds while nobody owns it."""

    rooms: tuple[RoomView, ...]
    """Oldest first."""
    warnings: tuple[str, ...]
    """Complete lines, as `ServiceStatus` has them."""


def stored_rooms(settings: Settings) -> StoredRooms:
    """All rooms of the configured store: what `RoomService.rooms` gives, for half of what it takes to open a service.

    Raises like opening one.
    """
    with _opened(store_root(settings), settings.persistence.backend, settings.persistence) as store:
        views = (RoomView(record, record.queued, None, "COLD", None, 0) for record in store.load().records)
        return StoredRooms(tuple(views), store.warnings)


def _unheard(*lines: str) -> None: ...


def check_stored(settings: Settings, progress: Progress, warn: Callable[..., None] = _unheard) -> CheckReport:
    """What `RoomService.check` tells, by nobody who could write: an owner keeps a mark on rooms that it finds damaged.

    `warn` is told the store's warnings, as lines. Raises like opening a service.
    """
    from backrooms_tui.persistence.fsck import check_store
    from backrooms_tui.supervisor.snapshots import decode_state

    with _opened(store_root(settings), settings.persistence.backend, settings.persistence) as store:
        warn(*store.warnings)
        return check_store(store, store.load().records, decode_state, progress)


class MigrationFailed(BackroomsError):
    """The copy is not what was to be copied; the source is as it was."""

    code = "MIGRATION_FAILED"


@value
class MigrationReport:
    source: str
    target: str
    """Directories."""
    backend: str
    """Of the target."""
    rooms: int
    rows: int
    """Entries and segments: each copied, read back and compared."""
    size: int
    """Bytes of memory."""


def migration_target(settings: Settings, backend: str, path: str | None) -> Path:
    """Where a copy goes: `path`, or beside the store with the backend's name. Raises UsageError."""
    source = store_root(settings)
    target = Path(path).expanduser() if path is not None else source.with_name(f"{source.name}-{backend.lower()}")
    if target.absolute() == source.absolute():
        raise UsageError(f"PATH: {target}: is the store itself.")
    return target


def migrate(
    settings: Settings, backend: str, target: Path, progress: Progress, warn: Callable[..., None] = _unheard
) -> MigrationReport:
    """Copy every room of the configured store into an empty store of another backend, then open that again and compare
    each room with its source, row by row. Progress is in bytes, half of them for comparing; `warn` as above.

    Raises RoomCorrupted when a source room is, UsageError when the target is not empty, MigrationFailed; what has been
    copied by then stands in the target, which is good for nothing but removal.
    """
    source = store_root(settings)
    with _opened(source, settings.persistence.backend, settings.persistence) as old:
        warn(*old.warnings)
        records = _sound_rooms(old)
        size = sum(record.memory_usage for record in records)
        meter = _Meter(progress, 2 * size)
        with _opened(target, backend, settings.persistence) as new:
            warn(*new.warnings)
            if new.load().records:
                raise UsageError(f"PATH: {target}: there are rooms already.")
            for record in records:
                _copy(old, new, record, meter)
        with _opened(target, backend, settings.persistence) as new:
            rows = _verify(old, new, records, meter)
    return MigrationReport(str(source), str(target), backend, len(records), rows, size)


@contextmanager
def _opened(root: Path, backend: str, settings: PersistenceSettings) -> Iterator[RowStore]:
    from backrooms_tui.persistence.opening import open_store, store_options

    store = open_store(root, backend=backend, options=store_options(settings))
    try:
        yield store
    finally:
        store.close()


def _sound_rooms(store: RowStore) -> tuple[RoomRecord, ...]:
    """All rooms. Raises RoomCorrupted at the first that cannot be copied whole."""
    records = store.load().records
    for record in records:
        if record.state is RoomState.CORRUPTED:
            raise RoomCorrupted(f"ROOM: {record.id}", "RECOVER OR DESTROY IT FIRST")
    return records


class _Meter:
    def __init__(self, progress: Progress, of: int) -> None:
        self._progress = progress
        self._of = of
        self._done = 0

    def add(self, size: int) -> None:
        self._done += size
        self._progress(self._done, self._of)


def _copy(old: RowStore, new: RowStore, record: RoomRecord, meter: _Meter) -> None:
    new.clear(record.id)
    with old.image(record.id) as image:
        pending, size = [], 0
        for row in image.rows:
            pending.append(row)
            size += len(row[1])
            if size >= FILL_BYTES:
                new.fill(record.id, pending)
                meter.add(size)
                pending, size = [], 0
        new.fill(record.id, pending)
        meter.add(size)
        new.establish(image.record, image.snapshot, image.queue)


def _verify(old: RowStore, new: RowStore, records: tuple[RoomRecord, ...], meter: _Meter) -> int:
    """Gives the number of rows compared. Raises MigrationFailed."""
    if {record.id for record in new.load().records} != {record.id for record in records}:
        raise MigrationFailed("ROOMS: not those of the source")
    total = 0
    for record in records:
        with old.image(record.id) as theirs, new.image(record.id) as ours:
            total += _compare(theirs, ours, meter)
    return total


def _compare(theirs: RoomImage, ours: RoomImage, meter: _Meter) -> int:
    room = f"ROOM: {theirs.record.id}"
    if (theirs.record, theirs.snapshot, theirs.queue) != (ours.record, ours.snapshot, ours.queue):
        raise MigrationFailed(room, "DIFFERENT: record, state or queue")
    rows = 0
    for mine, yours in zip_longest(theirs.rows, ours.rows):
        if mine != yours:
            raise MigrationFailed(room, f"DIFFERENT: memory row {rows + 1}")
        rows += 1
        meter.add(len(mine[1]))
    return rows
