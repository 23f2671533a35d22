"""A walk finds all that is wrong with a room's memory, whichever way it goes; rows are given in bites of bounded size."""

from __future__ import annotations

import pytest
from store_contract import T0, new_record

from backrooms_tui.model.entries import Draft, EntryType, Tail
from backrooms_tui.persistence.columns import ColumnarRows, Columns
from backrooms_tui.persistence.damage import DamageFound
from backrooms_tui.persistence.records import seal
from backrooms_tui.persistence.segments import compress
from backrooms_tui.persistence.walking import walk, walk_rows

START = Tail()


def remembered(count: int, head: Tail = START, *, text: str = "entry"):
    """A record and its rows."""
    record = new_record("a")
    entries, tail = seal(record.id, head, [Draft(EntryType.INPUT, f"{text} {n}", {"n": n}) for n in range(count)], T0)
    return record.with_(head=head, tail=tail), [(one.entry.timestamp, one.blob) for one in entries]


def given(walked) -> tuple[list[tuple[int, bytes]], str | None]:
    """The rows that a walk gives, and how it ends."""
    rows: list[tuple[int, bytes]] = []
    try:
        for columns in walked:
            rows += zip(*columns, strict=True)
    except DamageFound as error:
        return rows, f"{error.damage.type} {error.damage.where} {error.damage.offset}"
    return rows, None


def without_decoding(record, rows):
    return given(stretch.rows for stretch in walk_rows(record, rows))


def with_decoding(record, rows):
    return given(columns for columns, _, _ in walk(record, rows))


@pytest.mark.parametrize("seq", [0, 100, 240, 65_500, 2**32 - 100])
def test_rows_are_proven_whatever_length_their_sequence_numbers_have(seq):
    record, rows = remembered(300, Tail(seq, T0, 5) if seq else START)
    assert without_decoding(record, rows) == (rows, None)


def test_entries_and_bytes_are_counted_in_segments_as_in_single_rows():
    record, rows = remembered(400)
    packed = compress(record.id, [row for _, row in rows[:256]], "zstd")
    stretches = list(walk_rows(record, [(rows[255][0], packed), *rows[256:]]))
    assert sum(stretch.entries for stretch in stretches) == 400
    assert sum(stretch.size for stretch in stretches) == len(packed) + sum(len(row) for _, row in rows[256:])
    assert sum(stretch.plain for stretch in stretches) == sum(len(row) for _, row in rows)


@pytest.mark.parametrize("packed", [False, True], ids=["single", "segment"])
def test_a_flipped_bit_anywhere_is_told_alike_with_and_without_decoding(packed):
    record, rows = remembered(9)
    if packed:
        rows = [(rows[6][0], compress(record.id, [row for _, row in rows[:7]], "zstd")), *rows[7:]]
    hit = 0 if packed else 4
    timestamp, row = rows[hit]
    for at in range(len(row)):
        bad = row[:at] + bytes((row[at] ^ 0x10,)) + row[at + 1 :]
        damaged = [*rows[:hit], (timestamp, bad), *rows[hit + 1 :]]
        found = without_decoding(record, damaged)
        assert found == with_decoding(record, damaged)
        assert found[1] is not None
        assert found[0] == rows[:hit]


CHANGES = {
    "missing": (lambda rows: [*rows[:4], *rows[5:]], "SEQUENCE_GAP"),
    "exchanged": (lambda rows: [*rows[:4], rows[5], rows[4], *rows[6:]], "SEQUENCE_GAP"),
    "twice": (lambda rows: [*rows[:5], *rows[4:]], "SEQUENCE_GAP"),
    "under another time": (lambda rows: [*rows[:4], (rows[4][0] + 1, rows[4][1]), *rows[5:]], "SEQUENCE_GAP"),
    "under a time beyond all": (lambda rows: [*rows[:4], (10**20 - 1, rows[4][1]), *rows[5:]], "SEQUENCE_GAP"),
    "the end": (lambda rows: rows[:-1], "MEMORY_LOG_TRUNCATED"),
    "all": (lambda rows: [], "MEMORY_LOG_TRUNCATED"),
    "one too many": (lambda rows: [*rows, rows[-1]], "SEQUENCE_GAP"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whole_rows_in_the_wrong_places_are_found(name):
    change, type_ = CHANGES[name]
    record, rows = remembered(9)
    damaged = change(rows)
    found = without_decoding(record, damaged)
    assert found == with_decoding(record, damaged)
    assert found[1].startswith(type_)


def test_an_entry_of_another_history_is_found_by_the_chain():
    record, rows = remembered(9)
    _, others = remembered(9, text="other")
    found = without_decoding(record, [*rows[:4], others[4], *rows[5:]])
    assert found == with_decoding(record, [*rows[:4], others[4], *rows[5:]])
    assert found[1].startswith("CHAIN_MISMATCH")


def test_what_comes_before_damage_in_the_engine_is_given_first():
    record, rows = remembered(300)

    def broken():
        yield from rows[:200]
        walked = walk_rows(record, [])
        next(walked)  # raises

    assert len(without_decoding(record, broken())[0]) == 200


def test_large_rows_are_given_in_small_chunks():
    record = new_record("a")
    entries, tail = seal(record.id, Tail(), [Draft(EntryType.OUTPUT, "x" * 900_000, {})] * 9, T0)
    rows = Columns([one.entry.timestamp for one in entries], [one.blob for one in entries])
    stretches = list(walk_rows(record.with_(tail=tail), ColumnarRows([rows])))
    assert [stretch.entries for stretch in stretches] == [2, 2, 2, 2, 1]
