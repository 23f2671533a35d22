"""The LevelDB store beside its contract: modes of files, ownership, crashes, readers beside writers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from operator import lt
from pathlib import Path

import pytest
from leveldb_places import A, kill_after, loaded, raw
from store_contract import filled, remembering, room_id
from support import eventually

from backrooms_tui.model.entries import Tail
from backrooms_tui.model.errors import ConfigInvalid, StoreBusy, StoreClosed, StoreCorrupted, StoreFailed
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.opening import StoreOptions, open_store
from backrooms_tui.persistence.store import RoomCommit


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


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
            store = open_store(tmp_path / "deep" / "store", options=StoreOptions(write_buffer_size=65536))
            for n in range(6):
                filled(store, f"room {n}", 400)
            store.write_witness()
            store.close()
        finally:
            os.umask(before)
        tables = [int(table.stem) for table in (tmp_path / "deep").rglob("*.ldb")]
        assert max(tables) > 10, "so few files have been made: none of them in the background"
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


class TestDestructionInMidCrash:
    def test_a_room_whose_removal_was_cut_short_is_wholly_gone_after_the_next_load(self, root):
        kill_after(
            root,
            "filled(store, 'a', 5); store.write_witness(); store._end_destruction = lambda room_id, **_: None; "
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
            before = list(rounds)
            eventually(lambda before=before: wrong or all(map(lt, before, rounds)), within=60)
        store.close()
        stop.set()
        for reader in readers:
            reader.join()
        assert wrong == []
        assert stored.tail != Tail()
