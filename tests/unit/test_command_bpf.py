"""The seccomp filter of programs, call by call, and what it makes of children and threads."""

from __future__ import annotations

import errno
import fcntl

import pytest
from bpf_machine import run

from backrooms_tui.entity.seal import bpf, command_bpf
from backrooms_tui.entity.seal.command_syscalls import ALLOWED, CLONE_THREAD, CONDITIONAL

PID = 4711
ALLOW = bpf.RET_ALLOW
PERM = bpf.RET_ERRNO | errno.EPERM
NOSYS = bpf.RET_ERRNO | errno.ENOSYS
SIGCHLD = 17
THREAD = 0x3D0F00
"""What glibc makes a thread with."""


def judge(name: str | int, *arguments: int, children=False, threads=False, scoped=True, arch=bpf.ARCH_X86_64) -> int:
    number = name if isinstance(name, int) else {**ALLOWED, **CONDITIONAL}[name]
    program = command_bpf.program(PID, children=children, threads=threads, scoped=scoped)
    return run(program, number, *arguments, arch=arch)


@pytest.mark.parametrize("name", ALLOWED)
def test_listed_calls_are_allowed(name):
    assert judge(name) == ALLOW


def test_every_number_that_is_not_listed_is_refused_or_does_not_exist():
    listed = {*ALLOWED.values(), *CONDITIONAL.values()}
    assert {judge(number) for number in range(442) if number not in listed} == {PERM}
    assert {judge(number) for number in range(442, 700) if number not in listed} == {NOSYS}


@pytest.mark.parametrize("options", [{}, {"children": True, "threads": True}], ids=["alone", "with children"])
@pytest.mark.parametrize(
    ("name", "number"),
    [("socket", 41), ("connect", 42), ("socketpair", 53), ("sendmsg", 46), ("bind", 49), ("shmget", 29),
     ("ptrace", 101), ("setuid", 105), ("setpgid", 109), ("setsid", 112), ("setresuid", 117), ("capset", 126),
     ("rt_sigqueueinfo", 129), ("mknod", 133), ("personality", 135), ("setpriority", 141), ("pivot_root", 155),
     ("sysctl", 156), ("chroot", 161), ("mount", 165), ("settimeofday", 164), ("sethostname", 170), ("init_module", 175),
     ("sched_setaffinity", 203), ("mq_open", 240), ("add_key", 248), ("request_key", 249), ("keyctl", 250),
     ("unlink", 87), ("unlinkat", 263), ("rename", 82), ("renameat", 264), ("renameat2", 316), ("mkdir", 83),
     ("symlink", 88), ("link", 86), ("chmod", 90), ("chown", 92), ("truncate", 76), ("ftruncate", 77), ("utimes", 235),
     ("utimensat", 280), ("setxattr", 188), ("flock", 73), ("unshare", 272), ("perf_event_open", 298),
     ("fanotify_init", 300), ("open_by_handle_at", 304), ("clock_adjtime", 305), ("setns", 308),
     ("process_vm_readv", 310), ("process_vm_writev", 311), ("seccomp", 317), ("memfd_create", 319), ("bpf", 321),
     ("userfaultfd", 323), ("pidfd_send_signal", 424), ("io_uring_setup", 425), ("move_mount", 429), ("fsopen", 430),
     ("pidfd_open", 434), ("openat2", 437), ("pidfd_getfd", 438), ("process_madvise", 440)],
)  # fmt: skip
def test_what_reaches_beyond_the_room_is_refused_by_name(name, number, options):
    assert judge(number, **options) == PERM


def test_another_architecture_or_the_x32_table_kills():
    assert judge("read", arch=0x40000003) == bpf.RET_KILL
    assert judge(bpf.X32_BIT | ALLOWED["read"]) == bpf.RET_KILL


@pytest.mark.parametrize("name", ["fork", "vfork"])
def test_a_fork_is_had_only_with_children(name):
    assert judge(name) == judge(name, threads=True) == PERM
    assert judge(name, children=True) == ALLOW


def test_clone_makes_threads_only_with_threads_and_processes_only_with_children():
    assert THREAD & CLONE_THREAD
    assert judge("clone", THREAD) == judge("clone", THREAD, children=True) == PERM
    assert judge("clone", SIGCHLD) == judge("clone", SIGCHLD, threads=True) == PERM
    assert judge("clone", THREAD, threads=True) == judge("clone", SIGCHLD, children=True) == ALLOW


@pytest.mark.parametrize(
    "flag",
    [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00800000, 0x8000, 0x1000],
    ids=["mount", "cgroup", "uts", "ipc", "user", "pid", "net", "untraced", "parent", "pidfd"],
)
def test_nobody_is_made_in_another_namespace_or_out_of_sight(flag):
    assert judge("clone", SIGCHLD | flag, children=True, threads=True) == PERM
    assert judge("clone", THREAD | flag, children=True, threads=True) == PERM


def test_clone3_does_not_exist_because_its_flags_cannot_be_read():
    assert judge("clone3", children=True, threads=True) == NOSYS


@pytest.mark.parametrize("name", ["kill", "tkill", "tgkill"])
def test_others_can_be_signalled_only_where_landlock_keeps_signals_in_the_room(name):
    for target in (0, 1, -1, PID + 1):
        assert judge(name, target) == judge(name, target, children=True, scoped=False) == PERM
        assert judge(name, target, children=True) == ALLOW
    assert judge(name, PID) == judge(name, PID, children=True, scoped=False) == ALLOW


def test_limits_are_read_and_lowered_only_of_itself():
    assert judge("prlimit64", 0) == ALLOW
    assert judge("prlimit64", 1) == PERM


def test_it_can_neither_hide_from_the_host_nor_outlive_it():
    set_name, set_death_signal, set_dumpable = 15, 1, 4
    assert judge("prctl", set_name) == ALLOW
    assert judge("prctl", set_death_signal) == judge("prctl", set_dumpable) == PERM


def test_fcntl_cannot_lock_lease_or_notify():
    assert judge("fcntl", 0, fcntl.F_GETFL) == judge("fcntl", 0, fcntl.F_DUPFD_CLOEXEC) == ALLOW
    for command in (fcntl.F_SETLK, fcntl.F_SETLKW, fcntl.F_SETLEASE, fcntl.F_NOTIFY, fcntl.F_SETOWN, 1031):
        assert judge("fcntl", 0, command) == PERM


def test_no_descriptor_is_a_terminal_but_pipes_can_be_asked_what_they_hold():
    assert judge("ioctl", 0, 0x5401) == judge("ioctl", 0, 0x5412) == bpf.RET_ERRNO | errno.ENOTTY
    assert judge("ioctl", 0, 0x541B) == ALLOW
