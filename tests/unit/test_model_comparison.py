"""Two rooms compared: the seed's Session 12, and what is called isolated."""

from test_cli_render import A, B, at, view

from backrooms_tui.model.comparison import compare, comparison_lines
from backrooms_tui.model.entries import Tail
from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.room import Counters
from backrooms_tui.model.units import NS
from backrooms_tui.model.value import changed

NOW = at("2026-01-08T15:09:47")


def latencies(*seconds):
    found = Latencies()
    for each in seconds:
        found = found.observe(int(each * NS))
    return found


def rooms():
    a = view(
        A,
        memory_usage=14_680_064,
        tail=Tail(47, NS, 1),
        counters=Counters(inputs=47, outputs=45),
        latencies=latencies(0.847),
        created_at=at("2026-01-07T08:23:11"),
    )
    b = view(
        B,
        memory_usage=8_598_323,
        tail=Tail(31, NS, 2),
        counters=Counters(inputs=31, outputs=29),
        latencies=latencies(1.023),
        created_at=at("2026-01-07T10:45:33"),
    )
    return a, changed(b, entity_pid=10)


def test_the_lines_are_those_of_the_seed():
    assert comparison_lines(compare(*rooms(), now=NOW)) == [
        "COMPARING ROOMS",
        "===============",
        "",
        f"ROOM A: {A}",
        f"ROOM B: {B}",
        "",
        "CREATED:",
        "  A: 2026-01-07T08:23:11Z",
        "  B: 2026-01-07T10:45:33Z",
        "  DELTA: 2h 22m 22s (B newer)",
        "",
        "AGE:",
        "  A: 30h 46m 36s",
        "  B: 28h 24m 14s",
        "",
        "MEMORY:",
        "  A: 14.0 MB (47 entries)",
        "  B: 8.2 MB (31 entries)",
        "  DELTA: 5.8 MB (A larger)",
        "",
        "ACTIVITY:",
        "  A: 47 inputs, 45 outputs",
        "  B: 31 inputs, 29 outputs",
        "  DELTA: 16 more inputs in A",
        "",
        "LATENCY:",
        "  A: avg=0.847s p95=0.847s",
        "  B: avg=1.023s p95=1.023s",
        "  DELTA: B slower by 0.176s avg",
        "",
        "NO SHARED MEMORY DETECTED",
        "ROOMS ARE ISOLATED",
    ]


def test_turned_round_the_differences_are_the_others():
    a, b = rooms()
    lines = comparison_lines(compare(b, a, now=NOW))
    assert [line for line in lines if "DELTA" in line] == [
        "  DELTA: 2h 22m 22s (A newer)",
        "  DELTA: 5.8 MB (B larger)",
        "  DELTA: 16 more inputs in B",
        "  DELTA: A slower by 0.176s avg",
    ]


def test_a_room_is_not_isolated_from_itself():
    a, _ = rooms()
    comparison = compare(a, a, now=NOW)
    assert comparison.shared == ("ID", "MEMORY", "PROCESS")
    assert comparison_lines(comparison)[-2:] == ["SHARED: ID, MEMORY, PROCESS", "ROOMS ARE NOT ISOLATED"]
    assert sum("DELTA: none" in line for line in comparison_lines(comparison)) == 4


def test_two_entities_in_one_process_are_named():
    a, b = rooms()
    assert compare(a, b, now=NOW).isolated
    assert compare(a, changed(b, entity_pid=a.entity_pid), now=NOW).shared == ("PROCESS",)


def test_rooms_that_remember_nothing_and_run_nothing_share_nothing():
    a, b = (changed(view(room_id), entity_pid=None) for room_id in (A, B))
    assert compare(a, b, now=NOW).isolated
