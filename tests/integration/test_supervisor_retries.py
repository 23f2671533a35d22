"""Exactly once: one request id is one input, however often, however simultaneously, however late it is sent again."""

import threading

import pytest

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.entries import EntryType, Meta
from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.views import Visitor


@pytest.fixture
def open_rooms(tmp_path, open_service_on):
    def open_it():
        settings = Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms")))
        return open_service_on(settings)

    return open_it


def inputs(service, room):
    return [entry for entry in service.read(room, after=0, limit=100_000) if entry.type is EntryType.INPUT]


def at_once(count, work):
    """Do it in many threads that start together; gives what each got or raised."""
    barrier = threading.Barrier(count)
    got = []

    def one():
        barrier.wait()
        try:
            got.append(work())
        except Exception as error:
            got.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return got


def test_an_input_sent_by_many_at_once_under_one_request_id_is_one_input(open_rooms):
    service = open_rooms()
    room = service.create(RoomConfig()).record.id
    for n in range(40):
        receipts = at_once(8, lambda n=n: service.submit(room, b"x", source="test", request_id=f"r-{n}"))
        assert len(set(receipts)) == 1, receipts
        assert service.wait(receipts[0], 30) is not None
    assert [entry.metadata[Meta.REQUEST_ID] for entry in inputs(service, room)] == [f"r-{n}" for n in range(40)]


def test_a_repetition_fails_as_the_input_that_it_repeats(open_rooms, monkeypatch):
    service = open_rooms()
    room = service.create(RoomConfig()).record.id
    store = service._store
    writing, go_on = threading.Event(), threading.Event()

    def refuse(commits, *, sync):
        writing.set()
        go_on.wait(30)
        raise StoreFailed("NO SPACE")

    with monkeypatch.context() as broken:
        broken.setattr(store, "commit", refuse)
        got = []

        def send():
            try:
                got.append(service.submit(room, b"x", source="test", request_id="r"))
            except StoreFailed as error:
                got.append(str(error))

        threads = [threading.Thread(target=send) for _ in range(2)]
        threads[0].start()
        writing.wait(30)
        threads[1].start()
        go_on.set()
        for thread in threads:
            thread.join(30)
    assert len(got) == 2
    assert all(isinstance(error, str) and "STORE_FAILED" in error for error in got), got

    service.submit(room, b"x", source="test", request_id="r")  # before the room has forgotten what was not written
    assert len(inputs(service, room)) == 1


def test_a_retry_is_recognised_after_a_restart_behind_more_lines_than_a_page_holds(open_rooms):
    service = open_rooms()
    room = service.create(RoomConfig()).record.id
    first = service.submit(room, b"stream 1500 lines", source="test", request_id="r")
    assert service.wait(first, 30) is not None
    service.wait(service.submit(room, b"stream 1500 lines", source="test"), 30)
    entries = service.room(room).record.entries
    assert entries > 3000
    service.close()
    again = open_rooms()
    assert again.submit(room, b"stream 1500 lines", source="test", request_id="r").seq == first.seq
    assert again.room(room).record.entries == entries


def test_a_retry_of_an_accepted_input_is_answered_though_the_room_was_suspended_since(open_rooms):
    service = open_rooms()
    room = service.create(RoomConfig()).record.id
    first = service.submit(room, b"x", source="test", request_id="r")
    service.wait(first, 30)
    service.suspend(room, by="test")
    assert service.submit(room, b"x", source="test", request_id="r") == first


def test_who_only_looks_neither_wakes_a_room_nor_keeps_it_awake(open_rooms):
    service = open_rooms()
    room = service.create(RoomConfig()).record.id
    ann, bob = Visitor("s_ann", "ann@a"), Visitor("s_bob", "bob@b")
    service.enter(room, visitor=ann)
    service.enter(room, read_only=True, visitor=bob)
    assert [(one.session, one.read_only) for one in service.presence(room)] == [("s_ann", False), ("s_bob", True)]
    assert service.leave(room, visitor=ann).record.state == "IDLE"
    assert service.room(room).occupants == 1
    assert service.enter(room, read_only=True, visitor=ann).record.state == "IDLE"
    service.leave(room, visitor=Visitor("s_eve", "eve@e"))
    assert service.room(room).occupants == 2


def test_everybody_hears_that_somebody_came(open_rooms):
    service = open_rooms()
    room = service.create(RoomConfig()).record.id
    subscription = service.subscribe([room])
    service.enter(room, read_only=True)
    assert any(event.room_id == room for event in subscription.get(10))
    subscription.close()
