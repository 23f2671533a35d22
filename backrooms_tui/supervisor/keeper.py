"""The keeper: one thread that does what time asks for. Witness, idleness, a store to re-open."""

from __future__ import annotations

import threading
from collections.abc import Callable

TICK = 0.25
"""Seconds between looks at whether the witness is due; everything else happens once a second."""


class Keeper:
    """Calls `often` every TICK and `every_second` every second until stopped."""

    def __init__(
        self,
        *,
        often: Callable[[], None],
        every_second: Callable[[], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._often = often
        self._every_second = every_second
        self._on_fault = on_fault
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        ticks = 0
        while not self._stopping.wait(TICK):
            ticks += 1
            try:
                self._often()
                if ticks % 4 == 0:
                    self._every_second()
            except Exception as error:  # a worker edge: the keeper outlives what it keeps
                self._on_fault(error)
