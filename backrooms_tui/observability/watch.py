"""`Watch`: everything that watches one owner, from its start to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from backrooms_tui import __version__
from backrooms_tui.config.paths import state_directory
from backrooms_tui.config.settings import Settings, TracingSettings
from backrooms_tui.model.telemetry import Telemetry
from backrooms_tui.model.value import as_dict, changed
from backrooms_tui.model.views import ServiceStatus, StoreFacts

from .exposition import Family, counter, gauge, text
from .fan_out import FanOut
from .lines import Level
from .log_events import LogEvents
from .logs import Log, planned
from .metrics import Metrics, Watched
from .tracing import Tracing, start_tracing, without_credentials

QUIET = "ERROR"


class Service(Watched, Protocol):
    def store_facts(self) -> StoreFacts: ...


class Watch:
    """See the package. Thread-safe, but for `attach`, `reload` and `close`, which are the owner's own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.log = Log(planned(settings.logging))
        self.hide(settings.persistence.password)
        self._metrics = Metrics()
        self._log_events = LogEvents(self.log)
        self._tracing: Tracing | None = None
        self._service: Service | None = None
        self._connections: Callable[[], int] | None = None
        self._fan_out = FanOut()
        self._closing = threading.Lock()
        self.log.line(Level.INFO, "room.exe starting", version=__version__)
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
        self.log.line(Level.INFO, "persistence", backend=facts.backend, path=facts.path)
        self.log.line(Level.INFO, "loaded rooms", count=len(rooms))
        for warning in service.status().warnings:
            self.log.line(Level.WARN, warning)

    def render_metrics(self) -> bytes:
        """The page that Prometheus reads; empty before `attach`."""
        service = self._service
        return b"" if service is None else text(self._metrics.families(service, self._lost()))

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
        differences = (
            *_differences("logging", before.logging, settings.logging),
            *_differences("tracing", before.tracing, settings.tracing),
        )
        self.log.apply(planned(settings.logging))
        self.hide(settings.persistence.password)
        if before.tracing != settings.tracing:
            self._trace(settings.tracing)
        for difference in differences:
            self.log.line(Level.INFO, "configuration changed", setting=difference)
        return differences

    def close(self) -> None:
        """Write and send what waits, within seconds. Idempotent."""
        if not self._closing.acquire(blocking=False):
            return
        self._fan_out.watch(())
        if self._tracing is not None:
            self._tracing.close()
        self.log.line(Level.INFO, "room.exe stopped")
        self.log.close()

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


def _differences(section: str, before: object, after: object) -> tuple[str, ...]:
    found: list[str] = []
    for (name, old), new in zip(as_dict(before).items(), as_dict(after).values(), strict=True):
        if hasattr(old, "__values__"):
            found += _differences(f"{section}.{name}", old, new)
        elif old != new:
            shown = (without_credentials(str(held)) if name == "endpoint" else held for held in (old, new))
            found.append(f"{section}.{name}: {' -> '.join(map(str, shown))}")
    return tuple(found)


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
