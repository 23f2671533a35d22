"""The tracked state: the host's copy, kept up by deltas alone, is always the entity's own."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.entity.inside.state import State

KEYS = st.sampled_from("abcd")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text("xy", max_size=2), lambda v: st.lists(v, max_size=3)
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "del", "append", "look", "clear", "update"]), KEYS, VALUES), max_size=12
)


def step(state: State, what: str, key: str, value: object) -> None:
    match what:
        case "set":
            state[key] = value
        case "del":
            state.pop(key, None)
        case "append":
            if isinstance(held := state.get(key), list):
                held.append(copy.deepcopy(value))
        case "look":
            list(state.items())
        case "clear":
            state.clear()
        case "update":
            state.update({key: value})


@given(turns=st.lists(st.tuples(STEPS, st.booleans()), max_size=5), start=st.dictionaries(KEYS, VALUES))
def test_deltas_alone_keep_the_host_up_to_date(turns, start):
    committed = copy.deepcopy(start)
    state = State(copy.deepcopy(start))
    for steps, fails in turns:
        for one in steps:
            step(state, *one)
        if fails:
            state.rollback()
        else:
            changed, gone = state.delta()
            committed |= copy.deepcopy(changed)
            for key in gone:
                del committed[key]
            state.commit()
        assert repr(dict(sorted(state.items()))) == repr(dict(sorted(committed.items())))
        state.commit()


def test_a_key_set_to_what_it_was_is_no_change():
    state = State({"a": [1], "b": 1})
    state["a"] = [1]
    state["b"] = 1
    assert state.delta() == ({}, [])


def test_true_is_not_one_where_json_is_written():
    state = State({"a": 1, "b": [1.0]})
    state["a"] = True
    state["b"][0] = 1
    assert state.delta() == ({"a": True, "b": [1]}, [])


def test_keys_are_text():
    with pytest.raises(TypeError, match="state keys are text, not int"):
        State()[1] = 2
