"""The seccomp filter of hermetic rooms, call by call."""

from __future__ import annotations

import errno
import fcntl
import mmap
import struct

import pytest
from bpf_machine import run

from backrooms_tui.entity.seal import bpf, landlock
from backrooms_tui.entity.seal.syscalls import ALLOWED, CONDITIONAL

PID = 4711
PERM = bpf.RET_ERRNO | errno.EPERM


def judge(number: int, *arguments: int, arch: int = bpf.ARCH_X86_64) -> int:
    return run(bpf.program(PID), number, *arguments, arch=arch)


@pytest.mark.parametrize("name", ALLOWED)
def test_listed_calls_are_allowed(name):
    assert judge(ALLOWED[name]) == bpf.RET_ALLOW


def test_every_number_that_is_not_listed_is_refused():
    listed = {*ALLOWED.values(), *CONDITIONAL.values()}
    assert {judge(number) for number in range(600) if number not in listed} == {PERM}


@pytest.mark.parametrize(
    ("name", "number"),
    [("open", 2), ("stat", 4), ("fstat", 5), ("newfstatat", 262), ("statx", 332), ("openat", 257), ("socket", 41),
     ("sendmsg", 46), ("recvmsg", 47), ("clone", 56), ("fork", 57), ("vfork", 58), ("execve", 59), ("clone3", 435),
     ("ptrace", 101), ("prctl", 157), ("clock_gettime", 228), ("nanosleep", 35), ("clock_nanosleep", 230),
     ("seccomp", 317), ("memfd_create", 319), ("io_uring_setup", 425), ("pidfd_open", 434), ("setitimer", 38)],
)  # fmt: skip
def test_the_dangerous_ones_are_refused_by_name(name, number):
    assert judge(number) == PERM


def test_another_architecture_or_the_x32_table_kills():
    assert judge(ALLOWED["read"], arch=0x40000003) == bpf.RET_KILL
    assert judge(bpf.X32_BIT | ALLOWED["read"]) == bpf.RET_KILL
    assert judge(2**32 - 1) == bpf.RET_KILL


@pytest.mark.parametrize("name", ["mmap", "mprotect"])
def test_memory_may_be_mapped_but_never_executable(name):
    assert judge(CONDITIONAL[name], 0, 4096, mmap.PROT_READ | mmap.PROT_WRITE) == bpf.RET_ALLOW
    assert judge(CONDITIONAL[name], 0, 4096, mmap.PROT_READ | mmap.PROT_EXEC) == PERM


@pytest.mark.parametrize("name", ["kill", "tkill", "tgkill"])
@pytest.mark.parametrize("target", [0, 1, -1, -PID, PID + 1])
def test_only_itself_can_be_signalled(name, target):
    assert judge(CONDITIONAL[name], PID) == bpf.RET_ALLOW
    assert judge(CONDITIONAL[name], target) == PERM


def test_fcntl_cannot_ask_for_signals_or_leases():
    assert judge(CONDITIONAL["fcntl"], 3, fcntl.F_GETFL) == bpf.RET_ALLOW
    for command in (fcntl.F_SETOWN, fcntl.F_SETLEASE, fcntl.F_NOTIFY, fcntl.F_ADD_SEALS):
        assert judge(CONDITIONAL["fcntl"], 3, command) == PERM


def test_every_device_request_is_no_terminal():
    assert judge(CONDITIONAL["ioctl"], 0, 0x5401) == bpf.RET_ERRNO | errno.ENOTTY


@pytest.mark.parametrize(
    ("abi", "words"),
    [
        (1, [2**13 - 1]),
        (2, [2**14 - 1]),
        (3, [2**15 - 1]),
        (4, [2**15 - 1, 3]),
        (5, [2**16 - 1, 3]),
        (7, [2**16 - 1, 3, 3]),
    ],
)
def test_landlock_handles_every_right_its_version_knows(abi, words):
    assert landlock.ruleset(abi) == struct.pack(f"={len(words)}Q", *words)
