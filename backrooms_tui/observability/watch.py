"""`Watch`: everything that watches one owner, from its start to its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from backrooms_tui import __version__
from backrooms_tui.config.differences import differences
from backrooms_tui.config.paths import state_directory
from backrooms_tui.config.settings import Settings, TracingSettings
from backrooms_tui.model.telemetry import Telemetry
from backrooms_tui.model.value import changed
from backrooms_tui.model.views import ServiceStatus, StoreFacts

from .exposition import Family, counter, gauge, text
from .fan_out import FanOut
from .lines import Level
from .log_events import LogEvents
from .logs import Log, planned
from .metrics import Metrics, Watched
from .tracing import Tracing, start_tracing

QUIET = "ERROR"
PAGE_SECONDS = 0.25
"""How old the metrics page may be: of 1,024 rooms it takes 10 ms, and whoever asks for it without end gets the same."""


class Service(Watched, Protocol):
    def store_facts(self) -> StoreFacts: ...


class Watch:
    """See the package. Thread-safe, but for `attach`, `reload` and `close`, which are the owner's own."""

    def __init__(self, settings: Settings, *, announced: bool = True) -> None:
        """`announced`: the log tells of the owner's own start, store and end."""
        self._settings = settings
        self._announced = announced
        self.log = Log(planned(settings.logging))
        self.hide(settings.persistence.password)
        self._metrics = Metrics()
        self._log_events = LogEvents(self.log)
        self._tracing: Tracing | None = None
        self._service: Service | None = None
        self._connections: Callable[[], int] | None = None
        self._page_lock = threading.Lock()
        self._page = (float("-inf"), b"")
        self._fan_out = FanOut()
        self._closing = threading.Lock()
        self._announce("room.exe starting", version=__version__)
        self._trace(settings.tracing)

    @property
    def telemetry(self) -> Telemetry:
        """For `open_service`; stays the same when settings change."""
        return self._fan_out

    def attach(self, service: Service, *, connections: Callable[[], int] | None = None) -> None:
        """Tell what was opened; metrics are of it from here on. `connections` counts clients at this moment."""
        self._service = service
        self._connections = connections
        facts, rooms = service.store_facts(), service.rooms()
        self._announce("persistence", backend=facts.backend, path=facts.path)
        self._announce("loaded rooms", count=len(rooms))
        for warning in service.status().warnings:
            self.log.line(Level.WARN, warning)

    def render_metrics(self, *, age: float = PAGE_SECONDS) -> bytes:
        """The page that Prometheus reads, at most `age` seconds old; empty before `attach`."""
        service = self._service
        if service is None:
            return b""
        with self._page_lock:
            if time.monotonic() - self._page[0] > age:
                self._page = time.monotonic(), text(self._metrics.families(service, self._lost()))
            return self._page[1]

    def status(self) -> ServiceStatus | None:
        """Of the service; None before `attach`."""
        return None if self._service is None else self._service.status()

    def hide(self, secret: str | None) -> None:
        """Have a password or token never be logged, wherever it may come from."""
        self.log.hide(secret)

    def reload(self, settings: Settings) -> tuple[str, ...]:
        """Take over what can change while rooms are at work; gives the dotted names of what has, with both values.

        The log file is opened anew in any case. Everything in `logging` and `tracing` can change.
        """
        before, self._settings = self._settings, settings
        found = tuple(
            told for name, told in differences(before, settings).items() if name.startswith(("logging.", "tracing."))
        )
        self.log.apply(planned(settings.logging))
        self.hide(settings.persistence.password)
        if before.tracing != settings.tracing:
            self._trace(settings.tracing)
        for difference in found:
            self.log.line(Level.INFO, "configuration changed", setting=difference)
        return found

    def close(self) -> None:
        """Write and send what waits, within seconds. Idempotent."""
        if not self._closing.acquire(blocking=False):
            return
        self._fan_out.watch(())
        if self._tracing is not None:
            self._tracing.close()
        self._announce("room.exe stopped")
        self.log.close()

    def _announce(self, message: str, **fields: object) -> None:
        if self._announced:
            self.log.line(Level.INFO, message, **fields)

    def _trace(self, settings: TracingSettings) -> None:
        if self._tracing is not None:
            self._fan_out.watch((self._log_events, self._metrics))
            self._tracing.close()
        self._tracing = start_tracing(settings, self.log)
        watching: tuple[Telemetry, ...] = (self._log_events, self._metrics)
        self._fan_out.watch(watching if self._tracing is None else (*watching, self._tracing))

    def _lost(self) -> list[Family]:
        lost = [
            counter("log_lines_lost_total", "Log lines that could not be written", self.log.lost),
            counter("telemetry_fault_total", "Mistakes of what watches the owner", self._fan_out.faults),
        ]
        if self._connections is not None:
            lost.append(gauge("daemon_connections", "Clients connected", self._connections()))
        if self._tracing is not None:
            lost.append(counter("trace_spans_lost_total", "Spans that were not exported", self._tracing.lost))
        return lost


def command_settings(settings: Settings, *, asked: bool, screen: bool) -> Settings:
    """The settings of a command's own watch. See `start_command`."""
    logging = settings.logging
    if logging.output == "stderr":
        if not asked:
            logging = changed(logging, level=QUIET)
        if screen:
            logging = changed(logging, output=str(state_directory() / "console.log"))
        if "logging.format" not in settings.sources:
            logging = changed(logging, format="text")
    return changed(settings, logging=logging)
