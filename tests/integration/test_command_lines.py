"""Programs that know nothing of rooms: their whole answer, its end, and what a restart gives back. Real programs."""

from __future__ import annotations

import os
import signal
import time

import pytest
from command_rooms import CommandRoom, await_sleep, inhabited, let_in, need
from sealed_rooms import MIB, PATIENCE

from backrooms_tui.entity.frames import Done, Fail, Log, Output, Ready, Violation
from backrooms_tui.entity.programs import lines
from backrooms_tui.entity.programs.spoken import Stream
from backrooms_tui.model.errors import EntityInitFailed

ANSWERS = {
    "cat": ("command:cat", [("one", ["one"]), ("two\nthree", ["two", "three"])]),
    "sh": (
        "command:sh",
        [("x=5; echo a", ["a"]), ("echo $x; echo $((x * 2))", ["5", "10"]), ("echo $x >&2", ["5"]), ("y=1", [])],
    ),
    "bash": ("command:bash", [("for i in 1 2 3; do echo $i; done", ["1", "2", "3"])]),
    "mawk": ("command:mawk -W interactive '{ sum += $1; print sum }'", [("4", ["4"]), ("5\n6", ["9", "15"])]),
    "perl": ("command:perl -ne '$| = 1; print scalar reverse'", [("abc", ["", "cba"])]),
    "sed": ("command:sed -u s/a/b/g", [("banana", ["bbnbnb"]), ("x\na", ["x", "b"])]),
    "bc": ("command:bc -q", [("2^100", ["1267650600228229401496703205376"]), ("x=3\nx+1", ["4"])]),
    "jq": ("command:jq --unbuffered -c .a", [('{"a": [1, 2]}', ["[1,2]"]), ('{"a": 1} {"a": 2}', ["1", "2"])]),
    "sqlite3": (
        "command:sqlite3",
        [("create table t(a); insert into t values(1),(2);", []), ("select a from t;", ["1", "2"])],
    ),
    "tclsh": (
        "command:tclsh",
        [("fconfigure stdout -buffering line; set x 6", []), ("puts [expr {$x * 7}]", ["42"])],
    ),
    "python3": (
        "command:/usr/bin/python3 -i -q",
        [("x = 6 * 7", []), ("x", ["42"]), ("for i in range(2): print(i)\n", ["0", "1"])],
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_whole_answer_of_a_program_comes_and_then_its_end(host, name):
    line, turns = ANSWERS[name]
    with inhabited(host, line) as room:
        for text, answer in turns:
            assert room.lines(text) == answer


PAUSING = {
    "perl": ("command:perl -ne '$| = 1; for $i (1..3) { print \"$i\\n\"; select undef, undef, undef, 0.15 }'", "go"),
    "sh": ("command?children=yes:sh", "for i in 1 2 3; do echo $i; sleep 0.15; done"),
    "python3": ("command:/usr/bin/python3 -i -q", "import time\nfor i in 1, 2, 3: print(i); time.sleep(0.15)\n"),
}


@pytest.mark.parametrize("name", PAUSING)
def test_a_program_that_pauses_between_lines_is_heard_to_the_end(host, name):
    line, text = PAUSING[name]
    with inhabited(host, line) as room:
        assert room.lines(text) == ["1", "2", "3"]


def test_a_program_that_computes_between_lines_is_heard_to_the_end(host):
    with inhabited(host, "command:perl -ne '$| = 1; print qq(a\\n); for (1..3e6) { $x++ } print qq(b\\n)'") as room:
        assert room.lines("go") == ["a", "b"]


def test_a_pipeline_of_children_is_heard_to_the_end(host):
    with inhabited(host, "command?children=yes:sh") as room:
        assert room.lines("(sleep 0.2; echo late) | tr a-z A-Z | cat") == ["LATE"]
        assert room.lines("printf 'b\\na\\n' | sort") == ["a", "b"]


def test_an_interpreters_errors_are_part_of_the_answer_and_its_prompts_are_not(host):
    with inhabited(host, "command:/usr/bin/python3 -i -q") as room:
        assert room.lines("1/0")[-1] == "ZeroDivisionError: division by zero"
        assert room.lines("1 + 1") == ["2"]


def test_a_prompt_that_stood_there_before_the_first_input_is_no_answer(host, monkeypatch):
    monkeypatch.setattr(lines, "START_PATIENCE", PATIENCE)  # it is given nothing before it has come to its prompt
    with inhabited(host, 'command:sh -c \'printf "> "; while read x; do echo $x; printf "> "; done\'') as room:
        assert room.lines("one") == ["one"]
        assert room.lines("two\nthree") == ["two", "> three"]


def test_a_program_may_open_its_own_output_by_name(host):
    with inhabited(host, "command:sh") as room:
        assert sorted(room.lines("echo out >/dev/stdout; echo error >/dev/stderr")) == ["error", "out"]


def test_an_unfinished_last_line_is_output(host):
    with inhabited(host, "command:sh") as room:
        assert room.lines("printf 'no newline'") == ["no newline"]


def test_bytes_that_are_no_text_arrive_as_replacement_characters(host):
    with inhabited(host, "command:sh") as room:
        assert room.lines("printf 'a\\377\\000b\\n'") == ["a\ufffd\ufffdb"]


def test_what_comes_between_inputs_is_log(host):
    with inhabited(host, "command?children=yes&marker=END:sh") as room:
        assert room.lines("(sleep 1000; echo late) 2>/dev/null & echo END") == []
        os.kill(await_sleep(room), signal.SIGKILL)
        assert room.frames_until(lambda f: isinstance(f, Log)) == [Log("stdout", "late\n")]


def test_a_mark_ends_the_answer_and_is_not_shown(host):
    with inhabited(host, "command?marker=%3Ddone%3D&children=yes:sh") as room:
        assert room.lines("echo a; sleep 0.2; echo b; echo =done=") == ["a", "b"]
        assert room.lines("echo =done=") == []


class Clock:
    """Stands in for a module's `time`, and goes on when it is told to."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now


def test_a_silence_ends_the_answer_where_the_room_says_so(host, monkeypatch):
    with inhabited(host, "command?quiet=0.3&children=yes:sh") as room:
        clock = Clock()
        monkeypatch.setattr(lines, "time", clock)
        room.begin("echo a; sleep 1000; echo b; sleep 1000; echo c")
        assert room.frames_until(lambda f: isinstance(f, Output)) == [Output("a\n")]
        clock.now += 0.2
        os.kill(await_sleep(room), signal.SIGINT)
        assert room.frames_until(lambda f: isinstance(f, Output)) == [Output("b\n")]
        clock.now += 0.2  # since the word before, it is longer
        with pytest.raises(AssertionError, match="nothing more came"):
            room.frames_until(lambda _: True, patience=0.1)
        clock.now += 0.2
        assert room.frames_until(lambda f: isinstance(f, Done)) == [Done(1)]


def test_a_program_that_never_reads_gives_no_end_of_its_own(host):
    with inhabited(host, "command?children=yes:sh -c 'while :; do sleep 0.05; done'") as room:
        room.begin("anybody?")
        with pytest.raises(AssertionError, match="nothing more came"):
            room.frames_until(lambda f: isinstance(f, Done), patience=0.3)
        assert room.end().killed_by_host


def test_an_input_larger_than_the_pipes_is_taken(host):
    with inhabited(host, "command:cat") as room:
        # More than the pipes to and from it and the program itself can hold, however quick it is.
        text = "\n".join("x" * 63 for _ in range(16_000))
        room.seq += 1
        room.process.begin_turn(1)
        assert not room.process.send({"type": "input", "text": text})
        frames = []
        while not any(isinstance(frame, Done) for frame in frames):
            room.process.flush()
            frames += room.frames_until(lambda f: True)
        assert sum(f.text.count("\n") for f in frames if isinstance(f, Output)) == 16_000


def test_more_output_than_one_input_may_cause_is_a_violation(host):
    with inhabited(host, "command:perl -ne 'print qq(x\\n) while 1'") as room:
        frames = room.turn("go")
        assert isinstance(frames[-1], Violation)
        assert frames[-1].code == "OUTPUT_SIZE_EXCEEDED"


def test_a_room_is_given_its_inputs_again_and_goes_on_where_it_was(host):
    with inhabited(host, "command:bc -q", told=["x = 41", "x", "1/0"]) as room:
        assert room.lines("x + 1") == ["42"]


def test_a_thousand_inputs_are_given_again_in_no_time(host):
    with inhabited(host, "command:bc -q", told=["x = x + 1; x"] * 1000) as room:
        assert room.lines("x") == ["1000"]


def test_marks_are_counted_while_inputs_are_given_again(host):
    with inhabited(host, "command?marker=END:sh", told=["x=1; echo END", "x=2; echo END"]) as room:
        assert room.lines("echo $x; echo END") == ["2"]


def test_what_is_said_while_inputs_are_given_again_is_neither_shown_nor_logged(host):
    need("command:cat")
    room = CommandRoom(host, "command:cat", told=["secret"])
    assert [type(frame) for frame in room.await_ready()] == [Ready]
    room.end()


def test_a_program_that_is_not_there_is_the_hosts_trouble(host):
    with pytest.raises(
        EntityInitFailed, match="there is no program 'no-such-program' in /usr/local/bin, /usr/bin, /bin"
    ):
        CommandRoom(host, "command:no-such-program")


def test_a_program_that_ends_at_once_fails_to_start_with_its_last_words(host):
    room = CommandRoom(host, "command:sh -c 'echo nothing to do >&2; exit 3'")
    frames = room.frames_until(lambda f: isinstance(f, Fail))
    assert "EXIT_STATUS: 3" in frames[-1].text
    assert "nothing to do" in frames[-1].text
    room.end()


def test_a_file_that_is_no_program_fails_to_start_in_the_kernels_words(host, common):
    broken = common / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    let_in(broken)
    room = CommandRoom(host, f"command:{broken}")
    frames = room.frames_until(lambda f: isinstance(f, Fail))
    assert "Exec format error" in frames[-1].text
    room.end()


def test_an_interrupt_reaches_a_program_and_what_it_said_is_kept(host):
    with inhabited(host, "command:/usr/bin/python3 -i -q") as room:
        # In naps: a signal that comes just before a sleep begins is noticed when it ends.
        room.begin("import time; print('begun', flush=True); all(time.sleep(0.01) is None for _ in range(100_000))")
        room.frames_until(lambda f: isinstance(f, Output))
        assert room.process.interrupt(1)
        frames = room.frames_until(lambda f: isinstance(f, Done))
        assert "KeyboardInterrupt" in "".join(f.text for f in frames if isinstance(f, Output))
        assert room.lines("1 + 1") == ["2"]


def test_a_stream_completes_characters_that_arrive_in_pieces():
    stream = Stream()
    assert stream.feed("hé".encode()[:2]) == ""
    assert stream.feed("hé".encode()[2:] + b"\nrest") == "hé\n"
    assert stream.rest() == "rest"
    assert stream.rest() == ""


def test_an_answer_takes_little_more_than_two_looks(host):
    with inhabited(host, "command:cat", memory=64 * MIB) as room:
        taken = []
        for _ in range(20):
            begun = time.monotonic()
            room.lines("x")
            taken.append(time.monotonic() - begun)
        assert min(taken) < 0.1
