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
_SIGINFO_SIZE = 128
_EVENT_STOP = 128
"""In the high byte of a stop that is no signal's."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


@value
class Fault:
    """A signal that stopped a traced process."""

    number: int
    address: int | None
    """Where it faulted; None when the signal was sent, by whomever."""


def seize(pid: int) -> bool:
    """Trace a child that has not sealed itself yet; False when this machine does not allow it."""
    return int(_libc.ptrace(_SEIZE, pid, None, _EXIT_KILL)) == 0


def resume(pid: int, status: int) -> Fault | None:
    """Let a stopped child go on, with the signal that stopped it; what it was when it can be deadly."""
    number = os.WSTOPSIG(status)
    if status >> 16 == _EVENT_STOP:  # a stop of the whole process: an entity does not get to rest
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
