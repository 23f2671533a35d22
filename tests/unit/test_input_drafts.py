"""Drafts and histories of rooms: kept, private, bounded, never a reason not to start."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.tui.input.drafts import MAX_BYTES, MAX_HISTORY, Doubt, Drafts
from backrooms_tui.tui.input.pace import STORM, Pace
from backrooms_tui.tui.input.recall import Recall

A, B = "a" * 64, "b" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "drafts.json"


def test_drafts_and_histories_come_back(path):
    drafts = Drafts()
    drafts.keep(A, "half a thought\n\udc80")
    drafts.sent(B, "one")
    drafts.sent(B, "two")
    drafts.save(path)
    again = Drafts.load(path)
    assert (again.draft(A), again.history(B), again.draft(B)) == ("half a thought\n\udc80", ("one", "two"), "")


def test_the_file_is_private_whatever_the_umask(path):
    drafts = Drafts()
    drafts.keep(A, "x")
    old = os.umask(0)
    try:
        drafts.save(path)
    finally:
        os.umask(old)
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)


def test_two_consoles_keep_each_others_drafts(path):
    first, second = Drafts.load(path), Drafts.load(path)
    first.keep(A, "of the first")
    second.keep(B, "of the second")
    second.sent(B, "said")
    first.save(path)
    second.save(path)
    again = Drafts.load(path)
    assert (again.draft(A), again.draft(B), again.history(B)) == ("of the first", "of the second", ("said",))
    third, fourth = Drafts.load(path), Drafts.load(path)
    third.sent(A, "one of the third")
    third.save(path)
    fourth.keep(A, "of the fourth")
    fourth.sent(A, "one of the fourth")
    fourth.save(path)
    both = Drafts.load(path)
    assert (both.draft(A), both.history(A)) == ("of the fourth", ("one of the third", "one of the fourth"))
    again.forget(A)
    again.save(path)
    second.keep(B, "of the second, longer")
    second.save(path)
    assert (Drafts.load(path).draft(A), Drafts.load(path).draft(B)) == ("", "of the second, longer")


def test_an_input_in_doubt_keeps_its_id_until_it_is_settled(path):
    drafts = Drafts()
    drafts.doubt(A, "id-1", Doubt("first\nline", 7))
    drafts.doubt(A, "id-2", Doubt("second", 8))
    drafts.keep(A, "typed since")
    drafts.save(path)
    again = Drafts.load(path)
    assert again.in_doubt(A) == {"id-1": Doubt("first\nline", 7), "id-2": Doubt("second", 8)}
    assert again.draft(A) == "typed since"
    assert "OUTCOME UNKNOWN:\nfirst\nline" in again.as_text()
    again.settle(A, "id-1")
    again.settle(A, "never heard of")
    again.save(path)
    assert [*Drafts.load(path).in_doubt(A)] == ["id-2"]


def test_nothing_is_written_when_nothing_changed(path):
    drafts = Drafts()
    drafts.keep(A, "x")
    drafts.save(path)
    path.unlink()
    drafts.save(path)
    assert not path.exists()


def test_a_link_in_the_place_of_the_file_is_not_followed(path, tmp_path):
    path.parent.mkdir(mode=0o700)
    victim = tmp_path / "victim"
    victim.write_text("{}")
    path.symlink_to(victim)
    assert Drafts.load(path).draft(A) == ""
    drafts = Drafts()
    drafts.keep(A, "x")
    drafts.save(path)
    assert not path.is_symlink()
    assert victim.read_text() == "{}"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\x00",
        b"[]",
        b"{",
        b'{"a": 1}',
        b'{"%s": {"draft": 1}}' % A.encode(),
        b"[" * 100_000,
        b"x" * (MAX_BYTES + 9),
    ],
)
def test_a_damaged_file_is_an_empty_one(path, damage):
    path.parent.mkdir(mode=0o700)
    path.write_bytes(damage)
    path.chmod(0o600)
    assert Drafts.load(path).draft(A) == ""


def test_a_history_keeps_the_newest_inputs_without_repetitions():
    drafts = Drafts()
    for i in range(MAX_HISTORY + 5):
        drafts.sent(A, f"input {i}")
        drafts.sent(A, f"input {i}")
    assert drafts.history(A) == tuple(f"input {i}" for i in range(5, MAX_HISTORY + 5))


def test_blank_and_huge_inputs_are_not_worth_recalling():
    drafts = Drafts()
    drafts.sent(A, "   ")
    drafts.sent(A, "x" * 100_000)
    assert drafts.history(A) == ()


def test_the_file_stays_bounded_and_gives_up_histories_before_drafts(path):
    drafts = Drafts()
    for i in range(300):
        room = f"{i:064x}"
        drafts.keep(room, f"draft {i}")
        for _ in range(3):
            drafts.sent(room, f"{_}" + "é" * 2_000)
    drafts.save(path)
    assert path.stat().st_size <= MAX_BYTES
    again = Drafts.load(path)
    assert [again.draft(f"{i:064x}") for i in range(300)] == [f"draft {i}" for i in range(300)]
    assert len(again.history(f"{299:064x}")) == 3
    assert again.history(f"{0:064x}") == ()


def test_drafts_that_are_too_many_lose_the_rooms_longest_not_touched(path):
    drafts = Drafts()
    for i in range(100):
        drafts.keep(f"{i:064x}", "x" * 65_536)
    drafts.keep(f"{0:064x}", "y" * 65_536)
    drafts.save(path)
    again = Drafts.load(path)
    assert (again.draft(f"{0:064x}")[:1], again.draft(f"{1:064x}"), again.draft(f"{99:064x}")[:1]) == ("y", "", "x")


def test_a_destroyed_room_leaves_no_trace(path):
    drafts = Drafts()
    drafts.keep(A, "secret")
    drafts.sent(A, "secret too")
    drafts.forget(A)
    drafts.save(path)
    assert json.loads(path.read_bytes()) == {}


def test_recall_walks_back_and_returns_the_draft():
    recall = Recall(["one", "two"], "draft")
    assert [recall.older(), recall.text, recall.older(), recall.text, recall.older()] == [
        True,
        "two",
        True,
        "one",
        False,
    ]
    assert [recall.newer(), recall.newer(), recall.text, recall.newer()] == [True, True, "draft", False]


def test_a_search_finds_the_newest_first_and_older_ones_on_demand():
    recall = Recall(["status one", "noise", "Status two", "status two!"], "draft")
    assert recall.search("STATUS")
    assert recall.text == "status two!"
    assert recall.search_older()
    assert recall.text == "Status two"
    assert recall.search_older()
    assert recall.text == "status one"
    assert not recall.search_older()
    assert not recall.search("absent")
    assert recall.text == "status one"


@given(
    st.lists(st.text(max_size=5), max_size=8),
    st.lists(st.sampled_from(["older", "newer", "a", "search_older"]), max_size=30),
)
def test_any_walk_stays_in_the_history_and_keeps_the_draft(history, steps):
    recall = Recall(history, "draft")
    for step in steps:
        recall.search(step) if step == "a" else getattr(recall, step)()
        assert recall.text in [*history, "draft"]
    while recall.newer():
        pass
    assert recall.text == recall.draft == "draft"


def test_fingers_are_no_storm_and_a_paste_is():
    pace = Pace()
    assert not any(pace.key(i * 0.03) for i in range(1_000))
    assert not pace.storm
    assert [pace.key(100 + i * 0.001) for i in range(STORM)].count(True) == STORM - 1
    assert pace.storm
    pace.key(200)
    assert not pace.storm
