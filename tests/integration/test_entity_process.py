"""One entity's process, for real: zygote, seal, wire, deaths, and what the host is told of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sealed_rooms import EXEC, MIB, PATIENCE, SUPPLIED, Room, await_condition

from backrooms_tui.entity import link
from backrooms_tui.entity.crash import report_lines
from backrooms_tui.entity.frames import (
    Closed,
    Done,
    Fail,
    Log,
    Observation,
    Output,
    Ready,
    Silent,
    StateSet,
    Terminate,
    Violation,
)
from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.entity.process import EntitySpec
from backrooms_tui.model.errors import EntityInitFailed
from backrooms_tui.model.runtimes import HERMETIC_PROFILE, Runtime


@pytest.fixture
def room(host):
    room = Room(host)
    room.await_ready()
    yield room
    room.process.close()
    await_condition(lambda: room.process.exit is not None, "its death, with which the host lets go of it")


def open_descriptors() -> set[tuple[str, str]]:
    """Number and file of each; what another closes meanwhile takes nothing from those that are there now."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            found.add((path.name, os.readlink(path)))  # noqa: PTH115 - of no file
        except OSError:  # what the folder was read with
            continue
    return found


def fields_of(pid: int) -> list[str]:
    """Of /proc/<pid>/stat, from the state on. Raises OSError when it is gone."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has waited for yet does not."""
    try:
        return fields_of(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def seconds_of(pid: int) -> float:
    """Processor time of a process, and of all whom it has waited for."""
    return sum(map(int, fields_of(pid)[11:15])) / os.sysconf("SC_CLK_TCK")


class Gate:
    """Holds zygotes back before they do anything, until it is opened for one."""

    def __init__(self, path: Path, bootstrap: str) -> None:
        os.mkfifo(path)
        self._path = path
        self.bootstrap = f"open({str(path)!r}).close(); {bootstrap}"

    def open(self) -> None:
        self._path.open("w").close()


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Makes a gate for the zygotes of a test, and of what they are told to do behind it."""

    def make(bootstrap: str = link._BOOTSTRAP) -> Gate:
        made = Gate(tmp_path / "gate", bootstrap)
        monkeypatch.setattr(link, "_BOOTSTRAP", made.bootstrap)
        return made

    return make


def ends_turn(frame) -> bool:
    return isinstance(frame, Done | Fail | Closed | Violation)


# What an entity can say


HALF = "self._send({'type': 'output', 'text': 'half', 'more': True});"


def test_a_line_left_in_its_middle_ends_with_whatever_comes_next(room):
    half = [Output("half", more=True), Output("")]
    assert room.turn(f"{HALF} self.observe('seen')")[:3] == [*half, Observation("seen")]
    *said, failed = room.turn(f"{HALF} raise ValueError('no')")
    assert said == half
    assert (failed.error, failed.text) == ("ValueError", "no")
    assert room.turn(f"{HALF} self.state['a'] = 1; self.output = lambda _: None")[:3] == [*half, StateSet({"a": 1})]


def test_an_input_gets_its_frames_in_order_and_done_at_the_end(room):
    frames = room.turn(
        "self.output('one'); self.observe('seen', {'k': 1}); self.silent(); self.terminate('enough');"
        "self.state['a'] = [1]; result = 'two'"
    )
    assert frames == [
        Output("one"),
        Observation("seen", {"k": 1}),
        Silent(),
        Terminate("enough"),
        Output("two"),
        StateSet({"a": [1]}),
        Done(1),
    ]


def test_output_arrives_while_the_turn_still_runs(room):
    room.begin("self.output('early'); import select; select.poll().poll()")
    frames = room.frames_until(lambda f: isinstance(f, Output))
    assert frames == [Output("early")]
    assert room.end().killed_by_host


def test_the_input_brings_time_sequence_attempt_and_figures(room):
    assert room.said("result = (self.now, self.seq, self.attempt, dict(self.room))") == str((SUPPLIED + 1, 1, 1, {}))


def test_print_is_output_in_order_with_the_frames(room):
    frames = room.turn("print('a'); self.output('b'); print('c\\nd', end=''); result = 'e'")
    assert [f.text for f in frames if isinstance(f, Output)] == ["a", "b", "c", "e", "d"]


def test_bytes_written_to_descriptor_one_are_output_of_the_turn(room):
    frames = room.turn("import os; os.write(1, b'raw\\n'); os.write(2, b'half')")
    assert "".join(f.text for f in frames if isinstance(f, Output) and f.text != "None") == "raw\nhalf"
    assert isinstance(frames[-1], Done)


def test_printing_outside_a_turn_is_log(host):
    room = Room(host, "print('born')\n" + EXEC)
    assert Log("stdout", "born") in room.await_ready()
    room.end()


def test_one_output_line_of_many_megabytes_arrives_whole(room):
    *pieces, last, _result = (
        frame
        for frame in room.turn("self.output('\\U0001f600' * 3_000_000); result = None")
        if isinstance(frame, Output)
    )
    assert "".join(frame.text for frame in (*pieces, last)) == "\U0001f600" * 3_000_000
    assert all(piece.more for piece in pieces)
    assert not last.more


def test_lone_surrogates_arrive_as_replacement_characters(room):
    assert room.said("result = '\\ud800x'") == "\ufffdx"


# State


def test_only_what_a_turn_changed_is_sent_as_state(host):
    room = Room(host, state={"kept": {"n": [1]}, "gone": 1, "same": 2})
    room.await_ready()
    frames = room.turn("s = self.state; s['kept']['n'].append(2); del s['gone']; s['same'] = 2; s['new'] = None")
    assert frames[-2:] == [StateSet({"kept": {"n": [1, 2]}, "new": None}, ("gone",)), Done(1)]
    assert room.turn("result = self.state['kept']")[:-1] == [Output("{'n': [1, 2]}")]
    room.end()


def test_a_failed_turn_leaves_the_state_as_it_was_and_the_room_goes_on(host):
    room = Room(host, state={"a": [1], "b": 2})
    room.await_ready()
    frames = room.turn("self.output('said'); self.state['a'].append(9); del self.state['b']; self.state['c'] = 3; 1/0")
    assert frames[0] == Output("said")
    assert isinstance(frames[-1], Fail)
    assert (frames[-1].error, frames[-1].text) == ("ZeroDivisionError", "division by zero")
    assert 'File "input.py", line 1' in frames[-1].trace
    assert room.said("result = sorted(self.state.items())") == "[('a', [1]), ('b', 2)]"
    room.end()


@pytest.mark.parametrize(
    ("value", "error"),
    [("{1, 2}", "TypeError"), ("float('nan')", "ValueError"), ("'x' * 2_000_000", "FrameTooLarge")],
)
def test_state_that_cannot_be_kept_fails_the_turn(room, value, error):
    frames = room.turn(f"self.state['k'] = {value}")
    assert isinstance(frames[-1], Fail)
    assert frames[-1].error == error
    assert room.said("result = 'k' in self.state") == "False"


def test_state_larger_than_one_line_goes_key_by_key(room):
    frames = room.turn("self.state.update((str(n), 'x' * 600_000) for n in range(4))")
    assert [set(f.set) for f in frames if isinstance(f, StateSet)] == [{"0"}, {"1"}, {"2"}, {"3"}, set()]


def test_a_large_state_reaches_a_new_process(host):
    room = Room(host, state={str(n): "x" * 1000 for n in range(8000)}, memory=256 * MIB)
    room.await_ready()
    assert room.said("result = len(self.state)") == "8000"
    room.end()


def test_the_reference_entity_starts(host):
    room = Room(host, None)
    assert [f.name for f in room.await_ready() if isinstance(f, Ready)] == ["reference"]
    room.end()


# Failures that the entity survives


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def f(): f()\nf()", "RecursionError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("class E(Exception):\n def __str__(self): raise E\nraise E", "E"),
        ("import wave", "ModuleNotFoundError"),
        ("import time; time.sleep(1)", "RuntimeError"),
        ("a = []\nwhile True: a.append(bytearray(1_000_000))", "MemoryError"),
        ("a = []\nwhile True: a.append({len(a): a})", "MemoryError"),
    ],
)
def test_a_failing_input_is_reported_and_the_next_is_answered(room, code, error):
    frames = room.turn(code)
    assert isinstance(frames[-1], Fail)
    assert frames[-1].error == error
    assert room.said("result = 'well'") == "well"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("1/0", "ZeroDivisionError"),
        ("x = 1", "InitFailed"),
        ("def", "SyntaxError"),
        (EXEC + EXEC.replace("Exec", "B"), "InitFailed"),
    ],
    ids=["raises", "no entity", "no Python", "two entities"],
)
def test_source_that_is_no_entity_fails_before_ready_and_says_why(host, source, error):
    room = Room(host, source)
    frames = room.frames_until(lambda f: isinstance(f, Closed))
    assert [f.error for f in frames if isinstance(f, Fail)] == [error]
    assert room.await_exit().status == 70
    room.process.close()


def test_an_unknown_kind_is_refused_at_once(host):
    for spec in (EntitySpec(Runtime("x\x1b"), memory_limit=MIB), EntitySpec(Runtime("python"), memory_limit=MIB)):
        with pytest.raises(EntityInitFailed):
            host.spawn(spec, on_exit=lambda _: None)


# Deaths


def test_a_real_segmentation_fault_is_reported_with_signal_and_stack(room):
    frames = room.turn("import ctypes\ndef deep(): ctypes.string_at(0x1230)\ndeep()")
    assert isinstance(frames[-1], Closed)
    report = room.await_exit()
    assert (report.signal, report.status, report.killed_by_host) == (signal.SIGSEGV, None, False)
    lines = report_lines(report)
    assert lines[:4] == ["FATAL: ENTITY_CRASHED", "SIGNAL: SIGSEGV", "ADDRESS: 0x0000000000001230", "STACK TRACE:"]
    assert re.fullmatch(r"  #0 libc\.so\.6\+0x[0-9a-f]+ \(by the kernel\)", lines[4])
    assert lines[5].startswith("  #1 string_at (")
    assert lines[6:] == [
        "  #2 deep (input.py:2)",
        "  #3 <module> (input.py:3)",
        "  #4 on_input (entity.py:8)",
        "  (from #1 on as reported by the entity)",
    ]


def test_the_place_of_a_fault_is_the_instruction_wherever_it_points(room):
    room.turn("import ctypes; ctypes.CFUNCTYPE(None)(0x41414141)()")
    report = room.await_exit()
    assert (report.address, report.frame0) == (0x41414141, "0x0000000041414141")


def test_a_fault_that_the_entity_survived_is_not_told_of_its_death(room):
    code = "import ctypes, signal\nsignal.signal(11, signal.SIG_IGN)\nimport os; os.kill(os.getpid(), 11); os._exit(3)"
    room.turn(code)
    report = room.await_exit()
    assert (report.status, report.address, report.sent, report.frame0) == (3, None, False, None)


def test_a_signal_it_sent_itself_is_told_from_a_fault(room):
    room.turn("import os; os.kill(os.getpid(), 11)")
    assert report_lines(room.await_exit())[1:3] == ["SIGNAL: SIGSEGV", "ADDRESS: NONE (raised by itself)"]


def test_an_entity_that_stops_itself_goes_on(room):
    assert room.said("import os; os.kill(os.getpid(), 19); result = 'on'") == "on"


@pytest.mark.parametrize(
    ("code", "number", "status"),
    [
        ("import os; os.abort()", signal.SIGABRT, None),
        ("import os; os._exit(3)", None, 3),
        ("raise SystemExit(4)", None, 4),
        ("raise SystemExit", None, 0),
        ("raise SystemExit('text')", None, 1),
        ("import os; os.kill(os.getpid(), 9)", signal.SIGKILL, None),
        ("import ctypes; ctypes.CFUNCTYPE(None)(0x41414141)()", signal.SIGSEGV, None),
        ("import os; os.close(3)", None, 70),
    ],
)
def test_every_way_to_die_is_reported_as_the_kernel_saw_it(room, code, number, status):
    room.turn(code)
    report = room.await_exit()
    assert (report.signal, report.status, report.killed_by_host) == (number, status, False)


def test_what_was_said_before_a_death_still_arrives(room):
    frames = room.turn("self.output('last words'); import os; os._exit(1)")
    assert Output("last words") in frames


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]\nwhile True: pass",
        "while True:\n try:\n  while True: pass\n except BaseException: pass",
        "import re; re.match('(a+)+b', 'a' * 64)",
        "10**10**8",
        "import select; select.poll().poll()",
        "import os, signal\nwhile True: os.kill(os.getpid(), signal.SIGSTOP)",
        'import os; os.write(3, b\'{"type":"out\'); import select; select.poll().poll()',
    ],
)
def test_what_never_ends_is_ended_by_a_kill(room, code):
    room.begin(code)
    report = room.end()
    assert (report.signal, report.killed_by_host) == (signal.SIGKILL, True)


def test_a_kill_before_the_zygote_has_answered_is_kept(gate):
    held, host = gate(), ZygoteHost()
    try:
        room = Room(host)
        room.process.kill()
        assert room.process.pid is None
        held.open()
        assert room.end().killed_by_host
    finally:
        host.close()


# The wire


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os; os.write(3, b'garbage\\n')", "PROTOCOL_VIOLATION"),
        ('import os; os.write(3, b\'{"type":"done","seq":99}\\n\')', "PROTOCOL_VIOLATION"),
        ('import os; os.write(3, b\'{"type":"ready","v":1,"name":"","version":""}\\n\')', "PROTOCOL_VIOLATION"),
        ("import os\nwhile True: os.write(3, b'x' * 65536)", "PROTOCOL_VIOLATION"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", "OUTPUT_SIZE_EXCEEDED"),
        ("import os\nwhile True: os.write(1, b'\\n' * 65536)", "OUTPUT_SIZE_EXCEEDED"),
        ("while True: self.output('')", "OUTPUT_SIZE_EXCEEDED"),
        ("while True: self.output('x' * 60_000)", "OUTPUT_SIZE_EXCEEDED"),
    ],
)
def test_a_broken_protocol_or_a_flood_is_a_violation_within_its_bound(room, code, expected):
    frames = room.turn(code)
    assert isinstance(frames[-1], Violation)
    assert frames[-1].code == expected
    assert sum(len(f.text) for f in frames if isinstance(f, Output)) <= 16 * MIB
    assert room.end().killed_by_host


def test_garbage_on_the_crash_pipe_only_spoils_its_own_report(room):
    room.turn("import os; os.write(4, b'\\xff\\x1b' * 30_000)\nos._exit(9)")
    report = room.await_exit()
    assert report.status == 9
    assert all(line.isprintable() for line in report_lines(report))


def test_an_entity_that_does_not_read_does_not_block_the_host(room):
    room.begin("import select; select.poll().poll()")
    frame = {"type": "chunk", "text": "x" * 65536}
    assert not all(room.process.send(frame) for _ in range(1024))  # far fewer, where buffers are as usual
    assert not room.process.flush()
    room.end()


# The zygote


def test_rooms_go_on_while_others_flood_crash_and_loop(host):
    quiet = Room(host)
    quiet.await_ready()
    others = [Room(host) for _ in range(6)]
    for other in others:
        other.await_ready()
    codes = ["while True: pass", "while True: self.output('x')", "import ctypes; ctypes.string_at(0)"] * 2
    for other, code in zip(others, codes, strict=True):
        other.begin(code)
    assert [quiet.said(f"result = {n}") for n in range(20)] == [str(n) for n in range(20)]
    for other in (*others, quiet):
        other.process.kill()
        other.await_exit()
        other.process.close()


def test_the_zygote_killed_ends_its_rooms_and_the_next_spawn_starts_another():
    host = ZygoteHost()
    try:
        rooms = [Room(host) for _ in range(3)]
        for room in rooms:
            room.await_ready()
        rooms[0].begin("while True: pass")
        pids = [room.process.pid for room in rooms]
        os.kill(host.zygote_pid, signal.SIGKILL)
        for room in rooms:
            assert room.await_exit().signal == signal.SIGKILL
            room.process.close()
        await_condition(lambda: not any(map(alive, pids)), "the rooms are gone")
        again = Room(host)
        again.await_ready()
        assert again.said("result = 1") == "1"
    finally:
        host.close()


def test_a_deaf_zygote_is_replaced(monkeypatch):
    host = ZygoteHost()
    try:
        first = Room(host)
        first.await_ready()
        deaf = host.zygote_pid
        os.kill(deaf, signal.SIGSTOP)
        with monkeypatch.context() as impatient:
            impatient.setattr(link, "SPAWN_PATIENCE", 0.3)
            unborn = Room(host)
            report = unborn.await_exit()
        assert (report.signal, report.status) == (None, None)
        assert first.await_exit().signal == signal.SIGKILL
        Room(host).await_ready()
        assert host.zygote_pid != deaf
        assert not alive(deaf)
        for room in (first, unborn):
            room.process.close()
    finally:
        host.close()


def test_a_zygote_that_cannot_start_is_told_of_with_its_last_words(gate):
    held, host = gate("raise ImportError('no such thing')"), ZygoteHost()
    try:
        unborn = Room(host)
        held.open()
        assert unborn.await_exit().status is None
        unborn.process.close()
        with pytest.raises(EntityInitFailed, match="ZYGOTE: ImportError: no such thing"):
            host.start()
    finally:
        host.close()


def test_close_ends_everything_and_says_so_once():
    host = ZygoteHost()
    before = open_descriptors()
    rooms = [Room(host) for _ in range(4)]
    for room in rooms:
        room.await_ready()
    pids = [host.zygote_pid, *(room.process.pid for room in rooms)]
    host.close()
    host.close()
    assert [room.await_exit().signal for room in rooms] == [signal.SIGKILL] * 4
    assert all(room.exits.empty() for room in rooms)
    assert not any(map(alive, pids))
    for room in rooms:
        room.process.close()
        room.process.close()
    assert open_descriptors() <= before
    with pytest.raises(EntityInitFailed):
        host.start()


HOST_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from sealed_rooms import Room
from backrooms_tui.entity.host import ZygoteHost
host = ZygoteHost()
rooms = [Room(host) for _ in range(5)]
for room in rooms:
    room.await_ready()
for room in rooms[:2]:
    room.begin("while True: pass")
print(host.zygote_pid, *(room.process.pid for room in rooms), flush=True)
sys.stdin.read()
"""


def test_a_killed_host_leaves_no_orphans():
    folder = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    host = subprocess.Popen(
        [sys.executable, "-c", HOST_PROGRAM, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    with host:
        pids = [int(pid) for pid in host.stdout.readline().split()]
        assert len(pids) == 6
        assert all(map(alive, pids))
        host.kill()
    await_condition(lambda: not any(map(alive, pids)), "zygote and rooms are gone", patience=PATIENCE)


def test_two_hundred_restarts_leak_nothing_and_cost_little(host):
    host.measure()  # or it begins to when it has nothing else to do, with children of its own
    before, spent = open_descriptors(), seconds_of(host.zygote_pid)
    for _ in range(200):
        room = Room(host)
        room.await_ready()
        room.end()
    assert open_descriptors() <= before
    children = subprocess.run(
        ["ps", "--ppid", str(host.zygote_pid), "-o", "pid="], capture_output=True, text=True, check=False
    ).stdout.split()
    assert children == []
    each = (seconds_of(host.zygote_pid) - spent) / 200
    assert each < 0.05, "8 ms of a crowded processor; this only catches a change of kind"


def test_no_descriptor_of_the_host_or_another_room_is_in_a_room(room, tmp_path):
    with (tmp_path / "held").open("w"):
        held = room.said(
            "import os\nresult = []\nfor n in range(64):\n try: os.set_inheritable(n, False); result.append(n)\n"
            " except OSError: pass"
        )
    assert held == "[0, 1, 2, 3, 4]"


def test_the_start_of_the_zygote_blocks_nobody(gate):
    held, host = gate(), ZygoteHost()
    try:
        host.start()
        assert host.seals == {}
        held.open()
        await_condition(lambda: HERMETIC_PROFILE in host.seals, "hello")
    finally:
        host.close()
