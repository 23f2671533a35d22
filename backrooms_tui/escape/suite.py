"""The suite: every row unsealed, then in a fresh room of each profile, and what it all came to."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path

from backrooms_tui.model.reports import Progress, quiet
from backrooms_tui.model.value import changed, value

from .arena import Arena, descriptors, memory
from .attempts import ESCAPED, NOTHING, Attempt
from .baseline import Baseline, unsealed
from .neighbour import median, slowed
from .outside import Outside
from .rows import NEED_BASELINE, ROWS, Row
from .scenarios import Scenario
from .trying import Tried, attempt_in_room, play

TIMES = 3
"""How often an attempt is made before the neighbour counts as slowed by it."""
CALM = 5
"""Answers of the neighbour that are listened to between two rows."""
REMEMBERED = 60
"""Answers that say what is quiet now: machines have their moods."""

Told = Callable[["Result"], None]


@value
class Result:
    """One row of the table."""

    row: Row
    baseline: Baseline
    tried: dict[str, Tried]
    """By profile, of those that it applies to and that can be had here."""

    @property
    def proves(self) -> bool:
        """Whether being refused says anything: the attempt works where nothing seals it."""
        return self.row.group not in NEED_BASELINE or self.baseline.outcome in (ESCAPED, NOTHING)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is not as it has to be, for people."""
        found = []
        for profile, tried in self.tried.items():
            if not tried.fits:
                right = " or ".join(sorted(self.row.expected(profile)))
                found.append(f"{profile}: {tried.outcome}, not {right}: {tried.detail}")
            if tried.after:
                found.append(f"{profile}: AFTERWARDS {tried.after}")
            if self.has_calm and slowed(tried.neighbour, tried.quiet):
                found.append(f"{profile}: NEIGHBOUR {tried.neighbour * 1000:.1f} ms, QUIET {tried.quiet * 1000:.1f} ms")
        return tuple(found)

    @property
    def has_calm(self) -> bool:
        """Whether the neighbour may ask not to be slowed by it."""
        return self.row.calm if isinstance(self.row, Scenario) else True


@value
class About:
    """Where the rows were tried."""

    profiles: tuple[str, ...]
    missing: dict[str, str]
    """Profiles that cannot be had here, and why."""
    seal: tuple[str, ...]
    """Lines of the seal that Python entities have here."""
    command_seal: tuple[str, ...]
    """And programs."""
    trouble: str
    """What went wrong with the neighbour; empty: nothing."""


@value
class Report:
    results: tuple[Result, ...]
    about: About
    uid: int
    seconds: float
    memory: int
    """Bytes by which the host has grown for good, the rooms being closed."""
    descriptors: int
    """How many more it has open afterwards."""
    processes: int
    """How many of its processes are still there afterwards."""

    def count(self, profile: str, outcome: str) -> int:
        return sum(profile in one.tried and one.tried[profile].outcome == outcome for one in self.results)

    def unsealed(self, outcome: str) -> int:
        return sum(one.baseline.outcome == outcome for one in self.results)

    @property
    def attempts(self) -> int:
        return sum(len(one.tried) for one in self.results)

    @property
    def escaped(self) -> int:
        return sum(self.count(profile, ESCAPED) for profile in self.about.profiles)

    @property
    def held(self) -> bool:
        """Whether nothing escaped, and everything came out as it has to."""
        return not (
            any(one.troubles for one in self.results) or self.descriptors or self.processes or self.about.trouble
        )


def run(
    progress: Progress = quiet,
    told: Told = lambda _: None,
    *,
    groups: Collection[str] = (),
    rows: Collection[Row] = ROWS,
) -> Report:
    """Make every attempt of `groups` (all when empty). `told` gets each row when it is done; `progress` may stop the
    suite by raising. Takes about a minute. Raises BackroomsError when rooms cannot be had at all.
    """
    chosen = [row for row in rows if not groups or row.group in groups]
    started, opened, before = time.monotonic(), descriptors(), memory()
    with Outside() as outside:
        results, about = _all(outside, chosen, progress, told)
        left = children(besides=outside.bystander)
    return Report(
        results=results,
        about=about,
        uid=os.geteuid(),
        seconds=time.monotonic() - started,
        memory=memory() - before,
        descriptors=descriptors() - opened,
        processes=left,
    )


def _all(outside: Outside, rows: Collection[Row], progress: Progress, told: Told) -> tuple[tuple[Result, ...], About]:
    results = []
    with Arena(outside) as arena:
        calm = deque(arena.neighbour.asked(time.monotonic(), least=REMEMBERED), REMEMBERED)
        for number, row in enumerate(rows):
            progress(number, len(rows))
            calm.extend(arena.neighbour.asked(time.monotonic(), least=CALM))
            results.append(_tried(arena, row, median(list(calm))))
            if not results[-1].has_calm:
                arena.neighbour.forgive()
            told(results[-1])
        status = arena.service.status()
        about = About((*arena.profiles,), arena.missing, status.seal, status.command_seal, arena.neighbour.trouble)
    return tuple(results), about


def _tried(arena: Arena, row: Row, calm: float) -> Result:
    arena.outside.restore()
    baseline = unsealed(row, arena.outside, arena.names()) if isinstance(row, Attempt) else Baseline(NOTHING, "")
    tried: dict[str, Tried] = {}
    for profile in arena.profiles:
        if NOTHING not in row.expected(profile):
            tried[profile] = _in_profile(arena, row, profile, calm)
    arena.outside.restore()
    return Result(row, baseline, tried)


def _in_profile(arena: Arena, row: Row, profile: str, calm: float) -> Tried:
    """Try it and, when the neighbour seems slowed, again: a machine has other things to do, an attempt slows always."""
    for _ in range(TIMES):
        tried = attempt_in_room(arena, row, profile) if isinstance(row, Attempt) else play(arena, row, profile)
        if not slowed(tried.neighbour, calm):
            break
        calm = max(calm, median(arena.neighbour.asked(time.monotonic(), least=CALM)))  # it may be slow without it, too
    return changed(tried, quiet=calm)


def children(besides: int) -> int:
    """Processes whose parent is this one, but for one of them."""
    found = 0
    for task in Path("/proc/self/task").iterdir():
        pids = (task / "children").read_text(encoding="ascii").split()
        found += sum(int(pid) != besides for pid in pids)
    return found
