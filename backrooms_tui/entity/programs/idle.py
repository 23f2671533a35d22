"""Whether a program waits for its input, by the kernel's word.

A program's answer ends when it has read all there is and waits for more: it is blocked in reading an empty standard
input, or waiting without an end for any descriptor. The kernel shows that in /proc/<pid>/syscall; no silence timer can
tell it from a program that computes, or sleeps between two lines.
"""

from __future__ import annotations

import os

_READS = (0, 19)
"""read, readv."""
_TIMEOUTS = {7: 2, 232: 3, 281: 3}
"""poll, epoll_wait, epoll_pwait: the argument that is -1, of 32 bits, when the wait has no end."""
_TIMEOUT_POINTERS = {23: 4, 270: 4, 271: 2, 441: 3}
"""select, pselect6, ppoll, epoll_pwait2: the argument that is null then."""
_FOR_OTHERS = (61, 247, 34, 130)
"""wait4, waitid, pause, rt_sigsuspend: for a child, or a signal."""
_FUTEX = 202
_FUTEX_TIMEOUT = 3
_MINUS_ONE = 0xFFFF_FFFF
_MAX_TASKS = 256

Seen = tuple[tuple[int, str], ...]
"""Every task and what it waited in: equal in two looks when nothing has moved in between."""


def can_look(pid: int) -> bool:
    """Whether the kernel tells us what a process waits in; True also when it is gone."""
    try:
        read_proc(f"/proc/{pid}/syscall")
    except PermissionError:
        return False
    except OSError:
        pass
    return True


def look(pid: int, pipe: str) -> Seen | None:
    """What all tasks of program `pid` wait in, when they wait for nothing but input; None when one does not.
    Whom it has started counts too: a shell waits while its child computes.

    `pipe` is what a link to its standard input says. One look may fall upon a moment; two equal ones do not.
    """
    found: list[tuple[int, str]] = []
    reads = False
    waiting = [pid]
    try:
        while waiting:
            process = waiting.pop()
            for task in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208 - a number is what is wanted
                call = read_proc(f"/proc/{process}/task/{task}/syscall")
                if not _has_no_end(call):
                    return None
                reads = reads or _for_input(process, call, pipe)
                found.append((int(task), call))
                waiting += children_of(process, task)
                if len(found) > _MAX_TASKS:
                    return None
    except OSError:  # somebody is just gone; or may not be looked at, see can_look
        return None
    return tuple(found) if reads else None


def pipe_of(descriptor: int) -> str:
    """What a link to a pipe says, wherever it is open."""
    return f"pipe:[{os.fstat(descriptor).st_ino}]"


def children_of(process: int, task: str) -> list[int]:
    """Whom a task has started; nobody where the kernel keeps no such lists. Raises OSError when it is gone."""
    try:
        return [int(word) for word in read_proc(f"/proc/{process}/task/{task}/children").split()]
    except FileNotFoundError:  # without the lists no room may have children
        return []


def _has_no_end(call: str) -> bool:
    """Whether a task is blocked in a call that only something from outside ends."""
    words = _words(call)
    if words is None:
        return False
    number, *arguments = words
    if number in _TIMEOUTS:
        return arguments[_TIMEOUTS[number]] & _MINUS_ONE == _MINUS_ONE
    if number in _TIMEOUT_POINTERS:
        return arguments[_TIMEOUT_POINTERS[number]] == 0
    if number == _FUTEX:
        return arguments[_FUTEX_TIMEOUT] == 0
    return number in _READS or number in _FOR_OTHERS


def _for_input(process: int, call: str, pipe: str) -> bool:
    """Whether the call may be waiting for the room's input: which of its descriptors a poll is about is not asked."""
    number, descriptor, *_ = _words(call) or (-1, -1)
    if number in _READS:
        return os.readlink(f"/proc/{process}/fd/{descriptor}") == pipe  # noqa: PTH115 - of no file
    return number in _TIMEOUTS or number in _TIMEOUT_POINTERS


def _words(call: str) -> list[int] | None:
    """Number and arguments of the call; None for a task that runs, or is blocked outside any call."""
    number, *rest = call.split()
    if number in ("running", "-1"):
        return None
    return [int(number), *(int(word, 16) for word in rest)]


def read_proc(path: str) -> str:
    """The beginning of a file that the kernel makes up. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096).decode("ascii", "replace")
    finally:
        os.close(descriptor)
