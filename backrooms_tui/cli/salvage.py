"""A room's memory as far as it can be read: for the dump of a damaged room.

Up to the first damage from the oldest entry on, then what lies behind it, from the newest entry back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.errors import RoomCorrupted
from backrooms_tui.model.room import RoomRecord

if TYPE_CHECKING:
    from backrooms_tui.service import RoomService

PAGE = 512
"""Entries read at once; a room is never loaded whole."""


def readable_memory(service: RoomService, record: RoomRecord) -> Iterator[MemoryEntry | RoomCorrupted]:
    """All entries that can be read, in order, with an error in the place of what lies between them."""
    last = 0
    try:
        for page in _forward(service, record):
            yield from page
            last = page[-1].timestamp
    except RoomCorrupted as error:
        yield error
        for page in _behind(service, record, last):
            yield from page


def _forward(service: RoomService, record: RoomRecord) -> Iterator[list[MemoryEntry]]:
    """Pages from the oldest on. Raises RoomCorrupted at damage, after every entry before it."""
    after, limit = 0, PAGE
    while True:
        try:
            page = service.read(record.id, after=after, limit=limit)
        except RoomCorrupted:
            if limit == 1:
                raise
            limit = max(1, limit // 4)  # the page holds the damage: what lies before it is still wanted
            continue
        if not page:
            return
        yield page
        after = page[-1].timestamp


def _behind(service: RoomService, record: RoomRecord, last: int) -> list[list[MemoryEntry]]:
    """Pages of what lies after the damage that follows the entry at `last`."""
    pages: list[list[MemoryEntry]] = []
    before, limit = None, PAGE
    while True:
        try:
            page = [entry for entry in service.read(record.id, before=before, limit=limit) if entry.timestamp > last]
        except RoomCorrupted:
            if limit == 1:
                return pages[::-1]
            limit = max(1, limit // 4)
            continue
        if not page:
            return pages[::-1]
        pages.append(page)
        before = page[0].timestamp
