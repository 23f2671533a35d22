"""Whom the zygote has made, and what they have made: every process and thread of every room.

A room may only have children, or threads, where the kernel lets the zygote trace it: what is made then belongs to the
zygote from its first instruction on, however it was made. A room is its session, which no member can leave, because
setsid is refused to all of them; so a newborn is told apart even when its parent is dead. Nothing of a room outlives
the process that it began with.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field

from .tracing import former_thread, is_ours

MAX_TASKS = 64
"""Processes and threads of one room; one more, and the room is ended."""


@dataclass(slots=True)
class Family:
    token: str
    forked: bool
    """It is still the zygote's own code that runs, and no program."""
    others: set[int] = field(default_factory=set)
    """Everything but the process it began with."""
    code: int | None = None
    """How that process ended."""
    crowded: bool = False
    """It was ended for having more than MAX_TASKS."""


class Families:
    """Used by the zygote's one thread."""

    def __init__(self) -> None:
        self._families: dict[int, Family] = {}
        self._of: dict[int, int] = {}
        """Task to the process its family began with."""

    def begin(self, pid: int, token: str, *, forked: bool) -> Family:
        family = self._families[pid] = Family(token, forked)
        return family

    def forked(self, pid: int) -> bool:
        """Whether the libraries of this task are where the zygote's are."""
        family = self._families.get(pid)
        return family is not None and family.forked

    def stopped(self, pid: int, status: int) -> None:
        """A task has stopped; before it may go on it is known, or killed."""
        if pid not in self._families and pid not in self._of:
            self._adopt(pid)
        former = former_thread(pid, status)
        if former is not None:
            self._forget(former)

    def ended(self, pid: int, code: int) -> tuple[int, Family] | None:
        """A task is no more; gives its family, and whom it began with, when it was the last of it."""
        family = self._families.get(pid)
        if family is not None:
            family.code = code
            self._end(family)
        first = pid if family is not None else self._forget(pid)
        if first is None or (family := self._families[first]).code is None or family.others:
            return None
        return first, self._families.pop(first)

    def end_all(self) -> None:
        """Kill everybody."""
        for first, family in self._families.items():
            kill(first)
            self._end(family)

    def others(self, first: int) -> list[int]:
        """Everybody in the family that began with a process, but for that one."""
        return [*self._families[first].others]

    def _end(self, family: Family) -> None:
        """Kill all others. A thread that becomes a program takes its process's number; if that is killed at the same
        moment we never hear that the thread's own is free, and soon somebody else's.
        """
        for other in [*family.others]:
            if is_ours(other):
                kill(other)
            else:
                self._forget(other)

    def _adopt(self, pid: int) -> None:
        try:
            first = os.getsid(pid)
        except ProcessLookupError:
            return
        family = self._families.get(first)
        if family is None:
            kill(pid)
            return
        family.others.add(pid)
        self._of[pid] = first
        if family.code is not None:
            kill(pid)
        elif len(family.others) >= MAX_TASKS:
            family.crowded = True
            kill(first)

    def _forget(self, pid: int) -> int | None:
        first = self._of.pop(pid, None)
        if first is not None:
            self._families[first].others.discard(pid)
        return first


def kill(pid: int) -> None:
    """SIGKILL a task that has not been waited for."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
