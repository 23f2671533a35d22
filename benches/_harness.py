"""What all benches share: a figure is worth what its floor was in the same seconds.

Latencies of one moment say nothing about another's (waking a halted virtual processor costs 30-50 us), so subject and
floor take turns in one process, and ratios of medians are compared.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

WARM_UP = 0.05
"""Share of the rounds that is run first and not counted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Durations of one subject."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return sorted(self.seconds)[int(0.95 * (len(self.seconds) - 1))]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its floor. `must` bounds the ratio: from above for seconds, from below for rates."""

    subject: str
    value: float
    floor: str
    floor_value: float
    must: float
    unit: str = "s"
    """`s` or `/s`."""

    @property
    def ratio(self) -> float:
        return self.value / self.floor_value

    @property
    def held(self) -> bool:
        return self.ratio >= self.must if self.unit == "/s" else self.ratio <= self.must


class Floor:
    """The floor of everything durable: append 500 bytes to a file in `folder`, fdatasync."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "floor.bin"
        self._line = os.urandom(500)

    def __enter__(self) -> Self:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        self._path.unlink()

    def append(self) -> None:
        os.write(self._fd, self._line)
        os.fdatasync(self._fd)


class Metered:
    """Runs subjects, and remembers what they took of the processor, programs that they started included."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    def __call__(self, name: str, subject: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            before = sum(os.times()[:4])
            subject()
            self.taken.setdefault(name, []).append(sum(os.times()[:4]) - before)

        return run

    def median(self, name: str) -> float:
        """Seconds."""
        return statistics.median(self.taken[name])

    def ratio(self, subject: str, floor: str) -> float:
        """How many times the rate of its floor a subject has, by the processor's time."""
        return self.median(floor) / self.median(subject)


def interleave(subjects: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Figures]:
    """Time every subject once a round, in turns that change their order from round to round."""
    order = list(subjects.items())
    times: dict[str, list[float]] = {name: [] for name in subjects}
    warm_up = int(rounds * WARM_UP)
    for n in range(warm_up + rounds):
        order.append(order.pop(0))
        for name, subject in order:
            began = time.perf_counter()
            subject()
            elapsed = time.perf_counter() - began
            if n >= warm_up:
                times[name].append(elapsed)
    return {name: Figures(tuple(taken)) for name, taken in times.items()}


def print_table(title: str, rows: Sequence[Row], *, notes: Sequence[str] = ()) -> None:
    """Print figures, floors and ratios as a Markdown table, as docs/PERFORMANCE.md keeps it."""
    print(f"### {title}\n")
    print("| figure | | floor | | ratio | must | |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        bound = f"{'>=' if row.unit == '/s' else '<='} {row.must:.3g}x"
        verdict = "held" if row.held else "MISSED"
        figure, floor = _amount(row.value, row.unit), _amount(row.floor_value, row.unit)
        print(f"| {row.subject} | {figure} | {row.floor} | {floor} | {row.ratio:.2f}x | {bound} | {verdict} |")
    print()
    for note in notes:
        print(f"- {note}")
    if notes:
        print()


def _amount(value: float, unit: str) -> str:
    if unit == "/s":
        return f"{value:,.0f}/s"
    for factor, name in ((1, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:.2f} {name}"
    return f"{value * 1e6:.1f} us"
