"""Spans of replaced rows, and changes as the journal holds them."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from backrooms_tui.model.ids import RoomId
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.files_changes import Change, Span, name_of, pack_changes, unpack_changes, with_span

ROOM = RoomId("0123456789abcdef" * 4)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (keys.index(ROOM), ("I", ROOM, 0)),
        (keys.destroyed(ROOM), ("D", ROOM, 0)),
        (keys.state(ROOM), ("S", ROOM, 0)),
        (keys.config(ROOM), ("C", ROOM, 0)),
        (keys.metadata(ROOM), ("M", ROOM, 0)),
        (keys.queue(ROOM, 7), ("Q", ROOM, 7)),
        (keys.queue_prefix(ROOM), ("Q", ROOM, 0)),
        (keys.memory(ROOM, 10**20 - 1), ("E", ROOM, 10**20 - 1)),
        (keys.memory_range(ROOM)[0], ("E", ROOM, 0)),
    ],
    ids=str,
)
def test_a_key_is_taken_apart(key, name):
    assert name_of(key) == name


@pytest.mark.parametrize(
    "key", [b"", b"/", b"/room/", b"/elsewhere/x", b"/room/x/attic", b"/room/x/memory/y", b"/a/b/c/d"]
)
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError):
        name_of(key)


def test_changes_come_back_as_they_were_packed():
    changes = [
        Change("I", ROOM, 0, b"record"),
        Change("D", ROOM, 0, b""),
        Change("Q", ROOM, 9, None),
        Change("R", ROOM, 2**64 - 1, b"segment" * 100, 5),
        Change("Z", ROOM, 0, None),
    ]
    assert list(unpack_changes(pack_changes(changes))) == changes
    assert list(unpack_changes(b"")) == []


@pytest.mark.parametrize("seed", range(20))
def test_spans_hide_and_show_the_rows_that_a_plain_dictionary_would(seed):
    chance = random.Random(seed)
    rows = {n: b"row %d" % n for n in range(60)}
    spans: tuple[Span, ...] = ()
    for step in range(40):
        first = chance.randrange(60)
        last = min(59, first + chance.randrange(12))
        value = chance.choice([None, b"step %d" % step])
        spans = with_span(spans, Span(first, last, value))
        for n in range(first, last + 1):
            rows.pop(n, None)
        if value is not None:
            rows[last] = value
        assert all(low.last < high.first for low, high in pairwise(spans))
        shown = {n: b"row %d" % n for n in range(60) if not any(span.first <= n <= span.last for span in spans)}
        shown |= {span.last: span.value for span in spans if span.value is not None}
        assert shown == rows
