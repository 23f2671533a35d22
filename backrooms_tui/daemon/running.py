"""An owner as a daemon: it stays until it is told to end, and what it is told comes as signals.

    status = run(settings, reload=load, ready=tell, on_fault=...)

The main thread starts everything, then waits for signals, gives the service manager its signs of life, and ends
everything again: rooms last of all, so that whatever was acknowledged is durable, and the log after them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from backrooms_tui import observability
from backrooms_tui.config.differences import differences
from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.value import changed
from backrooms_tui.observability.lines import Level
from backrooms_tui.observability.watch import Watch

from . import http
from .compressing import Compressing
from .discovery import directory
from .dump import dump_lines, tell
from .http_server import HttpServer
from .joining import joined_or_owned
from .listening import is_loopback, parse_bind, require_token
from .notify import Notifier, listen_fds
from .owning import Owned, own
from .reloading import LIVE, OF_CLIENTS, WATCHED, in_force
from .signals import Signals

INTERRUPTED = 130
SETTLE_SECONDS = 7.0
"""At SIGTERM: for the inputs that entities work on. All in all an end is to take ten seconds at the most."""
ANSWER_SECONDS = 0.5
"""For answers that are on their way to clients."""
LOOK_UP_SECONDS = 0.05
SIGN_SECONDS = 2.0
"""How long the committer may take to show that it lives."""


def run(
    settings: Settings,
    *,
    reload: Callable[[], Settings],
    ready: Callable[[Owned], None],
    persist: bool = True,
    on_fault: Callable[[BaseException], None],
) -> int:
    """Own the configured store and serve it until a signal ends it; gives the exit status.

    `ready` is called when clients may come. `reload` gives the settings anew at SIGHUP. Raises what `own` does, and
    what opening the metrics page can.
    """
    with Signals() as signals:
        watch = observability.start(settings)
        try:
            return Daemon(settings, watch, signals, reload=reload, persist=persist, on_fault=on_fault).run(ready)
        except BackroomsError as error:
            watch.log.line(Level.ERROR, "not started", reason=_in_one_line(error))
            raise
        finally:
            watch.close()


class Daemon:
    """See the module. Belongs to the main thread."""

    def __init__(
        self,
        settings: Settings,
        watch: Watch,
        signals: Signals,
        *,
        reload: Callable[[], Settings],
        persist: bool,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._log = watch.log
        self._signals = signals
        self._load = reload
        self._persist = persist
        self._on_fault = on_fault
        self._notifier = Notifier()
        self._page: HttpServer | None = None
        self._next_sign = 0.0

    def run(self, ready: Callable[[Owned], None]) -> int:
        self._owned = self._own()
        self._server, self._service = self._owned.server, self._owned.service
        self._compressing = Compressing(self._service, self._log, self._on_fault)
        self._acts = {
            signal.SIGHUP: self._reload,
            signal.SIGUSR1: self._dump,
            signal.SIGUSR2: self._compressing.start,
        }
        graceful = False
        try:
            self._watch.hide(self._server.token)
            self._watch.attach(self._service, connections=lambda: self._server.connections)
            self._server.http = self._answer
            self._page = self._open_page(self._settings)
            self._service.resume_pending()
            ready(self._owned)
            self._log.line(Level.INFO, "ready", bind=self._server.address)
            self._notifier.ready(f"READY {self._server.address or ''}")
            graceful = self._attend()
        finally:
            self._end(graceful=graceful)
        return 0 if graceful else INTERRUPTED

    # Start.

    def _own(self) -> Owned:
        """Raises StoreBusy when who owns the store stays there."""
        given = [one.fd for one in listen_fds()]

        def now() -> Owned:
            return own(
                self._settings,
                persist=self._persist,
                bind=self._settings.daemon.bind,
                descriptors=given,
                on_fault=self._on_fault,
                telemetry=self._watch.telemetry,
            )

        # Sockets that were handed over are closed with the first try; the manager brings them again.
        return now() if given else joined_or_owned(lambda: None, now)

    def _answer(self, head: bytes) -> bytes:
        """What HTTP gets on the control port."""
        bind = self._server.address
        loopback = bind is None or is_loopback(parse_bind(bind)[0])
        return http.answer(head, self._site(self._settings, loopback=loopback))

    def _site(self, settings: Settings, *, loopback: bool) -> http.Site:
        return http.Site(self._watch.render_metrics, self._service.status, settings.metrics.path, loopback)

    def _open_page(self, settings: Settings) -> HttpServer | None:
        """The page on `metrics.bind`. Raises BackroomsError."""
        if not settings.metrics.enabled:
            return None
        return HttpServer(settings.metrics.bind, lambda loopback: self._site(settings, loopback=loopback))

    def _close_page(self) -> None:
        if self._page is not None:
            self._page.close()
            self._page = None

    # The main loop.

    def _attend(self) -> bool:
        """Until a signal ends it; gives whether there is time to end well."""
        while True:
            came = self._signals.wait(self._patience())
            if came & {signal.SIGINT, signal.SIGTERM}:
                return signal.SIGINT not in came
            for number, act in self._acts.items():
                if number in came:
                    self._survive(act)
            self._give_sign()

    def _survive(self, act: Callable[[], None]) -> None:
        """Nothing that an operator asks for in passing is to be the end of the owner."""
        try:
            act()
        except Exception as error:
            self._on_fault(error)

    def _dump(self) -> None:
        if not tell(dump_lines(self._service, connections=self._server.connections)):
            self._log.line(Level.WARN, "state dump not written", reason="stderr takes nothing")

    def _patience(self) -> float | None:
        return None if self._notifier.watchdog_interval is None else self._next_sign - time.monotonic()

    def _give_sign(self) -> None:
        """Tell the service manager that we live, if it is time and we do: an owner whose writer hangs is none."""
        interval, now = self._notifier.watchdog_interval, time.monotonic()
        if interval is None or now < self._next_sign:
            return
        self._next_sign = now + interval
        if self._service.responds(min(SIGN_SECONDS, interval)):
            self._notifier.watchdog()
        else:
            self._log.line(Level.ERROR, "the store's writer does not respond")

    # Reload.

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            told = self._reloaded()
        except BackroomsError as error:
            told = "CONFIGURATION KEPT"
            self._log.line(Level.ERROR, "configuration kept", reason=_in_one_line(error))
        self._notifier.ready(told)

    def _reloaded(self) -> str:
        """Take over what can be, say what cannot. Raises BackroomsError: then everything is as it was."""
        loaded = self._load()
        before, after = self._settings, in_force(self._settings, loaded)
        token = self._server.token
        if token is not None and self._server.address is not None:
            token = require_token(after.daemon, directory(before), self._server.address)
        self._move_page(before, after)
        self._settings = after
        self._server.token = token
        self._watch.hide(token)
        self._server.bounds = changed(
            self._server.bounds,
            max_connections=after.daemon.max_connections,
            idle_seconds=after.daemon.connection_timeout,
        )
        restart = []
        for name, difference in differences(before, loaded).items():
            if name in LIVE or name in OF_CLIENTS:
                self._log.line(Level.INFO, "configuration changed", setting=difference)
            elif not name.startswith(WATCHED):
                restart.append(name)
                self._log.line(Level.WARN, "configuration needs a restart", setting=difference)
        self._watch.reload(after)
        self._log.line(Level.INFO, "configuration reloaded", restart=len(restart))
        return f"RESTART NEEDED FOR {', '.join(restart)}" if restart else "CONFIGURATION RELOADED"

    def _move_page(self, before: Settings, after: Settings) -> None:
        """Have the metrics page where it is to be from now on. Raises BackroomsError."""
        if before.metrics == after.metrics:
            return
        if before.metrics.bind == after.metrics.bind:
            self._close_page()  # an address is to be had once
        fresh = self._open_page(after)
        self._close_page()
        self._page = fresh

    # End.

    def _end(self, *, graceful: bool) -> None:
        self._notifier.stopping("ENDING")
        self._log.line(Level.INFO, "stopping", graceful=graceful)
        self._compressing.stop()
        if graceful:
            graceful = self._settle()
        self._owned.close(ANSWER_SECONDS if graceful else 0.0)
        self._close_page()

    def _settle(self) -> bool:
        """Let the inputs that are worked on come to their end; False when somebody is in a hurry."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and not self._service.settle(LOOK_UP_SECONDS):
            if signal.SIGINT in self._signals.wait(0):
                return False
        return True


def _in_one_line(error: BackroomsError) -> str:
    return " ".join((error.code, *error.details))
