"""x86-64 numbers of the system calls that a program in a room may make, and the conditions on some of them.

More than a hermetic entity may: a program has to be loaded, to read files and the clock. What would reach beyond the
room is not here: sockets, other processes, whatever is mounted, traced, shared between processes or set for the whole
machine, and everything that changes a file by its name. Writing is Landlock's and the file size limit's.
"""

from __future__ import annotations

ALLOWED = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8,
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "pipe": 22, "select": 23,
    "sched_yield": 24, "mremap": 25, "msync": 26, "mincore": 27, "madvise": 28, "dup": 32, "dup2": 33, "pause": 34,
    "nanosleep": 35, "getitimer": 36, "alarm": 37, "setitimer": 38, "getpid": 39, "sendfile": 40, "execve": 59,
    "exit": 60, "wait4": 61, "uname": 63, "fsync": 74, "fdatasync": 75, "getcwd": 79, "chdir": 80, "fchdir": 81,
    "readlink": 89, "umask": 95, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100,
    "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "getpgrp": 111, "getgroups": 115,
    "getresuid": 118, "getresgid": 120, "getpgid": 121, "getsid": 124, "rt_sigpending": 127, "rt_sigtimedwait": 128,
    "rt_sigsuspend": 130, "sigaltstack": 131, "statfs": 137, "fstatfs": 138, "arch_prctl": 158, "setrlimit": 160,
    "gettid": 186, "readahead": 187, "time": 201, "futex": 202, "sched_getaffinity": 204, "epoll_create": 213,
    "getdents64": 217, "set_tid_address": 218, "restart_syscall": 219, "fadvise64": 221, "clock_gettime": 228,
    "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "epoll_wait": 232, "epoll_ctl": 233,
    "waitid": 247, "openat": 257, "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "pselect6": 270,
    "ppoll": 271, "set_robust_list": 273, "get_robust_list": 274, "splice": 275, "tee": 276, "epoll_pwait": 281,
    "eventfd2": 290, "epoll_create1": 291, "dup3": 292, "pipe2": 293, "preadv": 295, "pwritev": 296, "getcpu": 309,
    "getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334, "close_range": 436, "faccessat2": 439,
    "epoll_pwait2": 441, "futex_wake": 454, "futex_wait": 455,
}  # fmt: skip
"""Allowed as they are."""

CONDITIONAL = {"ioctl": 16, "clone": 56, "fork": 57, "vfork": 58, "kill": 62, "fcntl": 72, "prctl": 157, "tkill": 200,
               "tgkill": 234, "prlimit64": 302, "clone3": 435}  # fmt: skip
"""Allowed for some arguments, or in some rooms; see command_bpf."""

LATER_THAN_KNOWN = 442
"""Calls from here on that are not listed do not exist for a program: libraries then use what they used before."""

FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
"""DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC. No locks: they would hold up readers outside."""
IOCTLS = (0x541B, 0x5421, 0x5450, 0x5451)
"""FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
PRCTLS = (3, 15, 16, 0x53564D41)
"""GET_DUMPABLE, SET_NAME, GET_NAME, SET_VMA. Not SET_DUMPABLE, which would hide from the host what it waits for."""

CLONE_THREAD = 0x00010000
CLONE_FORBIDDEN = 0x7E02_0000 | 0x0080_0000 | 0x8000 | 0x2000 | 0x1000
"""Namespaces of every kind; UNTRACED, with which a child would be nobody's; PARENT, PTRACE, PIDFD."""
