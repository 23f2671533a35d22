"""Batches through the real program: session 10 of the seed, and what a batch makes of lines that fail."""

import json
import signal

import pytest
from room_exe import RoomExe

SESSION_10 = """create --memory-limit 128M
enter {LAST_ROOM_ID}
remember key1: value1
remember key2: value2
remember key3: value3
exit
"""


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


def test_session_10_of_the_seed(room_exe):
    lines = room_exe.ok("batch", typed=SESSION_10)
    room_id = lines[0].removeprefix("ROOM CREATED: ")
    assert lines[1:] == [
        "CONFIG: memory_limit=134217728",
        "STATE: ACTIVE",
        "ENTITY: INITIALIZED",
        "ENTERING ROOM",
        "ENTITY: Stored.",
        "ENTITY: Stored.",
        "ENTITY: Stored.",
        "EXITING ROOM",
        "ROOM STATE: IDLE",
        "BATCH COMPLETE: 6 commands executed",
    ]
    assert room_exe.say(room_id, "recall key2") == ["ENTITY: value2"]


@pytest.mark.parametrize("words", [["commands.txt"], ["--input", "commands.txt"]])
def test_a_batch_is_read_from_a_file_when_asked(room_exe, words):
    (room_exe.home / "commands.txt").write_text("# two rooms\n\n  create\ncreate --name second\n")
    lines = room_exe.ok("batch", *words)
    assert lines[-1] == "BATCH COMPLETE: 2 commands executed"
    assert len(room_exe.ok("list")) == 3


def test_a_line_that_fails_is_told_with_its_number_and_the_rest_goes_on(room_exe):
    ended = room_exe.run("batch", typed=b'create\nbogus\n\nstats abcd1234\ncreate "unclosed\n\xff\ninit\n')
    assert ended.status == 1
    assert ended.lines[-1] == "BATCH COMPLETE: 6 commands executed (4 failed)"
    assert "READY" in ended.lines
    assert ended.err.splitlines() == [
        "LINE 2: ERROR: INVALID_USAGE",
        "UNKNOWN COMMAND: bogus",
        "USE 'room.exe --help'",
        "LINE 4: ERROR: ROOM_NOT_FOUND",
        "ROOM: abcd1234",
        "LINE 5: ERROR: INVALID_USAGE",
        "LINE: No closing quotation",
        "LINE 6: ERROR: INVALID_USAGE",
        "LINE: not UTF-8 text",
    ]


def test_a_batch_stops_at_the_first_failure_when_asked(room_exe):
    ended = room_exe.run("batch", "--stop-on-error", typed="init\nbogus\ncreate\n")
    assert (ended.status, ended.lines[-1]) == (1, "BATCH STOPPED: 2 commands executed (1 failed)")
    assert room_exe.ok("list") == ["NO ROOMS"]


def test_inputs_of_a_room_that_cannot_be_entered_are_never_taken_for_commands(room_exe):
    kept = room_exe.create()
    commands = (
        f"suspend {kept}\nenter {kept}\ndestroy {kept} --force\nexit\nenter --bogus\ndestroy {kept} --force\nexit\n"
    )
    ended = room_exe.run("batch", typed=commands)
    assert ended.status == 1
    told = [line for line in ended.err.splitlines() if line.startswith("LINE")]
    assert told == [
        "LINE 2: ERROR: ROOM_SUSPENDED",
        "LINE 3: NOT EXECUTED, NOR THE LINES UP TO 4",
        "LINE 5: ERROR: INVALID_USAGE",
        "LINE 6: NOT EXECUTED, NOR THE LINES UP TO 7",
    ]
    assert room_exe.ok("list")[1] == f"  {kept} (SUSPENDED)"


def test_an_input_that_is_refused_is_told_with_its_line(room_exe):
    ended = room_exe.run("batch", typed=b"create\nenter {LAST_ROOM_ID}\nnoop\n\xff\nnoop\nexit\n")
    assert (ended.status, ended.lines[-1]) == (1, "BATCH COMPLETE: 6 commands executed (1 failed)")
    assert ended.err == "LINE 4: ERROR: INVALID_INPUT_ENCODING\nAT BYTE: 0\n"


def test_text_in_a_room_stays_as_it_is_written(room_exe):
    lines = room_exe.ok(
        "batch", typed="create\nenter {LAST_ROOM_ID}\n# remember\nremember x: {LAST_ROOM_ID}\nrecall x\nexit\n"
    )
    assert "ENTITY: {LAST_ROOM_ID}" in lines


def test_the_last_room_is_also_one_that_was_restored(room_exe):
    room_id = room_exe.create()
    commands = f"backup {room_id} --output b.tar\ndestroy {room_id} --force\nrestore b.tar\nstats {{LAST_ROOM_ID}}\n"
    assert f"ID: {room_id}" in room_exe.ok("batch", typed=commands)
    without = room_exe.run("batch", typed="stats {LAST_ROOM_ID}\n")
    assert "LAST_ROOM_ID: no room has been made by this batch." in without.err


def test_a_destruction_is_confirmed_by_the_next_line(room_exe):
    room_id = room_exe.create()
    wrong = room_exe.run("batch", typed=f"destroy {room_id}\nyes\n")
    assert wrong.err.startswith("LINE 1: ERROR: CONFIRMATION_MISMATCH")
    assert "ROOM TERMINATED" in room_exe.ok("batch", typed=f"destroy {room_id}\n{room_id}\n")


@pytest.mark.parametrize("line", ["batch", "migrate --to SQLITE", "list --config x", "create --no-persist"])
def test_what_concerns_the_whole_batch_is_no_line_of_it(room_exe, line):
    ended = room_exe.run("batch", typed=f"{line}\n")
    assert (ended.status, ended.err.splitlines()[0]) == (1, "LINE 1: ERROR: INVALID_USAGE")


def test_programs_get_an_object_a_line(room_exe):
    ended = room_exe.run(
        "batch", "--format", "json", typed=SESSION_10 + "bogus\nlist\ncompare {LAST_ROOM_ID} {LAST_ROOM_ID}\n"
    )
    values = [json.loads(line) for line in ended.lines]
    assert values[0]["state"] == "ACTIVE"
    assert [value["event"] for value in values[1:] if "event" in value][::7] == ["entered", "left"]
    assert values[-2]["isolated"] is False
    assert values[-1] == {"executed": 9, "failed": 2, "complete": True}
    told = [json.loads(line) for line in ended.err.splitlines()]
    assert [(value["line"], value.get("error", {}).get("code")) for value in told] == [(7, "INVALID_USAGE"), (9, None)]


def test_everything_a_batch_says_goes_to_its_output(room_exe):
    assert room_exe.ok("batch", "--output", "said.txt", typed=SESSION_10) == []
    said = (room_exe.home / "said.txt").read_text().splitlines()
    assert (said[4], said[-1]) == ("ENTERING ROOM", "BATCH COMPLETE: 6 commands executed")


def test_an_empty_batch_is_complete_and_a_missing_one_is_refused(room_exe):
    assert room_exe.ok("batch") == ["BATCH COMPLETE: 0 commands executed"]
    assert room_exe.run("batch", "missing").status == 2
    assert room_exe.run("batch", "one", "--input", "two").status == 2


def test_ctrl_c_ends_a_batch_and_its_input_waits_in_the_room(room_exe):
    with room_exe.start("batch") as process:
        process.stdin.write(b"create\nenter {LAST_ROOM_ID}\nlong running operation\n")
        process.stdin.flush()
        while process.stdout.readline() != b"ENTITY: Starting operation...\n":
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    (room,) = room_exe.run("list", "--format", "json").json
    assert (room["state"], room["queue"]) == ("ACTIVE", 1)
