"""Spans of the owner's work, the seed's five: room creation, entity initialization, input processing, output
generation, persistence operations; and the calls that an entity makes of its host.

One trace is one input (or one room's creation, or one start of an entity that nobody's input asked for). It is put
together when the last of it is known and queued whole; a thread of its own makes OpenTelemetry's spans of it and sends
them. The queue is bounded, and what finds it full is lost and counted: a collector that is slow or gone costs spans,
never a turn. Entities' and people's words are in no span.

OpenTelemetry is loaded by that thread's exporter, and only when traces are wanted.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from backrooms_tui.config.settings import TracingSettings
from backrooms_tui.config.values import without_credentials
from backrooms_tui.entity.calls import CANCELLED, DENIED, EXHAUSTED
from backrooms_tui.model.entries import EntryType, MemoryEntry, Outcome
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.telemetry import Telemetry
from backrooms_tui.model.value import made, value
from backrooms_tui.model.views import TurnResult

from .lines import Level
from .log_events import said_bytes
from .logs import Log

CREATION = "room creation"
INITIALIZATION = "entity initialization"
PROCESSING = "input processing"
CALL = "entity call"
GENERATION = "output generation"
PERSISTENCE = "persistence operations"

MAX_WAITING = 4_096
"""Traces."""
MAX_UNFINISHED = 4_096
"""Inputs whose beginning is remembered until their turn has ended."""
AT_ONCE = 256
PERIOD = 1.0
"""Seconds that a trace may wait to be sent."""
CLOSING_SECONDS = 1.0
NOTICE_SECONDS = 60.0
"""Between two notices of a collector that takes nothing."""
OTLP_PORT = 4318
OTLP_PATH = "/v1/traces"


@value
class Span:
    """A piece of work with what it was made of. Times are monotonic nanoseconds."""

    name: str
    began: int
    ended: int
    attributes: Mapping[str, str | int | float | bool] = made(factory=dict)
    error: str | None = None
    parts: tuple[Span, ...] = ()


class Exporter(Protocol):
    def export(self, traces: Sequence[Span]) -> str | None:
        """Send traces that were sampled; gives why they could not be sent."""
        ...

    def close(self) -> None:
        """Give up what is being sent; from any thread."""
        ...


class Tracing(Telemetry):
    """Thread-safe; no hook blocks."""

    def __init__(self, make_exporter: Callable[[], Exporter], log: Log) -> None:
        """`make_exporter` is called in the thread that exports; it may take its time."""
        self._make_exporter = make_exporter
        self._log = log
        self._exporter: Exporter | None = None
        self._changed = threading.Condition()
        self._waiting: deque[Span] = deque()
        self._unfinished: OrderedDict[tuple[RoomId, int], list[Span]] = OrderedDict()
        self._closed = False
        self._told_at = float("-inf")
        self._failing = False
        self.lost = 0
        """Traces that were not sent, so far."""
        self._thread = threading.Thread(target=self._run, name="tracing", daemon=True)
        self._thread.start()

    def room_made(self, room_id: RoomId, began: int) -> None:
        now = time.monotonic_ns()
        self._put(Span(CREATION, began, now, {"room.id": room_id}, parts=(Span(PERSISTENCE, began, now),)))

    def entity_started(self, room_id: RoomId, waiting: QueuedInput | None, began: int, error: str | None) -> None:
        span = Span(INITIALIZATION, began, time.monotonic_ns(), {"room.id": room_id}, error)
        if waiting is None:
            self._put(span)
        else:
            self._remember(room_id, waiting.seq, span)

    def input_accepted(self, room_id: RoomId, entry: MemoryEntry, began: int, sealed: int) -> None:
        # What was done before it was sealed is the beginning of the processing: `_began` finds it there.
        attributes = {"entries": 1, "accepting_ns": sealed - began}
        self._remember(room_id, entry.seq, Span(PERSISTENCE, sealed, time.monotonic_ns(), attributes))

    def call_answered(self, room_id: RoomId, seq: int, name: str, outcome: str, tokens: int, began: int) -> None:
        if outcome in (DENIED, EXHAUSTED):  # nobody was asked, and an entity could fill the queue with them
            return
        attributes: dict[str, str | int | float | bool] = {
            "call.name": name,
            "call.tokens": tokens,
            "outcome": outcome,
        }
        failed = None if outcome in ("OK", "REPEATED", CANCELLED) else outcome
        self._remember(room_id, seq, Span(CALL, began, time.monotonic_ns(), attributes, failed))

    def turn_written(
        self, room_id: RoomId, of: QueuedInput, text: str, result: TurnResult, started: int, ended: int
    ) -> None:
        now = time.monotonic_ns()
        failed = result.outcome not in (Outcome.OUTPUT, Outcome.SILENT, Outcome.INTERRUPTED)
        error = result.outcome if failed else None
        said = {
            "output.lines": sum(entry.type is EntryType.OUTPUT for entry in result.entries),
            "output.bytes": said_bytes(result.entries),
        }
        with self._changed:
            before = self._unfinished.pop((room_id, of.seq), [])
        attributes: dict[str, str | int | float | bool] = {
            "room.id": room_id,
            "input.seq": of.seq,
            "input.bytes": len(text.encode()),
            "input.attempt": of.attempt,
            "outcome": result.outcome,
        }
        parts = (
            *before,
            Span(GENERATION, started, ended, said, error),
            Span(PERSISTENCE, ended, now, {"entries": len(result.entries)}),
        )
        self._put(Span(PROCESSING, _began(before, started), now, attributes, error, parts))

    def close(self) -> None:
        """Send what waits, for a while. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(CLOSING_SECONDS)
        exporter = self._exporter
        if self._thread.is_alive() and exporter is not None:
            exporter.close()
            self._thread.join(CLOSING_SECONDS)

    def _remember(self, room_id: RoomId, seq: int, span: Span) -> None:
        with self._changed:
            self._unfinished.setdefault((room_id, seq), []).append(span)
            while len(self._unfinished) > MAX_UNFINISHED:
                self._unfinished.popitem(last=False)

    def _put(self, trace: Span) -> None:
        with self._changed:
            if self._closed or len(self._waiting) >= MAX_WAITING:
                self.lost += 1
                return
            self._waiting.append(trace)
            if len(self._waiting) == AT_ONCE:
                self._changed.notify()

    def _run(self) -> None:
        try:
            exporter = self._exporter = self._make_exporter()
        except ImportError:
            self._log.line(Level.ERROR, "tracing is off", needs="backrooms-terminal[otel]")
            self._give_up()
            return
        while traces := self._take():
            self._send(exporter, traces)
        exporter.close()

    def _take(self) -> list[Span]:
        """What is to be sent now; nothing when all is sent and no more will come."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or len(self._waiting) >= AT_ONCE, PERIOD)
                if self._waiting or self._closed:
                    return [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]

    def _give_up(self) -> None:
        with self._changed:
            self._closed = True
            self.lost += len(self._waiting)
            self._waiting.clear()

    def _send(self, exporter: Exporter, traces: list[Span]) -> None:
        reason = exporter.export(traces)
        if reason is None:
            if self._failing:
                self._failing = False
                self._log.line(Level.INFO, "tracing collector takes spans again")
            return
        with self._changed:
            self.lost += len(traces)
        self._failing = True
        if time.monotonic() - self._told_at >= NOTICE_SECONDS:
            self._told_at = time.monotonic()
            self._log.line(Level.WARN, "tracing collector takes no spans", reason=reason, lost=self.lost)


def _began(before: Sequence[Span], started: int) -> int:
    """When the processing of an input began: with its acceptance, if this owner accepted it."""
    accepted = [s.began - int(s.attributes["accepting_ns"]) for s in before if "accepting_ns" in s.attributes]
    return min([started, *accepted])


def start_tracing(settings: TracingSettings, log: Log) -> Tracing | None:
    """Tracing as the settings want it; None when they do not."""
    if not settings.enabled:
        return None
    endpoint = collector(settings)
    log.hide(_credentials(settings.endpoint))
    if settings.exporter == "jaeger":
        shown = str(without_credentials(endpoint))
        log.line(Level.INFO, "tracing speaks OTLP: Jaeger has retired its own protocol", endpoint=shown)

    def make() -> Exporter:
        from .otlp import OtlpExporter

        return OtlpExporter(endpoint, settings.service_name, settings.sample_rate)

    return Tracing(make, log)


def collector(settings: TracingSettings) -> str:
    """Where spans are sent. `jaeger`, and `otlp` with the endpoint left at Jaeger's: the OTLP port of that host."""
    parts = urlsplit(settings.endpoint)
    if settings.exporter == "jaeger" or settings.endpoint == TracingSettings().endpoint:
        host = parts.hostname or "localhost"
        login = _credentials(settings.endpoint)
        place = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{login + '@' if login else ''}{place}:{OTLP_PORT}{OTLP_PATH}"
    return settings.endpoint if parts.path not in ("", "/") else urlunsplit(parts._replace(path=OTLP_PATH))


def _credentials(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[0]
