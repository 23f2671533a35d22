"""A room's life through the real program, and what must survive between commands. tests/conformance/ has its words."""

import re

import pytest
from room_exe import RoomExe


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


def test_create_enter_exit(room_exe):
    created = room_exe.ok("create")
    assert re.fullmatch(r"ROOM CREATED: [0-9a-f]{64}", created[0])
    assert created[1:] == ["STATE: ACTIVE", "ENTITY: INITIALIZED"]
    room_id = created[0].removeprefix("ROOM CREATED: ")
    status, *answers = room_exe.say(room_id, "system status", "remember value: test_parameter_01", "recall value")
    assert re.fullmatch(r"ENTITY: Operational\. Memory usage [\d.]+%\. Room age \d+ seconds?\.", status)
    assert answers == ["ENTITY: Stored.", "ENTITY: test_parameter_01"]
    assert room_exe.say(room_id, "recall value") == ["ENTITY: test_parameter_01"]


def test_suspend_resume(room_exe):
    """Session 3: a suspended room refuses to be entered, and remembers when it is resumed."""
    a, b = room_exe.create(), room_exe.create()
    room_exe.say(a, "remember value: test_parameter_01")
    room_exe.say(b, "remember value: different_parameter_02")
    assert room_exe.ok("list") == ["ACTIVE ROOMS:", f"  {a} (IDLE)", f"  {b} (IDLE)"]
    assert room_exe.ok("suspend", a) == [
        "SUSPENDING ROOM",
        "FLUSHING STATE...",
        "ENTITY HALTED",
        "STATE: SUSPENDED",
    ]
    refused = room_exe.run("enter", a)
    assert (refused.status, refused.out) == (1, "")
    code, at, by, hint = refused.err.splitlines()
    assert (code, hint) == ("ERROR: ROOM_SUSPENDED", "USE 'room.exe resume' TO REACTIVATE")
    assert re.fullmatch(r"SUSPENDED_AT: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)
    assert re.fullmatch(r"SUSPENDED_BY: \S+@\S+", by)
    assert room_exe.ok("list", "--state", "suspended") == ["SUSPENDED ROOMS:", f"  {a} (SUSPENDED)"]
    assert room_exe.ok("resume", a) == [
        "RESUMING ROOM",
        "LOADING STATE...",
        "INITIALIZING ENTITY...",
        "ENTITY READY",
        "STATE: ACTIVE",
    ]
    assert room_exe.say(a, "recall value") == ["ENTITY: test_parameter_01"]


@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_a_verb_that_the_state_does_not_allow_is_refused_and_changes_nothing(room_exe, verb):
    room_id = room_exe.create()
    if verb == "suspend":
        room_exe.ok("suspend", room_id)
    before = room_exe.ok("list")
    refused = room_exe.run(verb, room_id)
    assert refused.status == 1
    assert refused.err.splitlines()[0] == "ERROR: ILLEGAL_TRANSITION"
    assert room_exe.ok("list") == before


def test_destroy(room_exe):
    """Destruction takes the full id, typed; then nothing of the room is left."""
    room_id, other = room_exe.create(), room_exe.create()
    refused = room_exe.run("destroy", room_id[:8], "--confirm", typed="a3f7\n")
    assert refused.status == 1
    assert refused.err.startswith("ERROR: CONFIRMATION_MISMATCH\n")
    assert room_exe.run("destroy", room_id, typed=b"").status == 1
    lines = room_exe.ok("destroy", room_id[:8], "--confirm", typed=f"{room_id}\n")
    assert lines[0] == "WARNING: This operation is irreversible"
    assert lines[1] == f"ROOM: {room_id}"
    assert [line.split(":")[0] for line in lines[2:6]] == ["STATE", "MEMORY", "CREATED", "LAST_ACTIVE"]
    assert lines[6:] == [
        "",
        "Type room ID to confirm: ",
        "DESTROYING ROOM...",
        "STATE FILE DELETED",
        "MEMORY LOG DELETED",
        "ROOM TERMINATED",
    ]
    assert room_exe.ok("list") == ["ACTIVE ROOMS:", f"  {other} (ACTIVE)"]
    gone = room_exe.run("enter", room_id)
    assert (gone.status, gone.err) == (1, f"ERROR: ROOM_NOT_FOUND\nROOM: {room_id}\n")


def test_destroy_by_force_does_not_ask(room_exe):
    room_id = room_exe.create()
    assert room_exe.ok("destroy", room_id, "--force")[0] == "DESTROYING ROOM..."
    assert room_exe.ok("list") == ["NO ROOMS"]


def test_timeout_recovery(room_exe):
    """The deadline ends a turn, the block of the seed tells it, and the room answers from its memory."""
    room_id = room_exe.create("--timeout", "2")
    assert room_exe.say(room_id, "initialize counter at 4", "long running operation", "increment counter") == [
        "ENTITY: Counter initialized.",
        "ENTITY: Starting operation...",
        "[2 second timeout]",
        "ERROR: ENTITY_TIMEOUT",
        "OPERATION ABORTED",
        "ENTITY RESTARTED",
        "STATE: ACTIVE (recovered)",
        "ENTITY: Counter: 5",
    ]


def test_crash_recovery(room_exe):
    """A real SIGSEGV is reported with its signal; memory is intact and the input discarded."""
    room_id = room_exe.create()
    lines = room_exe.say(room_id, "initialize counter at 4", "drill crash", "increment counter")
    assert lines[:4] == [
        "ENTITY: Counter initialized.",
        "ENTITY: Drill: crash.",
        "FATAL: ENTITY_CRASHED",
        "SIGNAL: SIGSEGV",
    ]
    assert lines[4].startswith("ADDRESS: ")
    assert lines[5] == "STACK TRACE:"
    assert lines[6].startswith("  #0 ")
    assert lines[-7:] == [
        "",
        "ATTEMPTING RECOVERY...",
        "ENTITY REINITIALIZED",
        "STATE: ACTIVE",
        "MEMORY: INTACT",
        "LAST INPUT: [discarded]",
        "ENTITY: Counter: 5",
    ]
