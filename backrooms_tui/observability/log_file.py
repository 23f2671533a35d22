"""Where log lines end: stderr, or a private file that is rotated by size and by age.

A full file is renamed (`room.log-20260108T123502.104Z`), compressed by a thread of its own and removed when it is old;
only files of that name are ever touched. Several processes may write to one file: each looks before it writes whether
the name still leads to what it has open, and only who gets the file's lock renames it. So may `logrotate`.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.persistence.private_files import open_private, private_directory

DAY = 86_400
SMALLEST = 4096
"""Bytes: a smaller `max_size` would make a file of every few lines."""
CHUNK = 1 << 20

_ROTATED = re.compile(r"-(\d{8}T\d{6})\.\d{3}Z(\.\d+)?(\.gz)?")
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z")


class Sink(Protocol):
    def write(self, lines: Sequence[bytes]) -> None:
        """Raises OSError when they cannot be written."""
        ...

    def close(self) -> None: ...


class Stderr:
    """The process's own stderr; it stays open."""

    def write(self, lines: Sequence[bytes]) -> None:
        write_all(2, b"".join(lines))

    def close(self) -> None:
        pass


def write_all(fd: int, data: bytes) -> None:
    """Also to a terminal that somebody has made non-blocking."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])


class LogFile:
    """Belongs to one thread, but for what `Tidier` does."""

    def __init__(self, path: Path, *, max_size: int | None, max_age: int, compress: bool) -> None:
        """`max_size` in bytes, None: never rotated; `max_age` in days. Raises BackroomsError, OSError."""
        self._path = path
        self._max_size = None if max_size is None else max(SMALLEST, max_size)
        self._max_age = max_age * DAY
        self._fd = -1
        if not path.parent.exists():
            private_directory(path.parent)
        self._open()
        self._tidier = None if max_size is None else Tidier(path, max_age=self._max_age, compress=compress)

    def write(self, lines: Sequence[bytes]) -> None:
        if self._moved():
            self._open()
        held = b""
        for line in lines:
            if self._full(len(held) + len(line)):
                self._put(held)
                held = b""
                self._rotate()
            held += line
        self._put(held)

    def close(self) -> None:
        if self._tidier is not None:
            self._tidier.stop()
        os.close(self._fd)

    def _open(self) -> None:
        fd = open_private(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        self._begun = _first_stamp(os.pread(fd, 64, 0))

    def _put(self, data: bytes) -> None:
        if data:
            write_all(self._fd, data)

    def _moved(self) -> bool:
        """Whether somebody has renamed or removed the file."""
        try:
            found = self._path.lstat()
        except OSError:
            return True
        mine = os.fstat(self._fd)
        return (found.st_ino, found.st_dev) != (mine.st_ino, mine.st_dev)

    def _full(self, more: int) -> bool:
        if self._max_size is None:
            return False
        size = os.fstat(self._fd).st_size
        return size > 0 and (size + more > self._max_size or time.time() - self._begun > self._max_age)

    def _rotate(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process is at it; its new file is found with the next lines
        if not self._moved():
            self._path.rename(_free_name(self._path))
        with suppress(BackroomsError, OSError):  # else the old one is written to: better than nowhere
            self._open()
        if self._tidier is not None:
            self._tidier.go()


def _free_name(path: Path) -> Path:
    now = time.time_ns()
    day = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 1_000_000_000))
    name = f"{path.name}-{day}.{now // 1_000_000 % 1000:03}Z"
    for more in ("", *(f".{n}" for n in range(1, 1000))):
        free = path.with_name(name + more)
        if not free.exists() and not free.with_name(free.name + ".gz").exists():
            return free
    raise FileExistsError(name)


def _first_stamp(beginning: bytes) -> float:
    """When a file's first line was written; now, when it has none."""
    match = _STAMP.search(beginning)
    if match is None:
        return time.time()
    try:
        return _seconds(match[1].decode(), "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return time.time()


def _seconds(text: str, form: str) -> float:
    import calendar

    return calendar.timegm(time.strptime(text, form))


class Tidier:
    """Compresses rotated files and removes old ones, in a thread that lives while there is something to do."""

    def __init__(self, path: Path, *, max_age: float, compress: bool) -> None:
        self._path = path
        self._max_age = max_age
        self._compress = compress
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        if self._rotated():
            self.go()

    def go(self) -> None:
        """Look at what there is. What comes while it is at work waits for the next time."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._tidy, name="log-tidier", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """A compression at work is given up; the file stays as it is until the next time."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _rotated(self) -> list[tuple[Path, float]]:
        """Rotated files with the time of their rotation."""
        found = []
        for path in self._path.parent.glob(f"{_literal(self._path.name)}-*"):
            match = _ROTATED.fullmatch(path.name.removeprefix(self._path.name))
            if match is not None:
                with suppress(ValueError):
                    found.append((path, _seconds(match[1], "%Y%m%dT%H%M%S")))
        return found

    def _tidy(self) -> None:
        for path, at in self._rotated():
            if self._stopping.is_set():
                return
            with suppress(BackroomsError, OSError):  # a full disk, a file that is gone: the next time may succeed
                if time.time() - at > self._max_age:
                    path.unlink()
                elif self._compress and path.suffix != ".gz":
                    self._squeeze(path)

    def _squeeze(self, path: Path) -> None:
        import gzip

        done, part = path.with_name(f"{path.name}.gz"), path.with_name(f"{path.name}.part")
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as plain:
            fcntl.flock(plain, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink(missing_ok=True)
            try:
                with (
                    os.fdopen(open_private(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file,
                    gzip.GzipFile(path.name, "wb", 6, file) as packed,
                ):
                    while chunk := plain.read(CHUNK):
                        packed.write(chunk)
                        if self._stopping.is_set():
                            raise InterruptedError  # an OSError: it leaves by the way of all others
                part.rename(done)
            except OSError:
                part.unlink(missing_ok=True)
                raise
            path.unlink()


def _literal(name: str) -> str:
    """A name as `glob` finds it and nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", name)
