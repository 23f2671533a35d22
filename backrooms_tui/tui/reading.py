"""What the figures are made of, read from the service in a lane's thread."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import BackupInfo
from backrooms_tui.model.units import NS
from backrooms_tui.model.value import value
from backrooms_tui.model.views import Occupant, ServiceStatus, StoreFacts
from backrooms_tui.service import RoomService

MEMORY_ENTRIES = 40
_PAGE = 256
_PAGES = 64
_SLACK = 600 * NS
"""How far two machines' clocks may be apart when an input is looked for by the time it was sent."""


@value
class Figures:
    """One reading. What was not asked for, or could not be read, is empty."""

    status: ServiceStatus | None = None
    facts: StoreFacts | None = None
    entries: tuple[MemoryEntry, ...] = ()
    """The shown room's last ones."""
    backups: tuple[BackupInfo, ...] | None = None
    """Of the shown room, newest first; None: nobody has looked."""
    present: tuple[Occupant, ...] = ()
    """Who is in the shown room, ourselves too."""


def read_figures(service: RoomService, room_id: RoomId | None, *, memory: bool) -> Figures:
    """Read the store's figures and, when they are looked at, the last entries of one room."""
    entries = _entries(service, room_id) if memory and room_id is not None else ()
    present = _present(service, room_id) if room_id is not None else ()
    return Figures(service.status(), service.store_facts(), entries, present=present)


def sent_before(service: RoomService, room_id: RoomId, request_ids: AbstractSet[str], since: int) -> dict[str, int]:
    """Which of these inputs, sent at `since` or later, a room's memory holds: their sequence numbers."""
    found: dict[str, int] = {}
    before: int | None = None
    for _ in range(_PAGES):
        page = service.read(room_id, before=before, limit=_PAGE)
        for entry in page:
            request_id = str(entry.metadata.get(Meta.REQUEST_ID))
            if entry.type is EntryType.INPUT and request_id in request_ids:
                found[request_id] = entry.seq
        if len(page) < _PAGE or page[0].timestamp < since - _SLACK or len(found) == len(request_ids):
            break
        before = page[0].timestamp
    return found


def read_shelf(service: RoomService, room_id: RoomId) -> tuple[BackupInfo, ...] | None:
    """Read what backups a room has; None where the shelf cannot be read."""
    try:
        return tuple(service.backups(room_id))
    except BackroomsError:
        return None


def _present(service: RoomService, room_id: RoomId) -> tuple[Occupant, ...]:
    try:
        return service.presence(room_id)
    except BackroomsError:
        return ()


def _entries(service: RoomService, room_id: RoomId) -> tuple[MemoryEntry, ...]:
    """A room that is gone, or damaged, has no page of memory; that is said elsewhere."""
    try:
        return tuple(service.read(room_id, limit=MEMORY_ENTRIES))
    except BackroomsError:
        return ()
