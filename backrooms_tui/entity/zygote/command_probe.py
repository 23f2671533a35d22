"""What a program's seal truly holds, tried from inside a child that is sealed like one, before it becomes a program.

See selftest, which does the same for hermetic rooms.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
from typing import Any, NoReturn

from backrooms_tui.entity.profiles import Profile
from backrooms_tui.entity.seal.command import Applied, bound_memory
from backrooms_tui.entity.seal.selftest import NETWORK, PROCESSES, all_refused

from .command_child import CONTROL, CommandBirth, become, execute

WAITER = ("/usr/bin/cat", "/bin/cat")
"""What the probe becomes, wherever it is: it waits for its input, and the host must be able to see that it does."""


def probe(birth: CommandBirth) -> NoReturn:
    """Be sealed like a program, tell through the control socket what holds, and become one that waits."""
    try:
        applied = become(birth)
        if Profile.CHILDREN in birth.profile:
            _leave_grandchild()
        bound_memory(birth.memory_limit)
        os.write(CONTROL, json.dumps(facts(applied, birth.memory_limit)).encode() + b"\n")
        execute([next(filter(os.path.exists, WAITER)), "cat"], birth.memory_limit)
    except BaseException as error:  # border: nothing may unwind into the zygote's loop
        os.write(CONTROL, json.dumps({"refused": f"{type(error).__name__}: {error}"}).encode() + b"\n")
    os._exit(0)


def facts(applied: Applied, memory_limit: int) -> dict[str, Any]:
    """Try to get out; gives for each row whether all of it was refused."""
    return {
        "landlock": applied.landlock,
        "files": all_refused(
            lambda: os.open("/etc/passwd", os.O_RDONLY),
            lambda: os.open("/tmp", os.O_RDWR | os.O_TMPFILE),  # noqa: S108 - the attempt is the point
            lambda: os.open("/dev/shm/probe", os.O_RDWR | os.O_CREAT),  # noqa: S108
            lambda: os.open("/proc/self/environ", os.O_RDONLY),
            lambda: os.listdir("/"),  # noqa: PTH208
            lambda: os.listdir("/tmp"),  # noqa: S108, PTH208
            lambda: os.chmod("/tmp", 0o777),  # noqa: S103, S108, PTH101
        ),
        "network": all_refused(*NETWORK),
        "process": all_refused(*PROCESSES, os.setsid),
        "memory": all_refused(lambda: mmap.mmap(-1, memory_limit + mmap.PAGESIZE, flags=mmap.MAP_PRIVATE)),
    }


def _leave_grandchild() -> None:
    """Leave a process behind that nobody in the room waits for, and that has a session of its own if it could."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
    except OSError:
        pass
    if os.fork() == 0:
        signal.pause()
    os._exit(0)
