"""Several daemons, one Redis: whose a room is, how it changes hands, and what a daemon that has lost it can still do."""

from __future__ import annotations

import threading
import time

import pytest
from daemons import LEASE, Daemons, ask, inputs, lapse, make_room, outputs, said, silence, wake
from redis_server import Wire
from store_contract import Backend, StoreContract
from support import eventually

from backrooms_tui.model.entries import Draft, EntryType
from backrooms_tui.model.errors import (
    BackroomsError,
    RoomExists,
    RoomLeasedElsewhere,
    RoomNotFound,
    StoreBusy,
    StoreFailed,
)
from backrooms_tui.model.events import RoomChanged, RoomCreated, RoomDestroyed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import BackupSpec, ExportSpec
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence.opening import open_store

SOON = 30.0
"""Seconds for a room to be taken over, process and all, on a busy machine; a campaign measures how many it takes."""


@pytest.fixture
def daemons(redis_server, tmp_path):
    opened = Daemons(redis_server, tmp_path)
    yield opened
    opened.close()
    assert opened.faults == []


def lease(client, room):
    held = client.hget("room:leases", room)
    return None if held is None else held.decode()


def at_work(service, room):
    """Await a turn of the room in this daemon."""
    eventually(lambda: service.room(room).running is not None, within=SOON)


def ended(client, service):
    """Whether the leases of a daemon have ended, by the server's clock."""
    told = client.hget("room:daemons", service._store._rows.leases.daemon)
    seconds, micros = client.time()
    return int(told.split()[0]) < seconds * 1000 + micros // 1000


class TestWhoseARoomIs:
    def test_a_room_belongs_to_the_daemon_that_made_it_from_its_first_moment(self, daemons, redis_client):
        room = make_room(daemons.daemon("a"))
        number, daemon = lease(redis_client, room).split(" ")
        assert int(number) > 0
        assert b"a.example:9000" in redis_client.hget("room:daemons", daemon)

    def test_whoever_wants_to_write_to_it_elsewhere_is_told_who_has_it_and_where(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        for verb in (
            lambda: b.submit(room, b"noop", source="test"),
            lambda: b.enter(room),
            lambda: b.suspend(room, by="test"),
            lambda: b.compact(room),
            lambda: b.destroy(room, confirm=room),
        ):
            with pytest.raises(RoomLeasedElsewhere) as caught:
                verb()
            told = caught.value.details
            assert told[0] == f"ROOM: {room}"
            assert told[1].startswith("HELD BY: pid ")
            assert told[2] == "ADDRESS: a.example:9000"
        assert ask(a, room, "initialize counter at 4") == "Counter initialized."

    def test_everybody_reads_it_as_it_is_now(self, daemons, tmp_path):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        assert [view.record.id for view in eventually(b.rooms)] == [room]
        for n in range(3):
            ask(a, room, f"remember k{n} as v{n}")
            assert b.room(room).record.tail == a.room(room).record.tail
            assert b.read(room) == a.read(room)
        assert b.resolve(room[:8]) == room
        with (tmp_path / "out").open("wb") as sink:
            assert b.export(room, ExportSpec("jsonl"), sink).entries == a.room(room).record.entries
        with (tmp_path / "archive").open("wb") as sink:
            b.backup(room, BackupSpec("none", include_config=True), sink)
        assert b.enter(room, read_only=True).record.id == room

    def test_who_watches_is_told_of_rooms_that_others_make_change_and_destroy(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        watching = b.subscribe()
        seen = []

        def told(kind):
            seen.extend(watching.get(timeout=0.05))
            return any(isinstance(event, kind) and event.room_id == room for event in seen)

        room = make_room(a)
        eventually(lambda: told(RoomCreated))
        seen.clear()
        ask(a, room, "noop")
        eventually(lambda: told(RoomChanged))
        a.destroy(room, confirm=room)
        eventually(lambda: told(RoomDestroyed))
        with pytest.raises(RoomNotFound):
            b.room(room)
        assert b.rooms() == []

    def test_a_room_that_its_daemon_left_goes_to_the_next_that_wants_it(self, daemons, redis_client):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        a.close()
        assert lease(redis_client, room) is None
        assert ask(b, room, "increment counter") == "Counter: 1"
        a = daemons.daemon("a")
        with pytest.raises(RoomLeasedElsewhere):
            a.submit(room, b"increment counter", source="test")

    def test_two_threads_that_want_one_room_both_get_it(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        rooms = [make_room(a) for _ in range(8)]
        a.close()
        wrong = []

        def want(room):
            try:
                ask(b, room, "noop")
            except Exception as error:
                wrong.append(error)

        threads = [threading.Thread(target=want, args=(room,)) for room in rooms * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    def test_of_two_daemons_that_want_a_free_room_one_gets_it(self, daemons):
        a, b, c = (daemons.daemon(name) for name in "abc")
        rooms = [make_room(a) for _ in range(12)]
        a.close()
        got, refused = [], []

        def want(service):
            for room in rooms:
                try:
                    service.submit(room, b"noop", source="test")
                    got.append(room)
                except RoomLeasedElsewhere:
                    refused.append(room)

        threads = [threading.Thread(target=want, args=(service,)) for service in (b, c)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == sorted(refused) == sorted(rooms)

    def test_the_limit_of_rooms_is_each_daemons(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        a._registry._max_rooms = b._registry._max_rooms = 2
        for service in (a, b):
            make_room(service)
            make_room(service)
        assert len(a.rooms()) == len(b.rooms()) == 4

    def test_a_restored_room_is_its_restorers_and_one_that_is_there_is_not_put_in_twice(self, daemons, tmp_path):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "initialize counter at 5")
        with (tmp_path / "archive").open("wb") as sink:
            a.backup(room, BackupSpec("none", include_config=True), sink)
        with (tmp_path / "archive").open("rb") as source, pytest.raises((RoomExists, RoomLeasedElsewhere)):
            b.restore(source)
        a.destroy(room, confirm=room)
        with (tmp_path / "archive").open("rb") as source:
            b.restore(source)
        assert ask(b, room, "increment counter") == "Counter: 6"
        with pytest.raises(RoomLeasedElsewhere):
            a.submit(room, b"noop", source="test")


class TestSilence:
    def test_work_that_a_silent_daemon_left_is_done_by_another_when_its_lease_has_ended(self, daemons, redis_client):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        a.submit(room, b"work for 30 seconds", source="test", timeout=60)
        for _ in range(3):
            a.submit(room, b"increment counter", source="test")
        silence(a)
        assert not ended(redis_client, a)
        assert b.room(room).running is None
        lapse(a, seconds=0.5)
        at_work(b, room)
        assert inputs(b, room) == ["initialize counter at 0", "work for 30 seconds", *["increment counter"] * 3]

    def test_what_a_daemon_that_lost_a_room_still_says_of_it_is_refused(self, daemons, redis_client):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        a.submit(room, b"work for 60 seconds", source="test", timeout=120)
        a.submit(room, b"increment counter", source="test")
        at_work(a, room)
        lapse(a)
        at_work(b, room)
        with pytest.raises(BackroomsError):
            a.interrupt(room, by="a")  # it says that its turn has ended
        with pytest.raises(RoomLeasedElsewhere) as caught:
            a.submit(room, b"increment counter", source="test")
        assert caught.value.details[2] == "ADDRESS: b.example:9000"
        assert b.room(room).running is not None
        b.interrupt(room, by="b")
        eventually(lambda: outputs(b, room)[-1:] == ["Counter: 1"], within=SOON)
        assert outputs(b, room) == ["Counter initialized.", "Counter: 1"]
        wake(a)
        eventually(lambda: a.room(room).record == b.room(room).record, within=SOON)
        eventually(lambda: a.room(room).entity == "COLD", within=SOON)

    def test_who_waits_for_an_input_of_a_lost_room_is_sent_on(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        receipt = a.submit(room, b"work for 60 seconds", source="test", request_id="one", timeout=120)
        lapse(a)
        at_work(b, room)
        with pytest.raises(RoomLeasedElsewhere):
            a.submit(room, b"noop", source="test")
        with pytest.raises(RoomLeasedElsewhere):
            a.wait(receipt, timeout=SOON)
        again = b.submit(room, b"work for 60 seconds", source="test", request_id="one", timeout=120)
        assert again.seq == receipt.seq
        b.interrupt(room, by="test")
        assert b.wait(again, timeout=SOON) is not None
        assert a.wait(receipt, timeout=SOON).seq == receipt.seq

    def test_rooms_that_nobody_wanted_are_still_its_own_when_it_wakes(self, daemons, redis_client):
        a = daemons.daemon("a")
        rooms = [make_room(a) for _ in range(3)]
        lapse(a)
        eventually(lambda: ended(redis_client, a))
        assert [ask(a, room, "initialize counter at 1") for room in rooms] == ["Counter initialized."] * 3
        wake(a)
        assert [ask(a, room, "increment counter") for room in rooms] == ["Counter: 2"] * 3

    def test_quiet_rooms_of_a_silent_daemon_are_free_and_it_may_take_them_again(self, daemons, redis_client):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        mine, theirs = make_room(a), make_room(a)
        ask(a, mine, "initialize counter at 1")
        lapse(a)
        eventually(lambda: lease(redis_client, mine) is None, within=SOON)
        assert ask(b, theirs, "noop") is not None
        wake(a)
        eventually(lambda: a._registry.get(mine).foreign)
        assert ask(a, mine, "increment counter") == "Counter: 2"
        with pytest.raises(RoomLeasedElsewhere):
            a.submit(theirs, b"noop", source="test")

    def test_a_lost_room_in_a_batch_does_not_keep_its_neighbours_from_being_written(self, daemons, redis_client):
        a = daemons.daemon("a")
        lost, kept = make_room(a), make_room(a)
        redis_client.hset("room:leases", lost, "999 somebody")
        tickets = []
        together = threading.Event()
        a._engine.committer.enqueue(work=together.wait)
        for room in (lost, kept, lost, kept):
            live = a._registry.get(room)
            with live.lock:
                tickets.append(a._engine.committer.enqueue(live.seal(last_active=time.time_ns())))
        together.set()
        for ticket in tickets:
            ticket.wait()
        assert [type(ticket.error) for ticket in tickets] == [RoomLeasedElsewhere, type(None)] * 2
        assert a.status().read_only_because is None

    def test_inputs_that_wait_in_a_daemon_that_closes_are_worked_on_by_the_others(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        a.submit(room, b"work for 60 seconds", source="test", timeout=120)
        for _ in range(3):
            a.submit(room, b"increment counter", source="test")
        a.close()
        at_work(b, room)
        b.interrupt(room, by="test")
        eventually(lambda: outputs(b, room)[-1] == "Counter: 3", within=SOON)

    def test_a_removal_that_a_daemon_began_is_ended_by_another(self, daemons, redis_client, monkeypatch):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "remember secret as tell nobody")
        monkeypatch.setattr(a._store._rows, "sweep", lambda *_, **__: silence(a))
        monkeypatch.setattr(a._store._rows, "release", lambda *_: None)
        a.destroy(room, confirm=room)
        assert redis_client.exists(f"room:{room}:memory")
        lapse(a)
        eventually(lambda: not redis_client.exists(f"room:{room}:memory"), within=SOON)
        eventually(lambda: b.rooms() == [])
        eventually(lambda: lease(redis_client, room) is None)


class TestFleetAndSingleOwner:
    def test_a_single_owner_is_kept_out_by_a_fleet_and_told_of_it(self, daemons):
        daemons.daemon("a")
        with pytest.raises(StoreBusy) as caught:
            daemons.alone("b")
        assert caught.value.details[0].startswith("HELD BY: a fleet of daemons, pid ")

    def test_a_daemon_is_kept_out_by_a_single_owner(self, daemons):
        daemons.alone("a")
        with pytest.raises(StoreBusy):
            daemons.daemon("b")

    def test_after_the_last_daemon_a_single_owner_gets_in_at_once_and_the_other_way_round(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room, other = make_room(a), make_room(b)
        ask(a, room, "initialize counter at 0")
        b.destroy(other, confirm=other)
        a.close()
        b.close()
        alone = daemons.alone("a")
        assert [view.record.state for view in alone.rooms()] == [RoomState.ACTIVE]
        assert ask(alone, room, "increment counter") == "Counter: 1"
        alone.close()
        assert ask(daemons.daemon("b"), room, "increment counter") == "Counter: 2"

    def test_a_daemon_that_wakes_beside_a_single_owner_writes_nothing(self, daemons, redis_client):
        a = daemons.daemon("a")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        silence(a)
        redis_client.delete("room:owner")  # as if it had stood still for as long as that lasts
        alone = daemons.alone("b")
        assert ask(alone, room, "increment counter") == "Counter: 1"
        with pytest.raises(StoreFailed) as caught:
            a.submit(room, b"increment counter", source="test")
        assert "another owner" in str(caught.value)
        assert a.status().read_only_because is not None
        alone.close()
        wake(a)
        eventually(lambda: a.status().read_only_because is None)
        assert ask(a, room, "increment counter") == "Counter: 2"

    def test_the_single_owner_that_was_killed_in_the_same_directory_is_not_waited_for(self, daemons, redis_client):
        alone = daemons.alone("a")
        owner = redis_client.get("room:owner")
        alone.close()
        redis_client.set("room:owner", owner, px=60_000)
        daemons.daemon("a")


class TestServer:
    def test_a_server_that_dies_and_comes_back_costs_no_room_and_no_line(self, daemons, redis_server, redis_client):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        rooms = {a: make_room(a), b: make_room(b)}
        for service, room in rooms.items():
            ask(service, room, "initialize counter at 0")
            eventually(lambda service=service: len(service.rooms()) == 2)
        redis_server.kill()
        for service, room in rooms.items():
            with pytest.raises(StoreFailed):
                service.submit(room, b"increment counter", source="test")
            assert len(service.rooms()) == 2, "as seen last"
        redis_server.start()
        for service, room in rooms.items():
            eventually(lambda service=service: service.status().read_only_because is None)
            eventually(lambda service=service, room=room: not service._registry.get(room).foreign)
            assert ask(service, room, "increment counter") == "Counter: 1"

    def test_each_opening_gives_a_daemon_a_higher_number(self, daemons, redis_client):
        a = daemons.daemon("a")
        room = make_room(a)
        first = int(lease(redis_client, room).split()[0])
        a._engine.committer._store.reopen()
        assert int(lease(redis_client, room).split()[0]) > first
        assert ask(a, room, "noop") is not None

    def test_a_full_server_lets_rooms_be_taken_over_and_destroyed(self, daemons, redis_client):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "noop")
        a.close()
        redis_client.config_set("maxmemory", 1)  # less than any server takes for itself
        b.destroy(room, confirm=room)
        assert b.rooms() == []

    def test_keys_of_a_fleet_are_nobodys_damage(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        ask(a, make_room(a), "noop")
        gone = make_room(b)
        b.destroy(gone, confirm=gone)
        assert b.check().findings == ()


class TestWitness:
    def test_a_tail_that_the_server_lost_is_found_by_the_daemon_that_wrote_it(self, daemons, redis_client):
        a = daemons.daemon("a")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        a.close()
        memory, small = redis_client.dump(f"room:{room}:memory"), redis_client.hget("room:index", room)
        state = redis_client.dump(f"room:{room}:state")
        a = daemons.daemon("a")
        ask(a, room, "increment counter")
        a.close()
        redis_client.restore(f"room:{room}:memory", 0, memory, replace=True)
        redis_client.restore(f"room:{room}:state", 0, state, replace=True)
        redis_client.hset("room:index", room, small)
        a = daemons.daemon("a")
        with pytest.raises(Exception, match="ROOM_CORRUPTED"):
            a.submit(room, b"increment counter", source="test")
        assert a.room(room).record.damage.type == "MEMORY_LOG_TRUNCATED"

    def test_it_is_found_by_a_daemon_that_has_only_seen_the_room(self, daemons, redis_client):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        memory, small = redis_client.dump(f"room:{room}:memory"), redis_client.hget("room:index", room)
        state = redis_client.dump(f"room:{room}:state")
        ask(a, room, "increment counter")
        assert b.room(room).record.tail.seq == 4
        a.close()
        redis_client.restore(f"room:{room}:memory", 0, memory, replace=True)
        redis_client.restore(f"room:{room}:state", 0, state, replace=True)
        redis_client.hset("room:index", room, small)
        with pytest.raises(Exception, match="ROOM_CORRUPTED"):
            b.submit(room, b"increment counter", source="test")
        assert b.room(room).record.damage.type == "MEMORY_LOG_TRUNCATED"

    def test_a_room_that_the_server_lost_is_missed_and_one_that_somebody_removed_is_not(self, daemons, redis_client):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        lost, removed = make_room(a), make_room(a)
        a.close()
        b.destroy(removed, confirm=removed)
        redis_client.hdel("room:index", lost)
        a = daemons.daemon("a")
        assert [(view.record.id, view.record.state) for view in a.rooms()] == [(lost, RoomState.CORRUPTED)]

    def test_a_room_put_back_from_a_backup_is_not_held_against_what_it_was_before(self, daemons, tmp_path):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        with (tmp_path / "archive").open("wb") as sink:
            a.backup(room, BackupSpec("none", include_config=True), sink)
        ask(a, room, "increment counter")
        a.close()
        assert b.room(room).record.tail.seq == 4
        b.destroy(room, confirm=room)
        with (tmp_path / "archive").open("rb") as source:
            b.restore(source)
        b.close()
        a = daemons.daemon("a")
        assert ask(a, room, "increment counter") == "Counter: 1"

    def test_a_room_that_others_went_on_with_is_well_when_it_comes_back(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        a.close()
        for n in range(1, 4):
            assert ask(b, room, "increment counter") == f"Counter: {n}"
        b.close()
        assert ask(daemons.daemon("a"), room, "increment counter") == "Counter: 4"


def test_a_new_room_is_made_in_as_many_round_trips_as_a_single_owners(daemons, redis_client):
    def scripts():
        return redis_client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)

    a = daemons.daemon("a")
    make_room(a)
    silence(a)
    before = scripts()
    for _ in range(10):
        a.create(RoomConfig())
    assert scripts() - before == 10


class TestFleetStoreContract(StoreContract):
    """A daemon's store keeps what every store keeps, of rooms that it holds."""

    @pytest.fixture
    def backend(self, redis_server, tmp_path):
        opened = []

        def open_again():
            if opened:
                opened[-1].close()
            options = redis_server.options(fleet=True, lease=LEASE, address="here:1")
            opened.append(open_store(tmp_path / "store", backend="REDIS", options=options))
            with redis_server.client() as client:
                for room in client.hkeys("room:index"):
                    opened[-1].hold(RoomId(room.decode()))
            return opened[-1]

        yield Backend(open_again(), open_again)
        opened[-1].close()


class TestLostAnswers:
    def test_what_the_server_did_without_saying_so_is_acknowledged_once(self, daemons, redis_server, tmp_path):
        wire = Wire(redis_server, tmp_path / "wire")
        a = daemons.daemon("a", host=wire.socket)
        room = make_room(a)
        ask(a, room, "initialize counter at 0")
        silence(a)  # else its renewal is the script whose answer is lost
        for n in range(1, 4):
            wire.drop = 1
            assert ask(a, room, "increment counter") == f"Counter: {n}"
        assert wire.dropped == 3
        assert inputs(a, room) == ["initialize counter at 0", *["increment counter"] * 3]
        wire.close()

    def test_who_waits_for_a_turn_that_landed_while_the_server_was_away_is_told_when_it_is_back(
        self, daemons, redis_server, tmp_path
    ):
        wire = Wire(redis_server, tmp_path / "wire")
        a = daemons.daemon("a", host=wire.socket)
        room = make_room(a)
        ask(a, room, "noop")
        silence(a)
        wire.spare, wire.drop, wire.final = 1, 1, True  # that the input is there is told; that it was answered is not
        receipt = a.submit(room, b"work for 1 seconds", source="test")
        eventually(lambda: a.status().read_only_because)
        (tmp_path / "wire").unlink()
        wire = Wire(redis_server, tmp_path / "wire")
        assert said(a.wait(receipt, timeout=20)) == "Worked for 1 seconds."
        assert redis_server.client().llen(f"room:{room}:memory") == 4
        wire.close()

    def test_a_line_of_another_daemon_in_the_same_place_is_not_taken_for_ours(self, daemons):
        a, b = daemons.daemon("a"), daemons.daemon("b")
        room = make_room(a)
        ask(a, room, "noop")
        live = a._registry.get(room)
        with live.lock:
            unsent = live.seal((Draft(EntryType.STATE_CHANGE, "never sent", {}),))
        a.close()
        ask(b, room, "noop")
        assert b.room(room).record.tail.seq >= unsent.record.tail.seq
        assert not b._engine.committer._there(unsent)
        live = b._registry.get(room)
        sent = b._engine.write(live, lambda: live.seal((Draft(EntryType.STATE_CHANGE, "sent", {}),)))
        ask(b, room, "noop")
        assert b._engine.committer._there(sent)
