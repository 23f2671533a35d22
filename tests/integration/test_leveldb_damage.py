"""Damage of every kind and place: told, and confined to where it is."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from damage_sweep import build, sweep
from leveldb_places import A, loaded, raw
from store_contract import T0, filled, new_record, remembering, room_id

from backrooms_tui.model.errors import RoomCorrupted, StoreFailed
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.store import RoomCommit

LONG = os.environ.get("ROOM_CAMPAIGN") == "long"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


class TestDamageInOneRoom:
    @pytest.fixture
    def two_rooms(self, root):
        store = open_store(root)
        for name in ("a", "b"):
            stored = filled(store, name, 50)
            record = stored.with_(state_version=1, queued=1)
            queued = (QueuedInput(50, stored.tail.timestamp),)
            store.commit([RoomCommit(record, stored.tail, snapshot=b"state", queue_put=queued)])
        store.close()
        return root

    @pytest.mark.parametrize(
        ("key", "how", "type_"),
        [
            (keys.state(A), "flip", "CHECKSUM_MISMATCH"),
            (keys.state(A), "delete", "STATE_UNREADABLE"),
            (keys.state(A), "zero", "CHECKSUM_MISMATCH"),
            (keys.config(A), "flip", "CHECKSUM_MISMATCH"),
            (keys.config(A), "delete", "STATE_UNREADABLE"),
            (keys.metadata(A), "cut", "CHECKSUM_MISMATCH"),
            (keys.queue(A, 50), "flip", "CHECKSUM_MISMATCH"),
            (keys.queue(A, 50), "delete", "SEQUENCE_GAP"),
            (keys.memory(A, T0 + 49), "flip", "CHECKSUM_MISMATCH"),
            (keys.memory(A, T0 + 49), "delete", "MEMORY_LOG_TRUNCATED"),
            (keys.memory(A, T0 + 49), "neighbour", "SEQUENCE_GAP"),
            (keys.memory(A, T0 + 49), "stranger", "CHECKSUM_MISMATCH"),
        ],
        ids=str,
    )
    def test_what_entering_needs_is_checked_and_the_other_room_stays_sound(self, two_rooms, key, how, type_):
        self.spoil(two_rooms, key, how)
        store = open_store(two_rooms)
        assert all(record.state is RoomState.ACTIVE for record in store.load().records)
        damage = store.verify(A)
        assert (damage.type, damage.where.startswith(f"/room/{A}/")) == (type_, True)
        assert store.verify(room_id("b")) is None
        assert len(store.read(room_id("b"))) == 50
        store.close()

    @pytest.mark.parametrize(
        ("how", "type_"),
        [("flip", "CHECKSUM_MISMATCH"), ("delete", "SEQUENCE_GAP"), ("neighbour", "SEQUENCE_GAP")],
    )
    @pytest.mark.parametrize("at", [0, 9, 10, 11, 25])
    def test_a_damaged_or_missing_entry_is_met_by_every_page_over_it(self, two_rooms, at, how, type_):
        """Also when the gap lies exactly between two pages."""
        self.spoil(two_rooms, keys.memory(A, T0 + at), how)
        store = open_store(two_rooms)
        for walk in (self.forward, self.backward):
            with pytest.raises(RoomCorrupted) as caught:
                walk(store)
            assert f"CORRUPTION_TYPE: {type_}" in caught.value.details
            assert any(line.startswith("OFFSET: 0x0000000") for line in caught.value.details)
        assert len(store.read(A, limit=20)) == 20, "sound pages stay readable"
        store.close()

    def test_a_record_taken_from_an_older_room_breaks_the_chain(self, two_rooms):
        """An entry with the right number, time and room but another past is not ours."""
        other = remembering(new_record("a"), *(f"other {n}" for n in range(50)))
        with raw(two_rooms) as db:
            db.put(keys.memory(A, T0 + 20), other.entries[20].blob)
        store = open_store(two_rooms)
        with pytest.raises(RoomCorrupted) as caught:
            store.read(A)
        assert "CORRUPTION_TYPE: CHAIN_MISMATCH" in caught.value.details
        store.close()

    @pytest.mark.parametrize("how", ["flip", "zero", "cut", "delete", "stranger"])
    def test_a_room_without_a_readable_record_is_corrupted_again_at_every_start(self, two_rooms, how):
        self.spoil(two_rooms, keys.index(A), how)
        for _ in range(2):
            found = loaded(two_rooms)
            assert found["a"].state is RoomState.CORRUPTED
            assert found["a"].damage.where == f"/index/{A}"
            assert found["a"].tail.seq == 50, "the witness remembers how far it went"
            assert found["b"].state is RoomState.ACTIVE

    def test_a_corrupted_room_can_be_destroyed(self, two_rooms):
        self.spoil(two_rooms, keys.index(A), "delete")
        store = open_store(two_rooms)
        store.load()
        store.destroy(A)
        store.close()
        assert list(loaded(two_rooms)) == ["b"]
        with raw(two_rooms) as db:
            assert list(db.iterator(prefix=keys.room(A))) == []

    def test_destroying_a_room_with_a_damaged_table_harms_no_other(self, root):
        """LevelDB refuses all writes once a rewrite has met the damage; the store must come back and be rid of it."""
        store = open_store(root)
        filled(store, "a", 2000)
        filled(store, "b", 50)
        store.close()
        loaded(root)
        table = max((root / "leveldb").glob("*.ldb"), key=lambda file: file.stat().st_size)
        content = bytearray(table.read_bytes())
        content[len(content) // 2] ^= 1
        table.write_bytes(content)
        store = open_store(root)
        rooms = {record.id: record for record in store.load().records}
        with suppress(StoreFailed):
            store.destroy(A)
        store.reopen()
        assert [record.id for record in store.load().records] == [room_id("b")]
        store.commit([remembering(rooms[room_id("b")], "still here")])
        assert store.read(room_id("b"))[-1].content == "still here"
        store.close()
        assert list(loaded(root)) == ["b"]

    @staticmethod
    def spoil(root, key, how):
        with raw(root) as db:
            value = db.get(key)
            changed = {
                "flip": bytes([*value[:-1], value[-1] ^ 4]),
                "zero": bytes(len(value)),
                "cut": value[:-1],
                "neighbour": db.get(key[:-20] + b"%020d" % (int(key[-20:]) - 1)) if how == "neighbour" else None,
                "stranger": db.get(key.replace(A.encode(), room_id("b").encode())),
                "delete": None,
            }[how]
            if changed is None and how == "neighbour":  # the first entry has none before it: take the one after
                changed = db.get(key[:-20] + b"%020d" % (int(key[-20:]) + 1))
            db.delete(key) if changed is None else db.put(key, changed)

    @staticmethod
    def forward(store):
        cursor = 0
        while page := store.read(A, after=cursor, limit=10):
            cursor = page[-1].timestamp

    @staticmethod
    def backward(store):
        cursor = None
        while page := store.read(A, before=cursor, limit=10):
            cursor = page[0].timestamp


@pytest.mark.campaign
@pytest.mark.timeout(0 if LONG else 120)
class TestDamageAnywhere:
    """One bit flipped, or a file cut, all over a store that ended cleanly; at every byte in the long form."""

    @pytest.mark.parametrize(("how", "stride"), [("flip", 41), ("cut", 61)])
    def test_after_a_clean_stop_no_flip_and_no_cut_is_silent_or_harms_another_room(self, root, how, stride):
        expected = build(root, "LEVELDB")
        assert not any(path.stat().st_size for path in root.glob("leveldb/*.log")), "a log is every room's"
        counts = sweep(root, "LEVELDB", files(root), how, 1 if LONG else stride, expected=expected)
        print(f"LEVELDB {how}: {dict(counts)}")
        assert counts["shared"] > 3
        assert how == "cut" or counts["room"] > 5 * counts["table"], "a block's neighbours are proven by themselves"


def files(root):
    """Paths in the store of all files whose bytes mean something."""
    idle = ("LOCK", "LOG", "LOG.old", "owner.lock")
    return [str(path.relative_to(root)) for path in sorted(root.rglob("*")) if path.is_file() and path.name not in idle]
