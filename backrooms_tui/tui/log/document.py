"""The open room as the reader sees it: events come in, requests for pages go out, rows are ready for the screen.

It follows the end (FOLLOW) or stands where the reader left it (HELD); nothing but the reader moves a held place.
Only a window of a few thousand lines is here, so that a room of a million entries opens as fast as one of a
thousand. When more arrives than anybody reads, the window keeps what the reader looks at and lets the rest go:
memory has it, and gives it back page by page.

Durable lines stand in memory's order. What a running turn says is provisional and stands at the time it was said;
the entries of the turn's commit take its place, and a reader among them stays on the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.events import EntriesAdded, Event, InputAccepted, Lagged, Said, Saying, TurnEnded, TurnStarted

from .fold import Folder
from .lines import Key, Line, Look, lines_of
from .live import Live
from .pages import Page, Request, Where
from .query import Query
from .viewport import Place, Row, Viewport
from .window import MAX_LINES, Window

_SPAN = MAX_LINES // 2
"""Lines kept on either side of a held place."""
_INPUTS = 4096
"""INPUT times remembered for latencies; older ones show none."""


class Document:
    """One room's log. Not thread-safe; belongs to the display's loop."""

    def __init__(self, *, width: int | None = 80, height: int = 24) -> None:
        """`width` is the room for text in cells, None to wrap nothing."""
        self.window = Window()
        self.live = Live()
        self.view = Viewport(self.window, Folder(width), height)
        self.follow = True
        self.filter: Query | None = None
        self.inputs: dict[int, int] = {}
        """Sequence number of an INPUT to its timestamp, for latencies."""
        self.last_seq = 0
        """Of the newest durable entry known."""
        self.running: TurnStarted | None = None
        self.loaded = False
        """A page has been shown; before that nothing is known, not even that there is nothing."""
        self.problem: str | None = None
        """Why pages cannot be read; one safe line."""
        self._last = 0
        self._place = Place((0, 0, 0))
        self._seen = 0
        self._ended = 0
        self._owed = 0
        self._wanted: Where | None = Where.TAIL
        self._generation = 0

    def resize(self, *, width: int | None, height: int) -> None:
        if width != self.view.folder.width:
            self.view.folder = Folder(width)
        self.view.height = max(1, height)
        self._fill()

    def scroll(self, by: int) -> None:
        """Move by rows; up holds, down past the last row follows again."""
        if self.follow and by < 0:
            if self.view.shift(self.view.bottom_place(), -1)[1] and self.window.at_start:
                return  # everything is on the screen already
            self._hold(self.view.bottom_place())
        if not self.follow:
            self._move(by)

    def _hold(self, place: Place) -> None:
        self._place = place
        if self.follow:
            self.follow = False
            self._seen = self._count()

    def _move(self, by: int) -> None:
        self._place, self._owed = self.view.shift(self._place, by)
        if self.window.at_start if by < 0 else self.window.at_end:
            self._owed = 0
        rows = self.view.from_place(self._place)
        if by > 0 and rows and rows[-1].line is None:
            self.follow = True
            self._owed = 0

    def home(self) -> None:
        """Go to the room's first entry."""
        self._hold(Place((0, 0, 0)))
        self._owed = 0
        if not self.window.at_start:
            self._replace(Where.HEAD)

    def end(self) -> None:
        """Go to the end and follow it."""
        self.follow = True
        self._owed = 0
        if not self.window.at_end:
            self._replace(Where.TAIL)

    def go_to(self, key: Key, *, page: Page | None = None) -> None:
        """Hold with the line at `key` a third down the screen; `page` is where it is when the window lacks it."""
        rows = self.rows()
        self._owed = 0
        if any(row.line is not None and row.line.key == key for row in rows):
            self._hold(self.view.place_of(rows))
            return
        self._hold(Place(key))
        if self.window.find(key) is None and page is not None:
            self._generation += 1
            self._wanted = None
            self.window.clear()
            self.window.cover(page.low, page.high)
            self._admit(page.lines)
        self._place = self.view.shift(Place(key), -(self.view.height // 3))[0]
        self._fill()

    def only_matching(self, query: Query | None) -> None:
        """Show only lines that match, or all again."""
        self.filter = query
        self._owed = 0
        if self.follow:
            self._replace(Where.TAIL)
            return
        self._replace(Where.NEWER)
        self.window.low = self._place.key[0]
        self.window.high = self.window.low - 1

    def want(self) -> Request | None:
        """Give the next page to read; ask again after `deliver`. None when the reader has all around him."""
        if self.problem is not None:
            return None
        if self._wanted is not None:
            return Request(self._wanted, self.window.high, self._generation, self._last)
        top = self.window.index(self.rows_place().key)
        if not self.window.at_start and top < 2 * self.view.height:
            return Request(Where.OLDER, self.window.low, self._generation, self._last)
        below = len(self.window.lines) - top
        if not self.follow and not self.window.at_end and below < 3 * self.view.height:
            return Request(Where.NEWER, self.window.high, self._generation, self._last)
        return None

    def deliver(self, request: Request, page: Page) -> None:
        """Take a page that was asked for; one that is no longer wanted is dropped."""
        if request.generation != self._generation:
            return
        self._wanted = None
        self.loaded = True
        self._learn(page)
        if request.where is Where.OLDER:
            self._take_older(page)
        else:
            self._take_newer(request, page)
        if self._owed and not self.follow:
            self._move(self._owed)
        self._fill()

    def _learn(self, page: Page) -> None:
        self._remember(page.inputs)
        self._ended = max(self._ended, page.ended)
        if self.live.turn[0] <= self._ended:  # its end was not heard of: memory has what it said
            self.live.begin(self._ended, 0)
        if self.running is not None and self.running.seq <= self._ended:
            self.running = None
        if page.high > self._last:
            self._last, self.last_seq = page.high, page.last_seq

    def _take_older(self, page: Page) -> None:
        self.window.cover(page.low, page.high)
        self.window.prepend(self._matching(page.lines))
        self.window.at_start = not page.full
        if self.follow:
            self.window.trim_front()
        else:
            self.window.trim_back(self.window.index(self._place.key) + _SPAN)

    def _take_newer(self, request: Request, page: Page) -> None:
        where = request.where
        if where is not Where.NEWER:
            self.window.at_start = where is Where.HEAD or not page.full
        self.window.cover(page.low, page.high)
        self._admit(page.lines)
        cut = self.window.high < page.high
        if cut or (page.full and where is not Where.TAIL):
            return
        if self.window.high >= self._last or self._last == request.known:
            self._attach()
        elif self.follow:  # more became durable while the page was read
            self._replace(Where.TAIL)

    def _replace(self, where: Where) -> None:
        """Begin anew with another page; answers on their way are for the old window."""
        self._generation += 1
        self._wanted = where
        self.window.clear()

    def _attach(self) -> None:
        """The window has the end of memory: what is being said now follows it."""
        self.window.drop_provisional()
        self.window.at_end = True
        self._admit(list(self.live))

    def apply(self, events: Sequence[Event]) -> None:
        """Take drained events, of this room alone, in order."""
        settled = max((event.seq for event in events if isinstance(event, TurnEnded)), default=0)
        for (kind, _), group in groupby(events, key=_kind):
            if kind is not Said:
                for event in group:
                    self._apply(event)
                continue
            batch = [event for event in group if isinstance(event, Said | Saying) and event.seq > self._ended]
            # A held reader may stand among the lines of a turn that ends in this batch: those are settled below.
            if batch and (batch[0].seq > settled or not self.follow):
                self._said(batch)
        self._fill()

    def _apply(self, event: Event) -> None:
        if isinstance(event, InputAccepted):
            self._remember({event.entry.seq: event.entry.timestamp})
            queued = self.running is not None or event.queue_depth > 1
            self._added([event.entry], note="QUEUED" if queued else None)
        elif isinstance(event, EntriesAdded):
            self._added(event.entries)
        elif isinstance(event, TurnStarted):
            self.running = event
            self._begin(event.seq, event.attempt)
        elif isinstance(event, TurnEnded):
            self.running = None
            self._settle(event)
        elif isinstance(event, Lagged):
            self._lost_track()

    def _begin(self, seq: int, attempt: int) -> None:
        if self.live.turn != (seq, attempt):
            self.live.begin(seq, attempt)
            self.window.drop_provisional()

    def _said(self, batch: list[Said | Saying]) -> None:
        newest = (batch[-1].seq, batch[-1].attempt)
        self._begin(*newest)
        watched = self.running is not None and self.running.seq == newest[0]
        lines = self.live.add([said for said in batch if (said.seq, said.attempt) == newest], watched=watched)
        if not self.window.at_end:
            return
        if not self.follow:
            self._admit(lines)
            return
        first = self.live.first
        self.window.drop_provisional(before=first)
        self._admit([*(line for line in lines if line.key >= first), *self.live.marks])

    def _added(self, entries: Sequence[MemoryEntry], *, note: str | None = None) -> None:
        fresh = [entry for entry in entries if entry.timestamp > self._last]
        if not fresh:
            return
        if self.loaded and fresh[0].seq != self.last_seq + 1:
            self._lost_track()
        self._last, self.last_seq = fresh[-1].timestamp, fresh[-1].seq
        if not self.window.at_end:
            return
        lines = [line for entry in fresh for line in lines_of(entry)]
        if note is not None:
            last = lines[-1]
            lines.append(Line((*last.key[:2], last.key[2] + 1), Look.ROOM, note, seq=last.seq, input=last.input))
        self.window.cover(fresh[0].timestamp, fresh[-1].timestamp)
        self._admit(lines)

    def _lost_track(self) -> None:
        """Events are missing: memory knows. A follower jumps to its tail, a held reader keeps his place."""
        self.live.lose()
        self.window.at_end = False
        if self.follow:
            self._replace(Where.TAIL)

    def _settle(self, event: TurnEnded) -> None:
        entries = event.entries
        self._ended = max(self._ended, event.seq)
        self.live.begin(event.seq, self.live.turn[1] + 1)
        standing = None if self.follow else self.window.find(self._place.key)
        if standing is not None and standing.provisional and standing.input == event.seq and entries:
            self._settle_around(entries, min(standing.key[1], len(entries)) - 1)
            return
        self.window.drop_provisional()
        if self.follow and len(entries) > MAX_LINES and self.window.at_end:
            self._jump(entries, len(entries) - MAX_LINES, len(entries))
            return
        self._added(entries)

    def _settle_around(self, entries: Sequence[MemoryEntry], n: int) -> None:
        """The reader stands on what was said n-th; it is the n-th entry of the turn now."""
        self._place = Place((entries[n].timestamp, 0, self._place.key[2]), self._place.offset)
        self._jump(entries, max(0, n - _SPAN), n + _SPAN)

    def _jump(self, entries: Sequence[MemoryEntry], start: int, stop: int) -> None:
        """Make the window of this part of a turn; older pages are read again when they are wanted."""
        part = entries[start:stop]
        self._generation += 1
        self.window.clear()
        self.window.cover(part[0].timestamp, part[-1].timestamp)
        self.window.at_end = stop >= len(entries)
        if entries[-1].timestamp > self._last:
            self._last, self.last_seq = entries[-1].timestamp, entries[-1].seq
        self._admit([line for entry in part for line in lines_of(entry)])

    def _admit(self, lines: Sequence[Line]) -> None:
        """Add lines at the new end and keep the window within its bounds, without touching what is read."""
        self.window.add(self._matching(lines))
        if self.follow:
            self.window.trim_front()
            return
        at = self.window.index(self._place.key)
        self.window.trim_front(spare=max(0, at - _SPAN))
        self.window.trim_back(at + _SPAN)

    def rows(self) -> list[Row]:
        """Give the rows of the screen, from the top; fewer than its height when there is no more."""
        if self.follow:
            return self.view.bottom()
        return self.view.from_place(self._place)

    def _fill(self) -> None:
        """Have a held place so near the end that the screen is not full stand where the last full screen begins: the
        screen grew, or what was said came to nothing.
        """
        if not self.follow and self.window.at_end and len(self.view.from_place(self._place)) < self.view.height:
            self._place = self.view.bottom_place()

    def rows_place(self) -> Place:
        return self.view.bottom_place() if self.follow else self._place

    @property
    def new(self) -> int:
        """Entries and provisional lines that came since the reader held."""
        return 0 if self.follow else max(0, self._count() - self._seen)

    def _count(self) -> int:
        return self.last_seq + self.live.said

    def _matching(self, lines: Sequence[Line]) -> Sequence[Line]:
        query = self.filter
        return lines if query is None else [line for line in lines if query(line)]

    def _remember(self, inputs: dict[int, int]) -> None:
        self.inputs.update(inputs)
        while len(self.inputs) > _INPUTS:
            del self.inputs[next(iter(self.inputs))]


def _kind(event: Event) -> tuple[type[Event], int]:
    """Neighbours of one kind are taken together: lines and parts of lines come in turns, thousands of them."""
    return (Said, event.seq) if isinstance(event, Said | Saying) else (type(event), 0)
