"""What the figures are made of, read from the service in a lane's thread."""

from __future__ import annotations

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import BackupInfo
from backrooms_tui.model.value import value
from backrooms_tui.model.views import ServiceStatus, StoreFacts
from backrooms_tui.service import RoomService

MEMORY_ENTRIES = 40


@value
class Figures:
    """One reading. What was not asked for, or could not be read, is empty."""

    status: ServiceStatus | None = None
    facts: StoreFacts | None = None
    entries: tuple[MemoryEntry, ...] = ()
    """The shown room's last ones."""
    backups: tuple[BackupInfo, ...] | None = None
    """Of the shown room, newest first; None: nobody has looked."""


def read_figures(service: RoomService, room_id: RoomId | None, *, memory: bool) -> Figures:
    """Read the store's figures and, when they are looked at, the last entries of one room."""
    entries = _entries(service, room_id) if memory and room_id is not None else ()
    return Figures(service.status(), service.store_facts(), entries)


def read_shelf(service: RoomService, room_id: RoomId) -> tuple[BackupInfo, ...] | None:
    """Read what backups a room has; None where the shelf cannot be read."""
    try:
        return tuple(service.backups(room_id))
    except BackroomsError:
        return None


def _entries(service: RoomService, room_id: RoomId) -> tuple[MemoryEntry, ...]:
    """A room that is gone, or damaged, has no page of memory; that is said elsewhere."""
    try:
        return tuple(service.read(room_id, limit=MEMORY_ENTRIES))
    except BackroomsError:
        return ()
