"""`BackroomsApp`: composes the console, routes keys and messages, and owns nothing else.

Every key press meets the keymap first, by what has the focus; what the keymap does not know goes on to the widget.
Textual's own bindings, command palette, animations and blinking cursors are off: an idle console writes nothing.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.message import Message
from textual.messages import ExitApp
from textual.theme import Theme

from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.views import RoomView
from backrooms_tui.service import RoomService

from .attachment import Attachment
from .calls import Outcome, ServiceCalls
from .commands import Prompts
from .console_actions import ConsoleActions
from .desk import Desk
from .driver import ConsoleDriver
from .feed import FLUSHES_PER_SECOND, Feed
from .handlers import Handlers
from .interruption import Interruption
from .key_router import KeyRouter
from .keymap import Keymap
from .log.view import LogView
from .outbox import Outbox
from .room_filter import parse_filter
from .rooms_model import RoomsModel
from .screen import ConsoleScreen
from .terminal import SAVE_TITLE, fitting_theme, title_sequence
from .themes import load_themes, stylesheets
from .verbs import Verbs
from .view_state import ViewState

if TYPE_CHECKING:
    from .input.box import InputBox
    from .jobs import Job
    from .long_verbs import LongVerbs

TRUECOLOUR = MappingProxyType({"TERM": "xterm-256color", "COLORTERM": "truecolor"})


OnFault = Callable[[Exception], BackroomsError]
"""Keeps an exception that is a bug of ours, and makes the refusal to be shown for it."""


def unwritten_fault(error: Exception) -> BackroomsError:
    """An `OnFault` that keeps nothing but the exception's name."""
    return BackroomsError(f"FAULT: {type(error).__name__}")


class FeedRang(Message):
    """The feed's buffer is no longer empty."""


class AttachmentChanged(Message):
    """The connection to the owner was lost, is tried again, or is there again."""


class CallEnded(Message):
    """A service call is over."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class BackroomsApp(App[int]):
    """The console over a service. `view` is what the last one looked like; `clock` gives nanoseconds."""

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None

    def __init__(
        self,
        service: RoomService | Attachment,
        *,
        operator: str = "operator@console",
        defaults: RoomConfig | None = None,
        keymap: Keymap | None = None,
        view: ViewState | None = None,
        drafts: Path | None = None,
        environ: Mapping[str, str] = TRUECOLOUR,
        clock: Callable[[], int] = time.time_ns,
        on_fault: OnFault = unwritten_fault,
        at_once: bool = False,
        settings: Settings | None = None,
        guests: Callable[[], int] = lambda: 0,
    ) -> None:
        """With `at_once` the rooms are read here and stand in the first frame, otherwise after it. `settings` are only
        shown. `guests` counts the sessions that lose their owner when this console is left.
        """
        self.attachment = attachment = service if isinstance(service, Attachment) else Attachment(service)
        self.attachment_guests = guests
        self.console_view = view or ViewState()
        palette = fitting_theme(environ, self.console_view.theme)
        self.palettes = load_themes()
        self._by_name = {theme.name: theme for theme in self.palettes.values()}
        super().__init__(
            css_path=list(stylesheets()),
            driver_class=ConsoleDriver,
            # Textual decides at this point, before a theme can be set, how NO_COLOR is obeyed.
            ansi_color=True if palette in ("ansi16", "mono") else None,
        )
        self._dress(palette)
        self.console_calls = ServiceCalls(lambda outcome: self._post(CallEnded(outcome)), on_fault)
        attachment.changed = lambda: self._post(AttachmentChanged())
        self.console_feed = Feed(attachment.subscribe(), lambda: self._post(FeedRang()))
        self._first_rooms = attachment.service.rooms() if at_once else None
        self.console_screen = screen = ConsoleScreen(RoomsModel(), lambda: self.desk.now, drafts)
        self.desk = Desk(screen, attachment, self.console_calls, keymap or Keymap.default(), clock)
        self.desk.retitle = self._retitle
        self.console_settings = settings or Settings()
        self._service, self._operator, self._clock = attachment.service, operator, clock
        self._defaults = defaults = defaults or RoomConfig()
        self._long_verbs: LongVerbs | None = None
        self.verbs = Verbs(screen, self.desk, self._service, self.console_calls, operator=operator, defaults=defaults)
        self.outbox = Outbox(
            screen, self.desk, self._service, self.console_calls, operator=operator, leave=self.verbs.leave
        )
        self.verbs.entered = self.outbox.look_up
        self.interruption = Interruption(
            attachment, screen, self.desk, self.verbs, self.outbox, self.console_calls, drafts
        )
        self._take_keys(defaults)
        self.fault: Exception | None = None
        """What ended the console, when it was a bug of ours."""
        self._flushed_at = 0.0
        self._flush_set = False
        self._title = ""

    def _take_keys(self, defaults: RoomConfig) -> None:
        """Lead every key to what it does."""
        screen, own = self.console_screen, ConsoleActions(self)
        prompts = Prompts(screen, self.desk, self.verbs, defaults=defaults, own=own.words(), long_verbs=self.long_verbs)
        self.handlers = Handlers(screen, self.desk, self.verbs, prompts, self.long_verbs)
        table = self.handlers.table({**own.actions(), **self.interruption.actions()})
        self.router = KeyRouter(screen, lambda: self.screen, self.desk.keymap, table)
        self.router.interrupts = self.interruption.takes
        self.desk.hold_keys, self.desk.release_keys = self.router.hold, self.router.release

    def _dress(self, palette: str) -> None:
        self.animation_level = "none"
        for theme in self.palettes.values():
            self.register_theme(theme)
        # Setting it the usual way would parse all stylesheets and lay the screen out once more after the start.
        self.set_reactive(App.theme, self.palettes[palette].name)
        self.stylesheet.set_variables(self.get_css_variables())

    @property
    def console_driver(self) -> Driver | None:
        """The running driver; None before and after."""
        return self._driver

    def long_verbs(self) -> LongVerbs:
        """The verbs that run as jobs; loaded when the first of them is asked for."""
        if self._long_verbs is None:
            from .long_verbs import LongVerbs

            self._long_verbs = LongVerbs(
                self.console_screen,
                self.desk,
                self._service,
                self.console_calls,
                self._clock,
                operator=self._operator,
                defaults=self._defaults,
            )
        return self._long_verbs

    def open_jobs(self) -> tuple[Job, ...]:
        """Jobs that have not ended, oldest first."""
        return self._long_verbs.jobs.open if self._long_verbs is not None else ()

    def cancel_newest_job(self) -> Job | None:
        """Cancel the job that was started last; None when none runs."""
        return self._long_verbs.jobs.cancel_newest() if self._long_verbs is not None else None

    def stop_jobs(self) -> None:
        """Cancel all jobs and wait for them a little; for after the loop, before the threads are stopped."""
        if self._long_verbs is not None:
            self._long_verbs.jobs.stop()

    def wear(self, palette: str) -> None:
        """Change the colours."""
        self.ansi_color = True if self.palettes[palette].ansi else None
        self.theme = self.palettes[palette].name

    def get_theme(self, theme_name: str) -> Theme | None:
        """Textual copies its table of themes for every line it draws (8 % of a frame); this is a look-up."""
        return self._by_name.get(theme_name) or super().get_theme(theme_name)

    def get_default_screen(self) -> ConsoleScreen:
        return self.console_screen

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit, 128 + number)
        # After fg the screen stays blank unless it is laid out anew.
        self.app_resume_signal.subscribe(self, lambda _app: self.call_later(self.refresh, layout=True))
        view = self.console_view
        self.desk.rooms.set_order(view.order, reverse=view.reversed)
        with suppress(UsageError):
            self.desk.rooms.set_filter(parse_filter(view.filter))
        if not view.hints:
            self.console_screen.show_hints(wanted=False)
        self.call_after_refresh(self._settle)
        self.console_feed.start()
        self.desk.begin(self._first_rooms, then=self._restore_tabs)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded and self.router.take(event):
            return
        await super().on_event(event)

    def on_feed_rang(self) -> None:
        """Flush at once when the last flush was long ago, else when it is due."""
        due = self._flushed_at + 1 / FLUSHES_PER_SECOND - time.monotonic()
        if due <= 0:
            self.flush_feed()
        elif not self._flush_set:
            self._flush_set = True
            self.set_timer(due, self.flush_feed, name="flush")

    def on_call_ended(self, message: CallEnded) -> None:
        message.outcome.tell()

    def on_attachment_changed(self) -> None:
        if self.is_running:
            self.interruption.changed()

    def on_console_screen_arranged(self) -> None:
        self.desk.resized()

    def on_console_screen_focus_moved(self) -> None:
        self.desk.paint_hints()

    def on_log_view_status_changed(self) -> None:
        self.desk.log_moved()

    def on_log_view_copied(self, message: LogView.Copied) -> None:
        self.desk.say(f"COPIED {message.size} B VIA OSC 52 (UNVERIFIED)")

    def on_input_box_submitted(self, message: InputBox.Submitted) -> None:
        self.outbox.submit(message)

    def terminal_lost(self) -> None:
        """Leave: the terminal takes nothing any more. Called in the driver's writer thread."""
        self._post(ExitApp())

    def stop_threads(self) -> None:
        """End the callers and the reader; for after the loop."""
        self.console_calls.stop()
        self.console_feed.stop()

    def last_view(self) -> ViewState:
        """What the next console should look like."""
        rooms, tabs = self.desk.rooms, self.desk.tabs
        return replace(
            self.console_view,
            tabs=tuple(tab.room_id for tab in tabs),
            cursor=rooms.cursor,
            filter=rooms.filter.text,
            order=rooms.order.name,
            reversed=rooms.reversed,
        )

    def _handle_exception(self, error: Exception) -> None:
        """The loop's boundary: leave with the terminal restored instead of printing a traceback on it."""
        self.fault = error
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self.exit(1)

    def flush_feed(self) -> None:
        self._flush_set = False
        self._flushed_at = time.monotonic()
        waiting = self.console_feed.drain()
        if waiting and self.is_running:
            self.desk.take(waiting)

    def _settle(self) -> None:
        """After the first frame: what would have delayed it."""
        gc.freeze()
        gc.enable()
        self.desk.resume_pending()

    def _restore_tabs(self) -> None:
        """Bring the last console's tabs back as peeks, once: entering them is the operator's to decide."""
        view, self.console_view = self.console_view, replace(self.console_view, tabs=(), cursor=None)
        for tab in view.tabs:
            known = self.desk.rooms.view(RoomId(tab))
            if known is not None:
                self.desk.tabs.open(known.record.id, entered=False)
        if view.cursor is not None:
            self.desk.rooms.go_to(RoomId(view.cursor))
            self.desk.list_changed()

    def _retitle(self, view: RoomView | None) -> None:
        title = title_sequence(view)
        if title != self._title and isinstance(self._driver, ConsoleDriver):
            self._driver.write(title if self._title else SAVE_TITLE + title)
            self._title = title

    def _post(self, message: Message) -> None:
        """Post from any thread; after the loop's end there is nobody to post to."""
        with suppress(RuntimeError):
            self.post_message(message)
