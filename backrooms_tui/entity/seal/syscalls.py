"""System calls that Python has no words for, by ctypes, and the numbers of those an entity may make.

Own code instead of a sandbox library: the ones there are have one maintainer each and would save some forty lines.
"""

from __future__ import annotations

import ctypes
import os
import platform

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_TSC = 26
PR_TSC_SIGSEGV = 2
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

SECCOMP = 317
SECCOMP_SET_MODE_FILTER = 1
CLOSE_RANGE = 436
LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446

X86_64 = platform.machine() == "x86_64" and ctypes.sizeof(ctypes.c_void_p) == 8

ALLOWED = {
    "read": 0,
    "write": 1,
    "close": 3,
    "poll": 7,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "readv": 19,
    "writev": 20,
    "select": 23,
    "sched_yield": 24,
    "mremap": 25,
    "madvise": 28,
    "dup": 32,
    "getpid": 39,
    "exit": 60,
    "getuid": 102,
    "getgid": 104,
    "geteuid": 107,
    "getegid": 108,
    "getppid": 110,
    "sigaltstack": 131,
    "gettid": 186,
    "futex": 202,
    "restart_syscall": 219,
    "exit_group": 231,
    "pselect6": 270,
    "ppoll": 271,
    "getrandom": 318,
}
"""x86-64 numbers of what an entity may call without conditions. No stat and no fstat, old or new: the modification
time of its own output pipe is a wall clock. No clock, sleep, file, socket, process, thread or signal to others."""
CONDITIONAL = {"mmap": 9, "mprotect": 10, "ioctl": 16, "kill": 62, "fcntl": 72, "tkill": 200, "tgkill": 234}
"""Allowed for some arguments only, see bpf.program."""


def call(number: int, *arguments: int | bytes) -> int:
    """Make a system call. Raises OSError."""
    words = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    result = int(_libc.syscall(ctypes.c_long(number), *words))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, value: int) -> None:
    """Raises OSError."""
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
