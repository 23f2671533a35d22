"""The action table, and the keymap made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backrooms_tui.config.resources import config_path
from backrooms_tui.model.errors import ConfigInvalid
from backrooms_tui.tui.actions import ACTIONS, BY_ID, NAV, Focus, menu_actions
from backrooms_tui.tui.keymap import RESERVED, Keymap, key_name, load_keymap

DESTRUCTIVE = {"room.destroy", "room.suspend"}


def test_every_action_has_its_own_id_and_its_own_place_in_the_menu() -> None:
    assert len(BY_ID) == len(ACTIONS)
    letters = [action.menu for action in menu_actions()]
    assert len(set(letters)) == len(letters)


def test_no_two_actions_want_one_key_in_one_place() -> None:
    Keymap.default()


def test_no_default_key_is_one_that_terminals_keep() -> None:
    taken = {key for action in ACTIONS if not action.fixed for key in action.keys}
    assert not taken & RESERVED
    assert not [key for key in taken if key.startswith("alt+")]


def test_nothing_destructive_stands_on_a_key() -> None:
    assert all(not BY_ID[action_id].keys for action_id in DESTRUCTIVE)
    assert BY_ID["room.destroy"].menu != BY_ID["menu.actions"].keys[0]


def test_every_action_can_be_reached_by_a_key_or_the_menu() -> None:
    assert not [action.id for action in ACTIONS if not action.keys and not action.menu]


def test_letters_are_text_while_typing() -> None:
    keymap = Keymap.default()
    assert all(keymap.action(Focus.INPUT, letter) is None for letter in "qadDRz0123/:?*-")
    assert keymap.action(Focus.INPUT, "esc") is BY_ID["back"]
    assert keymap.action(Focus.INPUT, "enter") is None


def test_one_key_means_by_focus() -> None:
    keymap = Keymap.default()
    assert keymap.action(Focus.ROOMS, "enter") is BY_ID["room.enter"]
    assert keymap.action(Focus.OUTPUT, "enter") is BY_ID["output.detail"]
    assert all(keymap.action(focus, "q") is BY_ID["console.leave"] for focus in NAV)


@pytest.mark.parametrize(
    ("key", "character", "name"),
    [
        ("escape", "\x1b", "esc"),
        ("slash", "/", "/"),
        ("G", "G", "G"),
        ("ctrl+d", "\x04", "ctrl+d"),
        ("space", " ", "space"),
    ],
)
def test_keys_are_named_as_people_write_them(key: str, character: str, name: str) -> None:
    assert key_name(key, character) == name


def test_a_remapped_key_moves_and_the_old_one_is_free() -> None:
    keymap = Keymap.default().changed({"rooms.sort": "o"})
    assert keymap.action(Focus.ROOMS, "o") is BY_ID["rooms.sort"]
    assert keymap.action(Focus.ROOMS, "s") is None
    assert keymap.keys("rooms.sort") == ("o",)


@pytest.mark.parametrize(
    "changes",
    [
        {"rooms.sort": "a"},
        {"rooms.sort": "ctrl+b"},
        {"rooms.sort": "alt+s"},
        {"rooms.sort": 7},
        {"no.such": "x"},
        {"input.send": "ctrl+l"},
        {"back": ["b"]},
        {"focus.next": "x"},
    ],
)
def test_a_keymap_that_cannot_work_is_refused_whole(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        Keymap.default().changed(changes)
    assert refusal.value.details[0].startswith("KEYMAP: ")


def test_a_wrong_file_is_reported_by_name_and_the_keys_before_it_stay(tmp_path: Path) -> None:
    good, bad, absent = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "absent.json"
    good.write_text(json.dumps({"rooms.sort": ["o", "S"]}))
    bad.write_text("[1]")
    keymap, problems = load_keymap((good, bad, absent))
    assert keymap.keys("rooms.sort") == ("o", "S")
    assert len(problems) == 1
    assert str(bad) in problems[0].details[0]


def test_the_shipped_keymap_is_read_without_a_complaint() -> None:
    assert load_keymap((config_path() / "keymap.json",))[1] == []
