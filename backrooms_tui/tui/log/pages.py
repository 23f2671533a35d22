"""Pages of a room's memory: what the log asks for, and the reading of it, which may run in a thread."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from backrooms_tui.model.entries import EntryType, MemoryEntry
from backrooms_tui.model.value import value

from .lines import Line, answered, lines_of, logical_text

PAGE = 256
"""Entries of one read."""
COPY_CAP = 1024 * 1024
"""Characters of one copy; most terminals refuse a longer OSC 52."""


class PageSource(Protocol):
    """One room's memory, read by timestamps as `RoomService.read` does it. Called from threads."""

    def read(self, *, after: int | None = None, before: int | None = None, limit: int = PAGE) -> list[MemoryEntry]:
        """Raises BackroomsError."""
        ...


@value
class CallableSource:
    """A `PageSource` around a bound read, such as `functools.partial(service.read, room_id)`."""

    call: Callable[..., list[MemoryEntry]]

    def read(self, *, after: int | None = None, before: int | None = None, limit: int = PAGE) -> list[MemoryEntry]:
        return self.call(after=after, before=before, limit=limit)


class Where(Enum):
    """Which page."""

    TAIL = "the last entries"
    HEAD = "the first entries"
    OLDER = "entries before a cursor"
    NEWER = "entries after a cursor"


@value
class Request:
    where: Where
    cursor: int = 0
    """Timestamp, for OLDER and NEWER."""
    generation: int = 0
    """Of the asker; an answer to an older one is dropped."""
    known: int = 0
    """Timestamp of the newest entry the asker knew of."""


@value
class Page:
    """Entries already turned into lines, so that the display's loop need not."""

    lines: tuple[Line, ...]
    inputs: dict[int, int]
    """Sequence number of each INPUT in it to its timestamp."""
    low: int
    """Timestamps of the first and last entry; 0 when there is none."""
    high: int
    last_seq: int
    ended: int
    """Highest sequence number of an INPUT that is answered here."""
    full: bool
    """As many entries as were asked for: there may be more in that direction."""


def page_of(entries: list[MemoryEntry], *, limit: int = PAGE) -> Page:
    return Page(
        lines=tuple(line for entry in entries for line in lines_of(entry)),
        inputs={entry.seq: entry.timestamp for entry in entries if entry.type is EntryType.INPUT},
        low=entries[0].timestamp if entries else 0,
        high=entries[-1].timestamp if entries else 0,
        last_seq=entries[-1].seq if entries else 0,
        ended=max((answered(entry) for entry in entries), default=0),
        full=len(entries) >= limit,
    )


def read_page(source: PageSource, request: Request) -> Page:
    """Read what is asked for. May run in any thread; raises BackroomsError."""
    if request.where is Where.TAIL:
        entries = source.read(limit=PAGE)
    elif request.where is Where.HEAD:
        entries = source.read(after=0, limit=PAGE)
    elif request.where is Where.OLDER:
        entries = source.read(before=request.cursor, limit=PAGE)
    else:
        entries = source.read(after=request.cursor, limit=PAGE)
    return page_of(entries)


def read_text(source: PageSource, first: int, last: int) -> str:
    """Give the logical text of all entries with timestamps `first` to `last`, at most COPY_CAP characters.

    May run in any thread; raises BackroomsError.
    """
    texts: list[str] = []
    size, after = 0, first - 1
    while size < COPY_CAP:
        entries = source.read(after=after, limit=PAGE)
        wanted = [logical_text(entry) for entry in entries if entry.timestamp <= last]
        texts += wanted
        size += sum(len(text) + 1 for text in wanted)
        if len(wanted) < len(entries) or len(entries) < PAGE:
            break
        after = entries[-1].timestamp
    return "\n".join(texts)[:COPY_CAP]
