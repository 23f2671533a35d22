"""Deaths of every kind: each is reported with its true cause, and the room goes on from its last committed state."""

from __future__ import annotations

from .attempts import DEADLINE, DIED, HELD, NOTHING, SHORT, Attempt, never


def _death(name: str, code: str, told: str) -> Attempt:
    return Attempt("crash", name, code, DIED, DIED, never, told)


CRASHES = (
    _death("null dereference by ctypes", "ctypes.string_at(0)", "SIGNAL: SIGSEGV"),
    _death("jump to address 0x41414141", "ctypes.CFUNCTYPE(None)(0x41414141)()", "SIGNAL: SIGSEGV"),
    _death("abort()", "os.abort()", "SIGNAL: SIGABRT"),
    _death("abort() in libc", "libc.abort()", "SIGNAL: SIGABRT"),
    _death("sys.exit(3)", "import sys; sys.exit(3)", "EXIT_STATUS: 3"),
    _death("os._exit(3)", "os._exit(3)", "EXIT_STATUS: 3"),
    _death("os._exit(0) in the middle of a turn", "os._exit(0)", "EXIT_STATUS: 0"),
    _death("SIGKILL itself", "os.kill(os.getpid(), 9)", "SIGNAL: SIGKILL"),
    _death("raise SIGSEGV by kill", "os.kill(os.getpid(), 11)", "SIGNAL: SIGSEGV"),
    _death("a real-time signal", "os.kill(os.getpid(), 40)", "SIGNAL: 40"),
    Attempt(
        "crash",
        "SIGSTOP itself",
        "os.kill(os.getpid(), 19)",
        f"{HELD} {DEADLINE}",
        f"{HELD} {DEADLINE}",
        never,
        timeout=SHORT,
    ),
    Attempt("crash", "uncaught exception", "raise ValueError('as asked')", HELD, HELD, never, "ValueError"),
    Attempt(
        "crash",
        "an exception that cannot be described",
        "class Worse(Exception):\n    def __str__(self): raise self\nraise Worse",
        HELD,
        f"{HELD} {DIED}",
        never,
        "Worse",
    ),
    Attempt(
        "crash",
        "1 MiB of garbage on the crash pipe",
        "os.write(4, bytes(range(256)) * 4096)",
        DEADLINE,
        NOTHING,
        never,
        unsealed=False,
        timeout=SHORT,
    ),
    Attempt(
        "crash",
        "garbage on the crash pipe, then a death",
        "os.write(4, b'File \"\\x1b]52;c;aGk=\\x07\", line 1, in \\x1b[2J\\n' * 1000); os.abort()",
        DIED,
        NOTHING,
        never,
        "SIGNAL: SIGABRT",
        unsealed=False,
    ),
)
