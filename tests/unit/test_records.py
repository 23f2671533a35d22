"""The record codec: what goes in comes out, and nothing else ever does."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backrooms_tui.model.entries import Draft, EntryType, MemoryEntry, Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.room import Counters, Creation, Damage, QueuedInput, RoomConfig, RoomRecord, Suspension
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence import room_records as rooms
from backrooms_tui.persistence.records import (
    HEADER,
    Damaged,
    UnstorableEntry,
    chain_after,
    checksum_of,
    frame,
    open_entry,
    pack,
    seal,
    unframe,
)

ROOM = RoomId("a3" * 32)
OTHER = RoomId("a3" * 31 + "a4")

text = st.text(st.characters(exclude_categories=("Cs",)))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
all_drafts = st.builds(Draft, st.sampled_from(EntryType), text, st.dictionaries(text, json_values, max_size=4))
naturals = st.integers(0, 2**63 - 1)
records = st.builds(
    RoomRecord,
    id=st.just(ROOM),
    state=st.sampled_from(RoomState),
    config=st.builds(RoomConfig, naturals, st.floats(0, 1e5) | st.integers(1, 99), text, text, st.none() | text),
    creation=st.builds(Creation, naturals, text, text),
    created_at=naturals,
    last_active=naturals,
    last_input_at=st.none() | naturals,
    tail=st.builds(Tail, naturals, naturals, st.integers(0, 2**32 - 1)),
    memory_usage=naturals,
    counters=st.builds(Counters, *[naturals] * 7),
    latencies=st.builds(Latencies, naturals, naturals, naturals, st.dictionaries(naturals, naturals, max_size=5)),
    queued=naturals,
    state_version=naturals,
    last_error=st.none() | text,
    suspension=st.none() | st.builds(Suspension, naturals, text),
    damage=st.none() | st.builds(Damage, text, text, naturals, naturals),
)

SAMPLE = seal(ROOM, Tail(), [Draft(EntryType.OUTPUT, "THE DOOR IS BLUE", {"input": 7})], 1_700_000_000)[0][0].blob
DECODERS = {
    b"E": open_entry,
    b"I": rooms.decode_room,
    b"C": rooms.decode_config,
    b"M": rooms.decode_creation,
    b"S": rooms.decode_snapshot,
    b"Q": rooms.decode_queued,
}


@given(st.lists(all_drafts, max_size=6), st.integers(0, 2**62))
def test_sealed_entries_come_back_dense_rising_and_chained(drafts, now):
    entries, tail = seal(ROOM, Tail(4, 2**61, 99), drafts, now)
    last = Tail(4, 2**61, 99)
    for draft, sealed in zip(drafts, entries, strict=True):
        entry, at = open_entry(ROOM, sealed.blob)
        assert entry == sealed.entry
        assert (entry.type, entry.content, entry.metadata) == (draft.type, draft.content, draft.metadata)
        assert entry.seq == last.seq + 1
        assert entry.timestamp == max(now, last.timestamp + 1)
        assert at.chain == chain_after(sealed.blob[HEADER:], last.chain)
        last = at
    assert tail == last


@given(records)
@settings(max_examples=60)
def test_a_room_record_comes_back_as_it_was(record):
    assert rooms.decode_room(ROOM, rooms.encode_room(record)) == record


def test_the_other_records_come_back_as_they_were():
    config = RoomConfig(timeout=0.5, name="ж")
    assert rooms.decode_config(ROOM, rooms.encode_config(ROOM, config)) == config
    creation = Creation(1, "u", "h")
    assert rooms.decode_creation(ROOM, rooms.encode_creation(ROOM, creation, 5)) == (creation, 5)
    assert rooms.decode_snapshot(ROOM, rooms.encode_snapshot(ROOM, b"\x00\xff", 3)) == (b"\x00\xff", 3)
    for queued in (QueuedInput(1, 2), QueuedInput(9, 2**60, "r", 1, 2.5)):
        assert rooms.decode_queued(ROOM, rooms.encode_queued(ROOM, queued)) == queued


def test_every_single_flipped_bit_is_refused():
    for bit in range(8 * len(SAMPLE)):
        flipped = bytearray(SAMPLE)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged):
            open_entry(ROOM, bytes(flipped))


def test_every_truncation_and_extension_is_refused():
    for size in range(len(SAMPLE)):
        with pytest.raises(Damaged):
            open_entry(ROOM, SAMPLE[:size])
    for more in (b"\x00", b"\xc0", SAMPLE):
        with pytest.raises(Damaged):
            open_entry(ROOM, SAMPLE + more)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 64, 512, 4096])
def test_zeros_are_no_record_of_any_kind(size):
    for decode in DECODERS.values():
        with pytest.raises(Damaged):
            decode(ROOM, bytes(size))


def test_a_record_is_refused_in_another_room_and_as_another_kind():
    body = unframe(b"E", ROOM, SAMPLE)
    with pytest.raises(Damaged):
        open_entry(OTHER, SAMPLE)
    for kind in b"IEQ":
        record = frame(bytes((kind,)), ROOM, body)
        for other in b"IEQ":
            if other != kind:
                with pytest.raises(Damaged):
                    unframe(bytes((other,)), ROOM, record)
                with pytest.raises(Damaged):
                    unframe(bytes((other,)), ROOM, record.replace(bytes((kind,)), bytes((other,)), 1))


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=200) | json_values.map(pack), st.booleans())
@example(b"E", b"\x91" * 100_000, True)
@example(b"E", b"\xdd\xff\xff\xff\xff", True)
@example(b"I", b"\x81\x90\x01", True)
@example(b"E", b"\xc7\x05\x01+1_00", True)
@example(b"E", b"\xd6\xff\x00\x00\x00\x00", True)
def test_arbitrary_bytes_are_a_record_or_damaged_and_nothing_else(kind, body, framed):
    """Also behind a correct checksum, as a forger would write it."""
    record = frame(kind, ROOM, body) if framed else body
    try:
        DECODERS[kind](ROOM, record)
    except Damaged as damaged:
        assert damaged.type == "CHECKSUM_MISMATCH"
        assert 0 <= damaged.offset <= len(record)


@given(st.lists(json_values, min_size=6, max_size=6))
@example([1, 1, 5, "", {}, 1])
@example([1, 1, -1, "", {}, 1])
@example([True, 1, 0, "", {}, 1])
@example([0, 1, 0, "", {}, 1])
@example([1, 1, 0, b"", {}, 1])
def test_six_values_behind_a_correct_checksum_are_an_entry_only_in_their_right_types(values):
    try:
        entry, tail = open_entry(ROOM, frame(b"E", ROOM, pack(values)))
    except Damaged:
        return
    assert isinstance(entry, MemoryEntry)
    assert [tail.seq, tail.timestamp, entry.type, entry.content, entry.metadata, tail.chain] == values


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "metadata",
    [
        {1: "a"},
        {"a": {b"k": 1}},
        {"a": [{None: 1}]},
        {"a": object()},
        {"a": "\ud800"},
        {"\udcff": 1},
        {"a": deep(9999)},
    ],
    ids=["number", "bytes", "none", "object", "surrogate", "surrogate key", "depth"],
)
def test_what_could_not_be_read_back_is_not_sealed(metadata):
    with pytest.raises(UnstorableEntry):
        seal(ROOM, Tail(), [Draft(EntryType.OBSERVATION, "", metadata)], 1)


def test_a_clock_that_stands_still_or_goes_back_never_repeats_a_timestamp():
    first, tail = seal(ROOM, Tail(), [Draft(EntryType.INPUT, "a")] * 3, 100)
    second, _ = seal(ROOM, tail, [Draft(EntryType.INPUT, "a")] * 2, 50)
    assert [sealed.entry.timestamp for sealed in (*first, *second)] == [100, 101, 102, 103, 104]


def test_the_checksum_tells_versions_of_a_record_apart():
    blobs = {seal(ROOM, Tail(), [Draft(EntryType.INPUT, str(n))], 1)[0][0].blob for n in range(50)}
    assert len({checksum_of(blob) for blob in blobs}) == 50
