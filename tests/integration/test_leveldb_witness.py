"""What only the witness can know: cut tails, stores put back, hearts torn out, crashes."""

from __future__ import annotations

import os
import shutil

import pytest
from leveldb_places import A, kill_after, loaded, raw
from store_contract import T0, filled, new_record, remembering

from backrooms_tui.model.errors import StoreCorrupted
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.store import RoomCommit


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


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
        after = (root / "witness").stat()
        assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
            before.st_ino,
            before.st_mtime_ns,
            before.st_ctime_ns,
        )

    def assert_told(self, root):
        try:
            found = loaded(root)
        except StoreCorrupted:
            return
        assert [record.state for record in found.values()] == [RoomState.CORRUPTED]
