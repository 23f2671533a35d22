"""The real program in a home of its own: run as a subprocess, or typed at in a pseudo-terminal."""

import codecs
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from support import ROOT

PROGRAM = [sys.executable, "-m", "backrooms_tui"]
DEADLINE = 60.0
PATIENT = """\
import sys
from backrooms_tui.cli import session
session.GRACE = 10.0
from backrooms_tui.__main__ import main
sys.exit(main())
"""
"""The program, whose prompt waits longer for an answer: on a busy machine a second is not enough for every one, and the
prompt that comes back without it looks like the one that comes after it.
"""
HELD = "HELD"
HOLDING = """\
import os, signal, sys
from contextlib import contextmanager
from importlib import import_module
command = import_module("backrooms_tui.cli." + sys.argv.pop(1))
progress = command.progress
read, write = os.pipe()
os.set_blocking(write, False)
signal.set_wakeup_fd(write)
@contextmanager
def held(*words, **options):
    with progress(*words, **options) as told:
        def tell(done, of):
            told(done, of)
            os.write(1, b"HELD\\n")
            os.read(read, 1)
        yield tell
command.progress = held
from backrooms_tui.__main__ import main
sys.exit(main())
"""
"""The program, with a long command that tells how far it is, says so, and waits there for a signal."""


@dataclass
class Ended:
    status: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def json(self):
        return json.loads(self.out)


class RoomExe:
    """`room.exe` with its own data, state and configuration directories under `home`."""

    def __init__(self, home):
        self.home = home
        self.program = PROGRAM
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
        }
        self.rooms = home / ".local/share/room.exe/rooms"

    def be_patient(self):
        """Have a session's prompt come back before its answer only when the entity really works."""
        self.program = [sys.executable, "-c", PATIENT]

    def hold(self, module):
        """Have the long command of a module say HELD when it is amid its work, and go on after a signal."""
        self.program = [sys.executable, "-c", HOLDING, module]

    def start(self, *words, **popen):
        popen = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | popen
        return subprocess.Popen([*self.program, *words], env=self.environ, cwd=self.home, **popen)

    def run(self, *words, typed=b""):
        """Run a command with `typed` on its stdin; text or bytes."""
        typed = typed.encode() if isinstance(typed, str) else typed
        with self.start(*words, start_new_session=True) as process:
            try:
                out, err = process.communicate(typed, timeout=DEADLINE)
            finally:
                end(process)
        return Ended(process.returncode, out.decode(), err.decode())

    def ok(self, *words, typed=b""):
        """The same, and it must succeed without a word on stderr; gives the lines of its output."""
        ended = self.run(*words, typed=typed)
        assert (ended.status, ended.err) == (0, ""), ended
        return ended.lines

    def create(self, *words):
        """Make a room; gives its id."""
        return self.ok("create", *words)[0].removeprefix("ROOM CREATED: ")

    def say(self, room_id, *inputs):
        """Enter, type the inputs through a pipe, leave; gives what the session printed between its first and last lines."""
        lines = self.ok("enter", room_id, typed="".join(f"{line}\n" for line in inputs))
        assert lines[0] == "ENTERING ROOM"
        assert lines[-2:] == ["EXITING ROOM", "ROOM STATE: IDLE"]
        return lines[1:-2]

    def terminal(self, *words):
        return Terminal(self, words)


def end(process):
    """Kill a process that is still there, and all of its session."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def held(process):
    """Have every child of the program stand still, its entities too, so that nothing is answered meanwhile."""
    below = descendants(process.pid)
    assert below, "nothing to hold"
    for pid in below:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in below:
            os.kill(pid, signal.SIGCONT)


def descendants(pid):
    """The processes below one, parents first."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # gone meanwhile
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(") ")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


class Terminal:
    """The program with a controlling terminal. What it writes is collected; `expect` waits for text in it."""

    def __init__(self, room_exe, words):
        self._master, slave = pty.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, b"\x28\x00\xa0\x00\0\0\0\0")  # 40 rows of 160 columns
        self.process = room_exe.start(
            *words,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        # A read may end within a character, or within what ends a line.
        self._decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=False)
        self.seen = ""
        self._shown = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        os.close(self._master)

    def type(self, text):
        data = text.encode() if isinstance(text, str) else text
        while data:  # a terminal's input queue holds 4 KiB; what is echoed has to be read meanwhile
            readable, writable, _ = select.select([self._master], [self._master], [], DEADLINE)
            if readable:
                self._read()
            if writable:
                data = data[os.write(self._master, data[:512]) :]

    def expect(self, pattern):
        """Wait until what was not yet expected matches the regular expression; gives the match."""
        expression = re.compile(pattern)
        match = self.until(lambda: expression.search(self.seen, self._shown), pattern)
        self._shown = match.end()
        return match

    def until(self, check, wanted):
        """Read on until there is something true of what has been `seen`; gives it."""
        deadline = time.monotonic() + DEADLINE
        while not (found := check()):
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} is not in {self.seen[self._shown :]!r}"
            assert self._ready(left) and self._read(), f"ended before {wanted!r}: {self.seen[self._shown :]!r}"
        return found

    def end(self):
        """Wait for the end of the program; gives its exit status."""
        while self._ready(DEADLINE) and self._read():
            pass
        return self.process.wait(DEADLINE)

    def _ready(self, seconds):
        return bool(select.select([self._master], [], [], seconds)[0])

    def _read(self):
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # EIO: every process has let go of the terminal
            return False
        self.seen += self._decoder.decode(data).replace("\r\n", "\n")
        return bool(data)
