"""The operator's desk: joins what happens (events, answers) to what is shown, on the loop and nowhere else.

It holds the headless state - the list, the tabs, the ledger - and tells the screen's panes what to draw. It calls
no verb of the service: reading is all it does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.errors import BackroomsError, ConnectionLost, RoomNotFound
from backrooms_tui.model.events import (
    EntriesAdded,
    Event,
    InputAccepted,
    Lagged,
    Notice,
    RoomChanged,
    RoomCreated,
    RoomDestroyed,
    TurnEnded,
    TurnStarted,
)
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import BackupInfo
from backrooms_tui.model.value import changed
from backrooms_tui.model.views import Occupant, RoomView, RunningTurn

from . import chrome
from .actions import Focus
from .attachment import Attachment
from .calls import Lane, ServiceCalls
from .figures import Page, Subject
from .keymap import Keymap
from .log.pages import CallableSource
from .notices import Ledger, NoticeLine
from .painting import paint_figures, paint_foot, paint_header, paint_output
from .reading import Figures, read_figures, read_shelf
from .rooms_model import healed
from .rows import Row
from .safe import SafeText
from .screen import ConsoleScreen
from .tabs import Tabs
from .turn_clock import TurnClock

PULSE = 64
"""Turns of a room whose latencies are kept for its sparkline."""
FIGURES_SECONDS = 1.0
"""The figures are read anew at most this often."""
PEEK_SECONDS = 0.06
"""How long the cursor rests on a room before its memory is read."""


class Desk:
    """State of the console, and what changes it."""

    def __init__(
        self,
        screen: ConsoleScreen,
        attachment: Attachment,
        calls: ServiceCalls,
        keymap: Keymap,
        clock: Callable[[], int],
    ) -> None:
        self.rooms = screen.browser.model
        self.tabs = Tabs()
        self.ledger = Ledger()
        self.keymap = keymap
        self.page = Page.INSPECT
        self.attachment = attachment
        self.clock = clock
        self.now = clock()
        self.figures = Figures()
        self.job_lines: Callable[[int], Sequence[Row]] = lambda _width: ()
        """Rows of the jobs that run, for a width."""
        self.retitle: Callable[[RoomView | None], None] = lambda _view: None
        self.hold_keys: Callable[[], None] = lambda: None
        self.release_keys: Callable[..., None] = lambda **_: None
        self._screen = screen
        self._service = attachment.service
        self._calls = calls
        self._pulses: dict[RoomId, deque[float]] = {}
        self._touched: set[RoomId] = set()
        self._fetching = False
        self._figures_timer_set = False
        self._settled = False
        """Whether the first frame is drawn: the shelf is not looked at before."""
        self.turn = TurnClock(screen, clock, self._look_again)

    @property
    def shown(self) -> RoomView | None:
        """The room in the output pane."""
        return self.rooms.view(self.tabs.shown) if self.tabs.shown is not None else None

    @property
    def offline(self) -> bool:
        """Whether what is shown is only what was known last."""
        return self.attachment.outage is not None

    def block_input(self) -> None:
        """Have the input box refuse what cannot be sent, or send again."""
        if self._screen.input_box is not None:
            words = "CONNECTION LOST" if self.offline else "READ-ONLY" if self.attachment.read_only else None
            self._screen.input_box.block(words)

    def resume_pending(self) -> None:
        """Let the inputs that an earlier owner left behind run, and have entities ready to start."""
        self._settled = True
        self._calls.run(self._service.resume_pending, lambda _: None, self.unread)
        self._read_shelf()

    def begin(self, rooms: list[RoomView] | None, then: Callable[[], None]) -> None:
        """Show the rooms that were read before the start, or read them now."""
        if rooms is None:
            self.load(then)
        else:
            self._loaded(then, rooms)
            self._read_figures()

    def load(self, then: Callable[[], None] = lambda: None) -> None:
        """Read all rooms anew and draw everything; `then` follows."""
        self._calls.run(self._service.rooms, partial(self._loaded, then), self.unread, lane=Lane.READ)
        self._read_figures()

    def take(self, events: Sequence[Event]) -> None:
        """Take drained events, in order."""
        self.now = self.clock()
        for event in events:
            self._take(event)
        self._screen.log_view.apply(events)
        self._fetch()
        self.paint()

    def note(self, text: SafeText, *, severity: str = "INFO", room_id: RoomId | None = None) -> None:
        """Tell the operator one line; it stays in the ledger."""
        self.ledger.add(NoticeLine(self.clock(), severity, room_id, text))
        self._screen.notice.show((chrome.notice_row(self.ledger.last),))
        paint_foot(self._screen, self)

    def say(self, words: str, *, severity: str = "INFO", room_id: RoomId | None = None) -> None:
        """`note` for our own words."""
        self.note(SafeText.ours(words), severity=severity, room_id=room_id)

    def greet(self, error: BackroomsError) -> None:
        """Put a problem of the start into the ledger; it is shown with the first notice."""
        text = SafeText.of("  ".join((f"ERROR: {error.code}", *error.details)))
        self.ledger.add(NoticeLine(self.clock(), "ERROR", None, text))

    def refused(self, error: BackroomsError) -> None:
        """Show a refusal in the seed's words, on one line."""
        self.note(SafeText.of("  ".join((f"ERROR: {error.code}", *error.details))), severity="ERROR")

    def unread(self, error: BackroomsError) -> None:
        """Something could not be read that nobody asked for; of a lost connection the banner tells."""
        if not isinstance(error, ConnectionLost):
            self.refused(error)

    def show(self, room_id: RoomId | None, *, focus: bool = False) -> None:
        """Put a room into the output pane, with the input box when it is entered; `focus` gives that the focus."""
        if room_id != self.tabs.shown:
            self.tabs.show(room_id)
            self.figures = Figures(self.figures.status, self.figures.facts)
            self._open_log()
            self._read_shelf()
        self._screen.call_later(self._show_input, focus=focus)
        self.paint()
        self.figures_soon()

    def _open_log(self) -> None:
        """Read the shown room's memory from its end."""
        room_id = self.tabs.shown
        source = None if room_id is None else CallableSource(partial(self._service.read, room_id))
        self._screen.log_view.open(room_id, source=source)

    async def _show_input(self, *, focus: bool) -> None:
        """Goes by what is true when the screen's loop comes to it: the box takes a moment to be built."""
        screen, view = self._screen, self.shown
        typing = screen.focus_kind() is Focus.INPUT
        box = await screen.want_input(wanted=self.tabs.entered)
        if box is not None and view is not None:
            box.show_room(view.record.id)
            box.set_queue(view.queue_depth)
            self.block_input()
            self.turn.show(view.running)
            if focus:
                screen.show_pane(Focus.INPUT)
        elif typing:
            screen.show_pane(Focus.ROOMS)
        if focus:
            self.release_keys(keep=True)
        self.paint()

    def peek(self) -> None:
        """Show the room under the cursor as soon as the cursor rests."""
        self._screen.browser.cursor_moved()
        self._screen.set_timer(PEEK_SECONDS, self.look, name="peek")

    def list_changed(self) -> None:
        """Draw the list anew after a sort, a filter or a mark."""
        self._screen.browser.redraw()
        paint_foot(self._screen, self)
        self.look()

    def turn_page(self) -> None:
        """Go from INSPECT to STATS to CONFIG to MEMORY."""
        self.page = self.page.following()
        self._read_figures()
        paint_figures(self._screen, self)

    def read_entry(self, timestamp: int, then: Callable[[MemoryEntry], None]) -> None:
        """Read one entry of the shown room, by its timestamp."""
        room_id = self.tabs.shown
        if room_id is None:
            return

        def found(page: list[MemoryEntry]) -> None:
            if page:
                then(page[-1])

        read = partial(self._service.read, room_id, before=timestamp + 1, limit=1)
        self._calls.run(read, found, self.refused, lane=Lane.READ)

    def subject(self) -> Subject | None:
        """What the figures speak of: the shown room."""
        view = self.shown
        return None if view is None else Subject(view, self.now, self.figures, self.recent(view.record.id))

    def paint(self) -> None:
        """Draw everything around the list and the log; panes write only the lines that differ."""
        paint_header(self._screen, self)
        paint_foot(self._screen, self)
        paint_output(self._screen, self)
        paint_figures(self._screen, self)
        self.paint_hints()
        self.retitle(self.shown)

    def log_moved(self) -> None:
        """The log's status is another one."""
        paint_output(self._screen, self)

    def others(self) -> tuple[Occupant, ...]:
        """Who else is in the shown room."""
        return tuple(one for one in self.figures.present if one.session != self.attachment.session)

    def recent(self, room_id: RoomId | None) -> tuple[float, ...]:
        """Seconds of a room's turns seen in this session, oldest first."""
        return tuple(self._pulses.get(room_id, ())) if room_id is not None else ()

    def paint_hints(self) -> None:
        screen = self._screen
        kind = screen.focus_kind()
        if kind is not None:
            leave = "DETACH" if self.attachment.remote else "LEAVE"
            busy = self.shown is not None and self.shown.running is not None
            screen.hints.draw(lambda size: (chrome.hints_row(size.width, kind, self.keymap, leave, busy=busy),))

    def resized(self) -> None:
        self._screen.browser.redraw()
        self.paint()

    def _take(self, event: Event) -> None:
        match event:
            case RoomChanged(room_id=room_id) | RoomCreated(room_id=room_id):
                self._touched.add(room_id)
            case RoomDestroyed(room_id=room_id):
                self._gone(room_id)
            case Notice(severity=severity, room_id=about, text=text):
                self.note(SafeText.of(text), severity=severity, room_id=about)
            case Lagged():
                self.load()
            case InputAccepted(room_id=room_id, queue_depth=depth):
                self._queued(room_id, depth)
            case TurnStarted(room_id=room_id, seq=seq, at=at, timeout=timeout):
                self._at_work(room_id, RunningTurn(seq, at, timeout))
            case TurnEnded(room_id=room_id, entries=entries, latency=latency, queue_depth=depth):
                self._pulses.setdefault(room_id, deque(maxlen=PULSE)).append(latency)
                self.tabs.count(room_id, len(entries))
                self._queued(room_id, depth)
                self._at_work(room_id, None)
            case EntriesAdded(room_id=room_id, entries=entries):
                self.tabs.count(room_id, len(entries))

    def _queued(self, room_id: RoomId, depth: int) -> None:
        if self._screen.input_box is not None and room_id == self.tabs.shown:
            self._screen.input_box.set_queue(depth)

    def _at_work(self, room_id: RoomId, turn: RunningTurn | None) -> None:
        self.rooms.at_work(room_id, turn)
        if self._fetching:
            self._touched.add(room_id)  # what is being read of it may be older
        if self._screen.input_box is not None and room_id == self.tabs.shown:
            self.turn.show(turn)

    def _loaded(self, then: Callable[[], None], views: list[RoomView]) -> None:
        self.now = self.clock()
        self.rooms.replace_all(views)
        for room_id in [tab.room_id for tab in self.tabs if self.rooms.view(tab.room_id) is None]:
            self._gone(room_id)
        self._screen.browser.loaded()
        if self.tabs.entered:
            self._screen.call_later(self._show_input, focus=False)  # its queue and turn may be others
        self.look()
        self.paint()
        then()

    def _fetch(self) -> None:
        """Read the rooms that changed; one read at a time, what changes meanwhile goes into the next."""
        if self._fetching or not self._touched:
            return
        self._fetching = True
        touched, self._touched = tuple(self._touched), set()
        self._calls.run(partial(self._views, touched), self._fetched, self._fetch_failed, lane=Lane.READ)

    def _views(self, room_ids: Iterable[RoomId]) -> list[RoomView]:
        """In a thread of the READ lane: rooms that are gone by now are passed over."""
        views = []
        for room_id in room_ids:
            try:
                views.append(self._service.room(room_id))
            except RoomNotFound:
                continue
        return views

    def _fetched(self, views: list[RoomView]) -> None:
        self._fetching = False
        rows, before = len(self.rooms.visible), self.shown
        for view in views:
            self.rooms.put(view)
        self.turn.learn(self.shown)
        if healed(before, self.shown):
            self._open_log()  # what was shown, or could not be, is not the memory the room has now
        if len(self.rooms.visible) != rows:
            self._screen.browser.redraw()
        else:
            self._screen.browser.changed(view.record.id for view in views)
        if self.tabs.shown is None:
            self.look()
        self.paint()
        if any(view.record.id == self.tabs.shown for view in views):
            self.figures_soon()
        self._fetch()

    def _look_again(self) -> None:
        """The shown room's entity is at work: whether it waits for a call is not told, but read."""
        self._touched.update(() if self.tabs.shown is None else (self.tabs.shown,))
        self._fetch()

    def _fetch_failed(self, error: BackroomsError) -> None:
        self._fetching = False
        self.unread(error)

    def _gone(self, room_id: RoomId) -> None:
        self.rooms.remove(room_id)
        self.tabs.close(room_id)
        self._pulses.pop(room_id, None)
        self._screen.forget_draft(room_id)
        if self.tabs.shown == room_id:
            self.show(None)
        self._screen.browser.redraw()
        self.look()

    def look(self) -> None:
        """The cursor rests: show its room, unless a tab is being worked in."""
        if self._screen.focus_kind() in (Focus.ROOMS, None) or self.tabs.shown is None:
            self.show(self.rooms.cursor)

    def figures_soon(self) -> None:
        """Read the figures anew within a second."""
        if not self._figures_timer_set:
            self._figures_timer_set = True
            self._screen.set_timer(FIGURES_SECONDS, self._read_figures, name="figures")

    def _read_figures(self) -> None:
        self._figures_timer_set = False
        work = partial(read_figures, self._service, self.tabs.shown, memory=self.page is Page.MEMORY)
        self._calls.run(work, partial(self._figures_read, self.tabs.shown), self.unread, lane=Lane.READ)
        self._read_shelf()

    def _figures_read(self, room_id: RoomId | None, read: Figures) -> None:
        if room_id != self.tabs.shown:
            read = changed(read, entries=self.figures.entries, present=self.figures.present)
        self.figures = changed(read, backups=self.figures.backups)
        reason = read.status.read_only_because if read.status is not None else None
        self._screen.show_banner((Row((("", SafeText.of(f" STORE READ-ONLY: {reason}")),)),) if reason else ())
        self.paint()

    def _read_shelf(self) -> None:
        room_id = self.tabs.shown
        if self._settled and room_id is not None:
            work = partial(read_shelf, self._service, room_id)
            self._calls.run(work, partial(self._shelf_read, room_id), self.unread, lane=Lane.READ)

    def _shelf_read(self, room_id: RoomId, backups: tuple[BackupInfo, ...] | None) -> None:
        if room_id == self.tabs.shown:
            self.figures = changed(self.figures, backups=backups)
            paint_figures(self._screen, self)
            paint_output(self._screen, self)
