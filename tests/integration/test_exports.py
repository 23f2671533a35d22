"""Exports hold what memory holds, in each format, and say where it is damaged."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import tracemalloc

import pytest
from archived_rooms import SECOND, drafts_of, exported, full_room, put_in, room_with, truncated
from store_contract import T0

from backrooms_tui.model.entries import Draft, EntryType, Tail
from backrooms_tui.model.errors import ArchiveInvalid, RoomCorrupted, StoreFailed
from backrooms_tui.model.formats import EXPORT_FORMATS
from backrooms_tui.model.reports import ExportSpec
from backrooms_tui.persistence.export_text import plain_cell, safe_cell
from backrooms_tui.persistence.exporting import export
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.records import seal
from backrooms_tui.persistence.store import RoomImage
from backrooms_tui.persistence.walking import walk


@pytest.fixture
def store():
    opened = open_store(None)
    yield opened
    opened.close()


def csv_rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@pytest.fixture
def database(tmp_path):
    opened = []

    def open_(data: bytes) -> sqlite3.Connection:
        path = tmp_path / "export.db"
        path.write_bytes(data)
        opened.append(sqlite3.connect(path))
        return opened[-1]

    yield open_
    for connection in opened:
        connection.close()


def test_jsonl_is_the_seeds_line_by_letter(store):
    said = [
        Draft(EntryType.INPUT, "store observation: temperature 23C", {}),
        Draft(EntryType.OUTPUT, "Stored.", {"input": 1}),
        Draft(EntryType.INPUT, "store observation: humidity 45%", {}),
    ]
    assert exported(store, room_with(store, said)).decode().splitlines() == [
        '{"timestamp":1700000000,"type":"INPUT","content":"store observation: temperature 23C"}',
        '{"timestamp":1700000001,"type":"OUTPUT","content":"ENTITY: Stored."}',
        '{"timestamp":1700000002,"type":"INPUT","content":"store observation: humidity 45%"}',
    ]


@pytest.mark.parametrize("truncate", [False, True], ids=["whole", "truncated"])
def test_every_format_holds_every_entry_of_a_room_with_segments(store, database, truncate):
    record = full_room(store)
    if truncate:
        record = truncated(store, record)
    entries = store.read(record.id, limit=1000)
    assert len(entries) == record.entries
    told = [json.loads(line) for line in exported(store, record).splitlines()]
    prefix = {EntryType.OUTPUT: "ENTITY: "}
    assert told == [
        {"timestamp": e.timestamp // SECOND, "type": e.type.name, "content": prefix.get(e.type, "") + e.content}
        for e in entries
    ]
    _, *rows = csv_rows(exported(store, record, "csv"))
    assert [(int(r[0]), r[2], plain_cell(r[3]), json.loads(r[4])) for r in rows] == [
        (e.seq, e.type.name, e.content, e.metadata) for e in entries
    ]
    memory = database(exported(store, record, "sqlite")).execute(
        "SELECT rowid, room_id, timestamp, type, content, metadata FROM memory ORDER BY timestamp"
    )
    assert [(*row[:5], json.loads(row[5])) for row in memory] == [
        (e.seq, record.id, e.timestamp, int(e.type), e.content, e.metadata) for e in entries
    ]
    other = open_store(None)
    assert put_in(other, exported(store, record, "binary")) == record
    assert other.read(record.id, limit=1000) == entries


@pytest.mark.parametrize("format_", EXPORT_FORMATS)
def test_an_empty_room_is_a_valid_empty_export(store, database, format_):
    record = room_with(store, [])
    data = exported(store, record, format_)
    if format_ == "jsonl":
        assert data == b""
    elif format_ == "csv":
        assert csv_rows(data) == [["seq", "timestamp", "type", "content", "metadata"]]
    elif format_ == "sqlite":
        assert database(data).execute("SELECT count(*) FROM memory").fetchone() == (0,)
    else:
        assert put_in(open_store(None), data).tail == Tail()


FILTERS = {
    "types": ({"types": (EntryType.OUTPUT, EntryType.ERROR)}, lambda e: e.type is EntryType.OUTPUT),
    "since": ({"since": T0 + 7 * SECOND}, lambda e: e.timestamp >= T0 + 7 * SECOND),
    "until": ({"until": T0 + 7 * SECOND}, lambda e: e.timestamp <= T0 + 7 * SECOND),
    "all three": (
        {"types": (EntryType.INPUT,), "since": T0 + SECOND, "until": T0 + 30 * SECOND},
        lambda e: e.type is EntryType.INPUT and T0 + SECOND <= e.timestamp <= T0 + 30 * SECOND,
    ),
    "nothing": ({"since": T0 + 10**6 * SECOND}, lambda e: False),
}


@pytest.mark.parametrize("format_", EXPORT_FORMATS)
@pytest.mark.parametrize("name", FILTERS)
def test_filters_hold_for_every_format(store, database, format_, name):
    record = full_room(store)
    spec, wanted = FILTERS[name]
    expected = [e.seq for e in store.read(record.id, limit=1000) if wanted(e)]
    sink = io.BytesIO()
    with store.image(record.id) as image:
        report = export(image, ExportSpec(format_, **spec), sink)
    data = sink.getvalue()
    assert report.entries == len(expected)
    if format_ == "jsonl":
        assert len(data.splitlines()) == len(expected)
    elif format_ == "csv":
        assert [int(row[0]) for row in csv_rows(data)[1:]] == expected
    elif format_ == "sqlite":
        found = database(data)
        assert [seq for (seq,) in found.execute("SELECT rowid FROM memory ORDER BY timestamp")] == expected
        assert found.execute("SELECT count(*) FROM checkpoints").fetchone() == (0,), "state is no part of memory"
    else:
        with pytest.raises(ArchiveInvalid, match="a part of the room's memory"):
            put_in(open_store(None), data)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_safe_and_can_be_read_back(store, start):
    text = start + 'cmd|"/C calc"!A0'
    record = room_with(store, [Draft(EntryType.OUTPUT, text, {})])
    (row,) = csv_rows(exported(store, record, "csv"))[1:]
    assert row[3] == "'" + text
    assert plain_cell(row[3]) == text


@pytest.mark.parametrize("text", ["", "plain", "a=b", " =1", "it's", 'a,b\r\n"c"', "\0x", "é"])
def test_an_ordinary_cell_is_left_as_it_is(store, text):
    assert safe_cell(text) == text
    record = room_with(store, [Draft(EntryType.OUTPUT, text, {})])
    assert csv_rows(exported(store, record, "csv"))[1][3] == text


def test_csv_metadata_may_hold_whatever_ends_a_line(store):
    said = [
        Draft(EntryType.OUTPUT, "a", {"x": '1\u2028\u2029\x85\x0b\n\r"2'}),
        Draft(EntryType.OUTPUT, "b", {"x": 10**30}),
    ]
    rows = csv_rows(exported(store, room_with(store, said), "csv"))[1:]
    assert [json.loads(row[4]) for row in rows] == [draft.metadata for draft in said]


def test_csv_times_are_exact_to_the_nanosecond(store):
    record = room_with(store, [])
    entries, tail = seal(record.id, Tail(), [Draft(EntryType.INPUT, "x", {})], 1_704_715_920_000_000_042)
    image = RoomImage(record.with_(tail=tail), None, (), iter([(tail.timestamp, entries[0].blob)]))
    sink = io.BytesIO()
    export(image, ExportSpec("csv"), sink)
    assert csv_rows(sink.getvalue())[1][1] == "2024-01-08T12:12:00.000000042Z"


def test_the_database_is_in_the_seeds_schema_and_whole(store, database):
    record = full_room(store)
    found = database(exported(store, record, "sqlite"))
    columns = {
        table: [row[1:4] for row in found.execute(f"PRAGMA table_info({table})")]
        for table in ("rooms", "memory", "checkpoints")
    }
    assert columns == {
        "rooms": [
            ("id", "TEXT", 0),
            ("state", "INTEGER", 1),
            ("created_at", "INTEGER", 1),
            ("last_active", "INTEGER", 1),
            ("config", "TEXT", 1),
            ("metadata", "TEXT", 0),
        ],
        "memory": [
            ("room_id", "TEXT", 1),
            ("timestamp", "INTEGER", 1),
            ("type", "INTEGER", 1),
            ("content", "TEXT", 1),
            ("metadata", "TEXT", 0),
        ],
        "checkpoints": [("room_id", "TEXT", 1), ("timestamp", "INTEGER", 1), ("state_snapshot", "BLOB", 1)],
    }
    assert [row[1] for row in found.execute("PRAGMA index_list(memory)")] == ["idx_memory_room_time"]
    assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert found.execute("PRAGMA foreign_key_check").fetchall() == []
    room = found.execute("SELECT id, state, created_at, config, metadata FROM rooms").fetchone()
    assert room[:3] == (record.id, 1, T0)
    assert json.loads(room[3])["memory_limit"] == record.config.memory_limit
    assert json.loads(room[4])["creator_user"] == "operator"
    assert found.execute("SELECT state_snapshot FROM checkpoints").fetchall() == [(b'{"n": 1}',)]


def test_the_sqlite_export_leaves_no_temporary_file(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    record = full_room(store)
    exported(store, record, "sqlite")
    with store.image(record.id) as image, pytest.raises(ZeroDivisionError):
        export(image, ExportSpec("sqlite"), io.BytesIO(), lambda done, of: 1 // 0)
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


def test_no_place_for_the_temporary_file_is_a_refusal_with_a_reason(store, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    with pytest.raises(StoreFailed, match="/nonexistent"):
        exported(store, full_room(store), "sqlite")


def broken_image(damage) -> tuple[RoomImage, int]:
    """A room of 2,000 entries with damage at the 1,500th, and how many rows precede it."""
    store = open_store(None)
    record = room_with(store, [])
    entries, tail = seal(record.id, Tail(), drafts_of(2000), T0)
    rows = [(entry.entry.timestamp, entry.blob) for entry in entries]
    at = 1499
    return RoomImage(record.with_(tail=tail), None, (), iter(damage(rows, at))), at


def flipped(record: bytes, at: int) -> bytes:
    return record[:at] + bytes([record[at] ^ 1]) + record[at + 1 :]


DAMAGE = {
    "flipped content": ("CHECKSUM_MISMATCH", lambda r, at: [*r[:at], (r[at][0], flipped(r[at][1], -20)), *r[at + 1 :]]),
    "missing": ("SEQUENCE_GAP", lambda r, at: [*r[:at], *r[at + 1 :]]),
    "twice": ("SEQUENCE_GAP", lambda r, at: [*r[:at], r[at - 1], *r[at:]]),
    "wrong key": ("SEQUENCE_GAP", lambda r, at: [*r[:at], (r[at][0] + 7, r[at][1]), *r[at + 1 :]]),
    "empty": ("CHECKSUM_MISMATCH", lambda r, at: [*r[:at], (r[at][0], b""), *r[at + 1 :]]),
    "zeros": ("CHECKSUM_MISMATCH", lambda r, at: [*r[:at], (r[at][0], bytes(len(r[at][1]))), *r[at + 1 :]]),
    "cut": ("MEMORY_LOG_TRUNCATED", lambda r, at: r[:at]),
}


@pytest.mark.parametrize("format_", EXPORT_FORMATS)
@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_after_all_that_lies_before_it_has_been_written(format_, name, database):
    type_, make = DAMAGE[name]
    image, before = broken_image(make)
    sink = io.BytesIO()
    with pytest.raises(RoomCorrupted, match=type_):
        export(image, ExportSpec(format_), sink)
    data = sink.getvalue()
    if format_ == "jsonl":
        assert len(data.splitlines()) == before
    elif format_ == "csv":
        assert len(csv_rows(data)) == before + 1
    elif format_ == "sqlite":
        assert database(data).execute("SELECT count(*) FROM memory").fetchone() == (before,)
    else:
        with pytest.raises(ArchiveInvalid):
            put_in(open_store(None), data)


def test_damage_in_a_segment_is_named(store):
    record = full_room(store)
    with store.image(record.id) as image:
        rows = list(image.rows)
    rows[0] = (rows[0][0], flipped(rows[0][1], 60))
    with pytest.raises(RoomCorrupted, match="CHECKSUM_MISMATCH"):
        list(walk(record, iter(rows)))


def test_every_flipped_bit_of_a_row_is_seen_where_records_are_checked(store):
    record = room_with(store, drafts_of(3))
    with store.image(record.id) as image:
        rows = list(image.rows)
    timestamp, row = rows[1]
    for bit in range(8 * len(row)):
        at = bit // 8
        bad = row[:at] + bytes([row[at] ^ (1 << bit % 8)]) + row[at + 1 :]
        with pytest.raises(RoomCorrupted):
            list(walk(record, [rows[0], (timestamp, bad), rows[2]]))


def test_progress_is_told_up_to_the_end_and_its_exception_ends_the_export(store):
    record = full_room(store)
    told = []
    with store.image(record.id) as image:
        export(image, ExportSpec(), io.BytesIO(), lambda *figures: told.append(figures))
    assert told[-1] == (record.entries, record.entries)
    with store.image(record.id) as image, pytest.raises(KeyboardInterrupt):
        export(image, ExportSpec(), io.BytesIO(), interrupt)


def interrupt(done: int, of: int) -> None:
    raise KeyboardInterrupt


class Nowhere(io.RawIOBase):
    def write(self, data) -> int:
        return len(data)


@pytest.mark.parametrize("format_", ["jsonl", "csv", "binary"])
def test_memory_stays_flat_however_much_is_exported(format_):
    def peak(count: int) -> int:
        tail = Tail()
        record = room_with(open_store(None), [])

        def rows():
            nonlocal tail
            for _ in range(count // 100):
                sealed, tail = seal(record.id, tail, [Draft(EntryType.OUTPUT, "x" * 1000, {})] * 100, T0)
                yield from ((entry.entry.timestamp, entry.blob) for entry in sealed)

        end = Tail()
        for _ in range(count // 100):
            end = seal(record.id, end, [Draft(EntryType.OUTPUT, "x" * 1000, {})] * 100, T0)[1]
        image = RoomImage(record.with_(tail=end), None, (), rows())
        tracemalloc.start()
        export(image, ExportSpec(format_), Nowhere())
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(10_000) < peak(2_000) * 1.5 + 1_000_000
