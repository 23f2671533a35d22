"""Room ids and the handles people use for them."""

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.model.errors import InvalidRoomId, RoomAmbiguous, RoomNotFound
from backrooms_tui.model.ids import RoomId, new_room_id, parse_handle, resolve, short

ONE = RoomId("a3f7c8d2" + "0" * 56)
TWO = RoomId("a3f7c9d2" + "1" * 56)
THREE = RoomId("b9e4d1a7" + "2" * 56)
ROOMS = (ONE, TWO, THREE)

created = st.integers(min_value=0, max_value=2**63)
origins = st.text(max_size=20)
seeds = st.binary(min_size=32, max_size=32)


def test_an_id_is_the_sha256_of_time_seed_and_origin_each_with_its_length():
    digest = hashlib.sha256()
    for part in (b"1700000000000000000", bytes(32), b"user@host:7"):
        digest.update(len(part).to_bytes(8, "big") + part)
    made = new_room_id(created_at=1_700_000_000_000_000_000, origin="user@host:7", seed=bytes(32))
    assert made == digest.hexdigest()


@given(created, origins, seeds)
def test_an_id_is_64_lower_case_hexadecimal_digits_and_depends_on_nothing_else(at, origin, seed):
    made = new_room_id(created_at=at, origin=origin, seed=seed)
    assert len(made) == 64
    assert set(made) <= set(string.hexdigits.lower())
    assert made == new_room_id(created_at=at, origin=origin, seed=seed)


@given(st.tuples(created, origins, seeds), st.tuples(created, origins, seeds))
def test_different_triples_have_different_ids(one, two):
    ids = [new_room_id(created_at=at, origin=origin, seed=seed) for at, origin, seed in (one, two)]
    assert (ids[0] == ids[1]) is (one == two)


def test_without_a_seed_two_rooms_of_the_same_moment_differ():
    assert new_room_id(created_at=1, origin="x") != new_room_id(created_at=1, origin="x")


@pytest.mark.parametrize(
    "handle",
    [ONE, "a3f7c8", "a3f7c8...", "a3f7c8…", "A3F7C8", "  a3f7c8d2...  ", ONE + "..."],
)
def test_any_unambiguous_prefix_is_a_handle_with_or_without_dots(handle):
    assert resolve(handle, ROOMS) == ONE


@pytest.mark.parametrize("handle", ["", "...", "a3f", "a3f...", "xyz1", "a3f7-", "a3f7 c8", ONE + "0", "prod", "ａ3f7"])
def test_what_is_not_4_to_64_hexadecimal_digits_is_no_handle(handle):
    with pytest.raises(InvalidRoomId):
        resolve(handle, ROOMS)


def test_a_prefix_of_two_rooms_is_refused_with_both_ids():
    with pytest.raises(RoomAmbiguous) as refused:
        resolve("a3f7", ROOMS)
    assert refused.value.details == ("PREFIX: a3f7", "MATCHES: 2", ONE, TWO)


def test_a_prefix_of_no_room_is_not_found():
    with pytest.raises(RoomNotFound) as refused:
        resolve("cccc", ROOMS)
    assert refused.value.details == ("ROOM: cccc",)


@given(seeds, st.integers(min_value=4, max_value=64))
def test_every_prefix_of_at_least_four_digits_finds_its_only_room(seed, length):
    room_id = new_room_id(created_at=0, origin="", seed=seed)
    assert resolve(room_id[:length], [room_id]) == room_id


@given(st.text(max_size=80))
def test_arbitrary_text_is_a_prefix_or_an_invalid_id_and_never_anything_else(text):
    try:
        prefix = parse_handle(text)
    except InvalidRoomId:
        return
    assert 4 <= len(prefix) <= 64
    assert set(prefix) <= set(string.hexdigits.lower())


def test_short_gives_eight_digits():
    assert short(ONE) == "a3f7c8d2"
