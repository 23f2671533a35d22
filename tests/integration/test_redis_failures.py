"""Servers that die, fill up or stand still, answers that are lost, owners that are replaced: one copy, none lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from redis_server import Wire
from store_contract import T0, filled, new_record, remembering, room_id, texts

from backrooms_tui.model.errors import StoreBusy, StoreCorrupted, StoreFailed
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence import keys
from backrooms_tui.persistence import redis as client_of
from backrooms_tui.persistence.opening import open_store

A, B = room_id("a"), room_id("b")
MEMORY = f"room:{A}:memory"


def remembered(store):
    return texts(store.read(A, after=0, limit=100_000))


def contents(client):
    """All that the server holds but the lease, byte for byte."""
    return {name: client.dump(name) for name in client.scan_iter() if name != b"room:owner"}


class TestServerDeaths:
    def test_nothing_acknowledged_is_lost_when_the_server_is_killed_again_and_again(self, redis_store, redis_server):
        record, acknowledged = filled(redis_store, "a", 1), 1
        for n in range(5):
            enough, until = threading.Event(), acknowledged + 20 + 7 * n

            def kill(enough=enough):
                enough.wait()
                redis_server.kill()

            killer = threading.Thread(target=kill, daemon=True)
            killer.start()
            with pytest.raises(StoreFailed):
                while True:  # some more, until it is dead
                    commit = remembering(record, str(acknowledged))
                    redis_store.commit([commit])
                    record, acknowledged = commit.record, acknowledged + 1
                    if acknowledged == until:
                        enough.set()
            enough.set()
            killer.join()
            with pytest.raises(StoreFailed):
                redis_store.reopen()
            redis_server.start()
            redis_store.reopen()
            landed = redis_store.stored_tail(A).seq
            assert landed in (acknowledged, acknowledged + 1)
            record, acknowledged = redis_store.load().records[0], landed
            assert redis_store.verify(A) is None
        assert acknowledged > 100
        assert remembered(redis_store) == [str(n) for n in range(acknowledged)]

    def test_an_idle_owner_does_not_notice_a_restart_that_loses_nothing(self, redis_store, redis_server):
        record = filled(redis_store, "a", 3)
        redis_server.kill()
        redis_server.start()
        redis_store.commit([remembering(record, "3")])
        assert remembered(redis_store) == ["0", "1", "2", "3"]

    def test_a_server_that_lost_rooms_is_found_out_by_a_waiting_owner(self, root, idle_redis):
        idle_redis.start(appendonly="no", save="3600 1")
        store = open_store(root, backend="REDIS", options=idle_redis.options())
        record = filled(store, "a", 3)
        idle_redis.client().save()
        commit = remembering(record, "3")
        store.commit([commit])
        idle_redis.kill()
        idle_redis.start(appendonly="no", save="3600 1")
        with pytest.raises(StoreFailed):
            store.commit([remembering(commit.record, "4")])
        with pytest.raises(StoreCorrupted) as caught:
            store.reopen()
        assert "STORED SEQUENCE: 3" in caught.value.details
        store.close()

    @pytest.mark.parametrize("save", ["", "3600 1"])
    def test_without_an_append_only_file_it_is_said_and_the_loss_is_found(self, root, idle_redis, save):
        idle_redis.start(appendonly="no", save=save)
        store = open_store(root, backend="REDIS", options=idle_redis.options())
        assert store.warnings[0].startswith(
            "WARN: REDIS DOES NOT PERSIST: appendonly is no; a restart of the server loses"
        )
        record = filled(store, "a", 3)
        filled(store, "b", 3)
        idle_redis.client().save()
        store.commit([remembering(record, "lost")])
        store.write_witness()
        idle_redis.kill()
        store.close()
        if not save:
            (idle_redis.place / "dump.rdb").unlink()
        idle_redis.start(appendonly="no", save=save)
        store = open_store(root, backend="REDIS", options=idle_redis.options())
        states = {record.config.name or record.id: record.state for record in store.load().records}
        lost = {"a": RoomState.CORRUPTED, "b": RoomState.ACTIVE} if save else dict.fromkeys((A, B), RoomState.CORRUPTED)
        assert states == lost
        store.close()


class TestFullServer:
    def test_a_full_server_refuses_writes_keeps_what_it_has_and_heals(
        self, redis_store, open_redis, redis_client, tmp_path
    ):
        record = filled(redis_store, "a", 50)
        filled(redis_store, "b", 50)
        state = contents(redis_client)
        redis_client.config_set("maxmemory", 1)  # less than any server takes for itself
        with pytest.raises(StoreFailed) as caught:
            redis_store.commit([remembering(record, "x" * 5000), remembering(new_record("c"), "y")])
        assert "OOM" in str(caught.value)
        assert contents(redis_client) == state
        with pytest.raises(StoreFailed):
            redis_store.reopen()
        redis_client.config_set("maxmemory", 0)
        redis_store.reopen()
        redis_store.commit([remembering(record, "after")])
        assert len(remembered(redis_store)) == 51
        assert redis_store.verify(A) is None

    def test_a_full_server_can_be_opened_read_and_relieved_of_rooms(self, redis_store, open_redis, redis_client):
        filled(redis_store, "a", 50)
        filled(redis_store, "b", 5)
        redis_store.close()
        redis_client.config_set("maxmemory", 1)
        redis_store = open_redis()
        assert len(redis_store.load().records) == 2
        assert len(remembered(redis_store)) == 50
        redis_store.destroy(A)
        assert [record.id for record in redis_store.load().records] == [B]


class TestLostAnswers:
    def test_a_lost_answer_leaves_one_copy_and_never_two(self, redis_store, redis_server, tmp_path, root):
        redis_store.close()
        wire = Wire(redis_server, tmp_path / "wire")
        redis_store = open_store(root, backend="REDIS", options=redis_server.options(host=wire.socket))
        redis_store.load()
        record = filled(redis_store, "a", 1)
        for n in range(1, 11):
            wire.drop = 1
            commit = remembering(record, str(n))
            with pytest.raises(StoreFailed):
                redis_store.commit([commit])
            for use in (
                lambda: redis_store.read(A),
                lambda commit=commit: redis_store.commit([commit]),
                lambda: redis_store.destroy(A),
            ):
                with pytest.raises(StoreFailed):
                    use()
            redis_store.reopen()
            assert redis_store.stored_tail(A) == commit.record.tail, "the server had done it"
            record = redis_store.load().records[0]
        assert wire.dropped == 10
        assert remembered(redis_store) == [str(n) for n in range(11)]
        redis_store.close()
        wire.close()

    def test_what_is_sent_a_second_time_changes_nothing(self, redis_store, redis_client):
        record = filled(redis_store, "a", 2)
        batch = redis_store._rows.batch(sync=True)
        commit = remembering(record, "2")
        batch.put(keys.memory(A, T0 + 2), commit.entries[0].blob)
        redis_store._rows.write(batch)
        state = redis_client.dump(MEMORY)
        with pytest.raises(StoreFailed) as caught:
            redis_store._rows.write(batch)
        assert "not as it was left" in str(caught.value)
        assert redis_client.dump(MEMORY) == state

    def test_a_server_that_stands_still_is_waited_for_once_and_what_it_does_late_is_seen_or_barred(
        self, redis_store, redis_server, redis_client, monkeypatch
    ):
        store, waits = redis_store, []
        record = filled(store, "a", 3)
        server, answer = store._rows._server, client_of._answer

        def awaited(connection):
            waits.append(time.monotonic())
            return answer(connection)

        monkeypatch.setattr(client_of, "_answer", awaited)
        server.disconnect()
        redis_server.stand_still()
        for use in (lambda: store.commit([remembering(record, "3")]), store.reopen):
            with monkeypatch.context() as impatient, pytest.raises(StoreFailed):
                impatient.setitem(server._shared, "socket_timeout", 1.0)
                use()
            assert len(waits) == 1, "it was asked again"
            assert time.monotonic() - waits.pop() > 0.9
        redis_server.go_on()
        redis_client.ping()
        store.reopen()
        landed = store.stored_tail(A).seq
        (record,) = store.load().records
        store.commit([remembering(record, "last")])
        assert remembered(store) == ["0", "1", "2", *(["3"] if landed == 4 else []), "last"]
        assert store.verify(A) is None


class TestOwners:
    def test_a_second_owner_is_told_who_the_first_is(self, redis_store, open_redis, tmp_path, redis_client):
        with pytest.raises(StoreBusy) as caught:
            open_redis(tmp_path / "elsewhere")
        told = json.loads(redis_client.get("room:owner"))
        assert caught.value.details[0] == f"HELD BY: pid {told['pid']} on {told['host']}"
        assert caught.value.details[1].startswith("SINCE: 20")
        redis_store.close()
        open_redis(tmp_path / "elsewhere").close()

    def test_an_owner_that_lost_its_lease_writes_nothing(self, redis_store, open_redis, redis_client, tmp_path, root):
        record = filled(redis_store, "a", 3)
        redis_client.delete("room:owner")  # as if it had stood still for longer than a lease lasts
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (tmp_path / "elsewhere" / "witness").write_bytes((root / "witness").read_bytes())
        (tmp_path / "elsewhere" / "witness").chmod(0o600)
        other = open_redis(tmp_path / "elsewhere")
        other.load()
        commit = remembering(record, "of the other")
        other.commit([commit])
        state = redis_client.dump(MEMORY)
        with pytest.raises(StoreFailed) as caught:
            redis_store.commit([remembering(record, "of the first")])
        assert "another owner: pid" in str(caught.value)
        assert redis_client.dump(MEMORY) == state
        with pytest.raises(StoreBusy):
            redis_store.reopen()
        other.close()
        redis_store.reopen()
        assert remembered(redis_store)[-1] == "of the other"

    def test_a_lease_that_ended_unclaimed_is_still_the_owners(self, redis_store, redis_client):
        record = filled(redis_store, "a", 3)
        redis_client.delete("room:owner")
        redis_store.commit([remembering(record, "3")])
        assert redis_client.pttl("room:owner") > 10_000

    def test_an_idle_owner_renews_its_lease(self, redis_store, redis_client, monkeypatch):
        monkeypatch.setattr("backrooms_tui.persistence.redis_rows._RENEWAL", 0.0)
        redis_client.pexpire("room:owner", 1000)
        redis_store.write_witness()
        assert redis_client.pttl("room:owner") > 10_000

    def test_an_idle_owner_notices_that_it_was_replaced(self, redis_store, redis_client, monkeypatch):
        monkeypatch.setattr("backrooms_tui.persistence.redis_rows._RENEWAL", 0.0)
        filled(redis_store, "a", 1)
        redis_client.set("room:fence", "somebody else's")
        redis_store.write_witness()
        with pytest.raises(StoreFailed):
            redis_store.read(A)

    def test_the_lease_of_a_killed_owner_is_taken_over_at_once_from_the_same_directory(
        self, redis_server, root, open_redis, redis_client, tmp_path
    ):
        script = (
            "import os, sys\nfrom pathlib import Path\n"
            "from backrooms_tui.persistence.opening import StoreOptions, open_store\n"
            "open_store(Path(sys.argv[1]), backend='REDIS', options=StoreOptions(host=sys.argv[2]))\n"
            "os.kill(os.getpid(), 9)\n"
        )
        ended = subprocess.run([sys.executable, "-c", script, str(root), redis_server.socket], check=False, timeout=60)
        assert ended.returncode == -9
        assert redis_client.pttl("room:owner") > 5_000
        with pytest.raises(StoreBusy):
            open_redis(tmp_path / "elsewhere")
        store = open_redis()
        assert store.load().records == ()

    def test_a_lease_key_of_another_program_is_named(self, open_redis, redis_client):
        redis_client.set("room:owner", "mine!")
        with pytest.raises(StoreBusy) as caught:
            open_redis()
        assert caught.value.details[0] == "HELD BY: another program"
        assert "room:owner" in caught.value.details[1]


class TestOwnerDeaths:
    OWNER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from backrooms_tui.persistence.opening import StoreOptions, open_store
from store_contract import new_record, remembering
store = open_store(Path(sys.argv[1]), backend="REDIS", options=StoreOptions(host=sys.argv[2]))
records = store.load().records
record = records[0] if records else new_record("a")
while True:
    commit = remembering(record, str(record.tail.seq))
    store.commit([commit])
    record = commit.record
    print(record.tail.seq, flush=True)
"""

    def test_nothing_acknowledged_is_lost_when_the_owner_is_killed_again_and_again(
        self, redis_server, open_redis, root
    ):
        acknowledged = 0
        for n in range(8):
            paths = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
            owner = subprocess.Popen(
                [sys.executable, "-c", self.OWNER, str(root), redis_server.socket, *paths], stdout=subprocess.PIPE
            )
            assert owner.stdout is not None
            for _ in range(20 + 7 * n):
                line = owner.stdout.readline()
                assert line, "the owner ended by itself"
            owner.kill()
            told = (line + owner.stdout.read()).split(b"\n")[:-1]
            owner.stdout.close()
            owner.wait()
            assert int(told[-1]) > acknowledged
            acknowledged = int(told[-1])
            store = open_redis()  # at once: nobody waits for the dead owner's lease
            (record,) = store.load().records
            assert record.tail.seq in (acknowledged, acknowledged + 1)
            assert store.verify(A) is None
            assert remembered(store) == [str(seq) for seq in range(record.tail.seq)]
            store.close()
