"""What SIGUSR1 asks for: the seed's dump of the process, with the figures of this moment."""

from __future__ import annotations

import os
import select
import time
from collections import Counter
from pathlib import Path

from backrooms_tui.model.states import RoomState
from backrooms_tui.model.units import NS, format_size
from backrooms_tui.service import RoomService

STDERR = 2
PATIENCE = 1.0
"""Seconds for stderr to take it. Who does not read must not hold up the thread that hears signals."""


def dump_lines(service: RoomService, *, connections: int) -> list[str]:
    """Rooms' memory is what they remember, as in `room_memory_bytes`; what is available is the machine's."""
    rooms, status = service.rooms(), service.status()
    states = Counter(view.record.state for view in rooms)
    shown = [RoomState.ACTIVE, RoomState.IDLE, RoomState.SUSPENDED]
    shown += [RoomState.CORRUPTED] if states[RoomState.CORRUPTED] else []
    return [
        "PROCESS STATE DUMP",
        f"PID: {status.pid}",
        f"UPTIME: {max(0, time.time_ns() - status.started_at) // NS}s",
        f"ROOMS_TOTAL: {len(rooms)}",
        *(f"ROOMS_{state}: {states[state]}" for state in shown),
        f"MEMORY_TOTAL: {_size(sum(view.record.memory_usage for view in rooms))}",
        f"MEMORY_AVAILABLE: {_size(_available())}",
        f"THREADS: {_threads()}",
        f"CONNECTIONS: {connections}",
    ]


def tell(lines: list[str]) -> bool:
    """Write to stderr, all at once or not at all; gives whether it took them."""
    poller = select.poll()
    poller.register(STDERR, select.POLLOUT)
    try:
        if not poller.poll(PATIENCE * 1000):
            return False
        os.write(STDERR, ("\n".join(lines) + "\n").encode())
    except OSError:  # nobody is there to read it
        return False
    return True


def _size(size: int) -> str:
    return format_size(size).replace(" ", "")


def _available() -> int:
    """Bytes that programs could still get; where there is no /proc/meminfo (a hardened unit), those that are free."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _threads() -> int:
    """Of the process, those of libraries too."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())
