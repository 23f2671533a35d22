"""Rooms know nothing of each other: sessions 2 of the seed and its Isolation examples, through the real program."""

import pytest
from room_exe import RoomExe, play


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


def test_separate_rooms(room_exe):
    """Session 2: the same key holds another value in another room."""
    a, b = room_exe.create(), room_exe.create()
    room_exe.say(a, "remember value: test_parameter_01")
    play(
        room_exe,
        """
$ room.exe enter {B}
ENTERING ROOM
> recall value
ENTITY: No such entry.
> remember value: different_parameter_02
ENTITY: Stored.
> exit
EXITING ROOM
ROOM STATE: IDLE

$ room.exe enter {A}
ENTERING ROOM
> recall value
ENTITY: test_parameter_01
> exit
EXITING ROOM
ROOM STATE: IDLE
""",
        A=a,
        B=b,
    )


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
