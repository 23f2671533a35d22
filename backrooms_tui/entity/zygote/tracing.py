"""Seeing what a room dies of: the zygote traces its children, and the kernel tells it where a fault was.

The address of a fault, and of the instruction that made it, are nowhere else to be had without trusting the process.
Nothing is slowed down: a traced process stops only for signals. It costs a spawn 0.2 ms.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from backrooms_tui.entity.process import FAULTS
from backrooms_tui.entity.seal.syscalls import X86_64
from backrooms_tui.model.value import changed, value

_SEIZE = 0x4206
_GET_SIGNAL = 0x4202
_CONTINUE = 7
_EXIT_KILL = 0x100000
"""The kernel ends a traced child with its tracer."""
_FOLLOW = 0b11110
"""Forks, vforks, clones and execs: what a traced process makes is traced from its first instruction on."""
_GET_MESSAGE = 0x4201
_INTERRUPT = 0x4207
_SIGINFO_SIZE = 128
_GET_REGISTERS = 12
_REGISTERS_SIZE = 27 * 8
_INSTRUCTION = 16 * 8
"""Offset of rip in x86-64's struct user_regs_struct."""
_EVENT_EXEC = 4
"""In the high bits of a stop that is no signal's."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class _Loaded(ctypes.Structure):
    """Dl_info."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


_libc.dladdr.argtypes = (ctypes.c_void_p, ctypes.POINTER(_Loaded))


@value
class Fault:
    """A signal that stopped a traced process."""

    number: int
    address: int | None
    """What it reached for; None when the signal was sent, by whomever."""
    place: str | None = None
    """The instruction that did, as library and offset; None when unknown."""


def seize(pid: int, *, follow: bool = False) -> bool:
    """Trace a child that has not sealed itself yet, with `follow` all that it makes too; False when this machine does
    not allow it.
    """
    return int(_libc.ptrace(_SEIZE, pid, None, _EXIT_KILL | (_FOLLOW if follow else 0))) == 0


def is_ours(pid: int) -> bool:
    """Whether a number still is a task that is traced from here; one that has ended and waits for us is."""
    return int(_libc.ptrace(_INTERRUPT, pid, None, None)) == 0 or ctypes.get_errno() != errno.ESRCH


def former_thread(pid: int, status: int) -> int | None:
    """The thread that a stop tells of to have become process `pid` by exec, and to be no more."""
    message = ctypes.c_ulong()
    if status >> 16 != _EVENT_EXEC or _libc.ptrace(_GET_MESSAGE, pid, None, ctypes.addressof(message)) != 0:
        return None
    return message.value if message.value != pid else None


def resume(pid: int, status: int, *, forked: bool = False) -> Fault | None:
    """Let a stopped child go on, with the signal that stopped it; what it was when it can be deadly.

    `forked`: it still is what this process forked, with its libraries in the same places.
    """
    number = os.WSTOPSIG(status)
    if status >> 16:  # an event, no signal; or a stop of the whole process: an entity does not get to rest
        _libc.ptrace(_CONTINUE, pid, None, None)
        return None
    information = ctypes.create_string_buffer(_SIGINFO_SIZE)
    known = number in FAULTS and _libc.ptrace(_GET_SIGNAL, pid, None, ctypes.addressof(information)) == 0
    instruction = _instruction(pid) if known and forked else None
    _libc.ptrace(_CONTINUE, pid, None, number)
    if not known:
        return None
    found = fault(information.raw)
    return found if instruction is None or found.address is None else changed(found, place=place_of(instruction))


def fault(information: bytes) -> Fault:
    """What the kernel's siginfo says: a positive code is a fault's, and its address follows."""
    number, _, code, address = struct.unpack_from("<iii4xQ", information)
    return Fault(number, address if code > 0 else None)


def place_of(instruction: int) -> str:
    """`library+offset` of an address in this process; the bare address where nothing is loaded.

    A sealed child's memory is hidden, also from us; but it can load nothing, so its libraries are where ours are.
    """
    found = _Loaded()
    if not _libc.dladdr(instruction, ctypes.byref(found)) or not found.file:
        return f"0x{instruction:016x}"
    return f"{os.fsdecode(found.file).rpartition('/')[2]}+{instruction - (found.base or 0):#x}"


def _instruction(pid: int) -> int | None:
    registers = ctypes.create_string_buffer(_REGISTERS_SIZE)
    if not X86_64 or _libc.ptrace(_GET_REGISTERS, pid, None, ctypes.addressof(registers)) != 0:
        return None
    return int(struct.unpack_from("<Q", registers, _INSTRUCTION)[0])
