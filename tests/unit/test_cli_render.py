"""Views to lines: the layouts of seed 000 by the letter."""

from datetime import UTC, datetime

import pytest

from backrooms_tui.cli.errors import error_lines, error_text
from backrooms_tui.cli.listing import plain_lines
from backrooms_tui.cli.render import (
    chosen,
    config_line,
    destroy_lines,
    entry_lines,
    inspect_lines,
    room_value,
    sorted_lines,
    table_lines,
)
from backrooms_tui.cli.shell import ids_and_states
from backrooms_tui.cli.statistics import stats_lines, stats_value
from backrooms_tui.model.entries import EntryType, MemoryEntry, Tail
from backrooms_tui.model.errors import InputSizeExceeded, QueueFull, UsageError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.room import Counters, Creation, Damage, RoomConfig, RoomRecord, Suspension
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.units import NS
from backrooms_tui.model.views import RoomView, StoreFacts

A = RoomId("a3f7c8d2e9b1f4a6c8e2d5b7f9a3c6e8d1b4f7a9c2e5d8b1f4a7c9e2d5b8f1a4")
B = RoomId("b9e4d1a7c3f8e2b5a1d4f7c9e6b8d2a5f1c7e9b3d6a8f2c5e1b7d9a4f6c8e2b5")


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


CREATED, ACTIVE, NOW = at("2026-01-07T08:23:11"), at("2026-01-08T14:09:47"), at("2026-01-08T15:09:47")


def view(room_id=A, *, state=RoomState.ACTIVE, **changes):
    record = RoomRecord(
        id=room_id,
        state=state,
        config=changes.pop("config", RoomConfig()),
        creation=Creation(7, "room", "host"),
        created_at=CREATED,
        last_active=ACTIVE,
    ).with_(**changes)
    return RoomView(record=record, queue_depth=0, running=None, entity="LIVE", entity_pid=9, occupants=0)


def test_the_plain_list_has_full_ids_and_states():
    rooms = ids_and_states([view(state=RoomState.IDLE), view(B, state=RoomState.SUSPENDED)])
    assert plain_lines(rooms, state=None, limit=None) == ["ACTIVE ROOMS:", f"  {A} (IDLE)", f"  {B} (SUSPENDED)"]
    assert plain_lines(rooms, state=None, limit=1) == ["ACTIVE ROOMS:", f"  {A} (IDLE)"]
    assert plain_lines(rooms, state="suspended", limit=None) == ["SUSPENDED ROOMS:", f"  {B} (SUSPENDED)"]
    assert plain_lines(rooms, state="active", limit=None) == ["NO ROOMS"]


def test_a_sorted_list_is_numbered_with_size_and_age():
    views = chosen(
        [view(B, memory_usage=8_598_323, created_at=CREATED + 2 * 3600 * NS), view(memory_usage=14_680_064)],
        state="active",
        sort="memory",
        limit=5,
    )
    assert sorted_lines(views, state="active", sort="memory", now=NOW) == [
        "ACTIVE ROOMS (sorted by memory usage):",
        "1. a3f7c8d2... (14.0 MB, 30h ago)",
        "2. b9e4d1a7... (8.2 MB, 28h ago)",
    ]


def test_an_empty_list_says_so():
    assert sorted_lines([], state="idle", sort="age", now=NOW) == ["NO ROOMS"]


@pytest.mark.parametrize(
    ("sort", "order"), [("created", [B, A]), ("age", [A, B]), ("active", [A, B]), ("memory", [B, A]), (None, [B, A])]
)
def test_rooms_are_sorted_newest_largest_or_most_recently_active_first(sort, order):
    newer = view(B, created_at=CREATED + NS, memory_usage=2, last_active=ACTIVE - NS)
    older = view(A, memory_usage=1)
    assert [v.record.id for v in chosen([newer, older], sort=sort)] == order


def test_rooms_are_filtered_by_state_and_limited():
    views = [view(A, state=RoomState.IDLE), view(B), view(B)]
    assert len(chosen(views, state="active")) == 2
    assert len(chosen(views, state="active", limit=1)) == 1
    assert chosen(views, state="corrupted") == []


def test_a_table_has_one_line_for_each_room_with_its_runtime_and_name():
    lines = table_lines([view(config=RoomConfig(name="my room"), memory_usage=2048, tail=Tail(12, 1, 1))], now=NOW)
    assert lines[0].split() == ["ROOM", "STATE", "MEMORY", "ENTRIES", "QUEUE", "ACTIVE", "ENTITY", "NAME"]
    assert lines[1].split() == ["a3f7c8d2", "ACTIVE", "2.0", "KB", "12", "0", "1h", "reference", "my", "room"]


def test_the_statistics_have_the_layout_of_the_seed():
    latencies = Latencies()
    for seconds in [0.5] * 40 + [2.0] * 7:
        latencies = latencies.observe(int(seconds * NS))
    subject = view(
        memory_usage=14_680_064,
        tail=Tail(47, 1, 1),
        counters=Counters(inputs=47, outputs=45, silent=2, errors=3, invalid_inputs=3),
        latencies=latencies,
    )
    facts = StoreFacts("LEVELDB", "/rooms", ACTIVE, 0.002, 14_889_779)
    p50, p95 = latencies.percentile(0.5), latencies.percentile(0.95)
    assert (
        "\n".join(stats_lines(subject, facts, now=NOW))
        == f"""ROOM STATISTICS
================
ID: {A}
STATE: ACTIVE
CREATED: 2026-01-07T08:23:11Z
AGE: 30h 46m 36s
LAST_ACTIVE: 2026-01-08T14:09:47Z

MEMORY:
  USAGE: 14680064 bytes (14.0 MB)
  CAPACITY: 536870912 bytes (512.0 MB)
  UTILIZATION: 2.7%
  ENTRIES: 47
  COMPRESSION_RATIO: 1.0 (uncompressed)

INPUT/OUTPUT:
  TOTAL_INPUTS: 47
  TOTAL_OUTPUTS: 45
  SILENT_RESPONSES: 2
  AVG_LATENCY: 0.723s
  P50_LATENCY: {p50:.3f}s
  P95_LATENCY: {p95:.3f}s
  P99_LATENCY: 2.000s
  MAX_LATENCY: 2.000s

ERRORS:
  TOTAL: 3
  TIMEOUT: 0
  CRASH: 0
  INVALID_INPUT: 3

PERSISTENCE:
  BACKEND: LEVELDB
  LAST_FLUSH: 2026-01-08T14:09:47Z
  FLUSH_DURATION_AVG: 0.002s
  DISK_USAGE: 14.2 MB"""
    )
    value = stats_value(subject, facts, now=NOW)
    assert value["input_output"]["total_inputs"] == 47
    assert value["room"]["age"] == 30 * 3600 + 46 * 60 + 36


def test_an_owner_that_wrote_nothing_tells_the_time_of_the_last_durable_entry_and_no_duration():
    lines = stats_lines(view(tail=Tail(3, ACTIVE, 1)), StoreFacts("LEVELDB", "/rooms", None, 0.0, 1024), now=NOW)
    assert lines[-3:-1] == ["  LAST_FLUSH: 2026-01-08T14:09:47Z", "  FLUSH_DURATION_AVG: NONE"]


def test_a_corrupted_room_is_inspected_as_in_session_5():
    damage = Damage("CHECKSUM_MISMATCH", "/room/x/state", 0x4A2F, at("2026-01-08T12:40:33"))
    lines = inspect_lines(view(state=RoomState.CORRUPTED, damage=damage))
    assert lines[:7] == [
        "ROOM INSPECTION",
        "STATE: CORRUPTED",
        "CREATED: 2026-01-07T08:23:11Z",
        "LAST_ACTIVE: 2026-01-08T14:09:47Z",
        "MEMORY_SIZE: UNKNOWN",
        "CORRUPTION_DETECTED: 2026-01-08T12:40:33Z",
        "CORRUPTION_TYPE: CHECKSUM_MISMATCH",
    ]
    assert "OFFSET: 0x00004A2F" in lines


def test_a_room_is_inspected_with_its_suspension_and_name():
    lines = inspect_lines(
        view(state=RoomState.SUSPENDED, suspension=Suspension(ACTIVE, "user@host"), config=RoomConfig(name="n"))
    )
    assert "SUSPENDED_BY: user@host" in lines
    assert "NAME: n" in lines
    assert f"ID: {A}" in lines


def test_programs_get_the_fields_of_the_seed_in_whole_seconds():
    value = room_value(view(memory_usage=14_680_064, counters=Counters(inputs=47, outputs=45)))
    assert {key: value[key] for key in list(value)[:8]} == {
        "id": A,
        "state": "ACTIVE",
        "created_at": CREATED // NS,
        "last_active": ACTIVE // NS,
        "memory_usage": 14_680_064,
        "memory_capacity": 536_870_912,
        "total_inputs": 47,
        "total_outputs": 45,
    }


def test_destruction_is_warned_of_with_the_rooms_facts():
    assert destroy_lines(view(memory_usage=187 * 1024 * 1024)) == [
        "WARNING: This operation is irreversible",
        f"ROOM: {A}",
        "STATE: ACTIVE",
        "MEMORY: 187MB",
        "CREATED: 2026-01-07T08:23:11Z",
        "LAST_ACTIVE: 2026-01-08T14:09:47Z",
        "",
    ]


def test_the_configuration_line_names_what_was_asked_for():
    given = {"memory_limit": 268_435_456, "timeout": 60.0, "compression": "lz4"}
    assert config_line(given) == "CONFIG: memory_limit=268435456 timeout=60 compression=lz4"


def test_an_entry_is_one_line_and_its_further_lines_are_indented():
    entry = MemoryEntry(3, ACTIVE + 123_000_000, EntryType.ERROR, "ERROR: X\nmore", {})
    assert entry_lines(entry) == ["[2026-01-08T14:09:47.123Z] ERROR ERROR: X", "    more"]


def test_errors_are_written_as_in_the_seed():
    assert error_lines(InputSizeExceeded("MAX: 65536 bytes")) == ["ERROR: INPUT_SIZE_EXCEEDED", "MAX: 65536 bytes"]
    assert error_lines(QueueFull("MAX: 16 pending")) == ["ERROR: QUEUE_FULL (max 16 pending)"]


def test_an_error_for_programs_is_one_object_and_no_control_character_gets_out():
    text = error_text(UsageError("bad \x1b[31m word"), as_json=True)
    assert text == ('{"error": {"code": "INVALID_USAGE", "message": "bad ␛[31m word", "details": ["bad ␛[31m word"]}}')
