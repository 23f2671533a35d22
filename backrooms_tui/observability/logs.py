"""The log: lines are queued by whoever has something to say, and written by one thread.

A turn never waits for a log. A terminal that takes no output or a full disk costs lines, not rooms: when too many
wait, new ones are dropped, counted, and told of in the log itself when it takes lines again.

The standard library's `logging` is not used: 20 ms of every start, no TRACE, and handlers that write in the caller's
thread under a lock.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

from backrooms_tui.config.settings import LoggingSettings, RotationSettings
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.units import parse_size
from backrooms_tui.model.value import value

from .lines import Level, as_json, as_text, escaped
from .log_file import LogFile, Sink, Stderr

MAX_WAITING = 8_192
AT_ONCE = 256
"""Lines written together."""
CLOSING_SECONDS = 2.0
"""How long the last lines are waited for; a reader that has stopped reading must not keep the owner from ending."""
HIDDEN = "***"


@value
class LogPlan:
    """Where the lines go, which, and how they look."""

    level: Level = Level.INFO
    shape: str = "json"
    """`json` or `text`."""
    output: Path | None = None
    """None: stderr."""
    rotation: RotationSettings = RotationSettings()


def planned(settings: LoggingSettings) -> LogPlan:
    output = None if settings.output == "stderr" else Path(settings.output).expanduser()
    return LogPlan(Level[settings.level], settings.format, output, settings.rotation)


_Entry = tuple[int, Level, str, dict[str, object]]


class Log:
    """Thread-safe. `line` never blocks and never raises."""

    def __init__(self, plan: LogPlan) -> None:
        self.level = plan.level
        self.lost = 0
        """Lines that could not be written, so far."""
        self._untold = 0
        self._secrets: tuple[str, ...] = ()
        self._changed = threading.Condition()
        self._waiting: deque[_Entry | LogPlan] = deque([plan])
        self._closed = False
        self._shape = plan.shape
        self._sink: Sink = Stderr()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def line(self, level: Level, message: str, **fields: object) -> None:
        """Log one line, if lines of this level are logged. See `lines` for the names of fields."""
        if level > self.level:
            return
        entry = (time.time_ns(), level, message, fields)
        with self._changed:
            if self._closed or len(self._waiting) >= MAX_WAITING:
                self._lose(1)
                return
            self._waiting.append(entry)
            if len(self._waiting) == 1:
                self._changed.notify()

    def apply(self, plan: LogPlan) -> None:
        """From the next line on. The file is opened anew in any case: somebody may have moved it."""
        self.level = plan.level
        with self._changed:
            self._waiting.append(plan)
            self._changed.notify()

    def hide(self, secret: str | None) -> None:
        """Have `***` written wherever this text would be."""
        if secret:
            once = escaped(secret)
            self._secrets = (*self._secrets, secret, once, escaped(once))  # a list in text is escaped twice

    def close(self) -> None:
        """Write what waits, for a while. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(CLOSING_SECONDS)

    def _run(self) -> None:
        while batch := self._take():
            lines: list[bytes] = []
            for entry in batch:
                if isinstance(entry, LogPlan):
                    self._write(lines)
                    lines = []
                    self._open(entry)
                else:
                    lines.append(self._formed(entry))
            self._write(lines)
        self._sink.close()

    def _take(self) -> list[_Entry | LogPlan]:
        """What waits; nothing when the log is closed and all is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]

    def _formed(self, entry: _Entry) -> bytes:
        try:
            text = (as_json if self._shape == "json" else as_text)(*entry)
        except Exception as error:  # a field that nothing can be made of: the line is told of, the log goes on
            text = as_text(entry[0], Level.WARN, "log line without a form", {"kind": type(error).__name__})
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text.encode("ascii", "backslashreplace") + b"\n"

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        untold = self._untold
        if untold:
            lines = [*lines, self._formed((time.time_ns(), Level.WARN, "log lines lost", {"count": untold}))]
        try:
            self._sink.write(lines)
        except (BackroomsError, OSError, ValueError):
            self._lose(len(lines) - bool(untold))
        else:
            with self._changed:
                self._untold -= untold

    def _lose(self, count: int) -> None:
        with self._changed:
            self.lost += count
            self._untold += count

    def _open(self, plan: LogPlan) -> None:
        self._shape = plan.shape
        try:
            sink = _sink(plan)
        except (BackroomsError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else " ".join((error.code, *error.details))
            fields: dict[str, object] = {"path": str(plan.output), "reason": reason}
            self._write([self._formed((time.time_ns(), Level.ERROR, "log file cannot be opened", fields))])
            return
        self._sink.close()
        self._sink = sink


def _sink(plan: LogPlan) -> Sink:
    if plan.output is None:
        return Stderr()
    rotation = plan.rotation
    size = parse_size(rotation.max_size) if rotation.enabled else None
    return LogFile(plan.output, max_size=size, max_age=rotation.max_age, compress=rotation.compress)
