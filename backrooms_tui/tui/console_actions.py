"""Actions and words that concern the console itself: help, colours, mouse, redrawing, interrupting, leaving."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from backrooms_tui.model.errors import UsageError

from .actions import Focus
from .command_line import Command
from .driver import ConsoleDriver
from .leaving import detach_dialog, leave_dialog

if TYPE_CHECKING:
    from .console_app import BackroomsApp

INTERRUPT_SECONDS = 1.0
"""A second ctrl+c within this time leaves."""


class ConsoleActions:
    """What the app does for the keys and words that are about no room."""

    def __init__(self, app: BackroomsApp) -> None:
        self._app = app
        self._interrupted_at = -INTERRUPT_SECONDS

    def actions(self) -> dict[str, Callable[[], None]]:
        """Handlers by action id."""
        return {
            "help.open": self._help,
            "ledger.open": self._ledger,
            "config.open": self._settings,
            "hints.toggle": self._toggle_hints,
            "screen.redraw": self._redraw,
            "console.stop": self._stop,
            "console.interrupt": self._interrupt,
            "console.leave": self._ask_to_leave,
            "console.leave-now": self._leave,
        }

    def words(self) -> dict[str, Callable[[Command], None]]:
        """Carriers-out of the command line's own words."""
        return {
            "theme": self._theme,
            "mouse": self._mouse,
            "help": lambda _command: self._help(),
            "ledger": lambda _command: self._ledger(),
            "config": lambda _command: self._settings(),
            "redraw": lambda _command: self._redraw(),
            "quit": lambda _command: self._ask_to_leave(),
        }

    def _help(self) -> None:
        from .dialogs.help import Help

        self._app.push_screen(Help(self._app.desk.keymap))

    def _ledger(self) -> None:
        self._app.handlers.ledger()

    def _settings(self) -> None:
        from .looking import show_settings

        show_settings(self._app.console_screen, self._app.desk, self._app.console_settings)

    def _toggle_hints(self) -> None:
        wanted = not self._app.console_view.hints
        self._app.console_view = replace(self._app.console_view, hints=wanted)
        self._app.console_screen.show_hints(wanted=wanted)

    def _redraw(self) -> None:
        self._app.refresh(layout=True)

    def _leave(self) -> None:
        self._app.exit(0)

    def _stop(self) -> None:
        """ctrl+z: back to the shell, unless that would make others wait for rooms that stand still."""
        if guests := self._app.attachment_guests():
            self._app.desk.say(f"{guests} OTHER SESSIONS USE THESE ROOMS. ctrl+z WOULD STOP THEM.", severity="WARN")
        else:
            self._app.action_suspend_process()

    def _ask_to_leave(self) -> None:
        desk, jobs = self._app.desk, self._app.open_jobs()
        if not self._app.attachment.remote:
            guests = self._app.attachment_guests()
            dialog = leave_dialog(desk.rooms.views(), desk.figures.status, jobs, guests=guests)
        elif jobs:
            dialog = detach_dialog(jobs)
        else:
            self._leave()
            return
        self._app.push_screen(dialog, lambda yes: self._leave() if yes else None)

    def _interrupt(self) -> None:
        """ctrl+c: drop the draft, interrupt the entity, copy the selection or cancel the newest job; a second one at
        once leaves, but never from the input.
        """
        now = time.monotonic()
        again, self._interrupted_at = now - self._interrupted_at < INTERRUPT_SECONDS, now
        screen, desk = self._app.console_screen, self._app.desk
        kind = screen.focus_kind()
        if kind is Focus.INPUT:
            if screen.input_box is not None and screen.input_box.discard():
                return
            if desk.shown is not None and desk.shown.running is not None:
                self._app.verbs.interrupt((desk.shown.record.id,))
            else:
                desk.say("esc LEAVES THE INPUT. ctrl+q LEAVES THE CONSOLE.")
        elif kind is Focus.OUTPUT and screen.log_view.status().selecting:
            screen.log_view.action_copy_line()
        elif again:
            self._leave()
        elif (job := self._app.cancel_newest_job()) is not None:
            desk.say(f"CANCELLING {job.verb}. ctrl+c AGAIN LEAVES.", severity="WARN", room_id=job.room_id)
        else:
            desk.say("ctrl+c AGAIN LEAVES. q " + ("DETACHES." if self._app.attachment.remote else "ASKS FIRST."))

    def _theme(self, command: Command) -> None:
        name = command.words[0] if command.words else ""
        if name not in self._app.palettes:
            raise UsageError(f"USAGE: theme {'|'.join(self._app.palettes)}")
        self._app.wear(name)
        self._app.console_view = replace(self._app.console_view, theme=name)

    def _mouse(self, command: Command) -> None:
        driver = self._app.console_driver
        if command.words not in (("on",), ("off",)) or not isinstance(driver, ConsoleDriver):
            raise UsageError("USAGE: mouse on|off")
        driver.set_mouse(on=command.words == ("on",))
        self._app.desk.say(f"MOUSE {command.words[0].upper()}")
