"""Starting a daemon for a command that finds none, where `daemon.enabled` asks for that.

It is a process of its own, in a session of its own: it outlives the command and its terminal. What it logs goes into a
file unless the settings say where; what it says on stderr (faults, state dumps) into another.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from backrooms_tui.config.paths import state_directory
from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.scrub import scrub
from backrooms_tui.persistence.private_files import open_private, private_directory

START_SECONDS = 30.0
READY = b"READY"
LOG = "daemon.log"
STDERR = "daemon.stderr"
STARTING = "daemon.starting"
BUSY = 3
"""Exit status of one that found the store owned: somebody else has started one."""
_TOLD = 5
"""Lines of stderr that are told when it fails."""


class DaemonNotStarted(BackroomsError):
    code = "DAEMON_NOT_STARTED"


@contextmanager
def starting_alone() -> Iterator[None]:
    """Of commands that come at once one starts a daemon; the others wait here, and then find it. Raises UnsafePath."""
    lock = open_private(private_directory(state_directory()) / STARTING, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def start_daemon(settings: Settings, words: Sequence[str] = ()) -> None:
    """Start one and wait until clients may come; `words` are options of its own.

    Also returns when somebody else was faster. Raises DaemonNotStarted, UnsafePath, StoreFailed.
    """
    place = private_directory(state_directory())
    environment = dict(os.environ)
    if settings.logging.output == "stderr":
        environment["ROOM_LOGGING_OUTPUT"] = str(place / LOG)
    stderr = open_private(place / STDERR, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    hearing, telling = os.pipe2(os.O_CLOEXEC)
    try:
        process = _spawned(words, environment, out=telling, err=stderr)
    finally:
        os.close(telling)
        os.close(stderr)
    try:
        if _heard_ready(hearing):
            return
    finally:
        os.close(hearing)
    status = _status(process)
    if status != BUSY:
        raise DaemonNotStarted(f"STATUS: {status}", *_last_lines(place / STDERR))


def _spawned(words: Sequence[str], environment: dict[str, str], *, out: int, err: int) -> int:
    """Not `subprocess`: it would complain of a child that outlives us. `-P`: what lies in this directory is no module
    of the daemon's.
    """
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, out, 1),
        (os.POSIX_SPAWN_DUP2, err, 2),
    ]
    program = [sys.executable, "-P", "-m", "backrooms_tui", "daemon", *words]
    return os.posix_spawn(sys.executable, program, environment, file_actions=files, setsid=True)


def _heard_ready(hearing: int) -> bool:
    """Whether it says that it is ready, in time and before it ends."""
    deadline = time.monotonic() + START_SECONDS
    heard = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([hearing], [], [], left)[0]:
            break
        data = os.read(hearing, 4096)
        if not data:
            break
        heard += data
        if READY in heard.splitlines():
            return True
    return False


def _status(process: int) -> int | None:
    """How it has ended; None when it has not."""
    ended, status = os.waitpid(process, os.WNOHANG)
    deadline = time.monotonic() + 1.0
    while not ended and time.monotonic() < deadline:  # its stdout is closed a moment before
        time.sleep(0.01)
        ended, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _last_lines(path: Path) -> list[str]:
    with suppress(OSError):
        return [scrub(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TOLD:]]
    return []
