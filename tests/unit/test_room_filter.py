"""The filter line's grammar."""

from __future__ import annotations

import pytest
from fleet import Fleet, room_id
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.model.errors import UsageError
from backrooms_tui.tui.room_filter import parse_filter

VIEWS = Fleet().rooms()


def matching(text: str) -> list[int]:
    room_filter = parse_filter(text)
    return [number for number, view in enumerate(VIEWS) if room_filter.matches(view)]


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("state:active", [0, 1, 2]),
        ("state:act", [0, 1, 2]),
        ("!state:active", [3, 4, 5, 6, 7]),
        ("mem:>100m", [2, 7]),
        ("mem:>=14M", [0, 2, 7]),
        ("err:>0", [0, 2, 7]),
        ("err:1", [2]),
        ("err:=2", [7]),
        ("queue:>0 state:active", [0, 2]),
        (f"id:{room_id(4)[:4]}", [4]),
        ("name:info", [0]),
        ("runs:reference mem:>100m", [2, 7]),
        ("runs:command", []),
        ("corrupted", [6]),
        ("~spnd", [5]),
        ("p95:>5s", [4, 5, 6, 7]),
        ("!mem:>1m err:0", [0, 2, 7]),
    ],
)
def test_a_filter_keeps_the_rooms_it_names(text: str, rooms: list[int]) -> None:
    assert matching(text) == rooms


@pytest.mark.parametrize("text", ["mem:>much", "err:many", "colour:red", "mem:"])
def test_a_word_that_cannot_be_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_filter(text)
    assert refusal.value.details


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_filter_or_a_refusal(text: str) -> None:
    try:
        room_filter = parse_filter(text)
    except UsageError:
        return
    for view in VIEWS:
        assert room_filter.matches(view) in (True, False)
