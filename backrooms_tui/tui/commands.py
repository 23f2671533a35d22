"""The prompt's three uses: `:` commands, the filter of the list, the search in the output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.ids import RoomId, resolve, short
from backrooms_tui.model.room import RoomConfig

from .actions import Focus
from .command_line import Command, complete, equivalent, parse_command, room_config
from .desk import Desk
from .figures import Page
from .room_filter import RoomFilter, parse_filter
from .rooms_model import ORDERS
from .rows import EMPTY, Row, foreign, ink, row
from .screen import ConsoleScreen
from .verbs import Verbs
from .widgets.prompt import Question

if TYPE_CHECKING:
    from .long_verbs import LongVerbs


class Prompts:
    """Asks at the bottom line and carries out what is typed there."""

    def __init__(
        self,
        screen: ConsoleScreen,
        desk: Desk,
        verbs: Verbs,
        *,
        defaults: RoomConfig,
        own: Mapping[str, Callable[[Command], None]],
        long_verbs: Callable[[], LongVerbs],
    ) -> None:
        """`own` carries out the words that belong to the console alone: theme, mouse, help, ledger, redraw, quit."""
        self._screen = screen
        self._desk = desk
        self._verbs = verbs
        self._defaults = defaults
        self._own = own
        self._long = long_verbs
        self._back = Focus.ROOMS

    def command(self) -> None:
        """Open the `:` line; what it equals in a shell stands above it while it is typed."""
        self._open(Question(":", self._show_equivalent, self._run, self._close, complete))
        self._show_equivalent("")

    def filter(self) -> None:
        """Open the filter; the list narrows while it is typed."""
        before = self._desk.rooms.filter
        cancelled = partial(self._restore_filter, before)
        self._open(Question("/", self._try_filter, self._filter, cancelled), before.text)

    def search(self) -> None:
        self._open(Question("/", lambda _text: None, self._search, self._close))

    def clear_filter(self) -> bool:
        """Show all rooms again; False when nothing was filtered."""
        if not self._desk.rooms.filter:
            return False
        self._set_filter(RoomFilter())
        return True

    def _open(self, question: Question, text: str = "") -> None:
        self._back = self._screen.focus_kind() or Focus.ROOMS
        self._screen.notice.display = False
        self._screen.prompt.ask(question, text)

    def _close(self) -> None:
        self._screen.notice.display = True
        self._screen.show_pane(self._back)
        self._desk.paint_hints()

    def _show_equivalent(self, text: str) -> None:
        self._screen.hints.show((_equivalent_row(text, self._desk),))

    def _run(self, text: str) -> bool:
        if not text.strip():
            self._close()
            return True
        try:
            command = parse_command(text)
            self._close()
            self._carry_out(command)
        except BackroomsError as error:
            self._desk.refused(error)
            self._screen.hints.show((row(foreign("error", f" {error.details[0] if error.details else error.code}")),))
            return False
        return True

    def _carry_out(self, command: Command) -> None:
        """Raises BackroomsError when the room it names is not one."""
        verb, targets = command.verb, self._targets(command)
        if verb in self._own:
            self._own[verb](command)
        elif verb == "create":
            self._verbs.create(room_config(command, self._defaults))
        elif verb == "list":
            self._list(command)
        elif verb in ("filter", "search"):
            (self._filter if verb == "filter" else self._search)(" ".join(command.words))
        elif verb in ("inspect", "stats"):
            self._desk.page = Page(verb.upper())
            self._desk.show(targets[0] if targets else None)
        elif verb in ("enter", "leave"):
            (self._verbs.enter if verb == "enter" else self._verbs.leave)(targets[0] if targets else None)
        elif verb in _SHORT:
            _SHORT[verb](self._verbs, targets)
        elif verb == "compare":
            self._compare(command)
        else:
            _carry_out_long(self._long(), command, targets)

    def _compare(self, command: Command) -> None:
        from .looking import comparable, compare_rooms

        ids = [view.record.id for view in self._desk.rooms.views()]
        named = tuple(resolve(word, ids) for word in command.words)
        rooms = self._desk.rooms
        compare_rooms(self._screen, self._desk, named or comparable(self._desk, rooms.targets()))

    def _targets(self, command: Command) -> tuple[RoomId, ...]:
        rooms = self._desk.rooms
        if command.room is not None:
            return (resolve(command.room, (view.record.id for view in rooms.views())),)
        if command.verb in ("leave", "inspect", "stats", "interrupt") and self._desk.tabs.shown is not None:
            return (self._desk.tabs.shown,)
        return rooms.targets()

    def _list(self, command: Command) -> None:
        order = command.options.get("sort")
        if order is not None and order not in ORDERS:
            raise UsageError(f"--sort: {order[:20]!r} is not one of {' '.join(ORDERS)}.")
        if order is not None:
            self._desk.rooms.set_order(order)
        state = command.options.get("state")
        self._set_filter(parse_filter(f"state:{state}") if state else self._desk.rooms.filter)

    def _try_filter(self, text: str) -> None:
        try:
            self._set_filter(parse_filter(text))
        except UsageError as error:
            self._screen.hints.show((row(foreign("warn", f" {error.details[0]}")),))
        else:
            self._desk.paint_hints()

    def _filter(self, text: str) -> bool:
        try:
            self._set_filter(parse_filter(text))
        except UsageError:
            return False
        self._close()
        return True

    def _restore_filter(self, before: RoomFilter) -> None:
        self._set_filter(before)
        self._close()

    def _set_filter(self, room_filter: RoomFilter) -> None:
        self._desk.rooms.set_filter(room_filter)
        self._desk.list_changed()

    def _search(self, text: str) -> bool:
        try:
            self._screen.log_view.search(text)
        except BackroomsError as error:
            self._desk.refused(error)
            return False
        self._close()
        return True


_SHORT: Mapping[str, Callable[[Verbs, Sequence[RoomId]], None]] = {
    "interrupt": Verbs.interrupt,
    "suspend": Verbs.suspend,
    "resume": Verbs.resume,
    "destroy": Verbs.destroy,
}


def _carry_out_long(verbs: LongVerbs, command: Command, targets: Sequence[RoomId]) -> None:
    """Raises UsageError."""
    path = command.words[0] if command.words else None
    match command.verb:
        case "export":
            verbs.export_as(targets, command.options)
        case "backup":
            verbs.backup_as(targets, command.options)
        case "restore":
            verbs.restore(path)
        case "batch":
            verbs.batch(path)
        case "recover":
            verbs.recover(targets)
        case "compact":
            verbs.compact(targets)
        case "check":
            verbs.check()
        case _:
            verbs.list_jobs()


def _equivalent_row(text: str, desk: Desk) -> Row:
    if not text.strip():
        return row(
            ink(
                "dim",
                " create enter interrupt suspend resume export backup restore recover compare batch help quit",
            )
        )
    try:
        command = parse_command(text)
    except BackroomsError as error:
        return row(foreign("dim", f" {error.details[-1] if error.details else error.code}"))
    cursor = desk.rooms.cursor
    shell = equivalent(command, room=f"{short(cursor)}..." if cursor else None)
    return row(ink("dim", " $ "), foreign("", shell)) if shell else EMPTY
