"""The REDIS backend on a real server that is well: where rooms stand, long memory, readers beside writers."""

from __future__ import annotations

import threading

import pytest
from store_contract import T0, filled, new_record, remembering, room_id, texts

from backrooms_tui.model.errors import ConfigInvalid, StoreFailed
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.pages import open_row
from backrooms_tui.persistence.segments import compress, tail_of
from backrooms_tui.persistence.store import Compaction, RoomCommit

A, B = room_id("a"), room_id("b")


def key(kind):
    return f"room:{A}:{kind}"


def remembered(store):
    return texts(store.read(A, after=0, limit=100_000))


def compacted(record, entries):
    """The commit in which these entries become one segment."""
    blob = compress(record.id, [sealed.blob for sealed in entries], "zstd")
    compaction = Compaction(tuple(sealed.entry.timestamp for sealed in entries), blob)
    return RoomCommit(record, record.tail, compactions=(compaction,))


def content(row):
    ((entry, _),) = open_row(A, (keys.memory(A, row[0]), row[1]))
    return entry.content


class TestTheSeedsKeys:
    def test_a_room_stands_under_the_seeds_keys_and_its_memory_is_a_list(self, redis_store, redis_client):
        stored = filled(redis_store, "a", 3)
        queued = (QueuedInput(3, stored.tail.timestamp),)
        record = stored.with_(state_version=1, queued=1)
        redis_store.commit([RoomCommit(record, stored.tail, snapshot=b"s", queue_put=queued)])
        kinds = {kind: redis_client.type(key(kind)) for kind in ("state", "config", "metadata", "memory", "queue")}
        assert kinds == {
            "state": b"string",
            "config": b"string",
            "metadata": b"string",
            "memory": b"list",
            "queue": b"hash",
        }
        assert redis_client.llen(key("memory")) == 3
        assert redis_client.lindex(key("memory"), 0)[:3] == b"RME"

    def test_a_destroyed_room_leaves_no_key(self, redis_store, redis_client):
        filled(redis_store, "a", 3)
        filled(redis_store, "b", 3)
        redis_store.destroy(A)
        assert not [*redis_client.scan_iter(f"*{A}*")]
        assert redis_client.hkeys("room:index") == [B.encode()]
        assert redis_client.scard("room:destroyed") == 0

    def test_the_words_of_a_destroyed_room_leave_the_servers_files(self, redis_store, redis_server, until):
        commit = remembering(new_record("a"), "a very particular sentence")
        redis_store.commit([commit])
        files = redis_server.place / "appendonlydir"

        def words(file):
            try:
                return file.read_bytes()
            except FileNotFoundError:  # the server has just removed it
                return b""

        def spoken():
            return any(b"particular" in words(file) for file in files.iterdir())

        assert spoken()
        redis_store.destroy(A)
        until(lambda: not spoken())

    def test_another_prefix_is_another_store(self, open_redis, tmp_path):
        filled(open_redis(), "a", 2)
        other = open_redis(tmp_path / "other", key_prefix="other:")
        assert other.load().records == ()
        filled(other, "b", 1)
        assert list(other.inspect()) == []

    @pytest.mark.parametrize("prefix", ["", "a b", "ä:", "x" * 200])
    def test_a_prefix_that_could_not_be_told_apart_is_refused(self, open_redis, prefix):
        with pytest.raises(ConfigInvalid):
            open_redis(key_prefix=prefix)

    def test_a_synced_commit_is_one_round_trip(self, redis_store, redis_client):
        stored = filled(redis_store, "a", 1)
        before = redis_client.info("commandstats")
        record = stored.with_(state_version=1)
        commit = remembering(record, "x", "y")
        redis_store.commit(
            [RoomCommit(commit.record, commit.expected, commit.entries, b"state", (QueuedInput(2, T0 + 1),))]
        )
        after = redis_client.info("commandstats")
        ran = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
        outside = {name for name, calls in ran.items() if calls and name in ("cmdstat_evalsha", "cmdstat_eval")}
        assert outside == {"cmdstat_evalsha"}
        assert ran["cmdstat_evalsha"] == 1
        assert not any(ran.get(f"cmdstat_{name}") for name in ("ping", "multi", "auth", "select", "client|setinfo"))


class TestLongMemory:
    COUNT = 3000

    @pytest.fixture
    def long(self, redis_store):
        return filled(redis_store, "a", self.COUNT)

    def test_pages_are_found_anywhere(self, redis_store, long):
        for at in (0, 1, 700, 1499, 1500, 2998):
            page = redis_store.read(A, after=T0 + at - 1, limit=5)
            assert texts(page) == [str(n) for n in range(at, min(at + 5, self.COUNT))]
            below = redis_store.read(A, before=T0 + at, limit=5)
            assert texts(below) == [str(n) for n in range(max(at - 5, 0), at)]
        assert remembered(redis_store) == [str(n) for n in range(self.COUNT)]

    def test_segments_take_the_place_of_their_rows_wherever_these_are(self, redis_store, redis_client):
        commit = remembering(new_record("a"), *map(str, range(1000)))
        redis_store.commit([commit])
        record = commit.record
        for start in (0, 256, 600, 980):
            redis_store.commit([compacted(record, commit.entries[start : start + 20])])
        redis_store.commit([remembering(record, "1000")])
        assert redis_client.llen(key("memory")) == 1001 - 4 * 19
        assert remembered(redis_store) == [str(n) for n in range(1001)]
        assert texts(redis_store.read(A, after=T0 + 609, limit=3)) == ["610", "611", "612"]
        assert texts(redis_store.read(A, before=T0 + 985, limit=8)) == [str(n) for n in range(977, 985)]
        assert redis_store.entry(A, T0 + 260).content == "260"
        assert redis_store.verify(A) is None

    def test_the_oldest_rows_can_go(self, redis_store, redis_client):
        commit = remembering(new_record("a"), *map(str, range(100)))
        redis_store.commit([commit])
        gone = commit.entries[:40]
        head = commit.record.with_(head=tail_of(A, gone[-1].blob))
        compaction = Compaction(tuple(sealed.entry.timestamp for sealed in gone), None)
        redis_store.commit([RoomCommit(head, head.tail, compactions=(compaction,))])
        assert redis_client.llen(key("memory")) == 60
        assert remembered(redis_store) == [str(n) for n in range(40, 100)]

    def test_an_image_is_that_of_its_moment_though_rows_are_added_and_compacted_while_it_is_read(self, redis_store):
        commit = remembering(new_record("a"), *map(str, range(2000)))
        redis_store.commit([commit])
        with redis_store.image(A) as image:
            rows = [next(image.rows) for _ in range(30)]
            record = commit.record
            redis_store.commit([compacted(record, commit.entries[10:60])])
            more = remembering(record, *(f"later {n}" for n in range(30)))
            redis_store.commit([more])
            redis_store.commit([compacted(more.record, [*commit.entries[1980:], *more.entries[:10]])])
            rows += image.rows
        assert [content(row) for row in rows] == [str(n) for n in range(2000)]

    def test_a_room_that_is_destroyed_while_its_image_is_read_is_not_called_damaged(self, redis_store, long):
        with redis_store.image(A) as image:
            next(image.rows)
            redis_store.destroy(A)
            with pytest.raises(StoreFailed) as caught:
                list(image.rows)
        assert "removed or truncated" in str(caught.value)

    def test_readers_beside_a_compaction_never_see_damage(self, redis_store):
        commit = remembering(new_record("a"), *map(str, range(1000)))
        redis_store.commit([commit])
        wrong, ended = [], threading.Event()

        def read():
            while not ended.is_set():
                try:
                    for at in (90, 200, 333, 780):
                        found = texts(redis_store.read(A, after=T0 + at, limit=30))
                        assert found == [str(n) for n in range(at + 1, at + 31)]
                    with redis_store.image(A) as image:
                        rows = list(image.rows)
                        assert rows[-1][0] >= T0 + 999
                except Exception as error:
                    wrong.append(error)
                    return

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for start in range(0, 960, 16):
            redis_store.commit([compacted(commit.record, commit.entries[start : start + 16])])
        ended.set()
        for reader in readers:
            reader.join()
        assert wrong == []
