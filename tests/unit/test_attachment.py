"""The hold on an owner without a screen: when it is tried again, when that ends, what only looking refuses."""

from __future__ import annotations

import threading

import pytest
from fleet import Fleet

from backrooms_tui.model.errors import ConnectionLost, ReadOnly
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.tui.attachment import Attachment, delays


class LostSubscription:
    """Of an owner that is gone."""

    cursor = ("epoch", 7)

    def get(self, timeout=None):
        raise ConnectionLost("REASON: closed")

    def close(self):
        pass


class Reached(Fleet):
    """An owner's service at the end of a connection, which ends at once or stays."""

    def __init__(self, *, lost):
        super().__init__()
        self.session = f"s_{id(self):016x}"
        self.lost = lost
        self.asked = []

    def subscribe(self, rooms=None, *, after=None):
        self.asked.append(after)
        return LostSubscription() if self.lost else self.subscription


def reading(watch):
    events = []
    thread = threading.Thread(target=lambda: events.extend(watch.get()), daemon=True)
    thread.start()
    return thread, events


def test_a_next_connection_goes_on_behind_the_last_event_and_the_lost_one_is_closed():
    first, second = Reached(lost=True), Reached(lost=False)
    tries = iter([ConnectionLost("REASON: refused"), OSError(24, "Too many open files"), second])

    def reach():
        outcome = next(tries)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    seen = []
    attachment = Attachment(first, reach, delay=lambda attempt: attempt * 0.01, clock=lambda: 5)
    attachment.changed = lambda: seen.append(attachment.outage)
    watch = attachment.subscribe()
    thread, _ = reading(watch)
    second.create(RoomConfig())
    thread.join(10)
    assert [
        outage and (outage.attempt, outage.since, outage.failure and outage.failure.details) for outage in seen
    ] == [
        (1, 5, None),
        (2, 5, ("REASON: refused",)),
        (3, 5, ("REASON: Too many open files",)),
        None,
    ]
    assert (second.asked, attachment.connections, attachment.session, first.closed) == (
        [("epoch", 7)],
        2,
        second.session,
        True,
    )


def test_closing_ends_the_waiting_for_a_next_connection():
    first = Reached(lost=True)
    attachment = Attachment(first, lambda: pytest.fail("nobody wants it"), delay=lambda _attempt: 3600.0)
    lost = threading.Event()
    attachment.changed = lost.set
    watch = attachment.subscribe()
    thread, events = reading(watch)
    assert lost.wait(10)
    watch.close()
    thread.join(10)
    assert (thread.is_alive(), events) == (False, [])
    attachment.close()
    assert first.closed


def test_a_try_can_be_asked_for_at_once():
    second = Reached(lost=False)
    attachment = Attachment(Reached(lost=True), lambda: second, delay=lambda _attempt: 3600.0)
    lost = threading.Event()
    attachment.changed = lost.set
    watch = attachment.subscribe()
    thread, _ = reading(watch)
    assert lost.wait(10)
    attachment.retry()
    second.create(RoomConfig())
    thread.join(10)
    assert (thread.is_alive(), attachment.outage) == (False, None)


def test_who_only_looks_is_refused_every_verb_that_changes_something_before_it_is_sent():
    fleet = Fleet()
    looking = Attachment(fleet, read_only=True)
    room_id = fleet.rooms()[0].record.id
    for verb in (
        lambda: looking.service.create(RoomConfig()),
        lambda: looking.service.submit(room_id, b"x", source="me"),
        lambda: looking.service.suspend(room_id, by="me"),
        lambda: looking.service.destroy(room_id, confirm=room_id),
    ):
        with pytest.raises(ReadOnly):
            verb()
    looking.service.resume_pending()
    assert fleet.calls == []
    assert len(looking.service.rooms()) == len(fleet.records)


def test_tries_come_after_half_a_second_doubling_to_thirty_each_a_little_by_chance():
    middle, least, most = delays(lambda: 0.5), delays(lambda: 0.0), delays(lambda: 1.0)
    assert [middle(attempt) for attempt in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert [round(seconds, 3) for seconds in (least(1), most(1), most(10_000))] == [0.4, 0.6, 36.0]
