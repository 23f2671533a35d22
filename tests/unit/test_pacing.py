"""Resting between many small things, so that others get at the interpreter."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from backrooms_tui.supervisor import pacing
from backrooms_tui.supervisor.pacing import FREE, MOST, SHARE, STEPS, Pace


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of every rest that was taken."""
    taken: list[float] = []
    monkeypatch.setattr(pacing, "time", SimpleNamespace(thread_time=time.thread_time, sleep=taken.append))
    return taken


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_little_work_is_done_without_a_rest(rests: list[float]) -> None:
    pace = Pace()
    for _ in range(FREE):
        pace.step()
    assert rests == []


def test_of_much_work_every_piece_is_followed_by_a_rest_that_goes_by_what_it_took(rests: list[float]) -> None:
    pace = Pace()
    for _ in range(FREE + STEPS):
        pace.step()
    compute(MOST / 4)
    for _ in range(STEPS):
        pace.step()
    assert len(rests) == 2
    assert MOST / 4 * SHARE <= rests[1] <= MOST


def test_no_rest_is_longer_than_its_bound(rests: list[float]) -> None:
    pace = Pace()
    for _ in range(FREE):
        pace.step()
    compute(3 * MOST)
    for _ in range(STEPS):
        pace.step()
    assert rests == [MOST]
