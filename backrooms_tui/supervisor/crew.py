"""The working half of the supervisor: worker threads, their drivers, and what they import.

Made when the first room needs work. A list, an inspection or the console's first frame never pays for it (15 ms).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .engine import Engine
from .room import LiveRoom

if TYPE_CHECKING:
    from .driver import Driver
    from .worker import Worker


SWITCH_SECONDS = 0.001
"""How long one thread may keep the interpreter from the others. With Python's own 5 ms a room that says 65,536 short
lines made every step of its neighbours wait: their median went from 3 to 12 ms, and to 5 with this; what `pacing` does
for them comes on top. No cost in inputs for a second could be measured.
"""


class Crew:
    """Thread-safe."""

    def __init__(self, engine: Engine, *, workers: int, on_fault: Callable[[BaseException], None]) -> None:
        self._engine = engine
        self._count = workers
        self._on_fault = on_fault
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        self._drivers: list[Driver] = []

    def driver(self, room: LiveRoom) -> Driver:
        """The driver that has the room, always the same one."""
        if not self._drivers:
            self._assemble()
        return self._drivers[int(room.id[:8], 16) % self._count]

    def stop(self) -> None:
        """End the workers; they run what was posted to them before."""
        for worker in self._workers:
            worker.stop()

    def _assemble(self) -> None:
        from .driver import Driver
        from .worker import Worker

        sys.setswitchinterval(SWITCH_SECONDS)
        with self._lock:
            if not self._drivers:
                self._workers = [Worker(f"worker-{n}", on_fault=self._on_fault) for n in range(self._count)]
                self._drivers = [Driver(self._engine, worker) for worker in self._workers]
