"""Spans of time between the moments that `Telemetry` is told."""

from __future__ import annotations

import time


def seconds_since(began: int) -> float:
    """From a moment in monotonic nanoseconds until now."""
    return (time.monotonic_ns() - began) / 1e9
