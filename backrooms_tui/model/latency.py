"""Latency statistics over every input of a room, in a few hundred bytes.

A histogram with sixteen buckets for each doubling: percentiles are true to 4.5 % over the whole life of a room,
and the room's record stays small enough to be written with every commit. Count, sum and maximum are exact.
"""

from __future__ import annotations

from backrooms_tui.model.value import made, value

_PER_DOUBLING = 16


def _bucket(nanoseconds: int) -> int:
    from math import ceil, log2  # a list of rooms measures nothing, and loading it is 1 % of a list

    return ceil(_PER_DOUBLING * log2(max(1, nanoseconds)))


@value
class Latencies:
    """All values in nanoseconds. Values are immutable; `observe` gives a new one."""

    count: int = 0
    total: int = 0
    maximum: int = 0
    buckets: dict[int, int] = made(factory=dict)
    """Bucket number to count; bucket b holds values up to 2 ** (b / 16)."""

    def observe(self, nanoseconds: int) -> Latencies:
        buckets = dict(self.buckets)
        bucket = _bucket(nanoseconds)
        buckets[bucket] = buckets.get(bucket, 0) + 1
        return Latencies(self.count + 1, self.total + nanoseconds, max(self.maximum, nanoseconds), buckets)

    @property
    def average(self) -> float:
        """Seconds; 0.0 when nothing was measured."""
        return self.total / self.count / 1e9 if self.count else 0.0

    def percentile(self, fraction: float) -> float:
        """Seconds below which `fraction` (0..1) of all inputs ended; 0.0 when nothing was measured."""
        from math import ceil

        rank = ceil(fraction * self.count)
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank > 0:
                return min(2 ** (bucket / _PER_DOUBLING), self.maximum) / 1e9
        return 0.0
