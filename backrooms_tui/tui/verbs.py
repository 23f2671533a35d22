"""What the operator does to rooms: each verb asks what must be asked, calls the service off the loop, says what came.

Several marked rooms get a plan first and one ledger line each; rooms whose state does not allow the verb are left
out of the plan by the same table that the service obeys. Every verb notes the `room.exe` command it equals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from backrooms_tui.model.errors import BackroomsError, ConnectionLost, RoomCorrupted
from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import Verb, allowed
from backrooms_tui.model.views import RoomView, TurnResult
from backrooms_tui.service import RoomService

from .actions import Focus
from .calls import ServiceCalls
from .command_line import Command, equivalent
from .desk import Desk
from .figures import state_run
from .rows import Row, ink, row
from .safe import SafeText
from .screen import ConsoleScreen


class Verbs:
    """The verbs of a console; used on its loop only."""

    def __init__(
        self,
        screen: ConsoleScreen,
        desk: Desk,
        service: RoomService,
        calls: ServiceCalls,
        *,
        operator: str,
        defaults: RoomConfig,
    ) -> None:
        self._screen = screen
        self._desk = desk
        self._service = service
        self._calls = calls
        self._operator = operator
        self._defaults = defaults
        self.entered: Callable[[RoomId], None] = lambda _room_id: None
        """Called when a room has been entered and its input box is there."""

    def enter(self, room_id: RoomId | None) -> None:
        """ENTER ROOM: the room gets a tab, the input box and the focus."""
        view = self._desk.rooms.view(room_id) if room_id else None
        if view is None:
            return
        tab = self._desk.tabs.get(view.record.id)
        if tab is not None and tab.entered:
            self._desk.hold_keys()
            self._entered(view)
        elif tab is None and self._desk.tabs.full:
            self._desk.say("NINE TABS ARE OPEN. LEAVE ONE FIRST.", severity="WARN")
        else:
            self._desk.hold_keys()
            self._calls.run(partial(self._service.enter, view.record.id), self._entered, self._not_entered)

    def pin(self) -> None:
        """PIN PEEK: keep the shown room in a tab without entering it; again: let it go."""
        tabs, view = self._desk.tabs, self._desk.shown
        if view is None:
            return
        tab = tabs.get(view.record.id)
        if tab is None and tabs.full:
            self._desk.say("NINE TABS ARE OPEN. LEAVE ONE FIRST.", severity="WARN")
            return
        if tab is None:
            tabs.open(view.record.id, entered=False)
        elif not tab.entered:
            tabs.close(view.record.id)
        self._desk.paint()

    def leave(self, room_id: RoomId | None) -> None:
        """LEAVE: close the room's tab. The room persists; without sessions it becomes IDLE."""
        tab = self._desk.tabs.close(room_id) if room_id else None
        if tab is None:
            self._desk.say("NO ROOM IS ENTERED HERE.")
            return
        if tab.entered:
            self._calls.run(partial(self._service.leave, tab.room_id), self._left, self._desk.refused)
        self._screen.show_pane(Focus.ROOMS)
        self._desk.show(self._desk.rooms.cursor)

    def show_tab(self, number: int) -> None:
        tab = self._desk.tabs.number(number)
        if tab is not None:
            self._desk.show(tab.room_id)
            self._screen.show_pane(Focus.OUTPUT)

    def create(self, config: RoomConfig | None = None) -> None:
        """CREATE ROOM, asking for its options when none are given."""
        from .dialogs.create import CreateRoom

        if config is None:
            self._screen.app.push_screen(CreateRoom(self._defaults), self._create)
        else:
            self._create(config)

    def interrupt(self, rooms: Sequence[RoomId]) -> None:
        """INTERRUPT the running inputs; what was said so far stays. Again: an entity that takes its time is killed."""
        for view in self._views(rooms):
            room_id = view.record.id
            self._note_command("interrupt", room_id)
            call = partial(self._service.interrupt, room_id, by=self._operator)
            self._calls.run(call, partial(self._interrupted, room_id), partial(self._refused_for, room_id))

    def _interrupted(self, room_id: RoomId, result: TurnResult) -> None:
        self._desk.say(f"INPUT {result.seq}: {result.outcome} AFTER {result.latency:.3f}s", room_id=room_id)

    def suspend(self, rooms: Sequence[RoomId]) -> None:
        self._each(rooms, Verb.SUSPEND, lambda room_id: self._service.suspend(room_id, by=self._operator))

    def resume(self, rooms: Sequence[RoomId]) -> None:
        self._each(rooms, Verb.RESUME, lambda room_id: self._service.resume(room_id, by=self._operator))

    def destroy(self, rooms: Sequence[RoomId]) -> None:
        """DESTROY, after a dialog that has to be armed."""
        from .dialogs.destroy import DestroyRoom, DestroyRooms

        views = self._views(rooms)
        app, desk = self._screen.app, self._desk
        if len(views) == 1:
            backups = desk.figures.backups if desk.tabs.shown == views[0].record.id else None
            dialog = DestroyRoom(views[0], desk.now, None if backups is None else len(backups))
            app.push_screen(dialog, lambda one: self._destroy((one,) if one else ()))
        elif views:
            plan = DestroyRooms(views, total=desk.rooms.total, now=desk.now)
            app.push_screen(plan, lambda several: self._destroy(several or ()))

    def enter_again(self) -> None:
        """The session is a new one: it enters what the lost one had entered."""
        for tab in self._desk.tabs:
            if tab.entered:
                shut_out = partial(self._shut_out, tab.room_id)
                self._calls.run(partial(self._service.enter, tab.room_id), self._desk.rooms.put, shut_out)

    def leave_all(self) -> int:
        """Count this session out of every entered room; gives how many. Called once, after the screen is gone."""
        left = 0
        for tab in self._desk.tabs:
            if tab.entered:
                try:
                    self._service.leave(tab.room_id)
                except BackroomsError:
                    continue
                left += 1
        return left

    def _entered(self, view: RoomView) -> None:
        room_id = view.record.id
        self._desk.rooms.put(view)
        self._desk.tabs.open(room_id, entered=True)
        self._desk.rooms.go_to(room_id)
        self._screen.browser.cursor_moved()
        self._note_command("enter", room_id)
        self._desk.show(room_id, focus=True)
        self._screen.call_later(self.entered, room_id)

    def _shut_out(self, room_id: RoomId, error: BackroomsError) -> None:
        tab = self._desk.tabs.get(room_id)
        if tab is not None and not isinstance(error, ConnectionLost):
            tab.entered = False
            self._refused_for(room_id, error)
            self._desk.show(self._desk.tabs.shown)

    def _not_entered(self, error: BackroomsError) -> None:
        self._desk.release_keys(keep=False)
        self._desk.refused(error)
        if isinstance(error, RoomCorrupted):
            self._screen.show_pane(Focus.OUTPUT)  # where it says what is wrong and what can be done

    def _left(self, view: RoomView) -> None:
        self._desk.rooms.put(view)
        self._desk.say(f"LEFT. ROOM STATE: {view.record.state}", room_id=view.record.id)
        self._desk.paint()

    def _create(self, config: RoomConfig | None) -> None:
        if config is not None:
            self._calls.run(partial(self._service.create, config), self._created, self._desk.refused)

    def _created(self, view: RoomView) -> None:
        self._desk.rooms.put(view)
        self._desk.rooms.go_to(view.record.id)
        self._screen.browser.redraw()
        self._desk.say("ROOM CREATED", room_id=view.record.id)
        if self._screen.focus_kind() is not None:  # a line that is being typed keeps its keys
            self._screen.show_pane(Focus.ROOMS)
        self._desk.show(view.record.id)

    def _each(self, rooms: Sequence[RoomId], verb: Verb, call: Callable[[RoomId], RoomView]) -> None:
        views = self._views(rooms)
        fit = [view.record.id for view in views if allowed(view.record.state, verb)]
        if len(views) > 1 and fit:
            self._ask(views, verb, lambda: self._run_each(fit, verb, call))
        else:
            # A single room goes to the service even when the table says no: its refusal is the one to show.
            self._run_each([view.record.id for view in views], verb, call)

    def _ask(self, views: Sequence[RoomView], verb: Verb, go: Callable[[], None]) -> None:
        from .dialogs.confirm import Confirm

        title = row(ink("title", f"{verb.upper()} {len(views)} ROOMS"))
        plan = tuple(_plan_row(view, verb) for view in views)
        dialog = Confirm(title, plan, key="y", verb=verb.upper())
        self._screen.app.push_screen(dialog, lambda yes: go() if yes else None)

    def _run_each(self, rooms: Sequence[RoomId], verb: Verb, call: Callable[[RoomId], RoomView]) -> None:
        for room_id in rooms:
            self._note_command(verb.value, room_id)
            done = partial(self._changed, verb)
            self._calls.run(partial(call, room_id), done, partial(self._refused_for, room_id))
        self._desk.rooms.clear_marks()
        self._desk.list_changed()

    def _changed(self, verb: Verb, view: RoomView) -> None:
        self._desk.rooms.put(view)
        self._screen.browser.changed((view.record.id,))
        self._desk.say(f"{verb.upper()}: {view.record.state}", room_id=view.record.id)
        self._desk.paint()

    def _destroy(self, rooms: Sequence[RoomId]) -> None:
        for room_id in rooms:
            self._note_command("destroy", room_id)
            gone = partial(self._destroyed, room_id)
            call = partial(self._service.destroy, room_id, confirm=room_id)
            self._calls.run(call, gone, partial(self._refused_for, room_id))

    def _destroyed(self, room_id: RoomId, _nothing: None) -> None:
        self._desk.say("ROOM TERMINATED", severity="WARN", room_id=room_id)

    def _refused_for(self, room_id: RoomId, error: BackroomsError) -> None:
        text = SafeText.of("  ".join((f"ERROR: {error.code}", *error.details)))
        self._desk.note(text, severity="ERROR", room_id=room_id)

    def _views(self, rooms: Sequence[RoomId]) -> list[RoomView]:
        return [view for room_id in rooms if (view := self._desk.rooms.view(room_id)) is not None]

    def _note_command(self, verb: str, room_id: RoomId) -> None:
        words = equivalent(Command(verb), room=f"{short(room_id)}...")
        self._desk.say(f"$ {words}", severity="VERB", room_id=room_id)


def _plan_row(view: RoomView, verb: Verb) -> Row:
    fits = allowed(view.record.state, verb)
    will = ink("", verb.upper()) if fits else ink("dim", "LEFT AS IT IS")
    return row(f"  {short(view.record.id)}  ", state_run(view, padded=11), will)
