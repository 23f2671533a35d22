"""Files and directories that only their owner can open, private from the moment they exist.

Modes are given at creation, never changed afterwards: between a creation and a chmod anybody could open the file.
Places that belong to somebody else, that others may write, or that are links where they must not be, are refused
before anything is written.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from backrooms_tui.model.errors import StoreFailed, UnsafePath
from backrooms_tui.model.scrub import scrub

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def keep_private() -> None:
    """Make everything this process creates from now on private, in any thread and any library.

    LevelDB creates its files with mode 0644 whenever its background thread wants to, so a umask around its opening
    would not hold. The owner of a store is a whole process, and all it ever writes is private.
    """
    os.umask(0o077)


def private_directory(path: Path) -> Path:
    """Make sure that `path` is a directory of ours, creating it and its missing parents with mode 0700.

    Gives the absolute path. Raises UnsafePath, and StoreFailed when it cannot be made.
    """
    path = path.absolute()
    try:
        for missing in reversed([path, *path.parents]):
            with suppress(FileExistsError):
                missing.mkdir(DIRECTORY_MODE)
        require_directory(path)
    except (OSError, ValueError) as error:  # ValueError: the path holds a null byte
        raise StoreFailed(f"PATH: {scrub(str(path))}", f"REASON: {getattr(error, 'strerror', error)}") from None
    return path


def require_directory(path: Path | str) -> None:
    """Raise UnsafePath unless `path` is a directory of ours; OSErrors pass through."""
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafePath(f"PATH: {path}", "REASON: not a directory, or a link to one")
    _require_ours(path, found)


def open_private(path: Path | str, flags: int) -> int:
    """Open a regular file of ours without following a link; with O_CREAT it is made with mode 0600.

    Gives a descriptor that programs started by us do not inherit. Raises UnsafePath; other OSErrors pass through.
    """
    try:
        # O_NONBLOCK: a pipe put in the file's place must not hang us before it is looked at.
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, FILE_MODE)
    except OSError as error:
        place = Path(path)
        if place.is_symlink() or (place.exists() and not place.is_file()):
            raise UnsafePath(f"PATH: {path}", "REASON: not a regular file") from error
        raise
    found = os.fstat(fd)
    try:
        if not stat.S_ISREG(found.st_mode):
            raise UnsafePath(f"PATH: {path}", "REASON: not a regular file")
        _require_ours(path, found)
    except UnsafePath:
        os.close(fd)
        raise
    return fd


def read_private(path: Path, *, limit: int) -> bytes | None:
    """Give the bytes of a file of ours, at most `limit` + 1 of them; None when there is none. Raises UnsafePath."""
    try:
        fd = open_private(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read(limit + 1)


def read_secret(path: Path, *, limit: int) -> bytes:
    """Give the bytes of a file that nobody else may read, at most `limit` + 1 of them. A link is followed and root
    may own it: that is how secrets are mounted. Raises UnsafePath; OSErrors pass through.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        shown = scrub(str(path))
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()):
            raise UnsafePath(f"PATH: {shown}", "REASON: not a file of ours")
        if found.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            raise UnsafePath(f"PATH: {shown}", "REASON: others may read or write it")
        return file.read(limit + 1)


def replace_private(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path` atomically and durably: after a power cut it is the old file or the new one.

    One caller at a time for one path. Raises OSError; the old file then stands.
    """
    fresh = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    fd = open_private(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
    fresh.replace(path)
    sync_directory(path.parent)


def write_all(fd: int, data: bytes, at: int) -> None:
    """Write at a byte of a file. A disk that fills up takes a part and refuses the rest: raises OSError."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, at)
        at += written
        rest = rest[written:]


def open_directory(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = open_directory(path)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _require_ours(path: Path | str, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise UnsafePath(f"PATH: {path}", f"REASON: belongs to uid {found.st_uid}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnsafePath(f"PATH: {path}", "REASON: others may write it")
