"""Programs that are run once for each input, and programs that speak `room-entity/1`."""

from __future__ import annotations

import shlex
import signal

import pytest
from command_rooms import CommandRoom, inhabited, name_of, script

from backrooms_tui.entity.frames import Done, Fail, Log, Observation, Output, StateSet, Violation

# Once for each input


@pytest.mark.parametrize(
    ("line", "text", "answer"),
    [
        ("command?mode=exit:wc -w", "one two three", ["3"]),
        ("command?mode=exit:awk '{ print $2 }'", "one two three", ["two"]),
        ("command?mode=exit:bc", "6 * 7", ["42"]),
        ("command?mode=exit:sort", "b\na", ["a", "b"]),
        ("command?mode=exit:printf 'no newline'", "", ["no newline"]),
        ("command?mode=exit:true", "nothing", []),
        ("command?mode=exit&children=yes:sh -c 'cat | tr a-z A-Z'", "loud", ["LOUD"]),
    ],
)
def test_a_program_is_given_one_input_and_its_end_is_the_end_of_the_answer(host, line, text, answer):
    with inhabited(host, line) as room:
        assert room.process.one_shot
        assert room.lines(text) == answer
        assert room.await_exit().status == 0


def test_another_status_than_0_is_a_failure_with_what_it_complained(host):
    with inhabited(host, "command?mode=exit:sh -c 'echo out; echo wrong >&2; exit 3'") as room:
        frames = room.turn("x")
        assert frames == [Output("out\n"), Fail("EXIT_STATUS", "3\nwrong", "")]


def test_a_complaint_of_a_program_that_succeeds_is_logged(host):
    with inhabited(host, "command?mode=exit:sh -c 'echo careful >&2'") as room:
        assert room.turn("x") == [Log("stderr", "careful\n"), Done(1)]


def test_a_signal_is_told_as_a_death(host):
    with inhabited(host, "command?mode=exit:sh -c 'kill -SEGV $$'") as room:
        room.begin("x")
        report = room.await_exit()
        assert (report.signal, report.sent) == (signal.SIGSEGV, True)


def test_nothing_runs_until_the_input_comes(host):
    with inhabited(host, "command?mode=exit:cat") as room:
        assert name_of(room.process.pid) not in ("cat", "")
        assert room.lines("now") == ["now"]


def test_an_input_larger_than_the_pipe_reaches_the_program_whole(host):
    with inhabited(host, "command?mode=exit:wc -c") as room:
        room.seq += 1
        room.process.begin_turn(1)
        written = room.process.send({"type": "input", "text": "x" * 100_000})
        frames = []
        while not any(isinstance(frame, Done) for frame in frames):
            written = written or room.process.flush()
            frames += room.frames_until(lambda f: True) if written else []
        assert frames[0] == Output("100001\n")


# Frames

SHELL = r"""
read -r init
echo '{"type":"ready","v":1,"name":"shell","version":"1","interrupt":"signal"}'
trap 'echo "{\"type\":\"output\",\"text\":\"caught\"}"; echo "{\"type\":\"done\",\"seq\":$seq}"' INT
seq=0
while read -r frame; do
  seq=$((seq + 1))
  case $frame in
  *plain*) echo 'just a line'; echo '{"type":"output","text":"a frame"}' ;;
  *state*) echo '{"type":"observation","text":"seen","data":{"n":1}}'; echo '{"type":"state","set":{"n":1}}' ;;
  *stderr*) echo 'a word' >&2 ;;
  *forged*) echo '{"type":"done","seq":77}' ;;
  *broken*) echo '{not a frame' ;;
  *wait*) echo waiting; while :; do :; done ;;
  esac
  echo "{\"type\":\"done\",\"seq\":$seq}"
done
"""


@pytest.fixture
def framed(host, common):
    with inhabited(host, f"command?mode=frames:sh {script(common, SHELL)}") as room:
        yield room


def test_a_shell_script_from_anywhere_speaks_frames(framed):
    assert framed.turn("plain") == [Output("just a line"), Output("a frame"), Done(1)]
    assert framed.turn("state") == [Observation("seen", {"n": 1}), StateSet({"n": 1}), Done(2)]


def shell(program: str, options: str = "") -> str:
    return f"command?mode=frames{options}:sh -c {shlex.quote(program)}"


def test_what_is_printed_before_it_is_ready_is_logged(host):
    room = CommandRoom(host, shell("read init; echo hello; read next"))
    assert room.frames_until(lambda f: isinstance(f, Log)) == [Log("stdout", "hello")]
    room.end()


def test_standard_error_is_logged(framed):
    frames = framed.turn("stderr")
    while not any(isinstance(frame, Log) for frame in frames):
        frames += framed.frames_until(lambda f: True)
    assert Log("stderr", "a word\n") in frames


@pytest.mark.parametrize("text", ["forged", "broken"])
def test_what_begins_like_a_frame_and_is_none_is_a_violation(framed, text):
    assert isinstance(framed.turn(text)[-1], Violation)


def test_it_is_interrupted_as_it_asked_to_be(framed):
    framed.begin("wait")
    framed.frames_until(lambda f: isinstance(f, Output))
    assert framed.process.interrupt(1)
    assert framed.frames_until(lambda f: isinstance(f, Done)) == [Output("caught"), Done(1)]


READY = '{"type":"ready","v":1,"name":"x","version":"","interrupt":"frame"}'


def test_an_interrupt_frame_comes_where_it_was_asked_for(host):
    program = (
        f'read i; echo \'{READY}\'; read input; read next; echo got $next; echo \'{{"type":"done","seq":1}}\'; read i'
    )
    with inhabited(host, shell(program)) as room:
        room.begin("x")
        assert room.process.interrupt(1)
        frames = room.frames_until(lambda f: isinstance(f, Done))
        assert frames[0] == Output('got {"type":"interrupt","seq":1}')


def test_one_that_asked_for_none_can_only_be_killed(host):
    with inhabited(host, shell(f"read i; echo '{READY.replace('frame', '')}'; read input; read next")) as room:
        assert not room.process.interrupt(1)
