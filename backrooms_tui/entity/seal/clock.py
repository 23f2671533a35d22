"""The virtual clock: inside a sealed process, every clock shows the moment its input was accepted.

libc reads the time without entering the kernel, by code that the kernel maps into each process (the vDSO), so a
seccomp filter alone hides nothing. That code is overwritten here with jumps to stubs that read a slot of ours, the
pages with the kernel's own time are unmapped, and the processor's cycle counter is made to fault. x86-64 only.
"""

from __future__ import annotations

import ctypes
import mmap
import re
import struct
from pathlib import Path

from backrooms_tui.model.value import value

from . import syscalls
from .vdso import find_functions

_PAGE = mmap.PAGESIZE
_SECOND = 1_000_000_000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)

_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_READ_EXECUTE = mmap.PROT_READ | mmap.PROT_EXEC
_RAX = b"\x48\xb8"
"""mov rax, imm64"""
_ZERO = b"\x31\xc0\xc3"
"""xor eax, eax; ret"""
_JUMP = b"\xff\xe0"
"""jmp rax"""
_JUMP_SIZE = 12


class Clock:
    """The slot that the stubs read: seconds, nanoseconds, microseconds."""

    def __init__(self, address: int) -> None:
        self._slot = (ctypes.c_int64 * 3).from_address(address)

    def set(self, now: int) -> None:
        """Show `now`, nanoseconds since the epoch, on every clock of this process."""
        seconds, nanoseconds = divmod(now, _SECOND)
        self._slot[:] = [seconds, nanoseconds, nanoseconds // 1000]


@value
class ClockPlan:
    """Where this process and its forks have their clocks. Made once in the zygote: finding out costs each child
    1.2 MB of private memory and half a millisecond.
    """

    vdso: tuple[int, int]
    """Start and end."""
    functions: dict[str, int]
    """Address of each time function."""
    kernel_time: tuple[tuple[int, int], ...]
    """Mappings with the kernel's own time."""

    @classmethod
    def make(cls) -> ClockPlan | None:
        """None when this machine does not allow it."""
        maps = _maps()
        vdso = next(((start, end) for start, end, name in maps if name == "[vdso]"), None)
        if not syscalls.X86_64 or vdso is None:
            return None
        start, end = vdso
        found = find_functions(ctypes.string_at(start, end - start))
        known = _stubs(0)
        if not found or any(size < _JUMP_SIZE or name not in known for name, (_, size) in found.items()):
            return None
        functions = {name: start + offset for name, (offset, _) in found.items()}
        return cls(vdso, functions, tuple((low, high) for low, high, name in maps if name.startswith("[vvar")))

    def install(self) -> Clock:
        """Take over the clocks of this process, before its seccomp filter forbids executable pages.

        Raises OSError when the kernel refuses, as one does that seals its own mappings.
        """
        start, end = self.vdso
        page = _map_pages()
        code, targets = _assemble(_stubs(page), page + _PAGE)
        _check(_libc.mprotect(start, end - start, _READ_WRITE))
        ctypes.memmove(page + _PAGE, code, len(code))
        for name, address in self.functions.items():
            ctypes.memmove(address, _RAX + struct.pack("<Q", targets[name]) + _JUMP, _JUMP_SIZE)
        _check(_libc.mprotect(page + _PAGE, _PAGE, _READ_EXECUTE))
        _check(_libc.mprotect(start, end - start, _READ_EXECUTE))
        for low, high in self.kernel_time:
            _check(_libc.munmap(low, high - low))
        syscalls.prctl(syscalls.PR_SET_TSC, syscalls.PR_TSC_SIGSEGV)
        return Clock(page)


def _map_pages() -> int:
    """Two fresh pages: the slot, and room for the stubs."""
    address = _libc.mmap(None, 2 * _PAGE, _READ_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    _check(-1 if address in (None, ctypes.c_void_p(-1).value) else 0)
    return int(address)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the virtual clock is refused")


def _maps() -> list[tuple[int, int, str]]:
    """Named mappings of this process that the kernel made: (start, end, name)."""
    maps = Path("/proc/self/maps").read_text("ascii", "replace")
    found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) .* (\[v\w+\])$", maps, re.MULTILINE)
    return [(int(low, 16), int(high, 16), name) for low, high, name in found]


def _assemble(stubs: dict[str, bytes], base: int) -> tuple[bytes, dict[str, int]]:
    """The stubs one after the other, and where each begins when they are put at `base`."""
    code = b""
    targets = {}
    for name, stub in stubs.items():
        targets[name] = base + len(code)
        code += stub + b"\xcc" * (-len(stub) % 16)
    return code, targets


def _stubs(slot: int) -> dict[str, bytes]:
    """Machine code for each time function of the vDSO, reading the slot. Arguments come in rdi and rsi."""
    load = _RAX + struct.pack("<Q", slot)
    # clock_gettime(id, ts): ts[0], ts[1] = slot[0], slot[1]
    gettime = load + bytes.fromhex("488b08 48890e 488b4808 48894e08") + _ZERO
    # gettimeofday(tv, zone): if tv: tv[0], tv[1] = slot[0], slot[2]
    timeofday = load + bytes.fromhex("4885ff 740e 488b08 48890f 488b4810 48894f08") + _ZERO
    # time(t): if t: t[0] = slot[0]; return slot[0]
    seconds = load + bytes.fromhex("488b00 4885ff 7403 488907 c3")
    # clock_getres(id, ts): if ts: ts[0], ts[1] = 0, 1
    resolution = bytes.fromhex("4885f6 740f 48c70600000000 48c7460801000000") + _ZERO
    # getcpu(cpu, node): if cpu: cpu[0] = 0; if node: node[0] = 0
    cpu = bytes.fromhex("4885ff 7406 c70700000000 4885f6 7406 c70600000000") + _ZERO
    # getrandom(...): the system call, whose result is as good
    random = bytes.fromhex("b83e010000 0f05 c3")
    return {
        "__vdso_clock_gettime": gettime,
        "__vdso_gettimeofday": timeofday,
        "__vdso_time": seconds,
        "__vdso_clock_getres": resolution,
        "__vdso_getcpu": cpu,
        "__vdso_getrandom": random,
    }
