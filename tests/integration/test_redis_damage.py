"""Damage on a Redis server, of every kind and place: told, and confined to the room it is in."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from damage_sweep import ENTRIES, SEGMENT, build, damaged, everything, outcome
from store_contract import T0, filled, remembering, room_id, texts

from backrooms_tui.model.errors import RoomCorrupted, StoreBusy, StoreCorrupted
from backrooms_tui.model.states import RoomState

A, B, C = (room_id(name) for name in "abc")
STRIDE = 1 if os.environ.get("ROOM_CAMPAIGN") == "long" else 7
ROWS = ENTRIES - SEGMENT + 1


def key(kind, room=A):
    return f"room:{room}:{kind}"


@pytest.fixture
def options(redis_server):
    return redis_server.options()


@pytest.fixture
def expected(root, options):
    """What the three rooms of a sound store hold."""
    return build(root, "REDIS", options)


class Value:
    """One value on the server, to be read and replaced."""

    def __init__(self, client, kind, field=None):
        self.client, self.kind, self.field = client, kind, field

    def get(self):
        if self.kind == "index":
            return self.client.hget("room:index", A)
        if self.kind == "queue":
            return self.client.hget(key("queue"), self.field)
        if self.kind == "memory":
            return self.client.lindex(key("memory"), self.field)
        return self.client.get(key(self.kind))

    def put(self, value):
        if self.kind == "index":
            self.client.hset("room:index", A, value)
        elif self.kind == "queue":
            self.client.hset(key("queue"), self.field, value)
        elif self.kind == "memory":
            self.client.lset(key("memory"), self.field, value)
        else:
            self.client.set(key(self.kind), value)


PLACES = [
    ("state", None),
    ("config", None),
    ("metadata", None),
    ("index", None),
    ("queue", ENTRIES),
    *(("memory", n) for n in range(ROWS)),
]


class TestBytes:
    @pytest.mark.parametrize(("kind", "field"), PLACES, ids=str)
    @pytest.mark.parametrize("how", ["flip", "cut"])
    def test_a_changed_byte_makes_its_room_corrupted_and_leaves_the_others(
        self, expected, root, options, redis_client, kind, field, how
    ):
        place = Value(redis_client, kind, field)
        whole = place.get()
        counts = Counter()
        for at in range(0, len(whole), STRIDE):
            place.put(damaged(whole, at, how))
            try:
                counts[outcome(root, "REDIS", expected, options)] += 1
            except Exception as error:
                raise AssertionError(f"{kind} {field}: {how} at {at}") from error
        place.put(whole)
        print(f"REDIS {kind} {how}: {dict(counts)}")
        assert counts == {"room": len(range(0, len(whole), STRIDE))}
        assert outcome(root, "REDIS", expected, options) == "harmless"

    @pytest.mark.parametrize(
        ("kind", "field", "where"),
        [
            ("state", None, key("state")),
            ("queue", ENTRIES, f"{key('queue')}[{ENTRIES}]"),
            ("index", None, f"room:index[{A}]"),
            ("memory", ROWS - 1, f"{key('memory')}[{ROWS - 1}]"),
        ],
    )
    def test_the_place_is_named_as_a_redis_client_finds_it(
        self, expected, open_redis, redis_client, kind, field, where
    ):
        place = Value(redis_client, kind, field)
        place.put(damaged(place.get(), 10, "flip"))
        store = open_redis()
        (found,) = (record for record in store.load().records if record.id == A)
        told = found.damage if found.state is RoomState.CORRUPTED else store.verify(A)
        assert (told.where, told.type) == (where, "CHECKSUM_MISMATCH")

    @pytest.mark.parametrize("at", [0, 1, 999, 1000, 1001, 1500, 1999])
    def test_one_damaged_row_in_a_long_memory_hides_no_sound_page(self, open_redis, redis_client, at):
        """Whatever it says of itself: a search by halves may meet it first."""
        store = open_redis()
        store.load()
        filled(store, "a", 2000)
        whole = redis_client.lindex(key("memory"), at)
        stamp = whole.index(T0.to_bytes(8, "big")[:4])
        for harm in (
            bytes(40),
            b"garbage",
            damaged(whole, stamp, "flip"),
            damaged(whole, stamp + 7, "flip"),
            whole[:-1],
        ):
            redis_client.lset(key("memory"), at, harm)
            for start in {0, 400, 980, 1020, 1480, 1520, 1960} - {at - at % 20}:
                if not start - 1 <= at <= start + 30:
                    page = store.read(A, after=T0 + start - 1, limit=30)
                    assert texts(page) == [str(n) for n in range(start, start + 30)]
                    below = store.read(A, before=T0 + start + 30, limit=29)
                    assert texts(below) == [str(n) for n in range(start + 1, start + 30)]
            with pytest.raises(RoomCorrupted) as caught:
                store.read(A, after=T0 + at - 1, limit=5)
            assert f"WHERE: {key('memory')}[{at}]" in caught.value.details
            redis_client.lset(key("memory"), at, whole)
        assert len(store.read(A, after=0, limit=5000)) == 2000


class TestStrangers:
    @pytest.mark.parametrize("kind", ["state", "config", "metadata", "memory", "queue"])
    def test_another_kind_of_value_under_a_rooms_key_is_damage_in_that_room(
        self, expected, root, options, redis_client, kind
    ):
        redis_client.delete(key(kind))
        if kind in ("memory", "queue"):
            redis_client.set(key(kind), "a string")
        else:
            redis_client.rpush(key(kind), "a", "list")
        assert outcome(root, "REDIS", expected, options) == "room"

    @pytest.mark.parametrize("kind", ["state", "config", "metadata", "memory", "queue"])
    def test_a_key_that_is_gone_is_damage_in_its_room(self, expected, root, options, redis_client, kind):
        redis_client.delete(key(kind))
        assert outcome(root, "REDIS", expected, options) == "room"

    @pytest.mark.parametrize(
        "harm",
        [
            lambda client: client.rpush(key("memory"), "garbage"),
            lambda client: client.lpush(key("memory"), ""),
            lambda client: client.rpush(key("memory"), client.lindex(key("memory", B), -1)),
            lambda client: client.linsert(key("memory"), "AFTER", client.lindex(key("memory"), 1), "RM" + "x" * 50),
            lambda client: client.lpop(key("memory")),
            lambda client: client.rpop(key("memory")),
            lambda client: client.lrem(key("memory"), 1, client.lindex(key("memory"), 2)),
            lambda client: client.rpush(key("memory"), client.lindex(key("memory"), -1)),
            lambda client: client.rpush(key("memory"), client.lpop(key("memory"))),
            lambda client: client.copy(key("memory", B), key("memory"), replace=True),
            lambda client: client.hset(key("queue"), "not a number", "x"),
            lambda client: client.hset(key("queue"), 99, client.hget(key("queue"), ENTRIES)),
            lambda client: client.hdel("room:index", A),
            lambda client: client.hset("room:index", A, client.hget("room:index", B)),
            lambda client: client.copy(key("state", B), key("state"), replace=True),
        ],
    )
    def test_rows_that_are_foreign_missing_doubled_or_moved_are_damage_in_their_room(
        self, expected, root, options, redis_client, harm
    ):
        harm(redis_client)
        for _ in range(2):  # found again
            assert outcome(root, "REDIS", expected, options) == "room"

    def test_a_room_put_back_from_yesterday_is_found(self, expected, open_redis, root, options, redis_client):
        old = {name: redis_client.dump(name) for name in redis_client.scan_iter(f"*{A}*")}
        record = redis_client.hget("room:index", A)
        store = open_redis()
        store.load()
        (stored,) = (record for record in store.load().records if record.id == A)
        store.commit([remembering(stored, "today")])
        everything(store, A)
        store.close()
        for name, value in old.items():
            redis_client.restore(name, 0, value, replace=True)
        redis_client.hset("room:index", A, record)
        found = {record.id: record for record in open_redis().load().records}
        assert {found[A].state, found[B].state, found[C].state} == {RoomState.CORRUPTED, RoomState.ACTIVE}

    @pytest.mark.parametrize("name", ["room:index", "room:destroyed", "room:owner"])
    def test_another_kind_of_value_in_what_all_rooms_share_refuses_the_store(
        self, expected, open_redis, redis_client, name
    ):
        redis_client.delete(name)
        redis_client.rpush(name, "a", "list")
        with pytest.raises(StoreBusy if name == "room:owner" else StoreCorrupted) as caught:
            open_redis().load()
        assert name.removeprefix("room:") in str(caught.value)
        assert redis_client.lrange(name, 0, -1) == [b"a", b"list"], "nothing is repaired"

    def test_a_field_in_the_index_that_is_no_room_refuses_the_store(self, expected, open_redis, redis_client):
        redis_client.hset("room:index", "nobody", "x")
        with pytest.raises(StoreCorrupted):
            open_redis().load()

    def test_keys_that_are_nobodys_are_named_and_left(self, expected, open_redis, redis_client):
        stray = [f"room:{'0' * 64}:memory", "room:notes", f"{key('state')}:copy"]
        for name in (*stray, "another:program"):
            redis_client.set(name, "x")
        store = open_redis()
        store.load()
        assert sorted(found.where for found in store.inspect()) == sorted(stray)
        assert all(redis_client.exists(name) for name in stray)

    def test_a_corrupted_room_can_be_destroyed_and_the_others_go_on(self, expected, open_redis, redis_client):
        redis_client.delete(key("memory"))
        redis_client.set(key("memory"), "a string")
        redis_client.hset("room:index", A, "garbage")
        store = open_redis()
        store.load()
        store.destroy(A)
        assert {record.id for record in store.load().records} == {B, C}
        assert not [*redis_client.scan_iter(f"*{A}*")]
