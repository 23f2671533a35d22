"""What a turn may spend."""

from __future__ import annotations

import pytest

from backrooms_tui.broker.budget import Budget, Exhausted, tokens_of
from backrooms_tui.model.runtimes import parse


class Time:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Time()


def test_calls_are_counted_whether_they_are_open_or_over_or_were_answered_before():
    budget = Budget(calls=3, tokens=10, seconds=10)
    budget.begin()
    budget.begin().end()
    budget.replay(0)
    with pytest.raises(Exhausted, match="3 CALLS"):
        budget.begin()


def test_what_a_call_is_estimated_to_take_has_to_be_left():
    budget = Budget(calls=9, tokens=10, seconds=10)
    budget.begin(6).end(6)
    with pytest.raises(Exhausted, match="10 TOKENS"):
        budget.begin(5)
    budget.begin(4)


def test_the_servers_count_takes_the_estimates_place():
    budget = Budget(calls=9, tokens=10, seconds=10)
    assert budget.begin(9).end(2) == 2
    assert budget.begin(8).end() == 8
    with pytest.raises(Exhausted):
        budget.begin(1)


def test_a_charge_ends_once():
    budget = Budget(calls=9, tokens=10, seconds=10)
    charge = budget.begin(1)
    assert charge.end(5) == charge.end(9) == 5
    budget.begin(5)


def test_calls_beside_each_other_share_the_tokens():
    budget = Budget(calls=9, tokens=10, seconds=10)
    first, second = budget.begin(2), budget.begin(2)
    first.grow(3)
    second.grow(3)
    with pytest.raises(Exhausted, match="10 TOKENS"):
        first.grow(1)


def test_answers_of_the_journal_take_their_tokens_again():
    budget = Budget(calls=9, tokens=10, seconds=10)
    budget.replay(10)
    with pytest.raises(Exhausted, match="10 TOKENS"):
        budget.begin(1)


def test_seconds_count_while_a_call_is_open(clock):
    budget = Budget(calls=9, tokens=10, seconds=10, clock=clock)
    charge = budget.begin()
    assert charge.seconds == 10
    clock.now += 4
    charge.end()
    clock.now += 100  # the entity's own time is not the broker's
    assert budget.begin().seconds == 6
    clock.now += 6
    with pytest.raises(Exhausted, match="10 SECONDS"):
        budget.begin()


def test_seconds_of_calls_beside_each_other_count_once(clock):
    budget = Budget(calls=9, tokens=10, seconds=10, clock=clock)
    first = budget.begin()
    clock.now += 2
    second = budget.begin()
    assert second.seconds == 8
    clock.now += 2
    first.end()
    second.end()
    assert budget.begin().seconds == 6


def test_a_rooms_options_are_its_budget():
    budget = Budget.of(parse("llm?calls=1&tokens=5&seconds=2s:scripted/echo"))
    assert budget.begin(5).seconds == 2
    with pytest.raises(Exhausted, match="1 CALLS"):
        budget.begin()


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_four_characters_are_about_a_token(characters, tokens):
    assert tokens_of(characters) == tokens
