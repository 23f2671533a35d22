"""What SIGUSR2 asks for: the memory of all ACTIVE rooms compressed, one after the other, while they go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.states import RoomState
from backrooms_tui.observability.lines import Level
from backrooms_tui.observability.logs import Log
from backrooms_tui.service import RoomService

STOP_SECONDS = 1.0
"""How long the piece that is being compressed may take when the owner ends; the store itself waits for it."""


class _Stopped(Exception):
    """The owner ends; what has been compressed stays so."""


class Compressing:
    """One run at a time, in a thread of its own. To be used by one thread."""

    def __init__(self, service: RoomService, log: Log, on_fault: Callable[[BaseException], None]) -> None:
        self._service = service
        self._log = log
        self._on_fault = on_fault
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._log.line(Level.INFO, "compression is under way already")
            return
        self._thread = threading.Thread(target=self._run, name="daemon-compress", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        try:
            self._compress()
        except _Stopped:
            self._log.line(Level.INFO, "compression stopped")
        except Exception as error:  # the edge of the thread
            self._on_fault(error)

    def _compress(self) -> None:
        began = time.monotonic()
        active = [view.record.id for view in self._service.rooms() if view.record.state is RoomState.ACTIVE]
        self._log.line(Level.INFO, "compressing active rooms", count=len(active))
        freed = failed = 0
        for room_id in active:
            self._go_on()
            try:
                report = self._service.compact(room_id, self._go_on)
            except BackroomsError as error:
                failed += 1
                self._log.line(Level.WARN, "room not compressed", room=room_id, reason=str(error.code))
            else:
                freed += report.size_before - report.size_after
        took = round(time.monotonic() - began, 3)
        self._log.line(
            Level.INFO, "compressed active rooms", count=len(active) - failed, failed=failed, freed=freed, duration=took
        )

    def _go_on(self, *_: int) -> None:
        """The `Progress` of each room."""
        if self._stopping:
            raise _Stopped
