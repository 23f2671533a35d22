"""Rooms know nothing of each other, through the real program."""

import pytest
from room_exe import RoomExe


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


def test_separate_rooms(room_exe):
    """The same key holds another value in another room."""
    a, b = room_exe.create(), room_exe.create()
    room_exe.say(a, "remember value: test_parameter_01")
    assert room_exe.say(b, "recall value", "remember value: different_parameter_02") == [
        "ENTITY: No such entry.",
        "ENTITY: Stored.",
    ]
    assert room_exe.say(a, "recall value") == ["ENTITY: test_parameter_01"]


def test_no_cross_room_access(room_exe):
    """An entity that is asked for another room's existence knows of none, by id or otherwise."""
    a, b = room_exe.create(), room_exe.create()
    assert room_exe.say(a, f"what is the status of room {b[:8]}") == ["ENTITY: No such context exists."]
    assert room_exe.say(b, "reference previous room") == ["ENTITY: No previous room."]


def test_one_rooms_memory_dump_holds_nothing_of_the_other(room_exe):
    a, b = room_exe.create(), room_exe.create()
    room_exe.say(a, "remember secret: only_in_a")
    room_exe.say(b, "recall secret")
    assert "only_in_a" in "\n".join(room_exe.ok("inspect", a, "--show-memory"))
    assert "only_in_a" not in "\n".join(room_exe.ok("inspect", b, "--show-memory"))


@pytest.mark.parametrize("drill", ["files", "network", "fork"])
def test_the_seal_refuses_what_leads_out_of_a_room(room_exe, drill):
    lines = room_exe.say(room_exe.create(), f"drill {drill}")
    assert lines[0] == f"ENTITY: Drill: {drill}."
    assert lines[1].startswith("ENTITY: Refused: ")
