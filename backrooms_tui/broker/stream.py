"""Streamed text on its way to the entity: the first of it at once, then not more often than a screen is painted.

Servers send a piece for each token. Every piece becomes a frame to the entity and one back, and a turn may have 65,536
frames: at this pace the longest turn there may be (an hour) fits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PACE = 0.06
"""Seconds between two chunks."""


class Stream:
    """For the loop's thread."""

    def __init__(self, on_chunk: Callable[[str], None]) -> None:
        self._on_chunk = on_chunk
        self._held: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def add(self, text: str) -> None:
        if not text or self._closed:
            return
        self._held.append(text)
        if self._timer is None:
            self._pass_on()

    def close(self) -> None:
        """Pass on what is held; nothing comes any more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        if self._held:
            self._on_chunk(self._taken())
        self._closed = True

    def _pass_on(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PACE, self._again)
        self._on_chunk(self._taken())

    def _again(self) -> None:
        self._timer = None
        if self._held:
            self._pass_on()

    def _taken(self) -> str:
        text = "".join(self._held)
        self._held.clear()
        return text
