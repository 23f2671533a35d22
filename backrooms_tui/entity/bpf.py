"""The seccomp filter as bytes: an allow-list in classic BPF. Pure; nothing here touches the kernel.

Whatever is not listed gets EPERM rather than death, so that Python code sees a PermissionError and goes on. A call
by another architecture's table kills: it could only be an attempt to slip past the numbers.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from collections.abc import Iterable

from .syscalls import ALLOWED, CONDITIONAL

ARCH_X86_64 = 0xC000003E
X32_BIT = 0x40000000
"""Numbers from here on belong to the x32 table of the same architecture."""

RET_KILL = 0x80000000
RET_ERRNO = 0x00050000
RET_ALLOW = 0x7FFF0000
_PERM = RET_ERRNO | errno.EPERM
_NOTTY = RET_ERRNO | errno.ENOTTY

_LOAD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_GREATER_EQUAL = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06

_NUMBER = 0
_ARCH = 4
_ARGUMENTS = 16
"""Offsets in struct seccomp_data; argument n stands at 16 + 8 n, its low word first."""

_PROT_EXEC = 4
_FCNTL_COMMANDS = (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC)

_Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


def program(pid: int) -> bytes:
    """The filter for process `pid`, as an array of struct sock_filter. It may signal nobody but itself."""
    to_self = _one_of(0, [pid])
    signals = [one for name in ("kill", "tkill", "tgkill") for one in _case(CONDITIONAL[name], to_self)]
    return _COMMON + _pack([*signals, _give(_PERM)])


def _common() -> list[_Instruction]:
    """All of the filter that is the same for every process: it is built once, not at each spawn."""
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, ARCH_X86_64),
        _give(RET_KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_GREATER_EQUAL, 0, 1, X32_BIT),
        _give(RET_KILL),
    ]
    for number in sorted(ALLOWED.values()):
        code += _case(number, [_give(RET_ALLOW)])
    not_executable = [_argument(2), (_JUMP_ANY_BIT, 0, 1, _PROT_EXEC), _give(_PERM), _give(RET_ALLOW)]
    for name in ("mmap", "mprotect"):
        code += _case(CONDITIONAL[name], not_executable)
    code += _case(CONDITIONAL["fcntl"], _one_of(1, _FCNTL_COMMANDS))
    return code + _case(CONDITIONAL["ioctl"], [_give(_NOTTY)])


def _pack(code: Iterable[_Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _give(verdict: int) -> _Instruction:
    return (_RETURN, 0, 0, verdict)


def _argument(index: int) -> _Instruction:
    """Load the low word; the kernel reads these arguments as 32 bits."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index)


def _case(number: int, body: list[_Instruction]) -> list[_Instruction]:
    """Run `body`, which returns, when the call is `number`. The number is still loaded for the next case."""
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def _one_of(index: int, values: Iterable[int]) -> list[_Instruction]:
    body = [_argument(index)]
    for value in values:
        body += [(_JUMP_EQUAL, 0, 1, value), _give(RET_ALLOW)]
    return [*body, _give(_PERM)]


_COMMON = _pack(_common())
