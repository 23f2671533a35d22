"""Sessions in a room: what is typed, what is shown, and when. tests/conformance/ has the words of the seed's sessions."""

import json
import re

import pytest
from room_exe import RoomExe, held


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


def test_piped_input_is_refused_by_the_rules_and_the_session_goes_on(room_exe):
    typed = b"\x00\xff\nvalid input\r\n  \n\n" + b"x" * 70_000 + b"\n"
    ended = room_exe.run("enter", room_exe.create(), typed=typed)
    assert ended.lines[1:-2] == [
        "ERROR: INVALID_INPUT_ENCODING",
        "AT BYTE: 1",
        "ENTITY: Acknowledged.",
        "ERROR: INPUT_EMPTY",
        "ERROR: INPUT_SIZE_EXCEEDED",
        "MAX: 65536 bytes",
        "SIZE: 70000 bytes",
    ]
    assert (ended.status, ended.err) == (1, "")


def test_input_typed_while_the_entity_works_is_queued_and_the_17th_refused(room_exe):
    """The seed's Input Queue example; what was queued is answered in order before the session ends."""
    with room_exe.terminal("enter", room_exe.create("--timeout", "60")) as terminal:
        terminal.expect(r"\n> \Z")
        with held(terminal.process):
            terminal.type("initialize counter at 0\n")
            for _ in range(16):
                terminal.expect(r"> \Z")
                terminal.type("increment counter\n")
                terminal.expect(r"\[QUEUED\]\n")
            terminal.expect(r"> \Z")
            terminal.type("increment counter\n")
            terminal.expect(re.escape("ERROR: QUEUE_FULL (max 16 pending)\n") + r"> \Z")
            terminal.type("exit\n")
        terminal.expect(r"ENTITY: Counter initialized\.\n")
        for number in range(1, 17):
            terminal.expect(rf"ENTITY: Counter: {number}\n")
        terminal.expect("EXITING ROOM\nROOM STATE: IDLE\n")
        assert terminal.end() == 0


def test_an_answer_that_comes_late_does_not_spoil_what_is_being_typed(room_exe):
    with room_exe.terminal("enter", room_exe.create("--timeout", "60")) as terminal:
        terminal.expect(r"\n> \Z")
        with held(terminal.process):
            terminal.type("valid input\n")
            terminal.expect(r"valid input\n> \Z")
            terminal.type("stream 2 lines\n")
            terminal.expect(r"\[QUEUED\]\n> \Z")
            terminal.type("request sta")
            terminal.expect("request sta")
        terminal.expect(r"\r\x1b\[KENTITY: Acknowledged\.\n")
        terminal.expect(r"\nENTITY: Line 2 of 2\.\n> request sta\Z")
        terminal.type("tus\n")
        terminal.expect("ENTITY: No relevant context detected.")


def test_each_line_is_shown_when_it_is_said_and_not_when_the_turn_ends(room_exe):
    with room_exe.start("enter", room_exe.create("--timeout", "30")) as process:
        process.stdin.write(b"long running operation\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ENTERING ROOM\n"
        assert process.stdout.readline() == b"ENTITY: Starting operation...\n"
        assert process.poll() is None
        process.terminate()


def test_every_line_of_a_flood_reaches_a_reader_in_order(room_exe):
    """More lines than the event queue holds: what the live view loses comes from the durable entries."""
    lines = room_exe.say(room_exe.create("--timeout", "60"), "stream 60000 lines", "valid input")
    assert lines == [*(f"ENTITY: Line {n} of 60000." for n in range(1, 60_001)), "ENTITY: Acknowledged."]


def test_an_input_of_65536_bytes_goes_through_a_pipe_and_a_terminal(room_exe):
    room_exe.be_patient()
    room_id = room_exe.create()
    value = "v" * (65_536 - len("remember big: "))
    assert room_exe.say(room_id, f"remember big: {value}", "recall big") == ["ENTITY: Stored.", f"ENTITY: {value}"]
    with room_exe.terminal("enter", room_id) as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type(f"remember typed: {'w' * 10_000}\n")
        terminal.expect(r"ENTITY: Stored\.\n> \Z")
        terminal.type("exit\n")
        assert terminal.end() == 0
    stored = room_exe.say(room_id, "recall typed")
    assert stored == [f"ENTITY: {'w' * 10_000}"]


def test_entity_output_goes_to_the_file_and_only_the_prompt_to_the_terminal(room_exe):
    room_id = room_exe.create()
    path = room_exe.home / "room_output.log"
    for _ in range(2):
        assert room_exe.ok("enter", room_id, "--output", str(path), typed="valid input\n") == [
            "ENTERING ROOM",
            f"OUTPUT REDIRECTED: {path}",
            "EXITING ROOM",
            "ROOM STATE: IDLE",
        ]
    assert path.read_text() == "ENTITY: Acknowledged.\n" * 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_input_is_read_from_a_file_when_asked(room_exe):
    path = room_exe.home / "input.txt"
    path.write_text("initialize counter at 7\nincrement counter")
    lines = room_exe.ok("enter", room_exe.create(), "--input", str(path))
    assert lines[1:3] == ["ENTITY: Counter initialized.", "ENTITY: Counter: 8"]


def test_the_timeout_of_a_session_overrides_the_rooms(room_exe):
    lines = room_exe.ok("enter", room_exe.create(), "--timeout", "0.3", typed="long running operation\n")
    at = lines.index("[0.3 second timeout]")  # what the entity said before it depends on its speed
    assert lines[at + 1] == "ERROR: ENTITY_TIMEOUT"


def test_read_only_shows_and_changes_nothing(room_exe):
    room_id = room_exe.create()
    room_exe.say(room_id, "remember value: kept")
    before = room_exe.run("inspect", room_id, "--json").json
    ended = room_exe.run("enter", room_id, "--readonly", typed="remember value: lost\n")
    assert ended.status == 1
    assert ended.lines == [
        "ENTERING ROOM",
        "ENTITY: Stored.",
        "ERROR: ROOM_READ_ONLY",
        "EXITING ROOM",
        "ROOM STATE: IDLE",
    ]
    assert room_exe.run("inspect", room_id, "--json").json == before


def test_programs_get_every_event_as_an_object(room_exe):
    room_id = room_exe.create()

    def events(*words, typed):
        ended = room_exe.run("enter", room_id, "--format", "jsonl", *words, typed=typed)
        return [json.loads(line) for line in ended.lines]

    def kinds(events):
        return [event.get("event", event.get("error", {}).get("code")) for event in events]

    answered = events(typed=b"noop\n\xff\n")
    assert kinds(answered) == ["entered", "output", "ended", "INVALID_INPUT_ENCODING", "left"]
    assert (answered[1]["text"], answered[2]["outcome"]) == ("Acknowledged.", "OUTPUT")
    killed = events("--timeout", "0.3", typed=b"long running operation\n")
    entered, *said, failed, recovered, ended, left = killed
    assert kinds([entered, failed, recovered, ended, left]) == ["entered", "failed", "recovered", "ended", "left"]
    assert [one["text"] for one in said] in ([], ["Starting operation..."])
    assert {one["outcome"] for one in (failed, recovered, ended)} == {"TIMEOUT"}


def test_hostile_output_reaches_a_terminal_as_visible_marks_and_a_pipe_as_it_is(room_exe):
    room_exe.be_patient()
    room_id = room_exe.create()
    assert any("\x1b]52;c;" in line for line in room_exe.say(room_id, "drill hostile"))
    with room_exe.terminal("enter", room_id) as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type("drill hostile\n")
        shown = terminal.expect(r"(?s)Drill: hostile\.\n(.*)\n> \Z")[1]
        assert "␛]52;c;" in shown
        assert not set(shown) & {"\x1b", "\x07", "\x9b", "\u202e", "\u200b"}


@pytest.mark.parametrize(("key", "status"), [("\x04", 0), ("\x03", 130)], ids=["end of input", "interrupt"])
def test_ctrl_d_and_ctrl_c_leave_the_room_in_order(room_exe, key, status):
    room_id = room_exe.create()
    with room_exe.terminal("enter", room_id) as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type(key)
        terminal.expect(r"\n?EXITING ROOM\nROOM STATE: IDLE\n")
        assert terminal.end() == status
        assert "Traceback" not in terminal.seen
    assert room_exe.ok("list") == ["ACTIVE ROOMS:", f"  {room_id} (IDLE)"]


def test_ctrl_c_interrupts_the_input_at_work_and_leaves_when_there_is_none(room_exe):
    room_exe.be_patient()
    room_id = room_exe.create()
    with room_exe.terminal("enter", room_id) as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type("long running operation\n")
        terminal.expect("ENTITY: Starting operation...\n")
        terminal.type("\x03")
        terminal.expect(r"\[INTERRUPTED\]\n> \Z")
        terminal.type("remember value: 1\n")
        terminal.expect(r"ENTITY: Stored\.\n> \Z")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.seen
