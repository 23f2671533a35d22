"""Plain helpers that tests import: where the checkout is, and waiting for another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def eventually(check: Callable[[], object], *, within: float = 10.0, every: float = 0.01) -> object:
    """Await a condition of another process: give the first true value of `check`, or fail after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within} s: {check}")
        time.sleep(every)
