"""A client of whoever owns the rooms, or else their owner: what every command and console begins with."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from backrooms_tui.model.errors import StoreBusy

BUSY_SECONDS = 2.0
"""How long a store is waited for that is held by somebody who serves nobody: a command ends soon, and an owner that
starts serves soon.
"""
WAIT_SECONDS = 0.05

Joined = TypeVar("Joined")
Owned = TypeVar("Owned")


def joined_or_owned(join: Callable[[], Joined | None], own: Callable[[], Owned]) -> Joined | Owned:
    """What `join` gives or, where that is None, `own`. Raises what they do; StoreBusy only after a while."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        if (joined := join()) is not None:
            return joined
        try:
            return own()
        except StoreBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(WAIT_SECONDS)
