"""Sizes and durations as people write and read them: `256M`, `14.0 MB`, `30h 46m 36s`, `2026-01-07T08:23:11Z`."""

from __future__ import annotations

import re
import time

from .errors import UsageError

# Compiled where they are used: compiling them takes as long as reading thirty rooms.
_SIZE = r"(\d{1,15})(?:\.(\d{1,6}))?\s*([KMGT]?)(?:i?B)?"
_EPOCH = r"(\d{1,10})(?:\.(\d{1,9}))?"
_FACTOR = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
NS = 1_000_000_000
"""Nanoseconds in a second."""


def parse_size(text: str) -> int:
    """Read `256M`, `1.5G`, `100MB`, `65536` as bytes; a kilobyte is 1,024 bytes, as in the seed. Raises UsageError."""
    match = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE)
    if match is None:
        raise UsageError(f"SIZE: {text[:40]!r} is not a size such as 256M.")
    whole, fraction, unit = match.groups()
    factor = _FACTOR[unit.upper()]
    return int(whole) * factor + int((int(fraction or 0) * factor) // 10 ** len(fraction or ""))


def parse_seconds(text: str) -> float:
    """Read a positive number of seconds, with an optional `s`. Raises UsageError."""
    try:
        value = float(text.strip().removesuffix("s"))
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"SECONDS: {text[:40]!r} is not a positive number of seconds.")
    return value


def parse_time(text: str, *, end: bool = False) -> int:
    """Read seconds since the epoch, or ISO 8601 (UTC unless it says otherwise), as nanoseconds. Raises UsageError.

    With `end` a second, or a day, that is named as a whole is meant to its end.
    """
    text = text.strip()
    match = re.fullmatch(_EPOCH, text, re.ASCII)
    if match is not None:
        seconds, fraction = int(match[1]), match[2]
        moment, width = seconds * NS + int((fraction or "").ljust(9, "0")), 0 if fraction else NS
    else:
        moment, width = _iso_time(text)
    return moment + max(0, width - 1) if end else moment


def _iso_time(text: str) -> tuple[int, int]:
    """Nanoseconds since the epoch, and how many the text leaves open. Raises UsageError."""
    from datetime import UTC, datetime, timedelta  # 2 ms, and few commands are told a time

    try:
        day = datetime.fromisoformat(text)
        day = day if day.tzinfo else day.replace(tzinfo=UTC)
        moment = (day - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        raise UsageError(f"TIME: {text[:40]!r} is neither seconds since the epoch nor ISO 8601.") from None
    return moment, 86_400 * NS if len(text) <= 10 else 0 if day.microsecond else NS


def format_size(size: int) -> str:
    """Write bytes as the seed's statistics do: `14.0 MB`, `187 B`."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def format_size_whole(size: int) -> str:
    """Write bytes as the seed's reports do: `187MB`, `14KB`, `812B`."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1023.5:
            return f"{value:.0f}{unit}"
        value /= 1024
    return f"{value:.0f}TB"


def format_size_short(size: int) -> str:
    """Write bytes in at most five cells for a column: `14.0M`, `187M`, `812`."""
    value = float(size)
    unit = ""
    for unit in ("", "K", "M", "G", "T"):
        if value < 1000 or unit == "T":
            break
        value /= 1024
    return f"{value:.0f}{unit}" if unit == "" or value >= 99.95 else f"{value:.1f}{unit}"


def format_duration(seconds: float) -> str:
    """Write a duration as the seed does: `30h 46m 36s`, `3m 5s`, `8s`. Hours are the largest unit."""
    total = max(0, int(seconds))
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    if hours:
        return f"{hours}h {minutes}m {secs}s"
    if minutes:
        return f"{minutes}m {secs}s"
    return f"{secs}s"


def format_span(seconds: float) -> str:
    """Write a time in words of its largest unit: `3 hours`, `1 minute`, `0 seconds`."""
    total = max(0, int(seconds))
    sizes = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next((size, unit) for size, unit in sizes if total >= size or size == 1)
    count = total // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def format_age(seconds: float) -> str:
    """Write a rough age in at most four cells for a column: `2s`, `9m`, `30h`, `3d`."""
    total = max(0, int(seconds))
    for limit, unit in ((60, "s"), (3600, "m"), (72 * 3600, "h")):
        if total < limit:
            return f"{total // {'s': 1, 'm': 60, 'h': 3600}[unit]}{unit}"
    return f"{total // 86400}d"


def format_time(timestamp: int) -> str:
    """Write nanoseconds since the epoch as UTC to the second: `2026-01-07T08:23:11Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(timestamp // NS))
