"""Ways to break an entity for real, so that operators and tests see what the room does about it.

Nothing here is a simulation: each drill does the thing, and the seal, the deadline or a bound answers. Drills that
the seal refuses say what refused them. The entity has no clock; waiting in `poll` is the one way to let time pass.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import select
from collections.abc import Callable
from typing import NamedTuple, NoReturn

Say = Callable[[str], None]

MAX_STREAM = 200_000
"""Lines of one stream; more would pass the output bound, which is the flood drill's business."""
MAX_ALLOCATION = 2 << 30
"""Bytes at which the memory drill gives up when nothing bounds it."""
_BATCH = 100
_HOSTILE = (
    "\x1b]52;c;aG9zdGlsZQ==\x07 clipboard",
    "\x1b]0;hostile\x07 title",
    "\x1b[6n\x1b[c\x9b6n the terminal types back",
    "\x1b[2J\x1b[H cleared screen, \u202eright to left\u202c, \u200bzero width",
    "[red]markup[/red] [@click=app.quit]click[/] [/]",
)


def wait(seconds: float) -> None:
    """Let time pass, without work."""
    select.poll().poll(max(0.0, seconds * 1000))


def wait_for_ever() -> NoReturn:
    while True:
        select.poll().poll()


def stream(say: Say, count: int, rate: int | None) -> None:
    """Say `count` numbered lines, `rate` a second (None: as fast as it goes), in batches of at most 100."""
    if not 0 < count <= MAX_STREAM or (rate is not None and rate <= 0):
        say(f"Refused: 1 to {MAX_STREAM} lines, at a rate above 0.")
        return
    batch = _BATCH if rate is None else max(1, min(_BATCH, rate // 50))
    for first in range(1, count + 1, batch):
        last = min(first + batch - 1, count)
        say("\n".join(f"Line {number} of {count}." for number in range(first, last + 1)))
        if rate is not None and last < count:
            wait(batch / rate)


def _attempt(say: Say, act: Callable[[], object]) -> None:
    try:
        act()
    except (OSError, RuntimeError, ImportError, MemoryError) as error:
        say(f"Refused: {type(error).__name__}.")
    else:
        say("Not refused.")


def _crash(_: Say) -> None:
    ctypes.string_at(0)


def _abort(_: Say) -> None:
    os.abort()


def _exit(_: Say) -> None:
    os._exit(3)


def _fail(_: Say) -> None:
    raise RuntimeError("A failure as asked for.")


def _loop(_: Say) -> None:
    while True:
        pass


def _recursion(say: Say) -> None:
    _recursion(say)


def _flood(say: Say) -> None:
    line = "x" * 60_000
    while True:
        say(line)


def _memory(say: Say) -> None:
    blocks: list[bytearray] = []

    def fill() -> None:
        while len(blocks) < MAX_ALLOCATION >> 20:
            blocks.append(bytearray(b"x") * (1 << 20))

    try:
        fill()
    except MemoryError:
        held = len(blocks)
        blocks.clear()
        say(f"Refused after {held} MB.")
    else:
        say("Not refused.")


def _fork(say: Say) -> None:
    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    _attempt(say, fork)


def _thread_start(say: Say) -> None:
    _attempt(say, lambda: _thread.start_new_thread(wait, (0.0,)))


def _network(say: Say) -> None:
    def connect() -> None:
        import _socket

        _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM).close()

    _attempt(say, connect)


def _files(say: Say) -> None:
    _attempt(say, lambda: os.close(os.open("/etc/passwd", os.O_RDONLY)))


def _hostile(say: Say) -> None:
    for line in _HOSTILE:
        say(line)


class Drill(NamedTuple):
    meaning: str
    act: Callable[[Say], None]


DRILLS: dict[str, Drill] = {
    "crash": Drill("Reads address 0: SIGSEGV.", _crash),
    "abort": Drill("Aborts: SIGABRT.", _abort),
    "exit": Drill("Ends itself with status 3.", _exit),
    "fail": Drill("Raises an exception; the entity lives on.", _fail),
    "recursion": Drill("Calls itself without end; Python stops it, the entity lives on.", _recursion),
    "loop": Drill("Computes without end: the timeout ends it.", _loop),
    "flood": Drill("Says 60,000 characters again and again: the output bound ends it.", _flood),
    "memory": Drill("Takes memory until it gets no more.", _memory),
    "fork": Drill("Tries to make a child process.", _fork),
    "thread": Drill("Tries to start a thread.", _thread_start),
    "network": Drill("Tries to make a socket.", _network),
    "files": Drill("Tries to read a file of the system.", _files),
    "hostile": Drill("Says terminal control sequences and markup, which must arrive as text.", _hostile),
}
"""By the word that is typed after `drill`."""
