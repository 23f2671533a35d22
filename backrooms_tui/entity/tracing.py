"""Seeing what a room dies of: the zygote traces its children, and the kernel tells it where a fault was.

The address of a fault is nowhere else to be had without trusting the process that made it. Nothing is slowed down:
a traced process stops only for signals. It costs a spawn 0.2 ms.
"""

from __future__ import annotations

import ctypes
import os
import struct

from backrooms_tui.model.value import value

from .process import FAULTS

_SEIZE = 0x4206
_GET_SIGNAL = 0x4202
_CONTINUE = 7
_EXIT_KILL = 0x100000
"""The kernel ends a traced child with its tracer."""
_FOLLOW = 0b11110
"""Forks, vforks, clones and execs: what a traced process makes is traced from its first instruction on."""
_GET_MESSAGE = 0x4201
_SIGINFO_SIZE = 128
_EVENT_EXEC = 4
"""In the high bits of a stop that is no signal's."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


@value
class Fault:
    """A signal that stopped a traced process."""

    number: int
    address: int | None
    """Where it faulted; None when the signal was sent, by whomever."""


def seize(pid: int, *, follow: bool = False) -> bool:
    """Trace a child that has not sealed itself yet, with `follow` all that it makes too; False when this machine does
    not allow it.
    """
    return int(_libc.ptrace(_SEIZE, pid, None, _EXIT_KILL | (_FOLLOW if follow else 0))) == 0


def former_thread(pid: int, status: int) -> int | None:
    """The thread that a stop tells of to have become process `pid` by exec, and to be no more."""
    message = ctypes.c_ulong()
    if status >> 16 != _EVENT_EXEC or _libc.ptrace(_GET_MESSAGE, pid, None, ctypes.addressof(message)) != 0:
        return None
    return message.value if message.value != pid else None


def resume(pid: int, status: int) -> Fault | None:
    """Let a stopped child go on, with the signal that stopped it; what it was when it can be deadly."""
    number = os.WSTOPSIG(status)
    if status >> 16:  # an event, no signal; or a stop of the whole process: an entity does not get to rest
        _libc.ptrace(_CONTINUE, pid, None, None)
        return None
    information = ctypes.create_string_buffer(_SIGINFO_SIZE)
    known = number in FAULTS and _libc.ptrace(_GET_SIGNAL, pid, None, ctypes.addressof(information)) == 0
    _libc.ptrace(_CONTINUE, pid, None, number)
    return fault(information.raw) if known else None


def fault(information: bytes) -> Fault:
    """What the kernel's siginfo says: a positive code is a fault's, and its address follows."""
    number, _, code, address = struct.unpack_from("<iii4xQ", information)
    return Fault(number, address if code > 0 else None)
