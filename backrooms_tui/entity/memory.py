"""Watching how much memory a program has, by the kernel's word.

Its data segment is bounded, but memory that it shares with itself is not part of that; what is resident is. The
figures of all that it has started are added up, so that pages which they share count once for each.
"""

from __future__ import annotations

import os

from .idle import family_of, read_proc

_PAGE = os.sysconf("SC_PAGE_SIZE")
_RESIDENT = 1


class Watcher:
    def __init__(self, limit: int) -> None:
        self._limit = limit

    def excess(self, pid: int) -> int | None:
        """Bytes resident, when they are more than the limit."""
        used = sum(map(_resident, family_of(pid)))
        return used if used > self._limit else None


def _resident(pid: int) -> int:
    try:
        return int(read_proc(f"/proc/{pid}/statm").split()[_RESIDENT]) * _PAGE
    except (OSError, IndexError):  # just gone
        return 0
