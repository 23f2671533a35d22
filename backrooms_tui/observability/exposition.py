"""The text that Prometheus reads, written as the seed shows it: whole numbers whole, families apart.

`prometheus-client` would write `8.0` and `1.2582912e+09` where the seed has `8` and `1258291200`, and takes 90 ms to
load; the format is this much code. The library's parser and `promtool` check it in the tests.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from backrooms_tui.model.value import made, value

Labels = Mapping[str, str]


@value
class Sample:
    amount: float
    labels: Labels = made(factory=dict)
    suffix: str = ""


@value
class Family:
    """All samples of one name."""

    name: str
    kind: str
    """gauge, counter or histogram."""
    said: str
    """One line on what is measured."""
    samples: tuple[Sample, ...]


def gauge(name: str, said: str, amount: float) -> Family:
    return Family(name, "gauge", said, (Sample(amount),))


def counter(name: str, said: str, amount: float) -> Family:
    return Family(name, "counter", said, (Sample(amount),))


def labelled(name: str, kind: str, said: str, label: str, amounts: Mapping[str, float]) -> Family:
    return Family(name, kind, said, tuple(Sample(amount, {label: word}) for word, amount in amounts.items()))


class Histogram:
    """Counts by upper bounds. Not thread-safe."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` rise; the last bucket, +Inf, is added."""
        self._bounds = (*bounds, math.inf)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, amount: float) -> None:
        self._counts[bisect_left(self._bounds, amount)] += 1
        self._sum += amount

    def family(self, name: str, said: str) -> Family:
        samples, total = [], 0
        for bound, count in zip(self._bounds, self._counts, strict=True):
            total += count
            samples.append(Sample(total, {"le": _number(float(bound), whole=False)}, "_bucket"))
        ends = (Sample(self._sum, suffix="_sum"), Sample(total, suffix="_count"))
        return Family(name, "histogram", said, (*samples, *ends))


def text(families: Iterable[Family]) -> bytes:
    return "\n".join(_family(family) for family in families).encode()


def _family(family: Family) -> str:
    said = family.said.replace("\\", r"\\").replace("\n", r"\n")
    lines = [f"# HELP {family.name} {said}", f"# TYPE {family.name} {family.kind}"]
    for sample in family.samples:
        labels = ",".join(f'{name}="{_quoted(word)}"' for name, word in sample.labels.items())
        named = f"{family.name}{sample.suffix}{{{labels}}}" if labels else family.name + sample.suffix
        lines.append(f"{named} {_number(sample.amount)}")
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    return word.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(amount: float, *, whole: bool = True) -> str:
    if math.isinf(amount):
        return "+Inf" if amount > 0 else "-Inf"
    if math.isnan(amount):
        return "NaN"
    return str(int(amount)) if whole and amount == int(amount) else repr(float(amount))
