"""Spans of an owner's work, at a collector that decodes them; and collectors that are slow, gone or never were."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
from otlp_receiver import OtlpReceiver
from ports import kept_port
from support import ROOT, eventually

from backrooms_tui.config.settings import TracingSettings
from backrooms_tui.model.entries import EntryType, MemoryEntry, Outcome
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.views import TurnResult
from backrooms_tui.observability import otlp, tracing
from backrooms_tui.observability.lines import Level
from backrooms_tui.observability.logs import Log, LogPlan
from backrooms_tui.observability.tracing import MAX_WAITING, Tracing, collector, start_tracing

ROOM = RoomId("a" * 64)
SAID = MemoryEntry(2, 2, EntryType.OUTPUT, "what the entity said", {})


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """What waits at the close is sent, however slow the machine. Who tests how long that may take is in a `hurry`."""
    monkeypatch.setattr(tracing, "CLOSING_SECONDS", 60.0)


@pytest.fixture
def hurry(monkeypatch, patience):
    monkeypatch.setattr(tracing, "CLOSING_SECONDS", 1.0)


@pytest.fixture
def log(tmp_path):
    """A log, and `lines` that have been written to it."""
    path = tmp_path / "room.log"
    log = Log(LogPlan(Level.TRACE, "text", path))
    log.lines = lambda: path.read_text().splitlines() if path.exists() else []
    yield log
    log.close()


def settings(port, **changes):
    given = {"enabled": True, "exporter": "otlp", "endpoint": f"http://127.0.0.1:{port}/v1/traces"}
    return TracingSettings(**given | changes)


def one_input(tracing, seq=1, outcome=Outcome.OUTPUT, text="what somebody typed"):
    """The whole life of an input, for whose sake an entity was started."""
    began = time.monotonic_ns()
    queued = QueuedInput(seq, seq, None, 1)
    tracing.input_accepted(ROOM, MemoryEntry(seq, seq, EntryType.INPUT, text, {}), began, began + 1000)
    tracing.entity_started(ROOM, queued, began + 2000, None)
    started = time.monotonic_ns()
    result = TurnResult(seq, outcome, (SAID,), 0.1)
    tracing.turn_written(ROOM, queued, text, result, started, started + 1000)


@contextmanager
def exported(log, **changes):
    with OtlpReceiver() as receiver:
        tracing = start_tracing(settings(receiver.port, **changes), log)
        with closing(tracing):
            yield tracing, receiver


def test_an_input_is_one_trace_with_the_seeds_spans(log):
    with exported(log) as (tracing, receiver):
        one_input(tracing)
        eventually(lambda: receiver.spans)
    (whole,) = receiver.named("input processing")
    parts = [span for span in receiver.spans if span.parent == whole.id]
    assert sorted(span.name for span in parts) == [
        "entity initialization",
        "output generation",
        "persistence operations",
        "persistence operations",
    ]
    assert {span.trace for span in receiver.spans} == {whole.trace}
    assert all(whole.began <= span.began <= span.ended <= whole.ended for span in parts)
    assert whole.attributes == {
        "room.id": ROOM,
        "input.seq": 1,
        "input.bytes": 19,
        "input.attempt": 1,
        "outcome": "OUTPUT",
    }
    assert whole.service == "room.exe"
    assert abs(whole.ended / 1e9 - time.time()) < 60


def test_a_rooms_creation_is_a_trace_of_its_own(log):
    with exported(log) as (tracing, receiver):
        tracing.room_made(ROOM, time.monotonic_ns())
        eventually(lambda: receiver.spans)
    (creation,) = receiver.named("room creation")
    (write,) = receiver.named("persistence operations")
    assert (creation.parent, write.parent) == (b"", creation.id)


def test_an_entity_that_no_input_waits_for_is_a_trace_of_its_own_and_its_failure_is_told(log):
    with exported(log) as (tracing, receiver):
        tracing.entity_started(ROOM, None, time.monotonic_ns(), "ENTITY_INIT_FAILED")
        eventually(lambda: receiver.spans)
    (start,) = receiver.named("entity initialization")
    assert (start.parent, start.error) == (b"", "ENTITY_INIT_FAILED")


def test_a_turn_that_failed_is_an_error_with_its_outcome(log):
    with exported(log) as (tracing, receiver):
        one_input(tracing, outcome=Outcome.TIMEOUT)
        eventually(lambda: receiver.spans)
    assert receiver.named("input processing")[0].error == "TIMEOUT"
    assert receiver.named("output generation")[0].error == "TIMEOUT"


def test_what_was_asked_of_the_host_is_a_span_of_its_input_and_what_was_refused_is_none(log):
    with exported(log) as (tracing, receiver):
        for outcome in ("OK", "MODEL_FAILED", "CAPABILITY_DENIED", "BUDGET_EXHAUSTED"):
            tracing.call_answered(ROOM, 1, "model", outcome, 7, time.monotonic_ns())
        one_input(tracing)
        eventually(lambda: receiver.spans)
    (whole,) = receiver.named("input processing")
    asked = receiver.named("entity call")
    assert {span.parent for span in asked} == {whole.id}
    assert [span.error for span in asked] == [None, "MODEL_FAILED"]
    assert asked[0].attributes == {"call.name": "model", "call.tokens": 7, "outcome": "OK"}


def test_no_word_of_people_or_entities_is_in_a_span(log):
    with exported(log) as (tracing, receiver):
        one_input(tracing, text="canary-of-people")
        eventually(lambda: receiver.spans)
    held = repr(receiver.spans)
    assert "canary" not in held
    assert SAID.content not in held


@pytest.mark.parametrize(("rate", "least", "most"), [(0.0, 0, 0), (0.25, 20, 90), (1.0, 200, 200)])
def test_a_part_of_all_traces_is_exported_and_of_those_every_span(log, rate, least, most):
    with exported(log, sample_rate=rate) as (tracing, receiver):
        for seq in range(1, 201):
            one_input(tracing, seq)
    assert least <= len(receiver.named("input processing")) <= most
    assert len(receiver.spans) == 5 * len(receiver.named("input processing"))


def test_what_waits_is_sent_at_the_close(log):
    with exported(log) as (tracing, receiver):
        one_input(tracing)
        tracing.close()
        assert receiver.named("input processing")


def test_the_service_has_the_configured_name(log):
    with exported(log, service_name="rooms of the third floor") as (tracing, receiver):
        one_input(tracing)
    assert {span.service for span in receiver.spans} == {"rooms of the third floor"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"exporter": "jaeger", "endpoint": "http://tracer.example:14268/api/traces"}, "http://tracer.example:4318/v1/traces"),
        ({"exporter": "jaeger", "endpoint": "https://[::1]:14268/api/traces"}, "https://[::1]:4318/v1/traces"),
        ({"exporter": "otlp"}, "http://localhost:4318/v1/traces"),
        ({"exporter": "otlp", "endpoint": "http://host:4318"}, "http://host:4318/v1/traces"),
        ({"exporter": "otlp", "endpoint": "http://host:4318/"}, "http://host:4318/v1/traces"),
        ({"exporter": "otlp", "endpoint": "https://host/otlp/v1/traces"}, "https://host/otlp/v1/traces"),
    ],
)  # fmt: skip
def test_jaegers_address_means_the_otlp_port_of_its_host(given, expected):
    assert collector(TracingSettings(**given)) == expected


def test_jaeger_is_spoken_to_in_otlp_with_one_notice(log, monkeypatch):
    with OtlpReceiver() as receiver:
        monkeypatch.setattr(tracing, "OTLP_PORT", receiver.port)
        given = settings(0, exporter="jaeger", endpoint="http://127.0.0.1:14268/api/traces")
        with closing(start_tracing(given, log)) as started:
            one_input(started)
            eventually(lambda: receiver.named("input processing"))
    assert receiver.paths == ["/v1/traces"]
    eventually(log.lines)
    (notice,) = log.lines()
    assert "[INFO] tracing speaks OTLP: Jaeger has retired its own protocol endpoint=http://127.0.0.1:" in notice


def test_a_collector_that_is_gone_costs_spans_and_one_notice_but_no_time(log, hurry):
    with kept_port() as port:
        started = start_tracing(settings(port, endpoint=f"http://operator:canary@127.0.0.1:{port}/v1/traces"), log)
        began = time.monotonic()
        for seq in range(1, 2 * MAX_WAITING):
            one_input(started, seq)
        assert time.monotonic() - began < 40, "each of 32 batches is tried for five seconds"
        assert started.lost > 0
        eventually(lambda: [line for line in log.lines() if "takes no spans" in line], within=30)
        began = time.monotonic()
        started.close()
        assert time.monotonic() - began < 30, "of 16 batches"
    (notice,) = [line for line in log.lines() if "takes no spans" in line]
    assert "[WARN]" in notice
    assert "canary" not in notice


def test_a_collector_that_is_back_is_told_of(log, monkeypatch):
    with OtlpReceiver(status=400) as receiver:
        started = start_tracing(settings(receiver.port), log)
        with closing(started):
            one_input(started, 1)
            eventually(lambda: started.lost == 1)
            receiver.status = 200
            one_input(started, 2)
            eventually(lambda: receiver.named("input processing"))
    eventually(lambda: [line for line in log.lines() if "takes spans again" in line])


def test_a_collector_that_accepts_and_never_answers_does_not_keep_the_owner_from_closing(log, hurry, monkeypatch):
    monkeypatch.setattr(otlp, "TIMEOUT", 100)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        started = start_tracing(settings(deaf.getsockname()[1]), log)
        one_input(started)
        connection, _ = deaf.accept()
        with connection:
            began = time.monotonic()
            started.close()
            assert time.monotonic() - began < 30


class Nowhere:
    """An exporter that takes its time, as a slow collector would."""

    def __init__(self):
        self.go_on = threading.Event()

    def export(self, traces):
        self.go_on.wait(30)

    def close(self):
        self.go_on.set()


def test_what_finds_the_queue_full_is_lost_and_counted(log):
    exporter = Nowhere()
    started = Tracing(lambda: exporter, log)
    for _ in range(3 * MAX_WAITING):
        started.room_made(ROOM, time.monotonic_ns())
    assert started.lost >= MAX_WAITING
    exporter.close()
    started.close()


def test_inputs_that_never_end_are_not_remembered_for_ever(log):
    started = Tracing(Nowhere, log)
    for seq in range(3 * MAX_WAITING):
        started.input_accepted(ROOM, MemoryEntry(seq, seq, EntryType.INPUT, "", {}), 0, 0)
    assert len(started._unfinished) <= tracing.MAX_UNFINISHED
    started.close()


def test_without_the_extra_one_line_says_so_and_nothing_else_happens(log, monkeypatch):
    monkeypatch.setitem(sys.modules, "backrooms_tui.observability.otlp", None)
    started = start_tracing(settings(1), log)
    eventually(log.lines)
    for seq in range(10):
        one_input(started, seq)
    started.close()
    (line,) = log.lines()
    assert line.endswith("[ERROR] tracing is off needs=backrooms-terminal[otel]")


def test_tracing_that_is_off_loads_nothing(log):
    assert start_tracing(TracingSettings(), log) is None
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import backrooms_tui.observability.watch\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'google', 'requests', 'prometheus'))])"
    )
    assert subprocess.check_output([sys.executable, "-I", "-c", script]) == b"[]\n"
