"""What a sealed room sees in the place of clocks, the environment and others' memory, and what bounds it.

Getting out of one is tried by the escape suite: see test_escape_suite.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sealed_rooms import MIB, SUPPLIED, Room

from backrooms_tui.entity.frames import Closed, Done, Fail
from backrooms_tui.model.runtimes import HERMETIC_PROFILE

SYSCALL = """
import ctypes, os
_libc = ctypes.CDLL(None, use_errno=True)
def syscall(*words):
    got = _libc.syscall(*map(ctypes.c_long, words))
    if got == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got
"""

TIME = {
    "time.time": "import time; result = time.time()",
    "datetime": "import datetime; result = datetime.datetime.now().timestamp()",
    "raw clock_gettime": SYSCALL + "b = (ctypes.c_int64 * 2)(); syscall(228, 0, ctypes.addressof(b)); result = b[0]",
    "raw gettimeofday": SYSCALL + "b = (ctypes.c_int64 * 2)(); syscall(96, ctypes.addressof(b), 0); result = b[0]",
    "raw time": SYSCALL + "result = syscall(201, 0)",
    "libc gettimeofday": SYSCALL + "b = (ctypes.c_int64 * 2)(); _libc.gettimeofday(b, None); result = b[0]",
    "libc time": SYSCALL + "_libc.time.restype = ctypes.c_long; result = _libc.time(None)",
    "vsyscall page": "import ctypes; result = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(0xFFFFFFFFFF600400)(None)\n"
    "if result < 0: raise PermissionError",
    "status of its output": "import os; os.write(1, b'x\\n'); result = os.fstat(1).st_mtime",
    "raw fstat": SYSCALL
    + "b = (ctypes.c_int64 * 18)(); os.write(1, b'x\\n'); syscall(5, 1, ctypes.addressof(b)); result = b[11]",
}

UNSEALED = """
import sys
names = {"result": None}
exec(compile(sys.argv[1], "input.py", "exec"), names)
print(names["result"])
"""


@pytest.fixture(scope="module")
def rooms(host):
    """Gives the living room, a fresh one after each death."""
    kept: list[Room] = []

    def living() -> Room:
        if not kept or kept[-1].process.exit is not None:
            kept.append(Room(host))
            kept[-1].await_ready()
        return kept[-1]

    yield living
    for room in kept:
        room.process.close()


def unsealed(code: str) -> str:
    """What the attempt gains outside; skips where it is refused anyway."""
    done = subprocess.run([sys.executable, "-I", "-c", UNSEALED, code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"fails unsealed too: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.strip()


def attempts(table: dict[str, str]):
    return pytest.mark.parametrize("code", table.values(), ids=table.keys())


@attempts(TIME)
def test_every_clock_shows_the_time_of_the_input_or_nothing(rooms, code):
    assert float(unsealed(code).split()[-1]) > SUPPLIED / 1e9 + 86400
    room = rooms()
    frames = room.turn(code)
    if isinstance(frames[-1], Done):
        (told,) = [float(f.text) for f in frames[:-1] if f.text != "x\n"]
        assert told == pytest.approx(SUPPLIED / 1e9, abs=0.01)
    elif isinstance(frames[-1], Closed):
        assert room.await_exit().signal in (signal.SIGSEGV, signal.SIGSYS)
    else:
        assert isinstance(frames[-1], Fail)


def test_the_environment_and_arguments_hold_nothing_of_the_host(rooms):
    assert rooms().said("import os; result = dict(os.environ)") == "{}"


def test_another_room_cannot_be_seen_or_signalled(host, rooms):
    other = Room(host)
    other.await_ready()
    for code in (f"import os; os.kill({other.process.pid}, 9)", f"import os; os.kill({host.zygote_pid}, 9)"):
        assert isinstance(rooms().turn(code)[-1], Fail)
    assert other.said("result = 'unharmed'") == "unharmed"
    other.end()


def memory_of(pid: int) -> bytes:
    """All that a process could read of itself; skips where this test may not look."""
    found = []
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                span, rights, *_ = line.split()
                if rights.startswith("rw"):
                    low, high = (int(end, 16) for end in span.split("-"))
                    memory.seek(low)
                    found.append(memory.read(high - low))
    except PermissionError:
        pytest.skip("a sealed process shows its memory to root only")
    return b"".join(found)


def test_nothing_of_an_earlier_room_is_in_the_memory_of_the_next(host):
    marker = "swordfish-of-an-earlier-room"
    first = Room(host, state={"secret": marker})
    first.await_ready()
    first.said(f"result = {marker!r}")
    assert marker.encode() in memory_of(first.process.pid)
    second = Room(host)
    second.await_ready()
    assert marker.encode() not in memory_of(second.process.pid)
    for room in (first, second):
        room.end()


def test_memory_descriptors_and_children_are_bounded(host):
    room = Room(host, memory=64 * MIB)
    room.await_ready()
    assert room.turn("a = [bytearray(MIB) for MIB in [1 << 20] * 65]")[-1].error == "MemoryError"
    assert room.turn("import mmap; mmap.mmap(-1, 1 << 31)")[-1].text.startswith("[Errno 12]")
    assert room.turn("import os\nfor _ in range(99): os.dup(1)")[-1].text.startswith("[Errno 24]")
    room.end()


def test_the_seal_says_what_was_tried_and_held_here(host, rooms):
    rooms()
    lines = host.seals[HERMETIC_PROFILE].lines()
    assert [line.split(":")[0] for line in lines] == [
        "FILESYSTEM", "NETWORK", "PROCESS", "NATIVE CODE", "MEMORY", "TIME",
    ]  # fmt: skip
    assert lines[0].startswith("FILESYSTEM: SEALED (seccomp")
    assert "UNSEALED" not in " ".join(lines)
