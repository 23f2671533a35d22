"""Attempts to read a clock. The time of the input is no secret: a clock is one that moves while the input is answered,
or that tells when something else happened.

A command sees the clock, as its seal says: there only what needs more than a clock has to be refused.
"""

from __future__ import annotations

from .attempts import BY_DESIGN, DIED, HELD, Attempt, table

_PAIR = "b = (ctypes.c_int64 * 18)()\n"
_VISIBLE = f"{HELD} {BY_DESIGN}"
_FIND_IN_VDSO = """
libc.getauxval.restype = ctypes.c_ulong
base = libc.getauxval(33)
def number(at, size): return int.from_bytes(ctypes.string_at(base + at, size), 'little')
table, size, count = number(40, 8), number(58, 2), number(60, 2)
sections = [table + size * n for n in range(count)]
symbols = next(s for s in sections if number(s + 4, 4) == 11)
names = number(sections[number(symbols + 40, 4)] + 24, 8)
at, end = number(symbols + 24, 8), number(symbols + 24, 8) + number(symbols + 32, 8)
while ctypes.string_at(base + names + number(at, 4)) != b'__vdso_clock_gettime':
    at += 24
    if at >= end: raise LookupError('no clock in the vDSO')
tell = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)(base + number(at + 8, 8))
b = (ctypes.c_int64 * 2)()
def clock():
    tell(0, ctypes.addressof(b))
    return tuple(b)
first = clock(); wait(60); second = clock()
result = second if second != first else None
"""
_FIND_RDTSC = """
import hashlib
crypto = ctypes.CDLL('libcrypto.so.3')
at = ctypes.cast(crypto.CRYPTO_memcmp, ctypes.c_void_p).value - 0x800
at += ctypes.string_at(at, 0x1000).index(bytes.fromhex('0f3148c1e2204809d0'))
result = ctypes.CFUNCTYPE(ctypes.c_ulong)(at)()
"""

TIMES = (
    *table(
        "time",
        {
            "time.time()": "import time; result = moves(time.time)",
            "datetime.now()": "import datetime; result = moves(lambda: datetime.datetime.now().timestamp())",
            "time.monotonic moves": "import time; result = moves(time.monotonic_ns)",
            "time.perf_counter moves": "import time; result = moves(time.perf_counter_ns)",
            "process_time moves": "import time; result = works(time.process_time_ns)",
            "thread_time moves": "import time; result = works(time.thread_time_ns)",
            "raw syscall clock_gettime": _PAIR
            + "result = moves(lambda: syscall(228, 0, ctypes.addressof(b)) or b[0] * 10**9 + b[1])",
            "raw syscall gettimeofday": _PAIR
            + "result = moves(lambda: syscall(96, ctypes.addressof(b), 0) or b[0] * 10**6 + b[1])",
            "raw syscall time": "result = moves(lambda: syscall(201, 0), 1020)",
            "libc gettimeofday": _PAIR + "result = moves(lambda: libc.gettimeofday(b, None) or b[0] * 10**6 + b[1])",
            "libc time": "libc.time.restype = ctypes.c_long; result = moves(lambda: libc.time(None), 1020)",
            "libc clock_gettime of another clock": _PAIR
            + "result = moves(lambda: libc.clock_gettime(7, b) or b[0] * 10**9 + b[1])",
            "vDSO called by address": _FIND_IN_VDSO,
            "fstat mtime of inherited descriptors": "result = max(os.fstat(n).st_mtime_ns for n in range(3))",
            "fstat after writing to stdout pipe": "os.write(1, b'\\n'); result = os.fstat(1).st_mtime_ns",
            "raw fstat(5) on the stdout pipe": _PAIR + "syscall(5, 1, ctypes.addressof(b)); result = b[11]",
            "statx on the stdout pipe": "b = (ctypes.c_int64 * 32)()\n"
            "syscall(332, 1, b'', 0x1000, 0xfff, ctypes.addressof(b)); result = b[14]",
            "times(2)": "result = works(lambda: syscall(100, 0))",
            "sysinfo uptime": "b = (ctypes.c_int64 * 64)(); syscall(99, ctypes.addressof(b)); result = b[0]",
            "getrusage": "import resource; result = works(lambda: sum(resource.getrusage(0)[:2]))",
            "/proc/uptime": "result = open('/proc/uptime').read()",
            "timerfd": "fd = syscall(283, 1, 0); b = (ctypes.c_int64 * 4)(0, 0, 0, 10**7)\n"
            "syscall(286, fd, 0, ctypes.addressof(b), 0); result = os.read(fd, 8)",
            "setitimer": "import signal; seen = []; signal.signal(14, lambda *_: seen.append(1))\n"
            "signal.setitimer(0, 0.01); wait(60); result = seen",
            "alarm": "import signal; signal.alarm(9); result = signal.alarm(0) == 9 or None",
            "timer_create": "b = ctypes.c_int(); syscall(222, 1, 0, ctypes.addressof(b)); result = 'made'",
            "adjtimex": "b = (ctypes.c_int64 * 26)(); syscall(159, ctypes.addressof(b)); result = b[9]",
            "clock_nanosleep": "b = (ctypes.c_int64 * 2)(0, 10**6); result = syscall(230, 1, 0, ctypes.addressof(b), 0)"
            " or 'slept'",
            "mtime of a file it can stat": "result = os.stat(VICTIM).st_mtime",
        },
        command=_VISIBLE,
    ),
    Attempt(
        "time",
        "vsyscall page time()",
        "f = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(0xFFFFFFFFFF600400)\n"
        "def clock():\n    got = f(None)\n    if got < 0: raise PermissionError\n    return got\n"
        "result = moves(clock, 1020)",
        f"{HELD} {DIED}",
        f"{_VISIBLE} {DIED}",
    ),
    Attempt(
        "time",
        "read the vvar page below the vDSO",
        "libc.getauxval.restype = ctypes.c_ulong\n"
        "at = libc.getauxval(33) - 0x6000\n"
        "first = ctypes.string_at(at, 4096); wait(60)\nresult = ctypes.string_at(at, 4096) != first or None",
        DIED,
        f"{_VISIBLE} {DIED}",
        told="SIGSEGV",
    ),
    Attempt(
        "time", "rdtsc through OPENSSL_rdtsc already mapped", _FIND_RDTSC, DIED, f"{_VISIBLE} {DIED}", told="SIGSEGV"
    ),
    Attempt(
        "time",
        "rdtsc in own executable page",
        "import mmap\nm = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        "m.write(bytes.fromhex('0f31c3'))\nat = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        "result = moves(ctypes.CFUNCTYPE(ctypes.c_uint)(at))",
        HELD,
        f"{_VISIBLE} {DIED}",
    ),
    Attempt(
        "time",
        "raw fstat(5) on the frame socket",
        _PAIR + "syscall(5, WIRE, ctypes.addressof(b)); result = b[11] or None",
        HELD,
        _VISIBLE,
        unsealed=False,
    ),
    # Waiting and counting measures durations; no seal denies that, and none says so.
    Attempt(
        "time",
        "what ppoll() leaves of its time",
        "b = (ctypes.c_int64 * 2)(0, 10**8); f = (ctypes.c_int32 * 2)(1, 4)\n"
        "syscall(271, ctypes.addressof(f), 1, ctypes.addressof(b), 0, 8); result = b[1] not in (0, 10**8) or None",
        BY_DESIGN,
        BY_DESIGN,
    ),
    Attempt(
        "time",
        "poll() as a stopwatch",
        "count = 0\nfor _ in range(50):\n    wait(1)\n    count += 1\nresult = count",
        BY_DESIGN,
        BY_DESIGN,
    ),
)
