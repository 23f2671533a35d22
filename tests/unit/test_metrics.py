"""The metrics page, as the seed shows it and as other people's programs read it, and the HTTP it is asked for in."""

import json
import random
import re
import subprocess
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support import ROOT

from backrooms_tui.daemon.http import MAX_HEAD, Site, answer
from backrooms_tui.model.entries import Outcome
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Creation, QueuedInput, RoomConfig, RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import changed
from backrooms_tui.model.views import RoomView, ServiceStatus, TurnResult
from backrooms_tui.observability.exposition import Family, Histogram, Sample, counter, gauge, labelled, text
from backrooms_tui.observability.metrics import LATENCY_BOUNDS, Metrics

ROOM = RoomId("a" * 64)
STATUS = ServiceStatus(
    version="2.1.0",
    pid=1,
    started_at=time.time_ns(),
    durable=True,
    read_only_because=None,
    live_entities=2,
    seal=(),
)


class Service:
    """Eight rooms, three of them active."""

    def rooms(self):
        states = [RoomState.ACTIVE] * 3 + [RoomState.IDLE] * 4 + [RoomState.SUSPENDED]
        memory = 1258291200 // 8
        return [
            RoomView(
                record=RoomRecord(
                    id=RoomId(f"{n:064x}"),
                    state=state,
                    config=RoomConfig(),
                    creation=Creation(1, "room", "host"),
                    created_at=0,
                    last_active=0,
                    memory_usage=memory,
                ),
                queue_depth=n,
                running=None,
                entity="COLD",
                entity_pid=None,
                occupants=0,
            )
            for n, state in enumerate(states)
        ]

    def status(self):
        return STATUS


def ended(metrics, seconds, outcome=Outcome.OUTPUT):
    metrics.turn_written(ROOM, QueuedInput(1, 1), "text", TurnResult(1, outcome, (), seconds), 0, 0)


def page(metrics):
    return text(metrics.families(Service(), ())).decode()


def seed_page():
    source = (ROOT / "tests/conformance/seed_000.md").read_text()
    return source[source.index("### Metrics Endpoint") :].split("```")[1].split("metrics\n", 1)[1]


def test_the_page_begins_with_the_seeds_by_letter():
    metrics = Metrics()
    for seconds, count in ((0.05, 234), (0.3, 555), (0.9, 245), (3.0, 176), (9.0, 37)):
        for _ in range(count):
            ended(metrics, seconds)
    seed = seed_page().strip()
    lines = page(metrics).splitlines()
    own = [
        line for line in lines if not line.startswith(("entity_latency_seconds_sum", "entity_latency_seconds_count"))
    ]
    assert "\n".join(own).startswith(seed + "\n")


def test_another_programs_parser_reads_what_was_written():
    families = [
        gauge("one", "said\nin two lines, with a \\", 1.5),
        counter("two_total", "said", 10**15),
        labelled("three", "gauge", "said", "word", {'a"b\\c\nd': 1, "e": float("inf")}),
        Family("four", "gauge", "nothing at all", ()),
    ]
    read = {f.name: f for f in text_string_to_metric_families(text(families).decode())}
    assert read["one"].documentation == "said\nin two lines, with a \\"
    assert [sample.value for sample in read["one"].samples] == [1.5]
    assert [sample.value for sample in read["two"].samples] == [10**15]
    assert {s.labels["word"]: s.value for s in read["three"].samples} == {'a"b\\c\nd': 1.0, "e": float("inf")}


def test_a_histogram_counts_up_to_and_with_each_bound():
    histogram = Histogram(LATENCY_BOUNDS)
    for seconds in (0.1, 0.1000001, 5.0, 5.1):
        histogram.observe(seconds)
    samples = histogram.family("h", "said").samples
    assert [(s.labels.get("le"), s.amount) for s in samples[:-2]] == [
        ("0.1", 1),
        ("0.5", 2),
        ("1.0", 2),
        ("5.0", 3),
        ("+Inf", 4),
    ]
    assert samples[-2].amount == pytest.approx(10.3000001)
    assert samples[-1] == Sample(4, {}, "_count")


def test_what_happens_is_counted_by_what_it_was():
    metrics = Metrics()
    ended(metrics, 0.1)
    ended(metrics, 30.0, Outcome.TIMEOUT)
    ended(metrics, 0.1, Outcome.CRASH)
    metrics.input_refused(ROOM, "QUEUE_FULL")
    metrics.input_refused(ROOM, "QUEUE_FULL")
    metrics.entity_started(ROOM, None, time.monotonic_ns(), None)
    metrics.entity_started(ROOM, None, time.monotonic_ns(), "ENTITY_INIT_FAILED")
    metrics.batch_written(3, time.monotonic_ns(), synced=True)
    metrics.batch_written(1, time.monotonic_ns(), synced=False)
    metrics.call_answered(ROOM, 1, "model", "OK", 40, time.monotonic_ns())
    metrics.call_answered(ROOM, 1, "model", "MODEL_FAILED", 2, time.monotonic_ns())
    metrics.call_answered(ROOM, 1, "other", "CAPABILITY_DENIED", 0, time.monotonic_ns())
    metrics.missed(7)
    metrics.fault(ValueError())
    lines = page(metrics).splitlines()
    for line in (
        "entity_input_total 3",
        'entity_outcome_total{outcome="TIMEOUT"} 1',
        'entity_outcome_total{outcome="CRASH"} 1',
        'entity_outcome_total{outcome="LOST"} 0',
        'input_refused_total{code="QUEUE_FULL"} 2',
        "entity_start_seconds_count 1",
        "entity_start_failed_total 1",
        'entity_call_total{outcome="OK"} 1',
        'entity_call_total{outcome="CAPABILITY_DENIED"} 1',
        "entity_call_seconds_count 1",
        "entity_call_tokens_total 42",
        "persistence_commit_seconds_count 1",
        "persistence_commit_total 4",
        "subscriber_missed_total 7",
        "owner_fault_total 1",
        'room_state{state="SUSPENDED"} 1',
        'room_state{state="CORRUPTED"} 0',
        "room_queue_depth 28",
        "room_queue_depth_max 7",
        "entity_live 2",
        "store_read_only 0",
    ):
        assert line in lines


def test_promtool_accepts_the_page_but_for_the_seeds_own_name(need_tool):
    metrics = Metrics()
    ended(metrics, 0.1)
    metrics.input_refused(ROOM, "QUEUE_FULL")
    promtool = [need_tool("promtool"), "check", "metrics"]
    told = subprocess.run(promtool, input=page(metrics), capture_output=True, text=True, check=False)
    assert told.stderr.splitlines() == ['room_total non-counter metrics should not have "_total" suffix']
    assert told.stdout == ""


# HTTP.

SITE = Site(metrics=lambda: b"page\n", status=lambda: STATUS)


def ask(request, site=SITE):
    head, _, body = answer(request, site).partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), body


def get(path, *fields, method="GET", site=SITE):
    return ask("\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1:9000", *fields, "", ""]).encode(), site)


def test_the_metrics_page_is_given_in_prometheus_own_type():
    status, fields, body = get("/metrics")
    assert (status, body) == (200, b"page\n")
    assert fields["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert fields["Content-Length"] == "5"
    assert fields["Connection"] == "close"


def test_head_is_answered_like_get_without_the_body():
    with_body, without = get("/metrics"), get("/metrics", method="HEAD")
    assert without == (*with_body[:2], b"")


def test_the_path_is_the_configured_one():
    site = changed(SITE, path="/figures")
    assert get("/figures?name=x", site=site)[0] == 200
    assert get("/metrics", site=site)[0] == 404


@pytest.mark.parametrize(
    ("status", "expected", "said"),
    [
        (STATUS, 200, {"status": "ok", "version": "2.1.0"}),
        (
            changed(STATUS, read_only_because="STORE_FAILED \x1b[31m"),
            503,
            {"status": "read-only", "version": "2.1.0", "reason": "STORE_FAILED \u241b[31m"},
        ),
        (None, 503, {"status": "starting"}),
    ],
)
def test_health_says_whether_writes_are_taken(status, expected, said):
    code, fields, body = get("/health", site=changed(SITE, status=lambda: status))
    assert (code, fields["Content-Type"], json.loads(body)) == (expected, "application/json", said)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "get", ""])
def test_only_get_and_head_are_answered(method):
    status, fields, _ = get("/metrics", method=method)
    assert status == 405
    assert fields["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "field",
    [
        "Origin: http://evil.example",
        "origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
        "ORIGIN:http://127.0.0.1:9000",
    ],
)
def test_what_a_browser_asks_for_a_page_is_refused(field):
    assert get("/metrics", field)[0] == 403


def test_somebody_who_types_the_address_into_a_browser_sees_the_page():
    assert get("/metrics", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")[0] == 200


@pytest.mark.parametrize(
    ("host", "loopback", "expected"),
    [
        ("evil.example:9000", True, 403),
        ("evil.example:9000", False, 200),
        ("localhost:9000", True, 200),
        ("[::1]:9000", True, 200),
        ("127.0.0.53", True, 200),
        ("", True, 200),
        ("10.0.0.1", True, 403),
    ],
)
def test_on_this_machine_alone_a_request_must_name_this_machine(host, loopback, expected):
    request = f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    assert ask(request, changed(SITE, loopback=loopback))[0] == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET /metrics SPDY/3\r\n\r\n", 400),
        (b"GET  /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET /\x1b[2J HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost", 408),
        (b"", 408),
        (b"GET /" + b"a" * MAX_HEAD, 431),
        (b"GET /metrics HTTP/1.0\n\n", 200),
    ],
)
def test_a_request_that_is_none_gets_an_answer_all_the_same(request_, expected):
    status, _, body = ask(request_)
    assert status == expected
    assert b"\x1b" not in body


def test_whatever_is_asked_is_answered_and_echoes_nothing():
    words = random.Random(4)
    pieces = [
        b"GET ",
        b"HEAD ",
        b"/metrics",
        b"/health",
        b" HTTP/1.1",
        b"\r\n",
        b"\n\n",
        b":",
        b"Host",
        b"\x1b[2J",
        b"\xff",
    ]
    for _ in range(20_000):
        request = b"".join(words.choice(pieces) for _ in range(words.randrange(12))) + words.randbytes(
            words.randrange(4)
        )
        got = answer(request + b"\r\n\r\n", SITE)
        assert re.match(rb"HTTP/1\.1 (200|40[0-8]|431) ", got)
        assert b"\x1b" not in got
        assert got.count(b"\r\n\r\n") == 1


def test_a_page_that_cannot_be_made_is_an_answer_and_tells_nothing_of_why():
    def broken():
        raise RuntimeError("secret")

    status, _, body = get("/metrics", site=changed(SITE, metrics=broken))
    assert (status, body) == (500, b"500 Internal Server Error\n")
