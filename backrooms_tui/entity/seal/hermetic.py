"""Closing the room: what a child does to itself before any entity code runs.

seccomp carries the load, the limits complete it (memory, descriptors), Landlock is the second wall. Layers are
probed, never assumed from a version; what came of them is told by selftest, from inside.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Iterable

from backrooms_tui.model.limits import FILE_DESCRIPTORS
from backrooms_tui.model.value import value

from . import bpf, landlock, syscalls
from .clock import Clock, ClockPlan

NOBODY = 65534
"""The user and group of entities when the host runs as root."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@value
class Applied:
    """What the seal consists of in this process."""

    landlock: int
    """Version, 0 when the kernel has none."""
    clock: Clock | None
    """None when the real clock stays visible."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; exits at once when that has already happened."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def seal(*, parent: int, memory_limit: int, clock_plan: ClockPlan | None) -> Applied:
    """Seal this process for good: one thread, forked from `parent`, with nothing open but its channels.

    `memory_limit` is in bytes beyond what is mapped now. Raises OSError when a layer that the seal cannot do without
    is refused.
    """
    if not syscalls.X86_64:
        raise OSError(0, "no system call table for this machine")
    drop_root(parent)
    clock = clock_plan.install() if clock_plan is not None else None
    limit(_bounds(memory_limit))
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    applied = Applied(landlock.restrict(), clock)
    install_filter(bpf.program(os.getpid()))
    return applied


def drop_root(parent: int) -> None:
    """Become nobody, if this is root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        die_with(parent)  # a change of user disarms it


def _bounds(memory_limit: int) -> list[tuple[int, int]]:
    statm = os.open("/proc/self/statm", os.O_RDONLY)
    mapped = int(os.read(statm, 100).split()[0]) * _PAGE
    os.close(statm)
    return [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, FILE_DESCRIPTORS),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_AS, mapped + memory_limit),
    ]


def limit(bounds: Iterable[tuple[int, int]]) -> None:
    """Set resource limits, soft and hard. Raises OSError."""
    for which, bound in bounds:
        resource.setrlimit(which, (bound, bound))


def install_filter(program: bytes) -> None:
    """Have every system call judged by a seccomp program from now on. Raises OSError."""
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count of instructions, padding, a pointer.
    fprog = struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(code))
    syscalls.call(syscalls.SECCOMP, syscalls.SECCOMP_SET_MODE_FILTER, 0, fprog)
