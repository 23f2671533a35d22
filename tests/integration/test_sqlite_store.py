"""The SQLITE backend beyond the contract: what a shell sees in the file, and what becomes of it when it is damaged."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from damage_sweep import build, damaged, outcome
from sqlite_places import A, B, C, asked, opened
from store_contract import T0, filled, new_record, remembering, texts
from support import eventually

from backrooms_tui.model.entries import Draft, EntryType, Tail
from backrooms_tui.model.errors import StoreCorrupted, StoreFailed, UnsafePath
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence.records import seal
from backrooms_tui.persistence.store import RoomCommit
from backrooms_tui.persistence.witness import read_witness

HERE = Path(__file__).parent

SEED = """
rooms: id TEXT, state INTEGER, created_at INTEGER, last_active INTEGER, config TEXT, metadata TEXT
memory: room_id TEXT, timestamp INTEGER, type INTEGER, content TEXT, metadata TEXT
checkpoints: room_id TEXT, timestamp INTEGER, state_snapshot BLOB
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def database(root: Path) -> Path:
    return root / "rooms.db"


def files(root: Path) -> list[str]:
    return sorted(file.name for file in root.iterdir())


class TestWhatAShellSees:
    def test_the_seeds_tables_have_the_seeds_columns(self, root, database):
        opened(root).close()
        for line in SEED.strip().splitlines():
            table, _, columns = line.partition(": ")
            found = asked(database, f"SELECT name || ' ' || type FROM pragma_table_info('{table}')")
            assert ", ".join(name for (name,) in found) == columns
        index = [name for (name,) in asked(database, "SELECT name FROM pragma_index_info('idx_memory_room_time')")]
        assert index == ["room_id", "timestamp"]

    @pytest.mark.parametrize(("number", "state"), enumerate(RoomState))
    def test_a_room_shows_its_state_by_the_seeds_number(self, root, database, number, state):
        store = opened(root)
        store.commit([RoomCommit(new_record("a").with_(state=state, last_active=T0 + 9), Tail())])
        store.close()
        ((id_, shown, created_at, last_active, config, metadata),) = asked(database, "SELECT * FROM rooms")
        assert (id_, shown, created_at, last_active) == (A, number, T0, T0 + 9)
        assert json.loads(config)["name"] == "a"
        assert json.loads(metadata)["creator_user"] == "operator"

    def test_memory_shows_times_types_words_and_metadata(self, root, database):
        store = opened(root)
        filled(store, "a", 2)
        store.close()
        rows = asked(database, "SELECT timestamp, type, content, metadata FROM memory WHERE room_id = ?", A)
        assert [row[:3] for row in rows] == [(T0, 0, "0"), (T0 + 1, 0, "1")]
        assert json.loads(rows[1][3])["data"] == {"source": "test"}

    def test_an_entry_that_text_cannot_hold_comes_back_as_it_was(self, root, database):
        entries, tail = seal(A, Tail(), [Draft(EntryType.OBSERVATION, "odd", {"n": -math.nan})], T0)
        store = opened(root)
        store.commit([RoomCommit(new_record("a").with_(tail=tail), Tail(), entries)])
        assert [row for _, row in store.rows(A, after=0, size=10_000)] == [entries[0].blob]
        assert store.read(A)[0].content == "odd"
        store.close()
        assert asked(database, "SELECT count(*) FROM memory") == [(0,)]

    def test_a_clean_stop_leaves_one_private_file(self, root, database):
        before = os.umask(0)
        try:
            store = opened(root)
            filled(store, "a", 3)
            assert {"rooms.db-wal", "rooms.db-shm"} <= set(files(root))
            modes = {stat.S_IMODE(file.stat().st_mode) for file in root.iterdir()}
            store.close()
        finally:
            os.umask(before)
        assert modes == {0o600}
        assert files(root) == ["owner.lock", "rooms.db", "witness"]
        assert stat.S_IMODE(database.stat().st_mode) == 0o600

    def test_a_path_that_names_a_database_file_is_that_file(self, tmp_path):
        """ROOM_PERSISTENCE_PATH=/tmp/rooms.db is the seed's example."""
        store = opened(tmp_path / "my.db")
        filled(store, "a", 3)
        store.close()
        assert asked(tmp_path / "my.db", "SELECT count(*) FROM memory") == [(3,)]
        assert files(tmp_path / "my.db.d") == ["owner.lock", "witness"]
        store = opened(tmp_path / "my.db")
        assert [record.id for record in store.load().records] == [A]
        store.close()

    def test_a_shell_that_reads_does_not_keep_the_owner_from_writing(self, root, database):
        store = opened(root)
        record = filled(store, "a", 3)
        shell = sqlite3.connect(database, isolation_level=None)
        shell.execute("BEGIN")
        assert shell.execute("SELECT count(*) FROM memory").fetchone() == (3,)
        store.commit([remembering(record, "more")])
        assert shell.execute("SELECT count(*) FROM memory").fetchone() == (3,)
        shell.close()
        assert len(store.read(A)) == 4
        store.close()


class TestRefusals:
    @pytest.mark.parametrize("what", ["text", "another program's", "newer", "changed schema", "missing", "empty"])
    def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(self, root, database, what):
        build(root, "SQLITE")
        if what == "text":
            database.write_text("not a database " * 1000)
        elif what == "another program's":
            database.unlink()
            asked(database, "CREATE TABLE theirs (x)")
            database.chmod(0o600)
        elif what == "newer":
            asked(database, "PRAGMA user_version = 2")
        elif what == "changed schema":
            asked(database, "ALTER TABLE memory RENAME COLUMN content TO words")
        elif what == "missing":
            database.unlink()
        else:
            database.write_bytes(b"")
        before = database.read_bytes() if database.exists() else None
        with pytest.raises(StoreCorrupted) as caught:
            opened(root)
        assert caught.value.details[0] == f"PATH: {database}"
        assert (database.read_bytes() if database.exists() else None) == before

    @pytest.mark.parametrize("name", ["rooms.db", "rooms.db-wal", "rooms.db-shm", "rooms.db-journal"])
    def test_a_link_in_the_place_of_a_file_is_refused(self, root, tmp_path, name):
        build(root, "SQLITE")
        (root / name).unlink(missing_ok=True)
        (tmp_path / "theirs").write_bytes(b"")
        (root / name).symlink_to(tmp_path / "theirs")
        with pytest.raises(UnsafePath):
            opened(root)
        assert (tmp_path / "theirs").read_bytes() == b""

    def test_the_schema_is_ours_after_a_vacuum(self, root, database):
        """An operator may tidy up a store that nobody owns."""
        expected = build(root, "SQLITE")
        asked(database, "ANALYZE")
        connection = sqlite3.connect(database)
        connection.execute("VACUUM")
        connection.close()
        assert outcome(root, "SQLITE", expected) == "harmless"


class TestReadersAndWriters:
    def test_an_unsynced_commit_is_seen_at_once_and_synced_by_the_next(self, root):
        store = opened(root)
        record = filled(store, "a", 1)
        commit = remembering(record, "quick")
        store.commit([commit], sync=False)
        assert texts(store.read(A)) == ["0", "quick"]
        store.write_witness()
        assert read_witness(root / "witness").marks[A].seq == 1
        store.commit([remembering(commit.record, "durable")])
        store.write_witness()
        assert read_witness(root / "witness").marks[A].seq == 3
        store.close()

    def test_an_image_stays_as_it_was_while_the_room_goes_on(self, root):
        store = opened(root)
        record = filled(store, "a", 50)
        with store.image(A) as image:
            commit = remembering(record, "later")
            store.commit([commit])
            store.destroy(A)
            assert image.record == record
            assert len(list(image.rows)) == 50
        store.close()

    def test_many_threads_read_while_one_writes(self, root):
        store = opened(root)
        record = filled(store, "a", 10)
        wrong: list[BaseException] = []
        done = threading.Event()
        reads: Counter[str] = Counter()

        def keep_reading(name: str) -> None:
            try:
                while not done.is_set():
                    page = store.read(A, limit=20)
                    assert [entry.seq for entry in page] == list(range(page[0].seq, page[0].seq + len(page)))
                    assert store.verify(A) is None
                    reads[name] += 1
            except BaseException as error:
                wrong.append(error)

        readers = [threading.Thread(target=keep_reading, args=(str(n),)) for n in range(6)]
        for reader in readers:
            reader.start()
        for n in range(100):
            commit = remembering(record, f"more {n}")
            store.commit([commit], sync=n % 10 == 0)
            record = commit.record
        eventually(lambda: wrong or len(reads) == len(readers))
        done.set()
        for reader in readers:
            reader.join()
        assert wrong == []
        assert store.read(A)[-1].content == "more 99"
        store.close()
        assert files(root) == ["owner.lock", "rooms.db", "witness"]


class TestDestroying:
    def test_no_file_holds_a_word_of_a_destroyed_room(self, root):
        store = opened(root)
        mine, other = new_record("a"), new_record("b")
        for n in range(40):
            for name in ("mine", "other"):
                record = mine if name == "mine" else other
                commit = remembering(record, *(f"{name} secret {n} {line} " + "x" * 3 * n for line in range(20)))
                store.commit([commit])
                mine, other = (commit.record, other) if name == "mine" else (mine, commit.record)
        state = RoomCommit(mine.with_(state_version=1), mine.tail, snapshot=b"mine secret state " * 1000)
        store.commit([state])
        store.destroy(A)
        for file in root.iterdir():
            content = file.read_bytes()
            assert b"mine secret" not in content, file
            assert A.encode() not in content, file
        assert len(store.read(B, after=0, limit=1000)) == 800
        store.close()

    def test_what_a_reader_kept_in_the_log_is_cut_off_by_the_next_write(self, root):
        store = opened(root)
        commit = remembering(new_record("a"), "my secret")
        store.commit([commit, remembering(new_record("b"), "x")])
        with store.image(B):
            store.destroy(A)
            assert b"my secret" in (root / "rooms.db-wal").read_bytes(), "nothing was kept: the test proves nothing"
        store.commit([remembering(new_record("c"), "y")])
        for file in root.iterdir():
            assert b"my secret" not in file.read_bytes(), file
        store.close()

    def test_a_room_with_rows_that_its_index_does_not_know_can_be_destroyed(self, root, database):
        expected = build(root, "SQLITE")
        content = database.read_bytes()
        witness = (root / "witness").read_bytes()
        at, told = -1, 0
        while (at := content.find(A.encode(), at + 1)) >= 0:
            database.write_bytes(damaged(content, at + 3, "flip"))
            if outcome(root, "SQLITE", expected) == "harmless":
                continue
            store = opened(root)
            try:
                store.load()
                store.destroy(A)
                assert A not in [record.id for record in store.load().records]
                told += 1
            except StoreCorrupted:  # where writes would go wrong: the whole file is refused
                pass
            finally:
                store.close()
            (root / "witness").write_bytes(witness)
        assert told > 5


GUARDED = """
import json, os, resource, sys
from pathlib import Path
sys.path[:0] = %r
from store_contract import new_record, remembering
from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.persistence.opening import open_store
root, limit = Path(sys.argv[1]), int(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
store = open_store(root, backend="SQLITE")
store.load()
record, acknowledged, stubborn = new_record("a"), [], 0
def remember(text):
    global record
    commit = remembering(record, text)
    store.commit([commit])
    record = commit.record
    acknowledged.append(text)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
try:
    for n in range(5_000):
        remember(f"before {n} " + "x" * 3000)
    sys.exit("no write has failed: the run proves nothing")
except StoreFailed:
    pass
for use in (lambda: remember("poisoned"), lambda: store.read(record.id), lambda: store.destroy(record.id)):
    try:
        use()
    except StoreFailed:
        stubborn += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
store.reopen()
landed = store.stored_tail(record.id).seq - record.tail.seq
record = store.load().records[0]
for n in range(20):
    remember(f"after {n}")
print(json.dumps([acknowledged, stubborn, landed]), flush=True)
os.kill(os.getpid(), 9)
"""


class TestFailures:
    @pytest.mark.parametrize("limit", [200_000, 300_001, 1_000_448])
    def test_after_a_failed_write_nothing_acknowledged_is_lost(self, root, limit):
        script = GUARDED % [str(HERE), str(HERE.parents[1])]
        ended = subprocess.run(
            [sys.executable, "-c", script, str(root), str(limit)],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ended.returncode == -9, ended.stderr
        acknowledged, stubborn, landed = json.loads(ended.stdout)
        assert stubborn == 3, "a poisoned store must refuse everything until it is reopened"
        assert landed in (0, 1)
        store = opened(root)
        assert [record.state for record in store.load().records] == [RoomState.ACTIVE]
        remembered = texts(store.read(A, after=0, limit=10_000))
        store.close()
        if landed:
            remembered.pop(len(acknowledged) - 20)
        assert remembered == acknowledged

    def test_a_writer_in_a_shell_makes_a_commit_fail_and_the_next_one_goes_well(self, root, database, monkeypatch):
        monkeypatch.setattr("backrooms_tui.persistence.sqlite._WAIT", 0.05)
        store = opened(root)
        record = filled(store, "a", 1)
        shell = sqlite3.connect(database, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed):
            store.commit([remembering(record, "two")])
        shell.execute("ROLLBACK")
        shell.close()
        store.reopen()
        store.commit([remembering(record, "two")])
        assert texts(store.read(A)) == ["0", "two"]
        store.close()

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
    def test_a_log_cut_after_a_kill_loses_nothing_that_was_witnessed(self, root, share):
        """SQLite itself says nothing of it: it drops every transaction behind the cut."""
        script = """
import os, sys
sys.path[:0] = %r
from pathlib import Path
from store_contract import filled
from backrooms_tui.persistence.opening import open_store
store = open_store(Path(sys.argv[1]), backend="SQLITE")
for name in "abc":
    filled(store, name, 20)
store.write_witness()
os.kill(os.getpid(), 9)
"""
        code = script % [str(HERE), str(HERE.parents[1])]
        subprocess.run([sys.executable, "-c", code, str(root)], check=False, timeout=60)
        log = root / "rooms.db-wal"
        assert log.stat().st_size > 20_000
        os.truncate(log, int(log.stat().st_size * share))
        store = opened(root)
        states = {record.id: record.state for record in store.load().records}
        assert set(states) == {A, B, C}
        assert states[C] is RoomState.CORRUPTED
        for id_, state in states.items():
            if state is RoomState.ACTIVE:
                assert len(store.read(id_)) == 20
        store.close()
