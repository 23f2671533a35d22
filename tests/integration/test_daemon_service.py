"""A remote service is a service: every verb, over the control socket, as if the rooms were here."""

import inspect
import io
import threading

import pytest
from served import PATIENCE, Served, SlowModel
from support import eventually

from backrooms_tui.daemon.client import RemoteService
from backrooms_tui.daemon.verbs import VERBS
from backrooms_tui.model import errors
from backrooms_tui.model.entries import EntryType, Outcome
from backrooms_tui.model.events import InputAccepted, Lagged, RoomCreated, RoomDestroyed, Said, TurnEnded
from backrooms_tui.model.reports import BackupSpec, ExportSpec
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.service import RoomService


@pytest.fixture
def served(tmp_path):
    one = Served(tmp_path)
    yield one
    one.close()
    assert one.faults == []


@pytest.fixture(params=["unix", "tcp"])
def client(served, request):
    return served.connect() if request.param == "unix" else served.connect_tcp(who="ann@here")


def ask(service, room, text, **options):
    return service.wait(service.submit(room, text.encode(), source="test", **options), PATIENCE)


def test_every_verb_of_the_service_is_one_of_the_protocol_and_of_the_client():
    verbs = {name for name, _ in inspect.getmembers(RoomService, inspect.isfunction) if not name.startswith("_")}
    assert {name for name in verbs if hasattr(RemoteService, name)} == verbs
    assert set(VERBS) - {"listing"} == verbs - {"close", "resume_pending"}


def test_a_listing_is_the_ids_and_states_of_the_rooms(served, client):
    rooms = [served.room() for _ in range(3)]
    served.service.suspend(rooms[1], by="t")
    assert client.listing() == ((rooms[0], "ACTIVE"), (rooms[1], "SUSPENDED"), (rooms[2], "ACTIVE"))


def test_a_room_lives_its_life_through_a_client_as_it_would_here(served, client):
    view = client.create(RoomConfig(name="Café", timeout=22.5))
    room = view.record.id
    assert view == served.service.room(room) == client.room(room) == client.rooms()[0]
    assert client.resolve(room[:6]) == room
    assert client.enter(room).occupants == 1
    assert client.await_entity(room, 10).entity == "LIVE"
    receipt = client.submit(room, b"what is counter value", source="t")
    result = client.wait(receipt, PATIENCE)
    assert result.outcome == Outcome.OUTPUT
    assert result == served.service.wait(receipt)
    assert client.read(room, after=0) == served.service.read(room, after=0)
    assert client.suspend(room, by="ann").record.state is RoomState.SUSPENDED
    assert client.resume(room, by="ann").record.state is RoomState.ACTIVE
    assert client.leave(room).occupants == 0
    assert client.store_facts().path == str(served.directory)
    client.destroy(room, confirm=room)
    assert client.rooms() == []


def test_errors_come_back_as_they_were_raised(served, client):
    room = served.room()
    for verb, kind in (
        (lambda: client.room("0" * 64), errors.RoomNotFound),
        (lambda: client.resolve("zz"), errors.InvalidRoomId),
        (lambda: client.destroy(room, confirm="yes"), errors.ConfirmationMismatch),
        (lambda: client.submit(room, b"\xff", source="t"), errors.InvalidInputEncoding),
        (lambda: client.submit(room, b" ", source="t"), errors.InputEmpty),
        (lambda: client.resume(room, by="ann"), errors.IllegalTransition),
        (lambda: client.create(RoomConfig(timeout=-1)), errors.UsageError),
        (lambda: client.export(room, ExportSpec("pickle"), io.BytesIO()), errors.UsageError),
        (lambda: client.backup(room, BackupSpec("rar")), errors.UsageError),
    ):
        with pytest.raises(kind) as here:
            verb()
        assert type(here.value) is kind
        assert here.value.code == kind.code
    with pytest.raises(errors.InvalidInputEncoding) as remote:
        client.submit(room, b"ab\xff", source="t")
    assert str(remote.value) == "ERROR: INVALID_INPUT_ENCODING\nAT BYTE: 2"


def test_what_it_is_told_of_the_owner_says_how_it_is_connected(served, client):
    status = client.status()
    assert status.session == client.session
    assert status.session.startswith("s_")
    assert len(status.session) == 18
    assert status.epoch == served.server.relay.epoch
    assert status.address == served.server.address
    assert status.connections == 1


def test_a_retried_submit_is_one_input_over_any_number_of_clients(served):
    room = served.room()
    receipts = {served.connect().submit(room, b"x", source="t", request_id="once") for _ in range(3)}
    receipts.add(served.connect_tcp().submit(room, b"x", source="t", request_id="once"))
    assert len(receipts) == 1
    entries = served.service.read(room, after=0)
    assert [entry.type for entry in entries].count(EntryType.INPUT) == 1


def test_who_waits_for_a_turn_holds_nobody_up(served, monkeypatch):
    model = SlowModel(monkeypatch)
    room, other = served.room(entity=model.ENTITY), served.room()
    client = served.connect()
    client.suspend(other, by="t")
    got = []
    waiting = threading.Thread(target=lambda: got.append(ask(client, room, "hello")), daemon=True)
    waiting.start()
    eventually(lambda: served.service.room(room).running)
    assert [view.record.id for view in client.rooms()] == [room, other]
    assert served.service.room(room).running
    model.answer.set()
    waiting.join(PATIENCE)
    assert got[0].outcome == Outcome.OUTPUT


def test_waiting_ends_when_its_seconds_have_passed_or_the_room_works_no_more(served):
    room = served.room()
    client = served.connect()
    receipt = client.submit(room, b"stream 20000 lines at 1000 per second", source="t", timeout=20)
    assert client.wait(receipt, 0.05) is None
    assert client.wait(receipt, 1.2) is None


def test_two_clients_see_the_same_events_in_the_same_order(served, client):
    room = served.room()
    subscriptions = [client.subscribe(), served.connect().subscribe([room]), served.service.subscribe([room])]
    seen = [[], [], []]
    for _ in range(5):
        ask(client, room, "stream 20 lines")
    for subscription, events in zip(subscriptions, seen, strict=True):
        while sum(isinstance(event, TurnEnded) for event in events) < 5:
            events.extend(subscription.get(PATIENCE))
    named = [[e for e in events if isinstance(e, InputAccepted | Said | TurnEnded)] for events in seen]
    assert named[0] == named[1] == named[2]
    assert sum(isinstance(event, Said) for event in named[0]) == 100


def test_a_subscription_tells_of_all_rooms_or_of_those_asked_for(served):
    client = served.connect()
    everything = client.subscribe()
    room = client.create(RoomConfig()).record.id
    only = client.subscribe([room])
    other = client.create(RoomConfig()).record.id
    client.destroy(other, confirm=other)
    client.destroy(room, confirm=room)
    events = []
    while not any(isinstance(event, RoomDestroyed) for event in events):
        events += only.get(PATIENCE)
    assert [event for event in events if isinstance(event, RoomDestroyed)] == [RoomDestroyed(room)]
    assert RoomCreated(other) not in events
    events = []
    while RoomDestroyed(room) not in events:
        events += everything.get(PATIENCE)
    assert [event for event in events if isinstance(event, RoomCreated)] == [RoomCreated(room), RoomCreated(other)]
    assert everything.get(0.01) == []


def test_a_cursor_takes_up_where_a_lost_subscription_ended(served):
    room = served.room()
    first = served.connect()
    subscription = first.subscribe([room])
    ask(first, room, "stream 3 lines")
    events = []
    while not any(isinstance(event, TurnEnded) for event in events):
        events += subscription.get(PATIENCE)
    cursor = subscription.cursor
    first.close()
    second = served.connect()
    ask(second, room, "stream 4 lines")
    resumed = second.subscribe([room], after=cursor)
    events = []
    while sum(isinstance(event, TurnEnded) for event in events) < 1:
        events += resumed.get(PATIENCE)
    assert [event.n for event in events if isinstance(event, Said)] == [0, 1, 2, 3]
    assert not any(isinstance(event, Lagged) for event in events)


def test_a_cursor_of_another_owner_or_of_what_is_forgotten_is_answered_with_lagged(served, monkeypatch):
    monkeypatch.setattr("backrooms_tui.daemon.relay.MAX_EVENTS", 50)
    room = served.room()
    client = served.connect()
    assert isinstance(client.subscribe([room], after=("0123456789abcdef", 5)).get(PATIENCE)[0], Lagged)
    subscription = client.subscribe([room])
    epoch, number = subscription.cursor
    ask(client, room, "stream 500 lines")
    eventually(lambda: served.server.relay.first > number + 401)  # what has been said reaches it by its own way
    (lagged, *rest) = client.subscribe([room], after=(epoch, number)).get(PATIENCE)
    assert isinstance(lagged, Lagged)
    assert lagged.missed > 400
    assert rest


def test_closing_a_subscription_ends_a_get_in_another_thread(served):
    subscription = served.connect().subscribe()
    got = []
    reader = threading.Thread(target=lambda: got.append(subscription.get()))
    reader.start()
    subscription.close()
    reader.join(PATIENCE)
    assert got == [[]]
    assert subscription.get() == []


# Long verbs.


def test_exports_and_archives_come_down_whole_and_go_up_again(served, client):
    room = served.room()
    ask(client, room, "stream 3000 lines")
    for format_ in ("jsonl", "csv", "binary", "sqlite"):
        here, there = io.BytesIO(), io.BytesIO()
        report = client.export(room, ExportSpec(format_), there)
        served.service.export(room, ExportSpec(format_), here)
        assert report.entries == 3001
        assert len(there.getvalue()) == report.size
        if format_ != "sqlite":  # which holds the time of its making
            assert there.getvalue() == here.getvalue()
    archive = io.BytesIO()
    report = client.backup(room, BackupSpec("none"), archive)
    assert report.size == len(archive.getvalue())
    assert report.path is None
    before = client.read(room, after=0, limit=10_000)
    client.destroy(room, confirm=room)
    told = []
    restored = client.restore(io.BytesIO(archive.getvalue()), lambda done, of: told.append((done, of)))
    assert restored.room_id == room
    assert client.read(room, after=0, limit=10_000) == before


def test_a_backup_on_the_shelf_is_listed_and_brings_a_damaged_room_back(served, client):
    room = served.room()
    ask(client, room, "increment counter")
    report = client.backup(room, BackupSpec())
    assert [info.path for info in client.backups(room)] == [report.path]
    assert client.backups() == served.service.backups()
    assert client.check().rooms == 1
    assert client.compact(room).entries_before == served.service.room(room).record.entries
    with pytest.raises(errors.IllegalTransition):
        client.recover(room, by="ann")


def test_what_cannot_be_restored_is_refused_before_all_of_it_is_sent(served, client):
    class Endless(io.RawIOBase):
        sent = 0

        def read(self, size=-1):
            self.sent += size
            return b"\x01" * size if self.sent < 1 << 34 else b""

    source = Endless()
    with pytest.raises(errors.ArchiveInvalid):
        client.restore(source)
    assert source.sent < 1 << 30
    assert client.rooms() == []


class Stop(Exception):
    pass


def test_a_progress_that_raises_ends_the_verb_at_the_owner_and_the_client_goes_on(served, client, monkeypatch):
    monkeypatch.setattr("backrooms_tui.daemon.streams.EVERY", 0.0)
    room = served.room()
    for _ in range(3):
        ask(client, room, "stream 5000 lines")

    def stop(done, of):
        raise Stop

    class Full(io.RawIOBase):
        def write(self, data):
            raise Stop

    for verb in (
        lambda: client.export(room, ExportSpec(), io.BytesIO(), stop),
        lambda: client.export(room, ExportSpec(), Full()),
        lambda: client.check(stop),
    ):
        with pytest.raises(Stop):
            verb()
    assert client.room(room).record.entries > 15_000
    eventually(lambda: served.server.connections == 1)
    assert not served.faults


def test_an_answer_larger_than_a_frame_arrives_whole(served, client):
    room = served.room()
    ask(client, room, "stream 20000 lines")
    entries = client.read(room, after=0, limit=100_000)
    assert entries == served.service.read(room, after=0, limit=100_000)
    assert len(entries) == 20_001
