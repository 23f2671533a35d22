"""The seccomp filter of a program in a room, as bytes. Pure; see bpf for the notation."""

from __future__ import annotations

import errno

from .bpf import (
    JUMP_ANY_BIT,
    NOTTY,
    PERM,
    RET_ALLOW,
    RET_ERRNO,
    Instruction,
    argument,
    case,
    from_on,
    give,
    head,
    one_of,
    pack,
    without,
)
from .command_syscalls import (
    ALLOWED,
    CLONE_FORBIDDEN,
    CLONE_THREAD,
    CONDITIONAL,
    FCNTL_COMMANDS,
    IOCTLS,
    LATER_THAN_KNOWN,
    PRCTLS,
)

NOSYS = RET_ERRNO | errno.ENOSYS
_SIGNALS = ("kill", "tkill", "tgkill")


def program(pid: int, *, children: bool, threads: bool, scoped: bool) -> bytes:
    """The filter for the program that process `pid` becomes. `scoped`: Landlock keeps its signals in the room, so
    that it may signal its children; otherwise it signals nobody but itself.
    """
    code = head(ALLOWED.values())
    code += case(CONDITIONAL["fcntl"], one_of(1, FCNTL_COMMANDS))
    code += case(CONDITIONAL["ioctl"], one_of(1, IOCTLS, NOTTY))
    code += case(CONDITIONAL["prctl"], one_of(0, PRCTLS))
    code += case(CONDITIONAL["prlimit64"], one_of(0, (0,)))  # itself
    code += case(CONDITIONAL["clone3"], [give(NOSYS)])  # its flags are out of reach; libraries go on with clone
    code += case(CONDITIONAL["clone"], _clone(children=children, threads=threads))
    for name in ("fork", "vfork"):
        code += case(CONDITIONAL[name], [give(RET_ALLOW if children else PERM)])
    for name in _SIGNALS:
        code += case(CONDITIONAL[name], [give(RET_ALLOW)] if children and scoped else one_of(0, (pid,)))
    return pack([*code, *from_on(LATER_THAN_KNOWN, NOSYS), give(PERM)])


def _clone(*, children: bool, threads: bool) -> list[Instruction]:
    """Whether a new thread, or a new process, may be made; neither ever with a namespace or out of sight."""
    verdict = {True: give(RET_ALLOW), False: give(PERM)}
    return [
        *without(0, CLONE_FORBIDDEN),
        argument(0),
        (JUMP_ANY_BIT, 0, 1, CLONE_THREAD),
        verdict[threads],
        verdict[children],
    ]
