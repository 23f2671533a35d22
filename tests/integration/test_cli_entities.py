"""Any program in a room, from the command line: made, refused, looked at, heard while it speaks, stopped, killed."""

from __future__ import annotations

import json
import os
import signal

import pytest
from daemon_exe import DaemonExe
from room_exe import RoomExe

from backrooms_tui.entity.seal import landlock

TALKER = """
import select
from backrooms_tui.entity.base import Entity, Interrupted

class Talker(Entity):
    "Says its input in two parts; after `forever`, and what is `heard`, it goes on until it is interrupted."
    def on_input(self, text):
        self.state["heard"] = self.state.get("heard", 0) + 1
        if text == "count":
            return self.output(str(self.state["heard"]))
        try:
            if text == "heard":
                self.output("Heard.")
            self._part(text)
            while text in ("forever", "heard"):
                self._part(" and on")
                select.poll().poll(50)
        except Interrupted:
            pass
        self._send({"type": "output", "text": ", said."})

    def _part(self, text):
        self._send({"type": "output", "text": text, "more": True})
"""


@pytest.fixture
def room_exe(tmp_path):
    (tmp_path / "talker.py").write_text(TALKER)
    return RoomExe(tmp_path)


@pytest.fixture
def daemon(room_exe):
    with DaemonExe(room_exe) as daemon:
        yield daemon


def refused(room_exe, *words):
    """A command that must be refused as wrong usage, in one ERROR; gives its lines."""
    ended = room_exe.run(*words)
    assert (ended.status, ended.out) == (2, ""), ended
    code, *details = ended.err.splitlines()
    assert code == "ERROR: INVALID_USAGE"
    return details


@pytest.mark.parametrize(
    ("words", "typed", "answer"),
    [
        (["reference"], "remember value: 1", "Stored."),
        (["python:talker.py"], "hello", "hello, said."),
        (["python:talker.py:Talker"], "hello", "hello, said."),
        (["command:bc -q"], "2^64", "18446744073709551616"),
        (["command:bc", "--entity-option", "mode=exit"], "6*7", "42"),
        (["llm:scripted/echo"], "hello", "hello"),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given),
)
def test_a_room_of_every_kind_is_made_and_answers(room_exe, need_tool, words, typed, answer):
    if "bc" in words[0]:
        need_tool("bc")
    room_id = room_exe.create("--entity", *words)
    assert answer in room_exe.say(room_id, typed)[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["bash"], "'bash' is not one of reference, python:./counter.py, 'command:bc -q', llm:scripted/echo."),
        (["command:"], "ENTITY: command of what?"),
        (["command:no-such-program"], "no-such-program"),
        (["python:gone.py"], "gone.py"),
        (["llm:nobody/x"], "providers: scripted, openai"),
        (["command:cat", "--entity-option", "mode=loud"], "lines|exit|frames"),
        (["command:cat", "--entity-option", "mode"], "name=value"),
        (["reference", "--entity-option", "mode=exit"], "none"),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given),
)
def test_what_can_be_no_entity_is_refused_with_what_can(room_exe, words, told):
    assert told in refused(room_exe, "create", "--entity", *words)[0]
    assert room_exe.ok("list") == ["NO ROOMS"]


def test_the_default_entity_is_configured_and_options_are_laid_over_it(room_exe):
    room_exe.environ["ROOM_ENTITY_DEFAULT"] = "llm:scripted/echo"
    plain, fewer = room_exe.create(), room_exe.create("--entity-option", "calls=3")
    assert room_exe.run("inspect", plain, "--json").json["entity"] == "llm:scripted/echo"
    assert room_exe.run("inspect", fewer, "--json").json["entity"] == "llm?calls=3:scripted/echo"


def test_inspect_shows_what_runs_what_it_may_and_the_seal_of_its_profile(room_exe, daemon):
    room_id = room_exe.create("--entity", "command:cat", "--entity-option", "marker=-- end")
    lines = room_exe.ok("inspect", room_id)
    at = lines.index("OPTIONS:")
    assert "ENTITY: command:cat (LIVE)" in lines
    assert lines[at + 1 : at + 3] == ["  mode=lines (default)", "  marker=-- end"]
    seal = lines[lines.index("SEAL: COMMAND") + 1 :]
    assert "  TIME: VISIBLE" in seal
    assert any(line.startswith("  NETWORK: SEALED") for line in seal)
    value = room_exe.run("inspect", room_id, "--json").json
    assert value["runtime"]["options"]["marker"] == "-- end"
    assert (value["runtime"]["profile"], value["entity_version"]) == ("COMMAND", None)
    assert value["seal"] == [line.strip() for line in seal]


def test_inspect_names_the_calls_of_a_model_and_the_hermetic_seal(room_exe, daemon):
    room_id = room_exe.create("--entity", "llm?tools=clock:scripted/echo")
    lines = room_exe.ok("inspect", room_id)
    assert "CALLS: model, tool:clock" in lines
    assert "SEAL: HERMETIC" in lines
    assert any(line.startswith("  PROCESS: SEALED") for line in lines)


def test_inspect_measures_the_seal_where_no_entity_has_been_started(room_exe):
    seal = room_exe.ok("inspect", room_exe.create())[-7:]
    assert seal[:2] == ["SEAL: HERMETIC", f"  FILESYSTEM: SEALED (seccomp, landlock {landlock.version()})"]
    assert seal[-1].startswith("  TIME: ")
    commands = room_exe.ok("inspect", room_exe.create("--entity", "command:cat"))
    assert commands[-7] == "SEAL: COMMAND"
    assert commands[-1] == "  TIME: VISIBLE"


def test_a_running_input_is_interrupted_from_another_process(room_exe, daemon):
    room_id = room_exe.create("--entity", "python:talker.py")
    session = room_exe.start("enter", room_id)
    session.stdin.write(b"heard\ncount\n")
    session.stdin.close()
    assert session.stdout.readline() == b"ENTERING ROOM\n"
    assert session.stdout.readline() == b"ENTITY: Heard.\n"
    ended = room_exe.run("interrupt", room_id, "--format", "json")
    assert (ended.json["id"], ended.json["outcome"], ended.json["state"]) == (room_id, "INTERRUPTED", "ACTIVE")
    assert [entry["content"] for entry in ended.json["entries"]][1].endswith(", said.")
    assert session.stdout.read().decode().splitlines()[1:] == [
        "[INTERRUPTED]",
        "ENTITY: 2",
        "EXITING ROOM",
        "ROOM STATE: IDLE",
    ]
    assert session.wait() == 0
    session.stdout.close()
    session.stderr.close()
    ended = room_exe.run("interrupt", room_id)
    assert (ended.status, ended.err.splitlines()[0]) == (1, "ERROR: NOTHING_RUNS")


def test_interrupt_is_a_line_of_a_batch_like_any_other(room_exe):
    ended = room_exe.run("batch", typed="create\ninterrupt {LAST_ROOM_ID}\n")
    assert ended.status == 1
    assert ended.err.splitlines()[0] == "LINE 2: ERROR: NOTHING_RUNS"


def test_a_terminal_shows_a_line_while_it_is_said_and_a_pipe_the_whole_of_it(room_exe):
    room_exe.be_patient()
    room_id = room_exe.create("--entity", "python:talker.py")
    with room_exe.terminal("enter", room_id) as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type("forever\n")
        terminal.expect(r"\nENTITY: forever and on")  # and it has no end before it is interrupted
        terminal.type("\x03")
        assert set(terminal.expect(r"(.*), said\.\n\[INTERRUPTED\]\n> \Z")[1].split()) <= {"and", "on", "^C"}
        terminal.type("\x1b[31mwhat\x07\n")
        terminal.expect(r"ENTITY: [^\n]*what[^\n]*, said\.\n> \Z")
        terminal.type("exit\n")
        assert terminal.end() == 0
    assert room_exe.say(room_id, "hello") == ["ENTITY: hello, said."]


def test_no_part_of_what_a_model_says_reaches_a_terminal_raw(room_exe):
    (room_exe.home / "hostile.py").write_text(TALKER.replace('", said."', r'"\x1b]52;c;eA==\x07\u202e"'))
    room_exe.be_patient()
    room_id = room_exe.create("--entity", "python:hostile.py")
    with room_exe.terminal("enter", room_id) as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type("hello\n")
        shown = terminal.expect(r"(?s)ENTITY: (hello.*)\n> \Z")[1]
        assert "]52;c;eA==" in shown
        assert not set(shown) & set("\x1b\x07\u202e")


def test_ctrl_c_stops_what_is_being_said_and_the_session_goes_on(room_exe):
    room_exe.be_patient()
    room_id = room_exe.create("--entity", "python:talker.py")
    with room_exe.terminal("enter", room_id) as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type("forever\n")
        terminal.expect("ENTITY: forever and on and on")
        terminal.type("\x03")
        terminal.expect(r", said\.\n\[INTERRUPTED\]\n> \Z")
        terminal.type("count\n")
        terminal.expect(r"ENTITY: 2\n> \Z")
        terminal.type("\x03")
        assert terminal.end() == 130


@pytest.mark.parametrize("entity", ["python:talker.py", "command:bc -q"])
def test_a_room_goes_on_after_everything_around_it_was_killed(room_exe, need_tool, entity):
    if "bc" in entity:
        need_tool("bc")
    question, answer = ("x + 1", "8") if "bc" in entity else ("count", "2")
    with DaemonExe(room_exe) as daemon:
        room_id = room_exe.create("--entity", entity)
        room_exe.say(room_id, "x = 7")
        pid = json.loads((room_exe.rooms / "owner.lock").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        daemon.process.wait()
    assert room_exe.say(room_id, question) == [f"ENTITY: {answer}"]
