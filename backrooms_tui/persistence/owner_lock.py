"""The owner lock: one process owns a store, and everybody else can read who.

An flock on a file of our own, taken before the store is opened: LevelDB's lock is a POSIX record lock, which is
lost as soon as the owner merely opens and closes the file again. The kernel frees an flock with its process, so
the lock of a killed owner is free at once whatever the file still says. The file is never removed: removing it
would let two processes lock two files of one name.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import StoreBusy, StoreFailed
from backrooms_tui.model.units import format_time
from backrooms_tui.model.value import as_dict, value

from .private_files import open_private, read_private

LOCK = "owner.lock"
_MAX_CONTENT = 4096


@value
class Owner:
    """Who holds a store, as the lock file tells."""

    pid: int
    since: int
    """Nanoseconds since the epoch."""
    host: str
    socket: str | None = None
    """Path of the control socket the owner serves; None when it serves none."""


class OwnerLock:
    """A held lock. Made by `acquire`; released by `release` or by the death of the process."""

    def __init__(self, fd: int, owner: Owner) -> None:
        self._fd: int | None = fd
        self.owner = owner

    @classmethod
    def acquire(cls, path: Path, *, socket: str | None = None) -> OwnerLock:
        """Take the lock or raise StoreBusy at once, naming the holder. Raises UnsafePath, StoreFailed."""
        owner = Owner(os.getpid(), time.time_ns(), os.uname().nodename, socket)
        try:
            fd = open_private(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreFailed(f"PATH: {path}", f"REASON: {error.strerror}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(fd, owner)
        except OSError as error:
            os.close(fd)
            if isinstance(error, BlockingIOError):
                raise StoreBusy(*_told(read_owner(path))) from None
            raise StoreFailed(f"PATH: {path}", f"REASON: {error.strerror}") from None
        return cls(fd, owner)

    def release(self) -> None:
        """Idempotent."""
        if self._fd is not None:
            os.truncate(self._fd, 0)
            fcntl.flock(self._fd, fcntl.LOCK_UN)  # closing alone would not do while a forked process shares it
            os.close(self._fd)
            self._fd = None


def read_owner(path: Path) -> Owner | None:
    """Give what the lock file says, without asking whether the lock is held; None when it says nothing sensible.

    A file left by a killed owner still names it. Raises UnsafePath.
    """
    try:
        content = read_private(path, limit=_MAX_CONTENT)
        if not content:  # nobody has it, as nearly always: see `_write` for what json costs
            return None
        import json

        told: Any = json.loads(content)
        owner = Owner(**told)
    except (ValueError, TypeError, RecursionError, OSError):
        return None
    kinds = (int, int, str, str if owner.socket is not None else type(None))
    sane = all(type(item) is kind for item, kind in zip(as_dict(owner).values(), kinds, strict=True))
    return owner if sane and 0 < owner.since < 1 << 62 else None


def _write(fd: int, owner: Owner) -> None:
    # By hand: loading json takes as long as reading a hundred rooms, and every command takes the lock.
    socket = "null" if owner.socket is None else _quoted(owner.socket)
    told = f'{{"pid": {owner.pid}, "since": {owner.since}, "host": {_quoted(owner.host)}, "socket": {socket}}}\n'
    content = told.encode()
    os.pwrite(fd, content, 0)
    os.truncate(fd, len(content))


def _quoted(text: str) -> str:
    """As a JSON string."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)


def _told(owner: Owner | None) -> tuple[str, ...]:
    if owner is None:  # it has the lock and has not written its name yet
        return ("HELD BY: another process",)
    serves = ("IT SERVES NO CLIENTS",) if owner.socket is None else ()
    return f"HELD BY: pid {owner.pid}", f"SINCE: {format_time(owner.since)}", *serves
