"""The FILESYSTEM store beside its contract: the seed's layout, folding, crashes at every step, damage, full disks."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import zlib
from operator import lt
from pathlib import Path

import pytest
from damage_sweep import build, outcome, sweep
from store_contract import T0, Backend, StoreContract, filled, new_record, remembering, room_id, texts
from support import eventually

from backrooms_tui.model.errors import RoomCorrupted, StoreCorrupted, StoreFailed, UnsafePath
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence import filesystem
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.segments import compress
from backrooms_tui.persistence.store import Compaction, RoomCommit

HERE = Path(__file__).parent
A, B = room_id("a"), room_id("b")
FILES = ("config.json", "memory.idx", "memory.log", "metadata.json", "state.bin")
LONG = os.environ.get("ROOM_CAMPAIGN") == "long"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def opened(root):
    return open_store(root, backend="FILESYSTEM")


def loaded(root):
    """Open, load and close: the records as a fresh start finds them."""
    store = opened(root)
    try:
        return {record.config.name: record for record in store.load().records}
    finally:
        store.close()


def compacted(record, sealed):
    """The commit that puts a segment in the place of some entries."""
    blob = compress(record.id, [one.blob for one in sealed], "zstd")
    compaction = Compaction(tuple(one.entry.timestamp for one in sealed), blob)
    return RoomCommit(record, record.tail, compactions=(compaction,))


@pytest.fixture
def folding(monkeypatch):
    """Every write is folded into the files at once."""
    monkeypatch.setattr(filesystem, "_FOLD_AT", 0)
    monkeypatch.setattr(filesystem, "_FOLD_EACH", 0)


@pytest.mark.usefixtures("folding")
class TestContractWithEveryWriteFolded(StoreContract):
    @pytest.fixture
    def backend(self, root):
        stores = []

        def again():
            if stores:
                stores[-1].close()
            stores.append(opened(root))
            return stores[-1]

        yield Backend(again(), again)
        stores[-1].close()


class TestLayout:
    def test_a_clean_stop_leaves_the_seed_s_files_and_an_empty_journal(self, root):
        store = opened(root)
        stored = filled(store, "a", 3)
        store.close()
        assert sorted(place.name for place in (root / A).iterdir()) == list(FILES)
        assert (root / "journal").stat().st_size == 16
        assert json.loads((root / A / "config.json").read_text())["name"] == "a"
        assert json.loads((root / A / "metadata.json").read_text())["creator_host"] == "corridor"
        state = (root / A / "state.bin").read_bytes()
        assert int.from_bytes(state[:4], "big") == 0x524F4F4D
        assert int.from_bytes(state[4:8], "big") == 1
        assert state[16:64] == bytes(48)
        assert state[64] == 0, "ACTIVE"
        assert int.from_bytes(state[65:69], "big") == 0, "no state of an entity yet"
        assert int.from_bytes(state[69:77], "big") == stored.last_active

    def test_a_memory_log_can_be_read_by_the_seed_s_description_alone(self, root):
        store = opened(root)
        commit = remembering(new_record("a"), *map(str, range(300)))
        store.commit([commit])
        store.commit([compacted(commit.record, commit.entries[:100])])
        store.close()
        log, at, found = (root / A / "memory.log").read_bytes(), 0, []
        while at < len(log):
            timestamp, type_ = int.from_bytes(log[at : at + 8], "big"), log[at + 8]
            end = at + 13 + int.from_bytes(log[at + 9 : at + 13], "big")
            assert int.from_bytes(log[end : end + 4], "big") == zlib.crc32(log[at:end], 0x4D454D4C)
            assert int.from_bytes(log[end + 4 : end + 8], "big") == end + 8 - at
            found.append((timestamp, type_, log[at + 13 : end]))
            at = end + 8
        assert [(timestamp, type_) for timestamp, type_, _ in found] == [
            (T0 + 99, 5),
            *((T0 + n, 0) for n in range(100, 300)),
        ]
        assert [row for *_, row in found[1:]] == [sealed.blob for sealed in commit.entries[100:]]

    @pytest.mark.parametrize("umask", [0o000, 0o077], ids=oct)
    def test_every_file_is_private_under_any_umask(self, root, folding, umask):
        before = os.umask(umask)
        try:
            store = opened(root)
            commit = remembering(new_record("a"), *map(str, range(300)))
            store.commit([commit])
            store.commit([compacted(commit.record, commit.entries[:100])])
            store.close()
        finally:
            os.umask(before)
        for place in root.rglob("*"):
            assert stat.S_IMODE(place.stat().st_mode) == (0o700 if place.is_dir() else 0o600), place

    def test_a_start_reads_no_memory_log(self, root):
        store = opened(root)
        filled(store, "a", 3)
        store.close()
        (root / A / "memory.log").unlink()
        store = opened(root)
        assert [record.state for record in store.load().records] == [RoomState.ACTIVE]
        assert store.verify(A).type == "MEMORY_LOG_TRUNCATED"
        store.close()

    def test_destruction_removes_the_words_from_every_file(self, root):
        store = opened(root)
        secret = "the combination is 7-42-19"
        stored = remembering(filled(store, "a", 5), secret)
        store.commit([stored])
        record = stored.record.with_(state_version=1)
        store.commit([RoomCommit(record, record.tail, snapshot=secret.encode())])
        filled(store, "b", 10)
        assert any(secret.encode() in file.read_bytes() for file in root.rglob("*") if file.is_file())
        store.destroy(A)
        assert not any(secret.encode() in file.read_bytes() for file in root.rglob("*") if file.is_file())
        assert not any(A in file.name for file in root.rglob("*"))
        assert len(store.read(B)) == 10
        store.close()


class TestUnsafePlaces:
    @pytest.mark.parametrize("name", ["state.bin", "memory.log", "config.json", "journal", None], ids=str)
    def test_links_in_the_place_of_files_and_rooms_are_refused(self, root, tmp_path, name):
        store = opened(root)
        filled(store, "a", 3)
        store.close()
        place = root / A if name is None else root / name if name == "journal" else root / A / name
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UnsafePath):
            store = opened(root)
            try:
                store.load()
                store.verify(A)
            finally:
                store.close()

    def test_a_room_that_others_may_write_is_refused(self, root):
        store = opened(root)
        filled(store, "a", 3)
        store.close()
        (root / A).chmod(0o777)
        with pytest.raises(UnsafePath):
            opened(root)

    def test_a_file_that_is_nobody_s_is_left_and_named(self, root):
        store = opened(root)
        filled(store, "a", 3)
        store.close()
        (root / A / "notes\x1b.txt").write_text("mine")
        store = opened(root)
        store.load()
        (found,) = store.inspect()
        assert found.where.startswith(f"{A}/notes")
        assert "\x1b" not in found.where
        assert store.verify(A) is None
        store.close()
        assert (root / A / "notes\x1b.txt").read_text() == "mine"


class TestFolding:
    def test_a_long_log_is_read_in_the_middle_and_compacted_from_any_place(self, root, monkeypatch):
        """Pages, segments and truncation agree with what was written, before and after every fold."""
        count = 3000
        store = opened(root)
        commit = remembering(new_record("a"), *(f"{n} " + "x" * (n % 97) for n in range(count)))
        store.commit([commit])
        expected = [sealed.entry for sealed in commit.entries]

        def check():
            seen, cursor = [], 0
            while page := store.read(A, after=cursor, limit=277):
                seen += page
                cursor = page[-1].timestamp
            assert seen == expected
            seen, cursor = [], None
            while page := store.read(A, before=cursor, limit=391):
                seen = page + seen
                cursor = page[0].timestamp
            assert seen == expected
            assert store.entry(A, T0 + 1234) == expected[1234]

        for start, end in ((0, 256), (512, 768), (256, 512), (2800, 3000)):
            check()
            store.commit([compacted(commit.record, commit.entries[start:end])])
            check()
            store.close()
            store = opened(root)
            store.load()
        check()
        assert store.verify(A) is None
        store.close()
        assert sorted(place.name for place in (root / A).iterdir()) == list(FILES)

    def test_a_view_of_one_moment_stays_while_the_room_is_folded_and_compacted(self, root, folding):
        store = opened(root)
        commit = remembering(new_record("a"), *map(str, range(500)))
        first = commit.record.with_(state_version=1, queued=1)
        queue = (QueuedInput(500, commit.record.tail.timestamp),)
        store.commit([RoomCommit(first, commit.expected, commit.entries, b"first", queue)])
        with store.image(A) as image:
            second = remembering(first.with_(state_version=2, queued=0), "more")
            store.commit([RoomCommit(second.record, second.expected, second.entries, b"second", (), (500,))])
            store.commit([compacted(second.record, commit.entries[:200])])
            rows = list(image.rows)
            assert rows == [(sealed.entry.timestamp, sealed.blob) for sealed in commit.entries]
            assert (image.record, image.snapshot, image.queue) == (first, b"first", queue)
        assert store.snapshot(A) == b"second"
        assert store.queue(A) == []
        store.close()

    def test_readers_beside_a_folding_writer_always_see_a_whole_room(self, root, folding):
        store = opened(root)
        stored = filled(store, "a", 300)
        stop, wrong, rounds = threading.Event(), [], [0, 0]

        def read(n):
            while not stop.is_set():
                try:
                    if store.verify(A) is not None or len(store.read(A, limit=300)) < 300:
                        wrong.append("short")
                    with store.image(A) as image:
                        if sum(1 for _ in image.rows) != image.record.tail.seq:
                            wrong.append("torn")
                except BaseException as error:
                    wrong.append(error)
                    return
                rounds[n] += 1

        readers = [threading.Thread(target=read, args=(n,), daemon=True) for n in range(2)]
        for reader in readers:
            reader.start()
        for n in range(40):
            commit = remembering(stored, f"more {n}")
            record = commit.record.with_(state_version=n + 1)
            store.commit([RoomCommit(record, commit.expected, commit.entries, b"state %d" % n)])
            stored = record
            if n % 10 == 9:
                before = list(rounds)
                eventually(lambda before=before: wrong or all(map(lt, before, rounds)), within=60)
        stop.set()
        for reader in readers:
            reader.join()
        store.close()
        assert wrong == []


PREAMBLE = f"""
import os, resource, sys, json
sys.path[:0] = {[str(HERE), str(HERE.parents[1])]!r}
from pathlib import Path
from store_contract import *
from backrooms_tui.persistence import filesystem, files_folding
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.segments import compress
from backrooms_tui.persistence.store import Compaction, RoomCommit
from backrooms_tui.model.errors import StoreFailed
root = Path(sys.argv[1])
def die_at(step):
    left = [step]
    def stepping(call):
        def counted(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                os._exit(77)
            return call(*args, **kwargs)
        return counted
    for name in ("open", "pwrite", "fsync", "fdatasync", "ftruncate", "mkdir", "replace", "rename", "unlink", "rmdir"):
        setattr(os, name, stepping(getattr(os, name)))
    files_folding._sync_all = stepping(files_folding._sync_all)
"""

OPEN = """
store = open_store(root, backend="FILESYSTEM")
rooms = {record.id: record for record in store.load().records}
"""

FOLD = f"""{OPEN}
files_folding._FEW = 8 if sys.argv[2] == "few" else 0
new = remembering(new_record("new"), "made")
store.commit([remembering(record, "acknowledged") for record in rooms.values()] + [new])
with store.image(room_id("a")) as image:
    rows = list(image.rows)[:100]
record = image.record
segment = compress(record.id, [blob for _, blob in rows], "zstd")
store.commit([RoomCommit(record, record.tail, compactions=(Compaction(tuple(t for t, _ in rows), segment),))])
commit = remembering(record, "last")
store.commit([RoomCommit(commit.record.with_(state_version=1), commit.expected, commit.entries, b"state")])
die_at(int(sys.argv[3]))
store.destroy(room_id("c"))
store.close()
os._exit(0)
"""

RECOVER = f"""
die_at(int(sys.argv[2]))
{OPEN}
store.close()
os._exit(0)
"""


def run(script, *args, ends=0):
    ended = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in ((ends,) if isinstance(ends, int) else ends), ended.stderr
    return ended


class TestCrashes:
    @pytest.mark.timeout(1200)
    @pytest.mark.parametrize("few", ["few", "many"])
    def test_a_death_at_any_step_of_a_fold_loses_nothing(self, root, few):
        """Each step that touches the disk is once the one before which the owner dies; the next owner dies as well, while
        it takes up what that one left. In the short form most steps are left out.
        """
        store = opened(root)
        for name in ("a", "b", "c"):
            filled(store, name, 200)
        store.close()
        copy, step, ended = root.with_name("copy"), 0, 77
        while ended == 77:
            step += 1 if LONG else 7
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(root, copy)
            ended = run(FOLD, copy, few, step, ends=(0, 77)).returncode
            run(RECOVER, copy, 1 + step * 13 % 75, ends=(0, 77))
            gone = self.check(copy, gone=ended == 0)
            assert self.check(copy, gone=gone) == gone, "what one start has told the next one tells too"
        assert step > 60, "so few steps: the deaths were not counted where they are"

    @staticmethod
    def check(root, *, gone):
        """Everything acknowledged is there, and the room that was being destroyed wholly there or wholly gone."""
        store = opened(root)
        records = {record.config.name: record for record in store.load().records}
        expected = {
            "a": [*map(str, range(200)), "acknowledged", "last"],
            "b": [*map(str, range(200)), "acknowledged"],
            "new": ["made"],
        }
        gone = gone or "c" not in records
        assert gone == (not any(room_id("c") in place.name for place in root.iterdir()))
        if not gone:
            expected["c"] = expected["b"]
        assert {name: str(record.state) for name, record in records.items()} == dict.fromkeys(expected, "ACTIVE")
        for name, remembered in expected.items():
            assert store.verify(room_id(name)) is None
            assert texts(store.read(room_id(name), after=0, limit=500)) == remembered
            with store.image(room_id(name)) as image:
                assert len(list(image.rows)) == len(remembered) - (99 if name == "a" else 0)
        assert store.snapshot(A) == b"state"
        assert list(store.inspect()) == []
        store.close()
        return gone

    def test_what_was_acknowledged_before_a_kill_is_read_from_the_journal(self, root):
        run(OPEN + "filled(store, 'a', 500); os.kill(os.getpid(), 9)", root, ends=-9)
        store = opened(root)
        assert store.load().records[0].tail.seq == 500
        assert store.verify(A) is None
        assert len(store.read(A, after=0, limit=600)) == 500
        store.close()

    @pytest.mark.parametrize("cut", [1, 20, 29, 200])
    def test_a_torn_last_frame_was_never_acknowledged(self, root, cut):
        run(
            OPEN + "r = filled(store, 'a', 5); store.commit([remembering(r, 'torn')]); os.kill(os.getpid(), 9)",
            root,
            ends=-9,
        )
        content = (root / "journal").read_bytes()
        (root / "journal").write_bytes(content[:-cut])
        for _ in range(2):
            store = opened(root)
            (record,) = store.load().records
            assert record.tail.seq == 5
            assert texts(store.read(A)) == ["0", "1", "2", "3", "4"]
            assert store.verify(A) is None
            store.close()

    @pytest.mark.parametrize("at", [0, 16, 30, 45, 100])
    def test_damage_before_the_last_frame_is_shared_damage_and_nothing_is_changed(self, root, at):
        run(
            OPEN + "r = filled(store, 'a', 5); store.commit([remembering(r, 'six')]); os.kill(os.getpid(), 9)",
            root,
            ends=-9,
        )
        content = bytearray((root / "journal").read_bytes())
        content[at] ^= 1
        (root / "journal").write_bytes(content)
        with pytest.raises(StoreCorrupted) as caught:
            opened(root)
        assert any(line.startswith("OFFSET: 0x000000") for line in caught.value.details)
        assert (root / "journal").read_bytes() == content

    def test_a_store_without_its_journal_is_refused(self, root):
        store = opened(root)
        filled(store, "a", 3)
        store.close()
        (root / "journal").unlink()
        with pytest.raises(StoreCorrupted):
            opened(root)

    def test_a_room_whose_removal_was_cut_short_is_wholly_gone_after_the_next_load(self, root):
        run(
            f"{OPEN}filled(store, 'a', 5); store.write_witness(); store._end_destruction = lambda room_id, **_: None; "
            "store.destroy(room_id('a')); store.close(); os.kill(os.getpid(), 9)",
            root,
            ends=-9,
        )
        assert (root / A / "state.bin").read_bytes()[19] == 1, "the mark is in the file's flags"
        assert loaded(root) == {}
        assert not (root / A).exists()
        assert loaded(root) == {}

    @pytest.mark.parametrize("fold", ["", "filesystem._FOLD_AT = filesystem._FOLD_EACH = 0"])
    def test_a_room_put_in_half_is_not_there_after_a_kill(self, root, fold):
        script = (
            f"{OPEN}{fold}\nc = remembering(new_record('a'), *map(str, range(50))); store.clear(room_id('a'))\n"
            "store.fill(room_id('a'), [(s.entry.timestamp, s.blob) for s in c.entries])\n"
        )
        run(script + "os.kill(os.getpid(), 9)", root, ends=-9)
        assert loaded(root) == {}
        assert not (root / A).exists()
        run(script + "store.establish(c.record, None, ()); os.kill(os.getpid(), 9)", root, ends=-9)
        store = opened(root)
        store.load()
        assert store.verify(A) is None
        assert len(store.read(A)) == 50
        store.close()


FULL = f"""{OPEN}
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
def limited(to): resource.setrlimit(resource.RLIMIT_FSIZE, (to, hard))
filesystem._FOLD_AT, limit = int(sys.argv[2]), int(sys.argv[3])
acknowledged, refused, stubborn = [], 0, 0
record = new_record("a")
def remember(text):
    global record
    commit = remembering(record, text)
    store.commit([commit])
    record = commit.record
    acknowledged.append(text)
limited(limit)
for n in range(10_000):
    try:
        remember("before %d " % n + "x" * 300)
    except StoreFailed:
        refused += 1
        break
for use in (lambda: remember("poisoned"), lambda: store.read(record.id), lambda: store.destroy(record.id)):
    try:
        use()
    except StoreFailed:
        stubborn += 1
limited(hard)
store.reopen()
landed = store.stored_tail(record.id).seq - record.tail.seq
record = store.load().records[0]
for n in range(20):
    remember("after %d" % n)
print(json.dumps(dict(acknowledged=acknowledged, refused=refused, stubborn=stubborn, landed=landed)), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize(
    ("fold_at", "limit"),
    [(1 << 20, 20_000), (1 << 20, 20_101), (1 << 20, 50_007), (8_000, 20_000), (8_000, 33_333), (17_000, 50_007)],
)
def test_a_full_disk_that_is_healed_costs_nothing_that_was_acknowledged(root, fold_at, limit):
    """The append that fails is one to the journal, or one to memory.log in the middle of a fold."""
    told = json.loads(run(FULL, root, fold_at, limit, ends=-9).stdout)
    assert told["refused"] == 1, "nothing has failed: the run proves nothing"
    assert told["stubborn"] == 3, "a poisoned store must refuse everything until it is reopened"
    assert told["landed"] in (0, 1)
    store = opened(root)
    assert [str(record.state) for record in store.load().records] == ["ACTIVE"]
    assert store.verify(A) is None
    remembered = texts(store.read(A, after=0, limit=10_000))
    store.close()
    if told["landed"]:
        remembered.pop(len(told["acknowledged"]) - 20)
    assert remembered == told["acknowledged"]


class TestDamage:
    STRIDE = 1 if LONG else 13

    @pytest.mark.parametrize("how", ["flip", "cut"])
    def test_damage_in_one_room_s_files_is_told_and_confined_to_it(self, root, how):
        expected = build(root, "FILESYSTEM")
        counts = sweep(root, "FILESYSTEM", [f"{A}/{name}" for name in FILES], how, self.STRIDE, expected=expected)
        print(f"FILESYSTEM {how}: {dict(counts)}")
        assert set(counts) == {"room"}
        assert counts["room"] > 1000 / self.STRIDE

    @pytest.mark.parametrize("how", ["flip", "cut"])
    def test_damage_in_what_all_rooms_share_refuses_the_store(self, root, how):
        expected = build(root, "FILESYSTEM")
        counts = sweep(root, "FILESYSTEM", ["journal", "witness"], how, 1 if LONG else 5, expected=expected)
        print(f"FILESYSTEM, shared, {how}: {dict(counts)}")
        assert set(counts) == {"shared"}

    @pytest.mark.parametrize("name", FILES)
    def test_a_file_that_is_gone_is_damage_of_its_room(self, root, name):
        expected = build(root, "FILESYSTEM")
        (root / A / name).unlink()
        assert outcome(root, "FILESYSTEM", expected) == "room"

    def test_damage_is_told_with_the_file_and_the_byte_in_it(self, root):
        store = opened(root)
        commit = remembering(new_record("a"), *map(str, range(200)))
        store.commit([commit])
        store.close()
        log = bytearray((root / A / "memory.log").read_bytes())
        start = log.index(commit.entries[150].blob) - 13
        log[start + 40] ^= 1
        (root / A / "memory.log").write_bytes(log)
        store = opened(root)
        store.load()
        assert store.verify(A) is None, "the newest entry is sound"
        with pytest.raises(RoomCorrupted) as caught:
            store.read(A)
        assert f"WHERE: {A}/memory.log" in caught.value.details
        assert f"OFFSET: 0x{start:08X}" in caught.value.details
        assert len(store.read(A, limit=40)) == 40, "sound pages stay readable"
        assert len(store.read(A, after=0, limit=100)) == 100
        store.close()

    def test_a_room_with_an_unreadable_state_is_corrupted_again_at_every_start_and_can_be_destroyed(self, root):
        store = opened(root)
        for name in ("a", "b"):
            filled(store, name, 50)
        store.close()
        content = bytearray((root / A / "state.bin").read_bytes())
        content[100] ^= 1
        (root / A / "state.bin").write_bytes(content)
        for _ in range(2):
            found = loaded(root)
            assert found["a"].state is RoomState.CORRUPTED
            assert found["a"].damage.where == f"{A}/state.bin"
            assert found["a"].tail.seq == 50, "the witness remembers how far it went"
            assert found["b"].state is RoomState.ACTIVE
        store = opened(root)
        store.load()
        store.destroy(A)
        store.close()
        assert list(loaded(root)) == ["b"]
        assert not (root / A).exists()

    def test_the_memory_of_a_room_that_is_committed_as_corrupted_is_kept(self, root):
        store = opened(root)
        stored = filled(store, "a", 50)
        store.close()
        content = bytearray((root / A / "state.bin").read_bytes())
        content[100] ^= 1
        (root / A / "state.bin").write_bytes(content)
        store = opened(root)
        (record,) = store.load().records
        store.commit([RoomCommit(record, record.tail)])
        store.close()
        store = opened(root)
        (again,) = store.load().records
        assert again.state is RoomState.CORRUPTED
        assert again.tail == stored.tail
        assert texts(store.read(A, limit=100)) == [str(n) for n in range(50)]
        store.close()

    def test_an_unwritable_store_is_a_failure_and_no_damage(self, root, monkeypatch):
        store = opened(root)
        stored = filled(store, "a", 5)

        def refuse(*_):
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", refuse)
            with pytest.raises(StoreFailed):
                store.commit([remembering(stored, "lost?")])
            with pytest.raises(StoreFailed):
                store.reopen()
            with pytest.raises(StoreFailed):
                store.read(A)
        store.reopen()
        assert store.stored_tail(A).seq in (5, 6)
        assert store.verify(A) is None
        store.close()
