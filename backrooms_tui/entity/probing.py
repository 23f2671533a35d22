"""What the zygote finds out about this machine before it says hello: one child sealed as each profile tries to get out.

Nothing else lives yet, so that whatever ends or stops meanwhile is a probe's.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from .families import Families, kill
from .idle import look, pipe_of
from .profiles import Profile
from .tracing import resume

ALL_CHILDREN = 0x40000000
"""__WALL: threads too, and whoever has been made without a signal for its end."""
MEMORY = 64 * 1024 * 1024
PATIENCE = 5.0
"""Seconds for a probe child; it takes about 10 ms."""
_MOST = 64 * 1024
_PAUSE = 0.001

Facts = dict[str, Any]
Fork = Callable[[Profile, list[int], int], int]


def hermetic(fork: Fork) -> Facts:
    """See selftest.facts; {refused: why} when a child cannot even be sealed."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        with _Probe(fork, Profile.HERMETIC, [nothing, nothing]) as probe:
            return probe.answer()
    finally:
        os.close(nothing)


def command(fork: Fork) -> Facts:
    """See command_probe.facts; besides, whether a program that waits for its input can be seen to (`idle`), and
    whether children can be had, because all of them can be ended (`children`).
    """
    found = _one_program(fork)
    if "refused" not in found:
        found["children"] = os.path.exists(f"/proc/self/task/{os.getpid()}/children") and _all_end(fork)  # noqa: PTH110
    return found


def _one_program(fork: Fork) -> Facts:
    with _Pipes() as pipes, _Probe(fork, Profile.COMMAND, pipes.far) as probe:
        found = probe.answer()
        if "refused" not in found:
            pipe = pipe_of(pipes.far[0])
            found["runs"] = probe.until(lambda: probe.heard == b"")
            found["idle"] = found["runs"] and probe.until(lambda: look(probe.pid, pipe) is not None)
        return found


def _all_end(fork: Fork) -> bool:
    """Whether a grandchild that nobody waits for ends with the process that the room began with."""
    with _Pipes() as pipes, _Probe(fork, Profile.COMMAND | Profile.CHILDREN, pipes.far) as probe:
        if "refused" in probe.answer():
            return False
        others = [pid for pid in probe.families.everybody() if pid != probe.pid]
        kill(probe.pid)
        return bool(others) and probe.until(lambda: probe.ended) and not any(map(_is_there, others))


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


class _Pipes:
    """Standard input, output and error for a probe."""

    def __enter__(self) -> Self:
        pairs = [os.pipe() for _ in range(3)]
        self.far = [pairs[0][0], pairs[1][1], pairs[2][1]]
        self._all = [descriptor for pair in pairs for descriptor in pair]
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._all:
            os.close(descriptor)


class _Probe:
    """A sealed child, and the zygote's duties towards it."""

    def __init__(self, fork: Fork, profile: Profile, others: list[int]) -> None:
        self.families = Families()
        self.ended = False
        self.heard: bytes | None = None
        """The last that came through its socket."""
        self._deadline = time.monotonic() + PATIENCE
        self._ours, theirs = socket.socketpair()
        with theirs:
            self.pid = fork(profile, [theirs.fileno(), *others], MEMORY)
        self.families.begin(self.pid, "", forked=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.ended:
            kill(self.pid)
            self.until(lambda: self.ended)
        self._ours.close()

    def answer(self) -> Facts:
        """What it tells of its attempts."""
        told = bytearray()

        def whole() -> bool:
            told.extend(self.heard or b"")
            return b"\n" in told or self.ended

        self.until(whole)
        found: Facts = json.loads(told.partition(b"\n")[0]) if b"\n" in told else {}
        return found or {"refused": "the sealed probe did not answer"}

    def until(self, holds: Callable[[], bool]) -> bool:
        """Wait for `holds` while the child lives on; False when it takes too long, or the child is gone before."""
        while not holds():
            if time.monotonic() > self._deadline or self.ended:
                return False
            ready, _, _ = select.select([self._ours], [], [], _PAUSE)
            self.heard = self._ours.recv(_MOST) if ready else None
            self._wait()
        return True

    def _wait(self) -> None:
        while not self.ended:
            pid, status = os.waitpid(-1, os.WNOHANG | ALL_CHILDREN)
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                self.families.stopped(pid, status)
                resume(pid, status, forked=False)
            else:
                self.ended = self.families.ended(pid, os.waitstatus_to_exitcode(status)) is not None
