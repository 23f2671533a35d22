"""Which method an action id calls: the other half of the action table. A test holds the two halves together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.states import Verb, allowed

from .actions import Focus, menu_actions
from .chrome import notice_row
from .commands import Prompts
from .desk import Desk
from .figures import page_rows
from .rooms_model import ORDERS
from .rows import Row, ink, row
from .screen import FAR, ConsoleScreen
from .verbs import Verbs

if TYPE_CHECKING:
    from .long_verbs import LongVerbs

Handler = Callable[[], None]

_BY_STATE = {
    "room.suspend": Verb.SUSPEND,
    "room.resume": Verb.RESUME,
    "room.destroy": Verb.DESTROY,
    "room.recover": Verb.RECOVER,
}
"""Actions that the state of a room may not allow."""
_CHANGING = frozenset(
    {*_BY_STATE, *("room.create", "room.interrupt", "room.backup", "room.restore", "room.compact", "room.batch")}
)
"""Actions that a console does not offer that only looks."""
_OF_ROOMS = frozenset({*_BY_STATE, "room.interrupt", "room.export", "room.backup", "room.compact", "room.compare"})


class Handlers:
    """The console's own actions: moving, marking, menus, panes. Rooms' verbs are in `Verbs`."""

    def __init__(
        self, screen: ConsoleScreen, desk: Desk, verbs: Verbs, prompts: Prompts, long_verbs: Callable[[], LongVerbs]
    ) -> None:
        self._screen = screen
        self._desk = desk
        self._verbs = verbs
        self._prompts = prompts
        self._long = long_verbs
        self._table: dict[str, Handler] = {}
        self._moved = False
        """Whether the cursor moved last: its room is shown when it rests."""

    def table(self, console: Mapping[str, Handler]) -> dict[str, Handler]:
        """Give every action's handler; `console` has those that belong to the app."""
        screen, desk, verbs, prompts = self._screen, self._desk, self._verbs, self._prompts
        log = screen.log_view
        self._table = {
            "room.enter": lambda: verbs.enter(desk.rooms.cursor),
            "room.peek": verbs.pin,
            "room.create": verbs.create,
            "room.interrupt": self._interrupt,
            "room.suspend": lambda: verbs.suspend(self.targets()),
            "room.resume": lambda: verbs.resume(self.targets()),
            "room.leave": lambda: verbs.leave(desk.tabs.shown),
            "room.destroy": lambda: verbs.destroy(self.targets()),
            "room.export": lambda: self._long().export(self.targets()),
            "room.backup": lambda: self._long().backup(self.targets()),
            "room.restore": lambda: self._long().restore(),
            "room.recover": lambda: self._long().recover(self.targets()),
            "room.compact": lambda: self._long().compact(self.targets()),
            "room.compare": self._compare,
            "room.batch": lambda: self._long().batch(),
            "store.check": lambda: self._long().check(),
            "jobs.open": lambda: self._long().list_jobs(),
            "menu.actions": self.actions_menu,
            "rooms.filter": prompts.filter,
            "rooms.sort": self.sort_menu,
            "rooms.mark": self._mark,
            "rooms.mark-range": self._marking(desk.rooms.mark_range),
            "rooms.mark-visible": self._marking(desk.rooms.mark_visible),
            "rooms.clear-marks": self._marking(desk.rooms.clear_marks),
            "rooms.refresh": desk.load,
            "figures.next": self.figures,
            "output.detail": self.detail,
            "output.search": prompts.search,
            "output.next": log.action_search_next,
            "output.previous": log.action_search_prev,
            "output.only-matching": log.action_toggle_only_matching,
            "output.next-input": log.action_input_next,
            "output.previous-input": log.action_input_prev,
            "output.wrap": log.action_toggle_wrap,
            "output.times": log.action_cycle_timestamps,
            "output.select": log.action_toggle_select,
            "output.copy-line": log.action_copy_line,
            "output.copy-entry": log.action_copy_entry,
            "focus.next": partial(screen.next_pane, 1),
            "focus.previous": partial(screen.next_pane, -1),
            "tab.rooms": lambda: screen.show_pane(Focus.ROOMS),
            **{f"tab.{number}": partial(verbs.show_tab, number) for number in range(1, 10)},
            "back": self.back,
            "view.zoom": screen.zoom,
            "command.open": prompts.command,
            **console,
        }
        self._table = {action_id: partial(self._at_rest, handler) for action_id, handler in self._table.items()}
        self._table |= self._moves()
        return self._table

    def _at_rest(self, handler: Handler) -> None:
        """Do what a key asks for with the cursor's room in sight, however soon after a move it was pressed."""
        if self._moved:
            self._moved = False
            self._desk.look()
        handler()

    def targets(self) -> tuple[RoomId, ...]:
        """The rooms that a verb means: the marked ones, else the shown one while a pane of it has the focus."""
        shown = self._desk.tabs.shown
        if not self._desk.rooms.marks and shown is not None and self._screen.focus_kind() is not Focus.ROOMS:
            return (shown,)
        return self._desk.rooms.targets()

    def actions_menu(self) -> None:
        from .dialogs.menus import Choice, Menu

        targets = self.targets()
        choices = [
            Choice(action.menu, action.help, action.id, self._refusal(action.id, targets)) for action in menu_actions()
        ]
        title = row(ink("title", "ACTIONS"), ink("dim", f" {len(targets)} MARKED" if len(targets) > 1 else ""))
        self._screen.app.push_screen(Menu(title, choices), self._chosen)

    def sort_menu(self) -> None:
        from .dialogs.menus import Choice, Menu

        rooms = self._desk.rooms
        choices = [Choice(order.key, order.name, order.name) for order in ORDERS.values()]
        again = Choice("r", "the other way round", "")
        self._screen.app.push_screen(
            Menu(row(ink("title", f"SORT BY {rooms.order.name}")), [*choices, again]), self._sort
        )

    def figures(self) -> None:
        """Turn the page of the figures, or lay them over a screen that has no room for their pane."""
        if self._screen.figures_frame.display:
            self._screen.figures.shift(-FAR)
            self._desk.turn_page()
            return
        from .dialogs.overlay import Figures

        self._screen.app.push_screen(Figures(self._page, self._desk.turn_page))

    def detail(self) -> None:
        """Show the entry at the log's current line in full."""
        timestamp = self._screen.log_view.current_entry()
        if timestamp is not None:
            self._desk.read_entry(timestamp, self._show_entry)

    def ledger(self) -> None:
        from .dialogs.sheet import TextSheet

        lines = tuple(notice_row(line) for line in reversed(self._desk.ledger.lines()))
        self._screen.app.push_screen(
            TextSheet(row(ink("title", "LEDGER")), lines, row(ink("dim", "newest first   esc")))
        )

    def back(self) -> None:
        """Leave the innermost thing there is to leave."""
        screen, kind = self._screen, self._screen.focus_kind()
        if kind is Focus.INPUT:
            screen.show_pane(Focus.OUTPUT)
        elif kind is Focus.OUTPUT and screen.log_view.stop():
            return
        elif kind is Focus.ROOMS:
            self._prompts.clear_filter()
        else:
            screen.show_pane(Focus.ROOMS)

    def _interrupt(self) -> None:
        """In the list the marked rooms or the one under the cursor, everywhere else the shown one, marks or not."""
        shown = self._desk.tabs.shown
        if shown is None or self._screen.focus_kind() is Focus.ROOMS:
            self._verbs.interrupt(self.targets())
        else:
            self._verbs.interrupt((shown,))

    def _compare(self) -> None:
        from .looking import comparable, compare_rooms

        try:
            compare_rooms(self._screen, self._desk, comparable(self._desk, self.targets()))
        except BackroomsError as error:
            self._desk.refused(error)

    def _show_entry(self, entry: MemoryEntry) -> None:
        from .dialogs.overlay import entry_sheet

        self._screen.app.push_screen(entry_sheet(entry))

    def _page(self, width: int) -> tuple[Row, ...]:
        subject = self._desk.subject()
        heading = row(ink("title", self._desk.page.value))
        return (heading, row(), *page_rows(self._desk.page, subject, width)) if subject else (heading,)

    def _chosen(self, action_id: str | None) -> None:
        if action_id is not None:
            self._table[action_id]()

    def _refusal(self, action_id: str, targets: tuple[RoomId, ...]) -> str:
        if action_id in _OF_ROOMS and not targets:
            return "NO ROOM"
        if action_id in _CHANGING and self._desk.attachment.read_only:
            return "READ-ONLY"
        views = [view for room_id in targets if (view := self._desk.rooms.view(room_id)) is not None]
        if action_id == "room.interrupt":
            return "" if any(view.running is not None for view in views) else "NOTHING RUNS"
        verb = _BY_STATE.get(action_id)
        if verb is None or not views or any(allowed(view.record.state, verb) for view in views):
            return ""
        return f"IS {views[0].record.state}"

    def _sort(self, name: str | None) -> None:
        if name is None:
            return
        rooms = self._desk.rooms
        rooms.set_order(name or rooms.order.name, reverse=False if name else not rooms.reversed)
        self._desk.list_changed()
        self._desk.paint()

    def _mark(self) -> None:
        self._desk.rooms.toggle_mark()
        self._desk.rooms.move(1)
        self._desk.list_changed()

    def _marking(self, mark: Callable[[], None]) -> Handler:
        def handler() -> None:
            mark()
            self._desk.list_changed()

        return handler

    def _moves(self) -> dict[str, Handler]:
        """What the keys of moving do in the list, in the output and in the figures."""
        log, rooms, browser, figures = (
            self._screen.log_view,
            self._desk.rooms,
            self._screen.browser,
            self._screen.figures,
        )
        moves: dict[str, tuple[Callable[[], object], ...]] = {
            "up": (partial(rooms.move, -1), log.action_line_up, partial(figures.shift, -1)),
            "down": (partial(rooms.move, 1), log.action_line_down, partial(figures.shift, 1)),
            "page-up": (
                lambda: rooms.move(-browser.page),
                log.action_page_up,
                lambda: figures.shift(-figures.size.height),
            ),
            "page-down": (
                lambda: rooms.move(browser.page),
                log.action_page_down,
                lambda: figures.shift(figures.size.height),
            ),
            "top": (partial(rooms.go, 0), log.action_home, partial(figures.shift, -FAR)),
            "bottom": (partial(rooms.go, -1), log.action_end, partial(figures.shift, FAR)),
            "left": (_nothing, partial(log.action_scroll_sideways, -1), _nothing),
            "right": (_nothing, partial(log.action_scroll_sideways, 1), _nothing),
        }
        return {f"move.{name}": partial(self._move, *three) for name, three in moves.items()}

    def _move(
        self, in_rooms: Callable[[], object], in_log: Callable[[], object], in_figures: Callable[[], object]
    ) -> None:
        kind = self._screen.focus_kind()
        if kind is Focus.ROOMS:
            in_rooms()
            self._moved = True
            self._desk.peek()
        elif kind is Focus.OUTPUT:
            in_log()
        elif kind is Focus.FIGURES:
            in_figures()


def _nothing() -> None:
    """A key that means nothing here."""
