"""`LogView`: the document on the screen.

A fixed viewport with `render_line`, no scroll view and no virtual size: a size that grows with the log makes
Textual lay out and repaint everything (9-12 KB a frame against 4). Only rows whose strip changed are refreshed; a
held reader's pane is not written to at all. The app drains events and calls `apply` four times a second; pages are
read in worker threads, and only the loop touches the widget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from rich.style import Style
from textual import events as ui
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.events import EntriesAdded, Event, InputAccepted, Lagged, Said, Saying, TurnEnded, TurnStarted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.value import value

from .document import Document
from .pages import Page, PageSource, Request, read_page, read_text
from .painter import CLASSES, GUTTER, Painter, Paper, regions
from .query import SearchRefused, begins_error
from .reader import CopyJob, Reader
from .stamps import Stamps

_SHOWN = (Said, Saying, TurnStarted, TurnEnded, InputAccepted, EntriesAdded)


@value
class LogStatus:
    """What a title or status line says about the log."""

    room_id: RoomId | None = None
    follow: bool = True
    new: int = 0
    """Entries that came while HELD."""
    position: int = 0
    """Sequence number of the lowest durable entry on the screen."""
    total: int = 0
    """Sequence number of the newest entry known."""
    wrap: bool = True
    stamps: Stamps = Stamps.TIME
    errors: int = 0
    """ERROR entries among the few thousand loaded; the room's own counter knows all."""
    query: str | None = None
    only_matching: bool = False
    selecting: bool = False
    searched: int | None = None
    """Lines looked at by a search under way."""
    message: str | None = None
    """Why there is nothing to show, or how a search ended; one safe line."""


class LogView(Widget, can_focus=True):
    """The open room's output. Methods are for the app's loop."""

    COMPONENT_CLASSES = CLASSES

    class StatusChanged(Message):
        """The status differs from the one told before."""

        def __init__(self, view: LogView, status: LogStatus) -> None:
            super().__init__()
            self.view = view
            self.status = status

    class Copied(Message):
        """Text was handed to the terminal; whether that reached a clipboard cannot be known."""

        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size
            """Bytes."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes)
        self._room_id: RoomId | None = None
        self._source: PageSource | None = None
        self._reader: Reader | None = None
        self._wrap = True
        self._stamps = Stamps.TIME
        self._sideways = 0
        self._told = LogStatus()
        self._strips: list[Strip] = []
        self._painter = Painter(self._style_of)
        self._reading = False

    def open(self, room_id: RoomId | None, *, source: PageSource | None = None) -> None:
        """Show another room, following its end; None shows nothing. Its events go to `apply` from now on."""
        self._room_id, self._source = room_id, source
        self._sideways = 0
        self._reader = None
        if room_id is not None:
            self._reader = Reader(Document(width=self._text_width, height=self.size.height))
        self._update()

    def read_on(self) -> None:
        """Pages can be read again that could not be."""
        if self._reader is not None:
            self._reader.document.problem = None
            self._update()

    @property
    def room_id(self) -> RoomId | None:
        return self._room_id

    def apply(self, events: Sequence[Event]) -> None:
        """Take events in order; those of other rooms are passed over."""
        if self._reader is None:
            return
        wanted = [
            event
            for event in events
            if isinstance(event, Lagged) or (isinstance(event, _SHOWN) and event.room_id == self._room_id)
        ]
        if wanted:
            self._reader.document.apply(wanted)
            self._update()

    def action_line_up(self) -> None:
        self._scroll(-1)

    def action_line_down(self) -> None:
        self._scroll(1)

    def action_half_page_up(self) -> None:
        self._scroll(-max(1, self.size.height // 2))

    def action_half_page_down(self) -> None:
        self._scroll(max(1, self.size.height // 2))

    def action_page_up(self) -> None:
        self._scroll(-max(1, self.size.height - 1))

    def action_page_down(self) -> None:
        self._scroll(max(1, self.size.height - 1))

    def action_home(self) -> None:
        """Go to the room's first entry."""
        if self._reader is not None:
            self._reader.document.home()
            self._update()

    def action_end(self) -> None:
        """Go to the end and follow it."""
        if self._reader is not None:
            self._reader.document.end()
            self._update()

    def action_toggle_wrap(self) -> None:
        self._wrap = not self._wrap
        self._sideways = 0
        self._relayout()

    def action_cycle_timestamps(self) -> None:
        self._stamps = self._stamps.next()
        self._relayout()

    def action_scroll_sideways(self, direction: int) -> None:
        """Move half a width to the left (-1) or right (1); only where lines are not wrapped."""
        if not self._wrap and self._reader is not None:
            longest = max((len(row.line.text) for row in self._reader.document.rows() if row.line), default=0)
            step = max(1, self.size.width // 2)
            self._sideways = max(0, min(self._sideways + direction * step, max(0, longest - 1)))
            self._update()

    def search(self, text: str) -> None:
        """Find the nearest match above the screen's end: a substring, or `re:pattern`. Raises SearchRefused."""
        if self._reader is not None:
            self._reader.search(text)
            self._update()

    def action_search_next(self) -> None:
        """Go to the next match further back; without a search, the next error."""
        self._find(Reader.find_again, backwards=True)

    def action_search_prev(self) -> None:
        """Go forward again to the match before; without a search, the error before."""
        self._find(Reader.find_again, backwards=False)

    def action_error_next(self) -> None:
        self._find(Reader.find_error, backwards=True)

    def action_error_prev(self) -> None:
        self._find(Reader.find_error, backwards=False)

    def action_input_prev(self) -> None:
        """Go to the input before, further back in time."""
        self._find(Reader.find_input, backwards=True)

    def action_input_next(self) -> None:
        self._find(Reader.find_input, backwards=False)

    def action_toggle_only_matching(self) -> None:
        if self._reader is not None:
            try:
                self._reader.toggle_only_matching()
            except SearchRefused as error:
                self._reader.message = error.code
            self._update()

    def action_toggle_select(self) -> None:
        """Begin or drop a selection; while there is one, moving extends it."""
        if self._reader is not None:
            self._reader.toggle_select()
            self._update()

    def stop(self) -> bool:
        """End what is under way: a search, a selection, the filter, the marks. False when nothing was."""
        stopped = self._reader is not None and self._reader.stop()
        self._update()
        return stopped

    def action_copy_line(self) -> None:
        """Copy the current line, or the selection."""
        if self._reader is not None:
            self._copy(self._reader.copy_line())

    def action_copy_entry(self) -> None:
        if self._reader is not None:
            self._copy(self._reader.copy_entry())

    def current_entry(self) -> int | None:
        """Timestamp of the entry that `Y` would take; None where there is none, or it is not durable yet."""
        job = self._reader.copy_entry() if self._reader is not None else None
        return None if job is None or job.text is not None else job.first

    def status(self) -> LogStatus:
        if self._reader is None:
            return LogStatus(wrap=self._wrap, stamps=self._stamps)
        reader, document = self._reader, self._reader.document
        seqs = [row.line.seq for row in document.rows() if row.line is not None]
        return LogStatus(
            room_id=self._room_id,
            follow=document.follow,
            new=document.new,
            position=max(seqs, default=0),
            total=document.last_seq,
            wrap=self._wrap,
            stamps=self._stamps,
            errors=sum(map(begins_error, document.window.lines)),
            query=reader.query.text if reader.query is not None else None,
            only_matching=document.filter is not None,
            selecting=reader.selecting,
            searched=reader.finder.looked_at if reader.finder is not None else None,
            message=document.problem or reader.message,
        )

    def render_line(self, y: int) -> Strip:
        return self._strips[y] if y < len(self._strips) else self._painter.blank(self.size.width)

    def notify_style_update(self) -> None:
        self._painter.restyle()
        self._strips.clear()
        super().notify_style_update()
        self._update()

    def on_resize(self, _event: ui.Resize) -> None:
        self._relayout()

    def on_mouse_scroll_up(self, _event: ui.MouseScrollUp) -> None:
        self._scroll(-3)

    def on_mouse_scroll_down(self, _event: ui.MouseScrollDown) -> None:
        self._scroll(3)

    def _style_of(self, name: str) -> Style:
        return self.rich_style + self.get_component_rich_style(name, partial=True)

    @property
    def _paper(self) -> Paper:
        query = self._reader.query if self._reader is not None else None
        return Paper(self.size.width, self._stamps, self._sideways, query)

    @property
    def _text_width(self) -> int | None:
        return max(1, self.size.width - self._stamps.cells - GUTTER) if self._wrap else None

    def _scroll(self, by: int) -> None:
        if self._reader is not None:
            self._reader.scroll(by)
            self._update()

    def _find(self, find: Callable[..., None], *, backwards: bool) -> None:
        if self._reader is not None:
            try:
                find(self._reader, backwards=backwards)
            except SearchRefused as error:
                self._reader.message = error.code
            self._update()

    def _relayout(self) -> None:
        if self._reader is not None:
            self._reader.document.resize(width=self._text_width, height=self.size.height)
        self._update()

    def _update(self) -> None:
        """Repaint the rows that differ, tell the status if it does, and see that wanted pages are read."""
        if not self.is_mounted or not self.size:
            self._strips = []
            return
        strips = self._paint()
        width = self.size.width
        old = self._strips
        changed = [y for y, strip in enumerate(strips) if y >= len(old) or strip != old[y]]
        self._strips = strips
        if changed:
            self.refresh(*regions(changed, width))
        status = self.status()
        if status != self._told:
            self._told = status
            self.post_message(self.StatusChanged(self, status))
        self._pump()

    def _paint(self) -> list[Strip]:
        paper, reader = self._paper, self._reader
        strips: list[Strip] = []
        if reader is not None and (reader.document.loaded or not reader.document.live.empty):
            for row in reader.document.rows():
                asked = reader.document.inputs.get(row.line.input, 0) if row.line is not None else 0
                selected = row.line is not None and reader.is_selected(row.line)
                strips.append(self._painter.paint(row, paper, asked=asked, selected=selected))
        blank = self._painter.blank(self.size.width)
        return strips + [blank] * (self.size.height - len(strips))

    def _pump(self) -> None:
        if not self._reading and self._next() is not None:
            self._reading = True
            self.run_worker(self._read(), group="log-pages", exit_on_error=False)

    def _next(self) -> tuple[Reader, Request, bool] | None:
        """The page to read next, and whether it is the search's: what the reader sees comes first."""
        reader = self._reader
        if reader is None or self._source is None:
            return None
        request = reader.document.want()
        if request is not None:
            return reader, request, False
        request = reader.want()
        return (reader, request, True) if request is not None else None

    async def _read(self) -> None:
        try:
            while (wanted := self._next()) is not None:
                reader, request, searching = wanted
                assert self._source is not None
                try:
                    page = await asyncio.to_thread(read_page, self._source, request)
                except BackroomsError as error:
                    reader.fail(error)
                else:
                    self._deliver(reader, request, page, searching=searching)
                self._update()
        finally:
            self._reading = False

    def _deliver(self, reader: Reader, request: Request, page: Page, *, searching: bool) -> None:
        try:
            if searching:
                reader.deliver(request, page)
            else:
                reader.document.deliver(request, page)
        except SearchRefused as error:  # the filter meets a line it takes too long on
            reader.fail(error)

    def _copy(self, job: CopyJob | None) -> None:
        if job is not None:
            self.run_worker(self._hand_over(job), group="log-copy", exclusive=True, exit_on_error=False)

    async def _hand_over(self, job: CopyJob) -> None:
        text = job.text
        if text is None and self._source is not None:
            try:
                text = await asyncio.to_thread(read_text, self._source, job.first, job.last)
            except BackroomsError as error:
                if self._reader is not None:
                    self._reader.fail(error)
                    self._update()
                return
            if job.line is not None:
                lines = text.split("\n")
                text = lines[job.line] if job.line < len(lines) else ""
        if text is not None:
            self.app.copy_to_clipboard(text)
            self.post_message(self.Copied(len(text.encode())))
