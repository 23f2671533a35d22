"""Counters of what the owner does, and the page that Prometheus reads: the seed's families first, in its words.

Gauges are read from the service when the page is asked for; counters begin with the owner, as counters do.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from backrooms_tui.broker.failures import FAILED, GARBAGE, TIMEOUT
from backrooms_tui.entity.calls import CANCELLED, DENIED, EXHAUSTED
from backrooms_tui.model.entries import Outcome
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.telemetry import Telemetry
from backrooms_tui.model.units import NS
from backrooms_tui.model.views import RoomView, ServiceStatus, TurnResult

from .clock import seconds_since
from .exposition import Family, Histogram, counter, gauge, labelled
from .process_figures import process_families

LATENCY_BOUNDS = (0.1, 0.5, 1.0, 5.0)
"""Exactly the seed's."""
COMMIT_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
START_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CALL_BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
OUTCOMES = (
    Outcome.OUTPUT,
    Outcome.SILENT,
    Outcome.TIMEOUT,
    Outcome.CRASH,
    Outcome.FAILED,
    Outcome.VIOLATION,
    Outcome.INTERRUPTED,
    Outcome.LOST,
)


CALL_OUTCOMES = ("OK", "REPEATED", CANCELLED, DENIED, EXHAUSTED, FAILED, TIMEOUT, GARBAGE)
"""Those that an alert may want to name before they have happened; there are others."""


class Watched(Protocol):
    """What a page asks the service for."""

    def rooms(self) -> Sequence[RoomView]: ...

    def status(self) -> ServiceStatus: ...


class Metrics(Telemetry):
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latency = Histogram(LATENCY_BOUNDS)
        self._commit = Histogram(COMMIT_BOUNDS)
        self._start = Histogram(START_BOUNDS)
        self._call = Histogram(CALL_BOUNDS)
        self._calls = Counter(dict.fromkeys(CALL_OUTCOMES, 0))
        self._outcomes = Counter(dict.fromkeys(OUTCOMES, 0))
        self._refused: Counter[str] = Counter()
        self._totals = Counter(dict.fromkeys(("inputs", "commits", "failed starts", "missed", "faults", "tokens"), 0))

    def missed(self, events: int) -> None:
        self._add("missed", events)

    def entity_started(self, room_id: RoomId, waiting: QueuedInput | None, began: int, error: str | None) -> None:
        if error is not None:
            self._add("failed starts")
            return
        with self._lock:
            self._start.observe(seconds_since(began))

    def input_refused(self, room_id: RoomId, code: str) -> None:
        with self._lock:
            self._refused[code] += 1

    def turn_written(
        self, room_id: RoomId, of: QueuedInput, text: str, result: TurnResult, started: int, ended: int
    ) -> None:
        with self._lock:
            self._totals["inputs"] += 1
            self._outcomes[result.outcome] += 1
            self._latency.observe(result.latency)

    def call_answered(self, room_id: RoomId, seq: int, name: str, outcome: str, tokens: int, began: int) -> None:
        with self._lock:
            self._calls[outcome] += 1
            self._totals["tokens"] += tokens
            if outcome == "OK":
                self._call.observe(seconds_since(began))

    def batch_written(self, commits: int, began: int, *, synced: bool) -> None:
        with self._lock:
            self._totals["commits"] += commits
            if synced:
                self._commit.observe(seconds_since(began))

    def fault(self, error: BaseException) -> None:
        self._add("faults")

    def _add(self, what: str, count: int = 1) -> None:
        with self._lock:
            self._totals[what] += count

    def families(self, service: Watched, lost: Sequence[Family]) -> list[Family]:
        """The page. `lost` is what others have counted."""
        process = process_families()
        rooms, status = service.rooms(), service.status()
        with self._lock:
            counted = [*_seed(rooms, self._totals["inputs"], self._latency), *self._own()]
        return [*counted, *_now(rooms, status), *lost, *process]

    def _own(self) -> list[Family]:
        totals = self._totals
        return [
            labelled("entity_outcome_total", "counter", "Inputs processed by outcome", "outcome", self._outcomes),
            labelled("input_refused_total", "counter", "Inputs refused by reason", "code", dict(self._refused)),
            self._start.family("entity_start_seconds", "Time from starting an entity until it is ready"),
            counter("entity_start_failed_total", "Entities that could not be started", totals["failed starts"]),
            labelled("entity_call_total", "counter", "Calls of the host by outcome", "outcome", dict(self._calls)),
            self._call.family("entity_call_seconds", "Time until a call was answered well"),
            counter("entity_call_tokens_total", "Tokens that models were asked and answered", totals["tokens"]),
            self._commit.family("persistence_commit_seconds", "Time of one synced write to the store"),
            counter("persistence_commit_total", "Commits written; several may share one write", totals["commits"]),
            counter("subscriber_missed_total", "Events that slow subscribers have missed", totals["missed"]),
            counter("owner_fault_total", "Faults of the owner that rooms have survived", totals["faults"]),
        ]


def _seed(rooms: Sequence[RoomView], inputs: int, latency: Histogram) -> list[Family]:
    active = sum(view.record.state is RoomState.ACTIVE for view in rooms)
    return [
        gauge("room_total", "Total number of rooms", len(rooms)),
        gauge("room_active", "Number of active rooms", active),
        gauge(
            "room_memory_bytes", "Total memory usage across all rooms", sum(view.record.memory_usage for view in rooms)
        ),
        counter("entity_input_total", "Total inputs processed", inputs),
        latency.family("entity_latency_seconds", "Entity processing latency"),
    ]


def _now(rooms: Sequence[RoomView], status: ServiceStatus) -> list[Family]:
    states = Counter({str(state): 0 for state in RoomState})
    states.update(str(view.record.state) for view in rooms)
    depths = [view.queue_depth for view in rooms]
    return [
        labelled("room_state", "gauge", "Number of rooms by state", "state", states),
        gauge("room_queue_depth", "Inputs that wait in all rooms", sum(depths)),
        gauge("room_queue_depth_max", "Inputs that wait in the room where most do", max(depths, default=0)),
        gauge("room_running", "Inputs that entities work on now", sum(view.running is not None for view in rooms)),
        gauge("room_sessions", "Sessions in all rooms", sum(view.occupants for view in rooms)),
        gauge("entity_live", "Entity processes", status.live_entities),
        gauge("store_read_only", "Whether the store refuses writes", status.read_only_because is not None),
        gauge("owner_uptime_seconds", "Time since the owner opened the store", _uptime(status)),
    ]


def _uptime(status: ServiceStatus) -> float:
    return max(0.0, round((time.time_ns() - status.started_at) / NS, 3))
