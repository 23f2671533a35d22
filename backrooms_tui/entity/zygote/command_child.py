"""Life of a program's process until it is the program: fork, channels, seal, word of the host, exec.

Descriptors: 0, 1 and 2 are pipes, as a program expects; 3 is a socket to the host that closes itself at exec. Through
it comes what to run, after the seal and never through the zygote; its end without a word tells the host that the
program runs.
"""

from __future__ import annotations

import json
import os
import signal
from typing import NoReturn

from backrooms_tui.entity.profiles import Profile
from backrooms_tui.entity.seal import syscalls
from backrooms_tui.entity.seal.command import Applied, bound_memory, file_rules, seal
from backrooms_tui.entity.seal.hermetic import NOBODY, die_with
from backrooms_tui.model.value import value

CONTROL = 3
_RULES = 4
_FIRST_FREE = 5
_LAST_DESCRIPTOR = 2**32 - 1
_MAX_ORDER = 64 * 1024
"""Bytes of the host's word: a command line of 4 KiB and little else."""
SEALED = b"sealed\n"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/", "TZ": "UTC"}
"""All that a program is given."""
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_SET_BY_ZYGOTE = (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


@value
class CommandBirth:
    """What the zygote gives to a child that is to become a program."""

    channels: tuple[int, int, int, int]
    """Descriptors for CONTROL, 0, 1 and 2; like every one that the zygote opens, above all places."""
    named: tuple[int, ...]
    """Open files that the program may read and execute."""
    memory_limit: int
    parent: int
    profile: Profile


def live(birth: CommandBirth) -> NoReturn:
    """Become the program that the host names. Never returns into the zygote."""
    try:
        become(birth)
        os.write(CONTROL, SEALED)
        execute(_order(), birth.memory_limit)
    except BaseException as error:  # border: nothing may unwind into the zygote's loop
        _refuse(error)
    os._exit(0)


def become(birth: CommandBirth) -> Applied:
    """Take the channels and be sealed. Raises OSError."""
    rules = file_rules(birth.named)
    _take_channels(birth.channels, rules)
    die_with(birth.parent)
    os.chdir("/")
    os.umask(0o077)
    return seal(parent=birth.parent, rules=_RULES, profile=birth.profile)


def _take_channels(channels: tuple[int, int, int, int], rules: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (*_SET_BY_ZYGOTE, *_IGNORED_BY_PYTHON):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    control, *standard = channels
    for place, descriptor in enumerate(standard):
        os.dup2(descriptor, place)
        if os.geteuid() == 0:
            os.fchown(place, NOBODY, NOBODY)  # /dev/stdout is a file, and has to be opened as who it is by then
    os.dup2(control, CONTROL, inheritable=False)
    os.dup2(rules, _RULES, inheritable=False)
    syscalls.call(syscalls.CLOSE_RANGE, _FIRST_FREE, _LAST_DESCRIPTOR, 0)


def _order() -> list[str]:
    """The program and its words, when the host names them. Exits when it is gone."""
    told = b""
    while not told.endswith(b"\n"):
        piece = os.read(CONTROL, _MAX_ORDER)
        if not piece:
            os._exit(0)
        told += piece
    words: list[str] = json.loads(told)
    return words


def execute(words: list[str], memory_limit: int) -> None:
    """Become the program at the first of `words`, with the rest as its argv. Raises OSError."""
    path, *argv = words
    bound_memory(memory_limit)
    os.execve(path, argv, ENVIRONMENT)  # noqa: S606 - what this is for


def _refuse(error: BaseException) -> NoReturn:
    try:
        os.write(CONTROL, f"{type(error).__name__}: {error}\n".encode(errors="replace")[:_MAX_ORDER])
    finally:
        os._exit(1)
