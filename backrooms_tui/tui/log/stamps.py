"""The time column of the log: none, time, full UTC, since the entry before, since the input.

All are facts of memory, none of them ages: a screen on which nothing happens is not written to.
"""

from __future__ import annotations

from enum import Enum

from backrooms_tui.model.units import NS, format_time

from .lines import Line

_MILLI = 1_000_000


class Stamps(Enum):
    """What the column shows, in the order in which a key cycles through them; the value is its word."""

    TIME = "time"
    UTC = "utc"
    RELATIVE = "relative"
    LATENCY = "latency"
    OFF = "off"

    @property
    def cells(self) -> int:
        """Width of the column, the space after it included."""
        return {"time": 13, "utc": 25, "relative": 11, "latency": 11, "off": 0}[self.value]

    def next(self) -> Stamps:
        modes = list(Stamps)
        return modes[(modes.index(self) + 1) % len(modes)]


def label(stamps: Stamps, line: Line, *, previous: int, asked: int) -> str:
    """Give the column's text for the first line of an entry, "" for its other lines.

    `previous` is the timestamp of the entry before, `asked` that of the INPUT it belongs to; 0 when unknown.
    """
    if stamps is Stamps.OFF or line.key[2]:
        return ""
    at = line.timestamp
    if stamps is Stamps.TIME:
        return f"{format_time(at)[11:19]}.{at % NS // _MILLI:03d}"
    if stamps is Stamps.UTC:
        return f"{format_time(at)[:19]}.{at % NS // _MILLI:03d}Z"
    base = previous if stamps is Stamps.RELATIVE else asked
    return "" if not base or at < base or (stamps is Stamps.LATENCY and at == base) else _elapsed(at - base)


def _elapsed(nanoseconds: int) -> str:
    """Write at most ten cells: `+0.001s`, `+12.345s`, `+30h46m`."""
    seconds = nanoseconds / NS
    if seconds < 600:
        return f"+{seconds:.3f}s"
    minutes = int(seconds // 60)
    return f"+{minutes // 60}h{minutes % 60:02d}m" if minutes < 6_000_000 else "+LONG"
