"""Attempts to get out of a room, each shown to succeed in an unsealed process first: what fails there proves nothing.

An attempt is Python that raises when it is refused and otherwise puts what it gained into `result`. Names in capitals
are filled in by the test: a file that belongs to another room, listening sockets, processes outside.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sealed_rooms import MIB, SUPPLIED, Room

from backrooms_tui.entity.frames import Closed, Done, Fail
from backrooms_tui.entity.host import ZygoteHost
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

FILES = {
    "read another room's file": "result = open(VICTIM).read()",
    "list the folder of rooms": "import os; result = os.listdir(FOLDER)",
    "learn that a room exists": "import os; result = os.stat(VICTIM).st_size",
    "read /etc/passwd": "result = open('/etc/passwd').read()",
    "write a new file": "result = open(FOLDER + '/new', 'w').write('x')",
    "write shared memory": "result = open('/dev/shm/' + TOKEN, 'w').write('x'); import os; os.unlink('/dev/shm/' + TOKEN)",
    "truncate by path": "import os; result = os.truncate(VICTIM, 6) or 'cut'",
    "change permissions": "import os; result = os.chmod(VICTIM, 0o644) or 'changed'",
    "change times": "import os; result = os.utime(VICTIM) or 'changed'",
    "remove": "import os; result = os.unlink(SPARE) or 'removed'",
    "rename": "import os; result = os.rename(VICTIM, VICTIM) or 'renamed'",
    "make a link": "import os; os.symlink('x', FOLDER + '/link-' + TOKEN); result = 'made'",
    "anonymous file": "import os; result = os.write(os.memfd_create('m'), b'x')",
    "open its own output again": "result = open('/proc/self/fd/1', 'wb').fileno()",
    "change directory": "import os; result = os.chdir(FOLDER) or 'changed'",
}
NETWORK = {
    "connect by TCP": "import socket; result = socket.create_connection(('127.0.0.1', PORT), 5)",
    "send by UDP": "import socket; result = socket.socket(2, 2).sendto(b'x', ('127.0.0.1', PORT))",
    "connect to a path": "import socket; s = socket.socket(1); s.connect(FOLDER + '/s'); result = s",
    "connect to an abstract name": "import socket; s = socket.socket(1); s.connect('\\0' + TOKEN); result = s",
    "listen": "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); result = s",
    "netlink": "import socket; result = socket.socket(16, 3, 0)",
    "socketpair": "import socket; result = socket.socketpair()",
    "resolve a name": "import socket; result = socket.getaddrinfo('localhost', 80)",
    "send a descriptor": "import socket; a, b = socket.socketpair(); result = socket.send_fds(a, [b'x'], [1])",
}
PROCESSES = {
    "fork": "import os; pid = os.fork(); pid or os._exit(0); result = os.waitpid(pid, 0)",
    "clone by number": SYSCALL + "pid = syscall(56, 17, 0, 0, 0, 0); pid or os._exit(0); result = pid",
    "clone3 by number": SYSCALL + "b = (ctypes.c_uint64 * 11)(); b[4] = 17\n"
    "pid = syscall(435, ctypes.addressof(b), 88); pid or os._exit(0); result = pid",
    "run a program": "import subprocess; result = subprocess.run(['/bin/true'])",
    "start a thread": "import threading; t = threading.Thread(target=int); t.start(); t.join(); result = t",
    "see a process": "import os; result = os.kill(OUTSIDE, 0) or 'seen'",
    "signal everybody": "import os; result = os.kill(-1, 0) or 'done'",
    "get a handle on a process": "import os; result = os.pidfd_open(OUTSIDE)",
    "read memory outside": "result = open(f'/proc/{OUTSIDE}/mem', 'rb')",
    "trace a process": SYSCALL + "result = syscall(101, 0x4206, OUTSIDE, 0, 0); syscall(101, 0x4207, OUTSIDE, 0, 0)",
    "read a command line": "result = open(f'/proc/{OUTSIDE}/cmdline').read()",
    "read an environment": "result = open(f'/proc/{OUTSIDE}/environ').read()",
    "outlive its parent": SYSCALL + "result = syscall(157, 1, 0, 0, 0, 0) or 'cleared'",
    "become readable": SYSCALL + "result = syscall(157, 4, 1, 0, 0, 0) or 'set'",
    "learn the host's name": "import os; result = os.uname().nodename",
    "raise its limits": "import resource; result = resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))"
    " or 'set'",
    "change its niceness": "import os; result = os.nice(1) or 'set'",
    "System V shared memory": SYSCALL + "i = syscall(29, 0, 4096, 0o1600); result = syscall(31, i, 0, 0) or 'made'",
}
NATIVE = {
    "map executable memory": "import mmap; result = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    "make memory executable": SYSCALL + "import mmap; m = mmap.mmap(-1, 4096)\n"
    "result = syscall(10, ctypes.addressof(ctypes.c_char.from_buffer(m)), 4096, 5) or 'made'",
    "make a callback": "import ctypes; result = ctypes.CFUNCTYPE(ctypes.c_int)(int)",
    "import a module not loaded": "import wave; result = wave",
    "import an extension not loaded": "import _sqlite3; result = _sqlite3",
    "load a library": "import ctypes; result = ctypes.CDLL('libutil.so.1')",
}
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
MOTION = {
    "monotonic": "import time; clock = time.monotonic_ns",
    "perf_counter": "import time; clock = time.perf_counter_ns",
    "process_time": "import time; clock = time.process_time_ns",
    "thread_time": "import time; clock = time.thread_time_ns",
    "getrusage": "import resource; clock = lambda: resource.getrusage(0).ru_utime + resource.getrusage(0).ru_stime",
    "times": "import os; clock = lambda: os.times().elapsed",
}
SPIN = "\na = clock()\nfor _ in range(3_000_000): pass\nb = clock()\nif a == b: raise RuntimeError('it stands still')\nresult = b - a"
DEADLY = {
    "read the kernel's time page": SYSCALL + "_libc.getauxval.restype = ctypes.c_ulong\n"
    "result = ctypes.string_at(_libc.getauxval(33) - 0x6000, 8)",
    "count cycles": "import hashlib, ctypes\n"
    "at = ctypes.cast(ctypes.CDLL('libcrypto.so.3').CRYPTO_memcmp, ctypes.c_void_p).value - 0x800\n"
    "at += ctypes.string_at(at, 0x1000).index(bytes.fromhex('0f3148c1e2204809d0'))\n"
    "result = ctypes.CFUNCTYPE(ctypes.c_ulong)(at)()",
}

UNSEALED = """
import sys
names = {"result": None}
exec(compile(sys.argv[1], "input.py", "exec"), names)
print(names["result"])
"""


@pytest.fixture(scope="module")
def outside():
    """A process outside that a room could want to touch; not the test itself, which an attempt might stop."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@pytest.fixture(scope="module")
def fill(outside):
    """Fills the names in capitals; the folder is open to everybody, so that only the seal stands before it.

    It stands apart from pytest's own, which is closed to the user that rooms of root become.
    """
    with tempfile.TemporaryDirectory(prefix="rooms-") as folder:
        Path(folder).chmod(0o777)
        yield from filler(Path(folder), outside)


def filler(folder: Path, outside: int):
    victim, spare, token = folder / "victim", folder / "spare", f"room-{os.getpid()}"
    victim.write_text("secret")
    victim.chmod(0o666)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        named.bind(str(folder / "s"))
        named.listen()
        abstract.bind(f"\0{token}")
        abstract.listen()

        def filled(code: str) -> str:
            spare.write_text("x")
            (folder / f"link-{token}").unlink(missing_ok=True)
            values = {"VICTIM": str(victim), "SPARE": str(spare), "FOLDER": str(folder), "TOKEN": token}
            lines = [f"{name} = {value!r}" for name, value in values.items()]
            return "\n".join((*lines, f"PORT = {server.getsockname()[1]}", f"OUTSIDE = {outside}", code))

        yield filled


@pytest.fixture(scope="module")
def host():
    host = ZygoteHost()
    host.start()
    yield host
    host.close()


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


@attempts(FILES | NETWORK | PROCESSES | NATIVE | {name: code + SPIN for name, code in MOTION.items()})
def test_what_succeeds_outside_is_refused_in_a_room(rooms, fill, code):
    assert unsealed(fill(code)) not in ("", "None")
    frames = rooms().turn(fill(code))
    assert isinstance(frames[-1], Fail), frames
    assert frames[-1].error in {
        "PermissionError", "ModuleNotFoundError", "RuntimeError", "MemoryError", "OSError", "gaierror", "SystemError",
    }  # fmt: skip


@attempts(TIME)
def test_every_clock_shows_the_time_of_the_input_or_nothing(rooms, fill, code):
    assert float(unsealed(fill(code)).split()[-1]) > SUPPLIED / 1e9 + 86400
    room = rooms()
    frames = room.turn(fill(code))
    if isinstance(frames[-1], Done):
        (told,) = [float(f.text) for f in frames[:-1] if f.text != "x\n"]
        assert told == pytest.approx(SUPPLIED / 1e9, abs=0.01)
    elif isinstance(frames[-1], Closed):
        assert room.await_exit().signal in (signal.SIGSEGV, signal.SIGSYS)
    else:
        assert isinstance(frames[-1], Fail)


@attempts(DEADLY)
def test_looking_behind_the_clock_is_deadly(rooms, fill, code):
    assert unsealed(fill(code))
    room = rooms()
    assert isinstance(room.turn(fill(code))[-1], Closed)
    assert room.await_exit().signal == signal.SIGSEGV


def test_the_victim_of_all_attempts_is_unharmed(rooms, fill):
    rooms()
    assert (Path(fill("").split("'")[1])).read_text() == "secret"


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
