"""Closing a program's room: what a child does to itself before it becomes the program.

Landlock carries the files here, because a program has to open some; there is no such room without it. Memory cannot
be bounded by address space, of which many programs reserve more than they will ever use: its data segment is, and the
host watches what is resident.
"""

from __future__ import annotations

import os
import resource

from backrooms_tui.entity.profiles import Profile
from backrooms_tui.model.value import value

from . import command_bpf, landlock, syscalls
from .hermetic import drop_root, install_filter, limit
from .landlock import EXECUTE, READ_DIR, READ_FILE, WRITE_FILE, Grant

FILE_DESCRIPTORS = 64
"""Enough for shells, which put theirs high, and interpreters with their modules open."""
SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/terminfo", "/etc/perl")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/inputrc", "/etc/ssl/openssl.cnf")
READABLE_DEVICES = ("/dev/random", "/dev/urandom")
WRITABLE_DEVICES = ("/dev/null", "/dev/zero")
NAMED_RIGHTS = READ_FILE | EXECUTE
"""On files that the command line names."""


@value
class Applied:
    """What the seal consists of in this process."""

    landlock: int
    """Version."""


def file_rules(named: tuple[int, ...]) -> int:
    """A descriptor of the rules about files: the system's, read only, and the opened files `named`.

    Raises OSError, also when the kernel has no Landlock.
    """
    grants: list[Grant] = []
    try:
        for paths, rights in (
            (SYSTEM_FOLDERS, READ_FILE | READ_DIR | EXECUTE),
            (SYSTEM_FILES, READ_FILE),
            (READABLE_DEVICES, READ_FILE),
            (WRITABLE_DEVICES, READ_FILE | WRITE_FILE),
        ):
            grants += [(opened, rights) for path in paths if (opened := _opened(path)) is not None]
        return landlock.rules([*grants, *((descriptor, NAMED_RIGHTS) for descriptor in named)])
    finally:
        for opened, _ in grants:
            os.close(opened)


def _opened(path: str) -> int | None:
    """A handle on what stands at `path`; None when nothing does."""
    try:
        return os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None


def seal(*, parent: int, rules: int, profile: Profile) -> Applied:
    """Seal this process for good, but for its memory. `rules` is closed. Raises OSError."""
    if not syscalls.X86_64:
        raise OSError(0, "no system call table for this machine")
    drop_root(parent)
    limit(_bounds(profile))
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)  # until exec
    abi = landlock.enforce(rules)
    install_filter(
        command_bpf.program(
            os.getpid(),
            children=Profile.CHILDREN in profile,
            threads=Profile.THREADS in profile,
            scoped=abi >= landlock.SCOPE_SINCE,
        )
    )
    return Applied(abi)


def bound_memory(memory_limit: int) -> None:
    """Bound the data segment, in bytes. Just before exec: what is left of the zygote's own counts until then."""
    limit([(resource.RLIMIT_DATA, memory_limit)])


def _bounds(profile: Profile) -> list[tuple[int, int]]:
    bounds = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, FILE_DESCRIPTORS),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if not profile & (Profile.CHILDREN | Profile.THREADS):
        # The kernel counts processes by user: a bound above 0 would be shared with every other room.
        bounds.append((resource.RLIMIT_NPROC, 0))
    return bounds
