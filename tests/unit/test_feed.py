"""The reader thread and the service lanes, without a screen."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from fleet import NOW, PlayedSubscription, room_id

from backrooms_tui.model.errors import BackroomsError, QueueFull
from backrooms_tui.model.events import Lagged, RoomChanged, Said
from backrooms_tui.model.states import RoomState
from backrooms_tui.tui import feed as feeds
from backrooms_tui.tui.calls import Lane, Outcome, ServiceCalls
from backrooms_tui.tui.console_app import unwritten_fault
from backrooms_tui.tui.feed import Feed

CHANGED = RoomChanged(room_id(1), RoomState.IDLE)


def said(n: int, text: str = "x") -> Said:
    return Said(room_id(1), 1, 1, n, NOW, text)


def test_the_bell_rings_once_until_the_buffer_is_drained() -> None:
    subscription, rang = PlayedSubscription(), threading.Semaphore(0)
    feed = Feed(subscription, rang.release)
    feed.start()
    subscription.tell(CHANGED)
    assert rang.acquire(timeout=30)
    subscription.tell(CHANGED)
    subscription.tell(said(0))
    assert not rang.acquire(timeout=0.05)
    drained: list[object] = []
    while len(drained) < 3:
        drained += feed.drain()
    assert drained == [CHANGED, CHANGED, said(0)]
    feed.stop()


def test_the_oldest_events_give_way_and_are_counted(
    monkeypatch: pytest.MonkeyPatch, until: Callable[..., object]
) -> None:
    monkeypatch.setattr(feeds, "MAX_EVENTS", 10)
    subscription, rang = PlayedSubscription(), threading.Semaphore(0)
    for n in range(25):
        subscription.tell(said(n))
    feed = Feed(subscription, rang.release)
    feed.start()
    assert rang.acquire(timeout=30)
    assert feed.drain() == [Lagged(15), *(said(n) for n in range(15, 25))]
    feed.stop()


def test_long_lines_are_bounded_by_their_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MAX_CHARACTERS", 100)
    subscription, rang = PlayedSubscription(), threading.Semaphore(0)
    for n in range(5):
        subscription.tell(said(n, "y" * 40))
    feed = Feed(subscription, rang.release)
    feed.start()
    assert rang.acquire(timeout=30)
    assert feed.drain()[0] == Lagged(3)
    feed.stop()


def test_stopping_ends_the_thread_while_nothing_happens(until: Callable[..., object]) -> None:
    feed = Feed(PlayedSubscription(), lambda: None)
    feed.start()
    assert feed._thread.is_alive()
    feed.stop()
    until(lambda: not feed._thread.is_alive())


def wait_for(arrived: threading.Semaphore, count: int) -> None:
    for _ in range(count):
        assert arrived.acquire(timeout=30)


def test_results_and_refusals_reach_their_callbacks_only_when_told() -> None:
    ended: list[Outcome] = []
    arrived = threading.Semaphore(0)
    calls = ServiceCalls(lambda outcome: (ended.append(outcome), arrived.release()), unwritten_fault)
    told: list[object] = []

    def refuse() -> None:
        raise QueueFull("16/16")

    calls.run(lambda: 7, told.append, told.append)
    calls.run(refuse, told.append, told.append)
    wait_for(arrived, 2)
    assert told == []
    for outcome in sorted(ended, key=lambda one: one.error is not None):
        outcome.tell()
    assert told[0] == 7
    assert isinstance(told[1], BackroomsError)
    calls.stop()


def test_inputs_are_submitted_in_the_order_of_typing() -> None:
    order: list[int] = []
    arrived = threading.Semaphore(0)
    calls = ServiceCalls(lambda _outcome: arrived.release(), unwritten_fault)
    for number in range(50):
        calls.run(lambda number=number: order.append(number), lambda _: None, lambda _: None, lane=Lane.SUBMIT)
    wait_for(arrived, 50)
    assert order == list(range(50))
    calls.stop()


def test_a_verb_that_waits_holds_up_neither_readers_nor_inputs() -> None:
    gate, arrived = threading.Event(), threading.Semaphore(0)
    calls = ServiceCalls(lambda _outcome: arrived.release(), unwritten_fault)
    for _ in range(Lane.VERB.value + 2):
        calls.run(gate.wait, lambda _: None, lambda _: None, lane=Lane.VERB)
    calls.run(lambda: 1, lambda _: None, lambda _: None, lane=Lane.READ)
    calls.run(lambda: 1, lambda _: None, lambda _: None, lane=Lane.SUBMIT)
    wait_for(arrived, 2)
    calls.stop()
    gate.set()


def test_a_bug_in_a_call_becomes_a_refusal_and_its_lane_lives_on() -> None:
    ended: list[Outcome] = []
    arrived = threading.Semaphore(0)
    calls = ServiceCalls(lambda outcome: (ended.append(outcome), arrived.release()), unwritten_fault)
    told: list[object] = []
    for _ in range(Lane.READ.value + 1):
        calls.run(lambda: 1 / 0, told.append, told.append, lane=Lane.READ)
    wait_for(arrived, Lane.READ.value + 1)
    ended[-1].tell()
    assert str(told[0]) == "ERROR: INTERNAL_ERROR\nFAULT: ZeroDivisionError"
    calls.stop()
