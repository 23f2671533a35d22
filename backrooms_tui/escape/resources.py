"""Attempts to take more than a room's share: memory, descriptors, processes, the stack, the host's ear."""

from __future__ import annotations

from .attempts import DEADLINE, DIED, HELD, PROTOCOL, Attempt, never, table

MEMORY_LIMIT = 64 * 1024 * 1024
"""Bytes that the rooms of the suite may take."""

_ALIVE = f"{HELD} {DIED} {PROTOCOL}"
"""A bounded end: it is refused, or it dies of it."""

RESOURCES = (
    Attempt(
        "res",
        "allocate 256 MiB of bytearrays",
        "kept = [bytearray(1 << 20) for _ in range(256)]; result = len(kept)",
        HELD,
        _ALIVE,
    ),
    Attempt("res", "mmap 2 GiB private", "import mmap; result = mmap.mmap(-1, 1 << 31, 34)", HELD, _ALIVE),
    Attempt(
        "res",
        "mmap 256 MiB shared anonymous and touch it",
        "import mmap\nm = mmap.mmap(-1, 1 << 28)\nfor at in range(0, 1 << 28, 4096): m[at] = 1\n"
        "wait(700); result = len(m)",
        HELD,
        _ALIVE,
    ),
    Attempt(
        "res",
        "grow the heap by brk",
        "start = syscall(12, 0)\nend = syscall(12, start + (1 << 28))\nresult = end - start or None",
        HELD,
        HELD,
    ),
    Attempt(
        "res",
        "many small objects",
        "kept = []\nfor _ in range(3_000_000): kept.append([])\nresult = len(kept)",
        f"{HELD} {DIED}",
        _ALIVE,
    ),
    Attempt(
        "res",
        "many large integers",
        "kept = []\nfor n in range(256): kept.append(1 << (8 << 20) + n)\nresult = len(kept)",
        f"{HELD} {DIED}",
        _ALIVE,
    ),
    Attempt("res", "descriptor exhaustion by dup", "result = [os.dup(1) for _ in range(200)]", HELD, HELD),
    Attempt("res", "descriptor exhaustion by pipes", "result = [os.pipe() for _ in range(200)]", HELD, HELD),
    Attempt(
        "res",
        "fork bomb (200 at most)",
        "ours, theirs = os.pipe()\nmade = 0\n"
        "for _ in range(200):\n"
        "    try: pid = os.fork()\n"
        "    except OSError: break\n"
        "    if pid == 0:\n        os.close(theirs); os.read(ours, 1); os._exit(0)\n"
        "    made += 1\n"
        "os.close(theirs)\nresult = made or None",
        HELD,
        HELD,
    ),
    *table(
        "res",
        {
            "1 GiB on the frame descriptor, no newline": "for _ in range(16384): os.write(WIRE, b'x' * 65536)",
            "1 GiB on stdout, no newline": "for _ in range(16384): os.write(1, b'x' * 65536)",
            "endless small output frames": """line = b'{"type":"output","text":""}\\n' * 500
while True: send(line)""",
            "endless small lines on stdout": "while True: os.write(1, b'\\n' * 4096)",
            "endless observations with data": """line = b'{"type":"observation","text":"","data":[[[0]]]}\\n' * 500
while True: send(line)""",
        },
        hermetic=PROTOCOL,
        command=PROTOCOL,
        proof=never,
        unsealed=False,
    ),
    Attempt(
        "res",
        "deep Python recursion",
        "def deeper(): deeper()\ndeeper()",
        HELD,
        HELD,
        never,
        told="RecursionError",
    ),
    Attempt(
        "res",
        "recursion with the limit lifted",
        "import sys; sys.setrecursionlimit(10**9)\ndef deeper(n): return repr(n) and list(map(deeper, [n]))\ndeeper(1)",
        f"{DIED} {HELD}",
        f"{DIED} {HELD} {DEADLINE}",
        never,
    ),
    Attempt(
        "res",
        "C recursion (nested repr)",
        "nested = []\nfor _ in range(100_000): nested = [nested]\nrepr(nested)",
        HELD,
        HELD,
        never,
        told="RecursionError",
    ),
    Attempt(
        "res",
        "a failure whose text takes 40 MB",
        "raise RuntimeError('x' * 40_000_000)",
        f"{HELD} {DIED}",
        f"{HELD} {DIED} {PROTOCOL}",
        never,
    ),
    Attempt(
        "res",
        "file size: write past FSIZE",
        "with open(SPARE, 'wb') as f: f.write(bytes(1 << 20))\nresult = os.stat(SPARE).st_size",
        HELD,
        f"{HELD} {DIED}",
    ),
    Attempt(
        "res",
        "a storm of 200,000 refused system calls",
        "refused = 0\nfor _ in range(200_000): refused += libc.syscall(ctypes.c_long(2), b'/etc/shadow', 0) == -1\n"
        "result = 200_000 - refused or None",
        HELD,
        HELD,
        unsealed=False,
    ),
)
