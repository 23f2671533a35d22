"""The ring of events behind all subscriptions: numbered, bounded, and the same for everybody."""

import queue

import msgpack
import pytest

from backrooms_tui.daemon import relay as relaying
from backrooms_tui.daemon.relay import Relay
from backrooms_tui.daemon.values import kind
from backrooms_tui.model.events import Lagged, RoomCreated, Said

A, B = "a" * 64, "b" * 64


class Source:
    """A service's events, as a test gives them."""

    def __init__(self):
        self.events = queue.Queue()
        self.subscribed = 0

    def subscribe(self, rooms=None):
        self.subscribed += 1
        return self

    def get(self, timeout=None):
        return self.events.get()

    def close(self):
        self.events.put([])


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def relay(source):
    faults = []
    one = Relay(source, faults.append)
    yield one
    one.close()
    assert faults == []


def said(n, room=A, size=1):
    return Said(room, 1, 1, n, 0, "x" * size)


def given(follower, count):
    events = []
    while len(events) < count:
        packed = follower.next(10)
        assert packed, events
        events += [kind("Event").decode(msgpack.unpackb(one)) for one in packed]
    return events


def test_an_owner_that_nobody_watches_pays_nothing(source, relay):
    assert source.subscribed == 0
    relay.follow(None, None)
    relay.follow(None, None)
    assert source.subscribed == 1


def test_every_follower_is_given_the_same_events_and_those_of_its_rooms_alone(source, relay):
    every, only = relay.follow(None, None), relay.follow([A], None)
    events = [RoomCreated(A), said(0), said(0, B), RoomCreated(B), said(1)]
    source.events.put(events)
    assert given(every, 5) == events
    assert given(only, 3) == [RoomCreated(A), said(0), said(1)]
    assert every.number == only.number == 5
    assert every.next(0) == []


def test_a_follower_behind_the_ring_is_told_how_many_it_missed_and_no_other(source, relay, monkeypatch):
    monkeypatch.setattr(relaying, "MAX_EVENTS", 10)
    slow, quick = relay.follow(None, None), relay.follow(None, None)
    for n in range(30):
        source.events.put([said(n)])
        assert given(quick, 1) == [said(n)]
    assert given(slow, 11) == [Lagged(20), *map(said, range(20, 30))]
    assert len(relay.cells) == 10


def test_the_text_in_the_ring_is_bounded_however_few_the_events(source, relay, monkeypatch):
    monkeypatch.setattr(relaying, "MAX_CHARACTERS", 1000)
    follower = relay.follow(None, None)
    source.events.put([said(n, size=300) for n in range(20)])
    events = given(follower, 4)
    assert events == [Lagged(17), *(said(n, size=300) for n in (17, 18, 19))]
    assert sum(cell.weight for cell in relay.cells.values()) <= 1000


def test_one_message_holds_no_more_than_a_batch(source, relay):
    follower = relay.follow(None, None)
    source.events.put([said(n, size=100_000) for n in range(10)])
    while relay.next < 11:
        relay.follow(None, None).next(0.01)
    assert [len(follower.next(10)) for _ in range(4)] == [3, 3, 3, 1]


def test_a_cursor_goes_on_behind_its_event(source, relay):
    first = relay.follow(None, None)
    source.events.put([said(n) for n in range(5)])
    given(first, 5)
    assert given(relay.follow(None, (relay.epoch, 2)), 3) == [said(2), said(3), said(4)]
    assert relay.follow(None, (relay.epoch, 5)).next(0) == []
    for foreign in (("another", 2), (relay.epoch, 6)):
        assert given(relay.follow(None, foreign), 1) == [Lagged(1)]


def test_when_the_service_closes_its_followers_are_told(source, relay):
    follower = relay.follow(None, None)
    source.close()
    assert follower.next(10) is None
