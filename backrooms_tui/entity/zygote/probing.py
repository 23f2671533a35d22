"""What the zygote finds out about this machine: one child sealed as each profile has it tries to get out.

For hermetic rooms that is part of its hello. The program's part takes 40 ms, which a room of another kind need not
wait for: it is done when it is asked for, or when there is nothing else to do.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self

from backrooms_tui.entity.profiles import Profile
from backrooms_tui.entity.programs.idle import look, pipe_of

from .families import Families, kill

ALL_CHILDREN = 0x40000000
"""__WALL: threads too, and whoever has been made without a signal for its end."""
MEMORY = 64 * 1024 * 1024
PATIENCE = 5.0
"""Seconds for a probe child; it takes about 10 ms."""
_MOST = 64 * 1024
_PAUSE = 0.001

Facts = dict[str, Any]
TOKEN = ""
"""Of probes; no room has it."""


class Nursery(Protocol):
    """What of the zygote is needed here."""

    families: Families

    def fork_probe(self, profile: Profile, descriptors: list[int], memory: int) -> int:
        """Make a child that seals itself, tries to get out, and tells; gives its number."""
        ...

    def reap(self) -> None:
        """Take note of everybody who has stopped or ended."""
        ...


def hermetic(zygote: Nursery) -> Facts:
    """See selftest.facts; {refused: why} when a child cannot even be sealed."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        with _Probe(zygote, Profile.HERMETIC, [nothing, nothing]) as probe:
            return probe.answer()
    finally:
        os.close(nothing)


def command(zygote: Nursery) -> Facts:
    """See command_probe.facts; besides, whether a program that waits for its input can be seen to (`idle`), and
    whether children can be had, because all of them can be ended (`children`).
    """
    try:
        found = _one_program(zygote)
        if "refused" not in found:
            found["children"] = _is_there(f"self/task/{os.getpid()}/children") and _all_end(zygote)
    except OSError as error:
        return {"refused": str(error)}
    return found


def _one_program(zygote: Nursery) -> Facts:
    with _Pipes() as pipes, _Probe(zygote, Profile.COMMAND, pipes.far) as probe:
        found = probe.answer()
        if "refused" not in found:
            pipe = pipe_of(pipes.far[0])
            found["runs"] = probe.until(lambda: probe.heard == b"")
            found["idle"] = found["runs"] and probe.until(lambda: look(probe.pid, pipe) is not None)
        return found


def _all_end(zygote: Nursery) -> bool:
    """Whether a grandchild that nobody waits for ends with the process that the room began with."""
    with _Pipes() as pipes, _Probe(zygote, Profile.COMMAND | Profile.CHILDREN, pipes.far) as probe:
        if "refused" in probe.answer():
            return False
        # A newborn is heard of when it first gets a processor, which may be after its grandparent has told all.
        if not probe.until(lambda: bool(zygote.families.others(probe.pid))):
            return False
        others = zygote.families.others(probe.pid)
        kill(probe.pid)
        return probe.until(lambda: probe.ended) and not any(map(_is_there, map(str, others)))


def _is_there(name: str) -> bool:
    return Path("/proc", name).exists()


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
    """A sealed child, and the zygote's duties towards it and everybody else meanwhile."""

    def __init__(self, zygote: Nursery, profile: Profile, others: list[int]) -> None:
        self.heard: bytes | None = None
        """The last that came through its socket."""
        self._zygote = zygote
        self._deadline = time.monotonic() + PATIENCE
        self._ours, theirs = socket.socketpair()
        with theirs:
            self.pid = zygote.fork_probe(profile, [theirs.fileno(), *others], MEMORY)
        self._family = zygote.families.begin(self.pid, TOKEN, forked=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.ended:
            kill(self.pid)
            self.until(lambda: self.ended)
        self._ours.close()

    @property
    def ended(self) -> bool:
        """Whether it is no more, and whomever it has made."""
        return self._family.code is not None and not self._family.others

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
            self._zygote.reap()
        return True
