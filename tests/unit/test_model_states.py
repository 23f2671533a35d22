"""The one table of transitions, exhaustively."""

import itertools

import pytest

from backrooms_tui.model.errors import IllegalTransition
from backrooms_tui.model.states import TRANSITIONS, RoomState, Verb, allowed, transition

A, I, S, C, T = RoomState  # noqa: E741

LEGAL = {
    Verb.WAKE: {A: A, I: A},
    Verb.REST: {A: I, I: I},
    Verb.SUSPEND: {A: S, I: S},
    Verb.RESUME: {S: A},
    Verb.CORRUPT: {A: C, I: C, S: C, C: C},
    Verb.RECOVER: {C: A},
    Verb.DESTROY: {A: T, I: T, S: T, C: T},
}


@pytest.mark.parametrize(("state", "verb"), itertools.product(RoomState, Verb))
def test_every_pair_of_state_and_verb_is_either_in_the_lifecycle_or_refused(state, verb):
    expected = LEGAL[verb].get(state)
    assert allowed(state, verb) is (expected is not None)
    if expected is not None:
        assert transition(state, verb) is expected
        return
    with pytest.raises(IllegalTransition) as refused:
        transition(state, verb)
    assert refused.value.details == (f"STATE: {state}", f"VERB: {verb}")


def test_nothing_leads_out_of_terminated():
    assert not any(state is T for state, _ in TRANSITIONS)


def test_only_recovery_and_destruction_lead_out_of_corrupted():
    leading_out = {verb for (state, verb), after in TRANSITIONS.items() if state is C and after is not C}
    assert leading_out == {Verb.RECOVER, Verb.DESTROY}


def test_states_are_written_in_the_seeds_words():
    assert [str(state) for state in RoomState] == ["ACTIVE", "IDLE", "SUSPENDED", "CORRUPTED", "TERMINATED"]
