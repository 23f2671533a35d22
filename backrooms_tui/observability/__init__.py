"""Watching an owner: logs, metrics, traces.

    watch = observability.start(settings)                       # before the store is opened
    service = open_service(settings, telemetry=watch.telemetry)
    watch.attach(service)                                       # metrics can be read from here on
    watch.log.line(Level.INFO, "listening", bind="127.0.0.1:9000")
    watch.hide(token)                                           # never in a log
    site = http.Site(watch.render_metrics, watch.status, settings.metrics.path)     # `daemon.http`
    own(..., http=lambda head: http.answer(head, site))         # on the control port
    server = HttpServer(settings.metrics.bind, lambda loopback: changed(site, loopback=loopback))
    changed = watch.reload(settings)                            # dotted names that are in force now
    watch.close()                                               # after the service

Nothing is loaded here: commands that are not watched do not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backrooms_tui.config.settings import Settings

    from .watch import Watch


def start(settings: Settings) -> Watch:
    """Watch a long-lived owner, as its settings say."""
    from .watch import Watch

    return Watch(settings)


def start_command(settings: Settings, *, verbose: bool, screen: bool = False, persist: bool = True) -> Watch | None:
    """Watch a command that owns the store for its own time; None when nobody asked for it.

    Sessions are quiet: settings in files are the daemon's, unless they name a log file. For one run `--verbose` or
    `ROOM_LOGGING_LEVEL` asks for lines on stderr; for a console (`screen`), whose screen that would be, in a file.
    Traces are exported whoever the owner is. Without `persist` the start and the end are not told of, as in the seed's
    Local Development.
    """
    logging = settings.logging
    asked = verbose or settings.sources.get("logging.level", "").startswith("ROOM_")
    if not (asked or logging.output != "stderr" or settings.tracing.enabled):
        return None
    from .watch import Watch, command_settings

    return Watch(command_settings(settings, asked=asked, screen=screen), announced=persist)
