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
PERM = RET_ERRNO | errno.EPERM
NOTTY = RET_ERRNO | errno.ENOTTY

_LOAD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_GREATER_EQUAL = 0x35
JUMP_ANY_BIT = 0x45
_RETURN = 0x06

_NUMBER = 0
_ARCH = 4
_ARGUMENTS = 16
"""Offsets in struct seccomp_data; argument n stands at 16 + 8 n, its low word first."""

_PROT_EXEC = 4
_FCNTL_COMMANDS = (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC)

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


def program(pid: int) -> bytes:
    """The filter for process `pid`, as an array of struct sock_filter. It may signal nobody but itself."""
    to_self = one_of(0, [pid])
    signals = [one for name in ("kill", "tkill", "tgkill") for one in case(CONDITIONAL[name], to_self)]
    return _COMMON + pack([*signals, give(PERM)])


def head(allowed: Iterable[int]) -> list[Instruction]:
    """What every filter begins with: this machine's own table of calls, and those that are allowed as they are."""
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, ARCH_X86_64),
        give(RET_KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_GREATER_EQUAL, 0, 1, X32_BIT),
        give(RET_KILL),
    ]
    for number in sorted(allowed):
        code += case(number, [give(RET_ALLOW)])
    return code


def _common() -> list[Instruction]:
    """All of the filter that is the same for every process: it is built once, not at each spawn."""
    code = head(ALLOWED.values())
    not_executable = [*without(2, _PROT_EXEC), give(RET_ALLOW)]
    for name in ("mmap", "mprotect"):
        code += case(CONDITIONAL[name], not_executable)
    code += case(CONDITIONAL["fcntl"], one_of(1, _FCNTL_COMMANDS))
    return code + case(CONDITIONAL["ioctl"], [give(NOTTY)])


def pack(code: Iterable[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def give(verdict: int) -> Instruction:
    return (_RETURN, 0, 0, verdict)


def argument(index: int) -> Instruction:
    """Load the low word; the kernel reads these arguments as 32 bits."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index)


def without(index: int, bits: int, refusal: int = PERM) -> list[Instruction]:
    """Refuse when argument `index` has one of `bits`; otherwise go on, with the number no longer loaded."""
    return [argument(index), (JUMP_ANY_BIT, 0, 1, bits), give(refusal)]


def from_on(number: int, verdict: int) -> list[Instruction]:
    """Give `verdict` for this call and every later one of the table."""
    return [(_JUMP_GREATER_EQUAL, 0, 1, number), give(verdict)]


def case(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run `body`, which returns, when the call is `number`. The number is still loaded for the next case."""
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def one_of(index: int, values: Iterable[int], otherwise: int = PERM) -> list[Instruction]:
    """Allow when argument `index` is among `values`."""
    body = [argument(index)]
    for value in values:
        body += [(_JUMP_EQUAL, 0, 1, value), give(RET_ALLOW)]
    return [*body, give(otherwise)]


_COMMON = pack(_common())
