"""Watching how much memory a program has, by the kernel's word.

Its data segment is bounded, but memory that it shares with itself is not part of that; what is resident is. The
figures of all that it has started are added up, so that pages which they share count once for each.
"""

from __future__ import annotations

import os

from .idle import children_of, read_proc

_PAGE = os.sysconf("SC_PAGE_SIZE")
_RESIDENT = 1
_PARENT, _SESSION = 1, 3
"""Fields of /proc/<pid>/stat behind the name."""


class Watcher:
    def __init__(self, limit: int, *, children: bool) -> None:
        """`limit` in bytes; `children`: it may have some."""
        self._limit = limit
        self._children = children

    def excess(self, pid: int) -> int | None:
        """Bytes resident of program `pid`, when they are more than the limit."""
        used = sum(map(_resident, members_of(pid) if self._children else (pid,)))
        return used if used > self._limit else None


def members_of(pid: int) -> list[int]:
    """All processes of the room that began with process `pid`: its descendants, and those who have lost their parents.

    Those are the zygote's by then, like the beginnings of rooms, and still of this room's session.
    """
    try:
        zygote = int(_stat(pid)[_PARENT])
        adopted = [child for child in children_of(zygote, str(zygote)) if child != pid and _session(child) == pid]
    except OSError:
        return []
    found = [pid, *adopted]
    for process in found:
        try:
            for task in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208 - a number is what is wanted
                found += children_of(process, task)
        except OSError:  # just gone
            pass
    return found


def _session(pid: int) -> int:
    try:
        return int(_stat(pid)[_SESSION])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    return read_proc(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _resident(pid: int) -> int:
    try:
        return int(read_proc(f"/proc/{pid}/statm").split()[_RESIDENT]) * _PAGE
    except (OSError, IndexError):  # just gone
        return 0
