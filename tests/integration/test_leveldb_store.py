"""The LevelDB store beside its contract: modes of files, damage of every kind, crashes, the witness."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import plyvel
import pytest
from store_contract import T0, filled, new_record, remembering, room_id

from backrooms_tui.model.entries import Tail
from backrooms_tui.model.errors import ConfigInvalid, RoomCorrupted, StoreBusy, StoreClosed, StoreCorrupted, StoreFailed
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.store import RoomCommit

A = room_id("a")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def loaded(root):
    """Open, load and close: the records as a fresh start finds them."""
    store = open_store(root)
    try:
        return {record.config.name: record for record in store.load().records}
    finally:
        store.close()


def raw(root):
    return plyvel.DB(str(root / "leveldb"), compression=None)


def kill_after(root, script):
    """Run `script` with an open store in a child that then dies as by kill -9."""
    code = f"""
import os, sys
sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[2])]!r}
from pathlib import Path
from store_contract import *
from backrooms_tui.persistence.opening import open_store
store = open_store(Path({str(root)!r}))
store.load()
{script}
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == -9, ended.stderr


def test_a_command_that_opens_no_store_does_not_load_leveldb():
    code = (
        "import sys; from backrooms_tui.persistence.opening import open_store; "
        "assert open_store(None).backend == open_store(None, backend='MEMORY').backend == 'MEMORY'; "
        "assert not {'plyvel', 'asyncio', 'logging', 'textual'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True, timeout=60)


def test_an_unknown_backend_is_a_mistake_in_the_configuration(root):
    with pytest.raises(ConfigInvalid):
        open_store(root, backend="TAPE")
    assert not root.exists()


class TestPrivacy:
    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
    def test_every_file_is_private_under_any_umask(self, tmp_path, umask):
        """Checked with a tiny write buffer, so that LevelDB's background thread creates files as well."""
        before = os.umask(umask)
        try:
            store = open_store(tmp_path / "deep" / "store", write_buffer_size=65536)
            for n in range(6):
                filled(store, f"room {n}", 400)
            store.write_witness()
            store.close()
        finally:
            os.umask(before)
        tables = list((tmp_path / "deep").rglob("*.ldb"))
        assert len(tables) > 1
        for place in [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]:
            expected = 0o700 if place.is_dir() else 0o600
            assert stat.S_IMODE(place.stat().st_mode) == expected, place

    def test_destruction_removes_the_words_from_every_file(self, root):
        store = open_store(root)
        stored = filled(store, "a", 100)
        secret = "the combination is 7-42-19"
        record = remembering(stored, secret).record
        store.commit([remembering(stored, secret)])
        store.commit([RoomCommit(record.with_(state_version=1), record.tail, snapshot=secret.encode())])
        filled(store, "b", 10)
        assert any(secret.encode() in file.read_bytes() for file in root.rglob("*") if file.is_file())
        store.destroy(A)
        assert not any(secret.encode() in file.read_bytes() for file in root.rglob("*") if file.is_file())
        assert len(store.read(room_id("b"))) == 10
        store.close()


class TestOneOwner:
    def test_a_second_opening_is_refused_and_told_who_has_it(self, root):
        store = open_store(root)
        with pytest.raises(StoreBusy) as caught:
            open_store(root)
        assert caught.value.details[0] == f"HELD BY: pid {os.getpid()}"
        assert filled(store, "a", 1).tail.seq == 1, "the refused opening must not disturb the owner"
        store.close()
        open_store(root).close()

    def test_a_killed_owner_leaves_a_store_that_opens_at_once(self, root):
        kill_after(root, "filled(store, 'a', 500)")
        store = open_store(root)
        assert store.load().records[0].tail.seq == 500
        assert store.verify(A) is None
        store.close()

    def test_a_failed_opening_lets_the_lock_go(self, root):
        open_store(root).close()
        (root / "leveldb" / "CURRENT").write_bytes(b"nonsense")
        for _ in range(2):
            with pytest.raises(StoreCorrupted) as caught:
                open_store(root)
            assert any(line.startswith("RECOVERY: ") for line in caught.value.details)


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


class TestWitness:
    def test_after_a_clean_stop_every_cut_of_the_log_is_found(self, root, tmp_path):
        """LevelDB itself takes a cut log for a crash in mid-write and says nothing."""
        store = open_store(root)
        stored = filled(store, "a", 3)
        for n in range(3):
            commit = remembering(stored, f"later {n}")
            store.commit([commit])
            stored = commit.record
        store.close()
        (log,) = (root / "leveldb").glob("*.log")
        size = log.stat().st_size
        for cut in range(0, size, 97):
            copy = shutil.copytree(root, tmp_path / str(cut))
            os.truncate(copy / "leveldb" / log.name, cut)
            self.assert_told(copy)

    def test_a_store_put_back_to_yesterday_is_found(self, root):
        store = open_store(root)
        stored = filled(store, "a", 3)
        store.close()
        yesterday = {file.name: file.read_bytes() for file in (root / "leveldb").iterdir()}
        store = open_store(root)
        store.load()
        store.commit([RoomCommit(stored.with_(state=RoomState.IDLE), stored.tail)])
        store.close()
        for file in (root / "leveldb").iterdir():
            file.unlink()
        for name, content in yesterday.items():
            (root / "leveldb" / name).write_bytes(content)
        found = loaded(root)["a"]
        assert (found.state, found.damage.type) == (RoomState.CORRUPTED, "STATE_UNREADABLE")

    def test_after_a_crash_at_least_the_witnessed_memory_must_be_there(self, root):
        kill_after(root, "r = filled(store, 'a', 5); store.write_witness(); store.commit([remembering(r, 'late')])")
        (log,) = (root / "leveldb").glob("*.log")
        whole = log.read_bytes()
        log.write_bytes(whole[: len(whole) - 20])
        assert loaded(root)["a"].tail.seq == 5, "what was acknowledged after the witness cannot be missed"
        assert loaded(root)["a"].state is RoomState.ACTIVE

    def test_after_a_crash_a_room_shorter_than_the_witness_is_corrupted(self, root):
        kill_after(
            root,
            "r = filled(store, 'a', 5); c = remembering(r, 'late'); store.commit([c]); store.write_witness()",
        )
        (log,) = (root / "leveldb").glob("*.log")
        log.write_bytes(log.read_bytes()[:-20])
        for _ in range(2):
            found = loaded(root)["a"]
            assert (found.state, found.damage.type) == (RoomState.CORRUPTED, "MEMORY_LOG_TRUNCATED")

    def test_after_a_crash_memory_must_have_gone_on_from_the_witnessed_entry(self, root):
        kill_after(root, "r = filled(store, 'a', 5); store.write_witness(); store.commit([remembering(r, 'late')])")
        other = remembering(new_record("a"), *(f"other {n}" for n in range(5)))
        with raw(root) as db:
            db.put(keys.memory(A, T0 + 4), other.entries[4].blob)
        assert loaded(root)["a"].damage.type == "CHAIN_MISMATCH"

    def test_a_missing_table_is_a_refusal_that_names_it(self, root):
        store = open_store(root)
        filled(store, "a", 3)
        store.close()
        open_store(root).close()
        (table,) = (root / "leveldb").glob("*.ldb")
        table.unlink()
        with pytest.raises(StoreCorrupted) as caught:
            open_store(root)
        assert table.name in str(caught.value)

    @pytest.mark.parametrize("gone", [["CURRENT"], ["CURRENT", "../witness"], ["MANIFEST*"]], ids=str)
    def test_a_store_without_its_heart_is_refused_and_never_begun_anew(self, root, gone):
        store = open_store(root)
        filled(store, "a", 3)
        store.close()
        for pattern in gone:
            for file in [root / "witness"] if pattern.startswith("..") else (root / "leveldb").glob(pattern):
                file.unlink()
        logs = {file: file.read_bytes() for file in (root / "leveldb").glob("*.log")}
        with pytest.raises(StoreCorrupted):
            open_store(root)
        assert logs == {file: file.read_bytes() for file in (root / "leveldb").glob("*.log")}

    @pytest.mark.parametrize("how", ["missing", "flipped", "cut", "empty"])
    def test_a_store_with_rooms_is_refused_without_its_witness_until_an_operator_accepts_it(self, root, how):
        store = open_store(root)
        filled(store, "a", 3)
        store.close()
        witness = root / "witness"
        content = witness.read_bytes()
        {
            "missing": witness.unlink,
            "flipped": lambda: witness.write_bytes(bytes([*content[:30], content[30] ^ 1, *content[31:]])),
            "cut": lambda: witness.write_bytes(content[:-1]),
            "empty": lambda: witness.write_bytes(b""),
        }[how]()
        for _ in range(2):
            with pytest.raises(StoreCorrupted) as caught:
                open_store(root)
            assert f"WITNESS: {witness}" in caught.value.details
        (root / "witness.accept").touch()
        assert loaded(root)["a"].state is RoomState.ACTIVE
        assert not (root / "witness.accept").exists()
        assert loaded(root)["a"].state is RoomState.ACTIVE

    def test_it_is_due_after_64_acknowledged_commits_and_not_again_once_written(self, root):
        store = open_store(root)
        stored = filled(store, "a", 1)
        for _ in range(62):
            store.commit([RoomCommit(stored, stored.tail)])
        assert not store.witness_due()
        store.commit([RoomCommit(stored, stored.tail)])
        assert store.witness_due()
        store.write_witness()
        assert not store.witness_due()
        store.close()

    def test_it_claims_nothing_that_was_not_synced(self, root):
        """A power cut may take an unsynced commit; the room must not be called damaged for it."""
        kill_after(
            root,
            "r = filled(store, 'a', 5); store.commit([remembering(r, 'unsynced')], sync=False); store.write_witness()",
        )
        (log,) = (root / "leveldb").glob("*.log")
        log.write_bytes(log.read_bytes()[:-20])
        found = loaded(root)["a"]
        assert (found.tail.seq, found.state) == (5, RoomState.ACTIVE)

    def test_a_start_that_changes_nothing_leaves_the_witness_alone(self, root):
        store = open_store(root)
        filled(store, "a", 1)
        store.close()
        before = (root / "witness").stat()
        loaded(root)
        assert (root / "witness").stat() == before

    def assert_told(self, root):
        try:
            found = loaded(root)
        except StoreCorrupted:
            return
        assert [record.state for record in found.values()] == [RoomState.CORRUPTED]


class TestDestructionInMidCrash:
    def test_a_room_whose_removal_was_cut_short_is_wholly_gone_after_the_next_load(self, root):
        kill_after(
            root,
            "filled(store, 'a', 5); store.write_witness(); store._end_destruction = lambda room_id: None; "
            "store.destroy(room_id('a'))",
        )
        with raw(root) as db:
            assert len(list(db.iterator(prefix=keys.room(A)))) > 5
        assert loaded(root) == {}
        with raw(root) as db:
            assert list(db) == []
        assert loaded(root) == {}


class TestReadersAndWriters:
    def test_readers_in_other_threads_see_a_store_reopened_under_them_as_busy_or_whole(self, root):
        store = open_store(root)
        stored = filled(store, "a", 300)
        stop = threading.Event()
        wrong = []
        rounds = [0, 0]

        def read(n):
            while not stop.is_set():
                try:
                    if len(store.read(A, limit=300)) < 300:
                        wrong.append("short")
                except StoreFailed:
                    continue
                except StoreClosed:
                    return
                except BaseException as error:
                    wrong.append(error)
                    return
                rounds[n] += 1

        readers = [threading.Thread(target=read, args=(n,), daemon=True) for n in range(2)]
        for reader in readers:
            reader.start()
        for n in range(10):
            store.reopen()
            commit = remembering(stored, f"more {n}")
            store.commit([commit])
            stored = commit.record
        store.close()
        stop.set()
        for reader in readers:
            reader.join(10)
        assert wrong == []
        assert min(rounds) > 0
        assert stored.tail != Tail()
