"""Records as the texts and columns that people see: nothing is lost in them, and nothing changed in them is believed."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backrooms_tui.model.entries import Draft, EntryType, Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Creation, RoomConfig
from backrooms_tui.persistence.readable import entry_columns, entry_record, from_text, to_text
from backrooms_tui.persistence.records import Damaged, seal
from backrooms_tui.persistence.room_records import encode_config, encode_creation

ROOM = RoomId("a" * 64)
OTHER = RoomId("b" * 64)
START = Tail()
T0 = 1_700_000_000_000_000_000

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


def sealed(content="said", metadata=None, type_=EntryType.OUTPUT, tail=START):
    return seal(ROOM, tail, [Draft(type_, content, {"source": "test"} if metadata is None else metadata)], T0)[0][0]


def columns(record: bytes) -> list:
    entry, metadata = entry_columns(ROOM, record)
    return [entry.timestamp, int(entry.type), entry.content, metadata]


RECORDS = {
    "config": (b"C", encode_config(ROOM, RoomConfig(name='of "quotes" and 部屋', timeout=2.5))),
    "config without a name": (b"C", encode_config(ROOM, RoomConfig(compression="none"))),
    "creation": (b"M", encode_creation(ROOM, Creation(4242, "opérateur", "corridor"), T0)),
}


class TestTexts:
    @pytest.mark.parametrize("name", RECORDS)
    def test_a_text_gives_back_the_very_record(self, name):
        kind, record = RECORDS[name]
        assert from_text(kind, ROOM, to_text(record)) == from_text(kind, ROOM, to_text(record).encode()) == record

    def test_a_text_shows_people_the_settings_by_name(self):
        shown = json.loads(to_text(RECORDS["config"][1]))
        assert (shown["name"], shown["timeout"], shown["compression"]) == ('of "quotes" and 部屋', 2.5, "zstd")

    @pytest.mark.parametrize("name", RECORDS)
    def test_every_flipped_bit_of_a_text_is_damage(self, name):
        kind, record = RECORDS[name]
        text = to_text(record).encode()
        for bit in range(8 * len(text)):
            flipped = bytearray(text)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(Damaged):
                from_text(kind, ROOM, bytes(flipped))

    @pytest.mark.parametrize("name", RECORDS)
    def test_every_cut_of_a_text_is_damage(self, name):
        kind, record = RECORDS[name]
        text = to_text(record)
        for end in range(len(text)):
            with pytest.raises(Damaged):
                from_text(kind, ROOM, text[:end])

    @pytest.mark.parametrize(
        "changed",
        [
            lambda text: text + " ",
            lambda text: text.replace(":", ": "),
            lambda text: text.replace("{", '{"more":1,'),
            lambda text: json.dumps(dict(reversed(json.loads(text).items())), separators=(",", ":")),
            lambda text: "[]",
            lambda text: "[" * 100_000,
            lambda text: b"\xff\xfe",
        ],
        ids=[
            "space behind",
            "spaces inside",
            "a key more",
            "keys in another order",
            "no object",
            "too deep",
            "no text",
        ],
    )
    def test_a_text_that_only_means_the_same_or_means_nothing_is_damage(self, changed):
        kind, record = RECORDS["config"]
        with pytest.raises(Damaged):
            from_text(kind, ROOM, changed(to_text(record)))

    def test_a_text_of_another_room_or_of_the_other_kind_is_damage(self):
        kind, record = RECORDS["config"]
        with pytest.raises(Damaged):
            from_text(kind, OTHER, to_text(record))
        with pytest.raises(Damaged):
            from_text(b"M", ROOM, to_text(record))


class TestColumns:
    @settings(max_examples=100, deadline=None)
    @given(content=TEXT, metadata=st.dictionaries(TEXT, VALUES, max_size=4), type_=st.sampled_from(EntryType))
    def test_columns_give_back_the_very_record(self, content, metadata, type_):
        record = sealed(content, metadata, type_, Tail(7, T0 - 5, 0xDEADBEEF)).blob
        assert entry_record(ROOM, *columns(record)) == record

    @pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, -0.0, 5e-324, 10**4000, -(2**63), 2**64])
    def test_odd_numbers_in_metadata_come_back_as_they_were(self, number):
        record = sealed(metadata={"n": number}).blob
        assert entry_record(ROOM, *columns(record)) == record

    def test_a_number_that_json_cannot_hold_is_not_taken_for_another(self):
        record = sealed(metadata={"n": -math.nan}).blob
        with pytest.raises(Damaged):
            entry_record(ROOM, *columns(record))

    def test_every_flipped_bit_of_the_metadata_is_damage(self):
        timestamp, type_, content, metadata = columns(sealed().blob)
        for bit in range(8 * len(metadata)):
            flipped = bytearray(metadata.encode())
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(Damaged):
                entry_record(ROOM, timestamp, type_, content, flipped.decode("utf-8", "surrogateescape"))

    @pytest.mark.parametrize(
        ("at", "value"),
        [
            *((0, odd) for odd in (T0 + 1, -1, None, float(T0), 2**70)),
            *((1, odd) for odd in (0, 300, "1", 1.0)),
            *((2, odd) for odd in ("sait", b"said", None, "\udcff")),
            *((3, odd) for odd in (None, 7, b"{}", "{}", "x")),
        ],
    )
    def test_any_other_value_in_a_column_is_damage(self, at, value):
        values = columns(sealed().blob)
        values[at] = value
        with pytest.raises(Damaged):
            entry_record(ROOM, *values)

    @pytest.mark.parametrize("chain", ["1", -1, 2**32, 1.5, None, []])
    def test_a_chain_that_no_record_could_hold_is_damage(self, chain):
        timestamp, type_, content, metadata = columns(sealed().blob)
        odd = json.dumps(json.loads(metadata) | {"chain": chain}, separators=(",", ":"))
        with pytest.raises(Damaged):
            entry_record(ROOM, timestamp, type_, content, odd)

    def test_an_entry_of_another_room_is_damage(self):
        with pytest.raises(Damaged):
            entry_record(OTHER, *columns(sealed().blob))
