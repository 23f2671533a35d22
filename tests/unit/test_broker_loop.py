"""The broker's thread ends in good order."""

from __future__ import annotations

import asyncio
import threading

import pytest

from backrooms_tui.broker import loop as broker_loop
from backrooms_tui.broker.loop import Loop

IN_TIME = 60.0
"""Seconds; far beyond all that is awaited here."""


async def nothing():
    pass


@pytest.fixture
def closing(monkeypatch):
    """Set when a loop has been told to end."""
    told = threading.Event()
    hand_over = asyncio.run_coroutine_threadsafe

    def hand_over_and_tell(coroutine, loop):
        future = hand_over(coroutine, loop)
        told.set()
        return future

    monkeypatch.setattr(broker_loop.asyncio, "run_coroutine_threadsafe", hand_over_and_tell)
    return told


def test_a_generator_that_is_dropped_as_the_loop_ends_is_closed_to_its_end(closing):
    ended = []

    async def answers():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    async def take_one(kept):
        kept.append(answers())
        await anext(kept[0])
        taken.set()

    loop, kept, taken = Loop(), [], threading.Event()
    loop.post(lambda: asyncio.ensure_future(take_one(kept)))
    assert taken.wait(IN_TIME)
    loop.post(lambda: (closing.wait(IN_TIME), kept.clear()))
    loop.close(nothing)
    assert ended == [True]


def test_what_waits_is_cancelled_and_what_is_said_last_comes_after_it():
    said, waits = [], threading.Event()

    async def wait():
        try:
            waits.set()
            await asyncio.sleep(1000)
        finally:
            said.append("cancelled")

    async def last():
        said.append("last")

    loop = Loop()
    loop.post(lambda: asyncio.ensure_future(wait()))
    assert waits.wait(IN_TIME)
    loop.close(last)
    assert said == ["cancelled", "last"]
    assert not loop.post(lambda: said.append("late"))
