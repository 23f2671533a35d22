"""The shelf: where a store's backups stand, `ROOM ID/2026-01-08-0300.tar.gz`.

A backup's time is in its name (UTC; with seconds, then nanoseconds, where the minute is taken already), so a list
opens no file. What else lies there is not ours: it is neither listed nor removed, and links are never followed.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.model.ids import ID_LENGTH, RoomId
from backrooms_tui.model.reports import BackupInfo
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.units import NS

from .archive_compression import SUFFIXES
from .private_files import open_private, private_directory, sync_directory
from .whole_file import unfinished, whole_file

_NAME = re.compile(r"(\d{4}-\d\d-\d\d-\d{4})(\d\d)?(\d{9})?(\.tar(?:\.gz|\.xz|\.zst)?)", re.ASCII)
_ROOM = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")
_HOUR = 3600 * NS
_Backups = list[BackupInfo]


class Shelf:
    """One owner's, like the store. Methods may be called from several threads and raise StoreFailed, UnsafePath."""

    def __init__(self, directory: Path) -> None:
        """Made when the first backup is put there."""
        self.directory = directory
        self._lock = threading.Lock()
        self._being_put: set[Path] = set()
        self._over_age: frozenset[str] = frozenset()
        """Paths that were due to go at the last purge's look."""

    def put(self, room_id: RoomId, taken_at: int, compression: str, write: Callable[[BinaryIO], object]) -> BackupInfo:
        """Have `write` write an archive into a file of its own; what that raises leaves nothing behind.

        `taken_at` is nanoseconds since the epoch.
        """
        with _failing(self.directory):
            private_directory(self.directory)
            room = private_directory(self.directory / room_id)
            path = self._reserve(room, taken_at, SUFFIXES[compression])
        try:
            with _failing(self.directory), whole_file(path) as file:
                write(file)
            info = _info(room_id, path)
            if info is None:
                raise StoreFailed(f"PATH: {scrub(str(path))}", "REASON: removed by somebody else")
            return info
        finally:
            with self._lock:
                self._being_put.discard(path)

    def _reserve(self, room: Path, taken_at: int, suffix: str) -> Path:
        with self._lock:
            for name in _names(taken_at):
                path = room / f"{name}{suffix}"
                taken = path in self._being_put or any(
                    (room / f"{name}{other}").exists() for other in SUFFIXES.values()
                )
                if not taken:
                    break
            self._being_put.add(path)
            return path

    def list(self, room_id: RoomId | None = None) -> _Backups:
        """Backups of one room, or of all, newest first."""
        rooms = self._rooms() if room_id is None else (room_id,)
        found = [info for room in rooms for info in self._of(room)]
        return sorted(found, key=lambda info: (info.taken_at, info.path), reverse=True)

    def open(self, backup: BackupInfo) -> BinaryIO:
        """Open a backup for reading."""
        with _failing(self.directory):
            return os.fdopen(open_private(Path(backup.path), os.O_RDONLY), "rb")

    def purge(self, retention: int, now: int, *, spare: Collection[RoomId] = ()) -> _Backups:
        """Remove what is older than `retention` hours at `now` (nanoseconds since the epoch); give what went.

        The newest backup of a room always stays, and so do all of the rooms to `spare`. A clock that has jumped
        makes everything look old at once: what goes must have been too old at the look before this one, too.
        """
        due = []
        for room_id in self._rooms():
            self._tidy(room_id)
            if room_id not in spare:
                due += [info for info in self.list(room_id)[1:] if now - info.taken_at > retention * _HOUR]
        gone = [info for info in due if info.path in self._over_age]
        self._over_age = frozenset(info.path for info in due)
        for info in gone:
            self._remove(Path(info.path))
        return gone

    def forget(self, room_id: RoomId) -> int:
        """Remove all backups of a room, durably, and what a killed process left of one; give how many backups."""
        backups = self._of(room_id)
        for info in backups:
            self._remove(Path(info.path))
        self._tidy(room_id)
        with suppress(OSError):  # not there, or something that is not ours is in it
            (self.directory / room_id).rmdir()
        return len(backups)

    def _rooms(self) -> tuple[RoomId, ...]:
        return tuple(RoomId(entry.name) for entry in self._entries(self.directory) if _ROOM.fullmatch(entry.name))

    def _of(self, room_id: RoomId) -> _Backups:
        found = (_info(room_id, Path(entry.path)) for entry in self._entries(self.directory / room_id))
        return [info for info in found if info is not None]

    def _tidy(self, room_id: RoomId) -> None:
        """Remove what a killed process left of a backup."""
        with self._lock:
            if any(path.parent.name == room_id for path in self._being_put):
                return
            for entry in self._entries(self.directory / room_id):
                if unfinished(entry.name) and entry.is_file(follow_symlinks=False):
                    self._remove(Path(entry.path))

    def _entries(self, directory: Path) -> tuple[os.DirEntry[str], ...]:
        """What is in a real directory; nothing in what is none."""
        if directory.is_symlink() or not directory.is_dir():
            return ()
        with _failing(self.directory), os.scandir(directory) as entries:
            return tuple(entries)

    def _remove(self, path: Path) -> None:
        with _failing(self.directory):
            path.unlink(missing_ok=True)
            sync_directory(path.parent)


@contextmanager
def _failing(place: Path) -> Iterator[None]:
    """Turn the system's refusals into StoreFailed."""
    try:
        yield
    except OSError as error:
        raise StoreFailed(f"PATH: {scrub(str(place))}", f"REASON: {error.strerror or error}") from None


def _names(taken_at: int) -> Iterator[str]:
    """From the seed's form to one that no other moment has."""
    moment = datetime.fromtimestamp(taken_at // NS, UTC)
    yield moment.strftime("%Y-%m-%d-%H%M")
    yield moment.strftime("%Y-%m-%d-%H%M%S")
    while True:
        yield moment.strftime("%Y-%m-%d-%H%M%S") + f"{taken_at % NS:09d}"
        taken_at += 1


def _info(room_id: RoomId, path: Path) -> BackupInfo | None:
    """What a file's name says of it; None for what is no backup."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    minute, seconds, rest, _ = match.groups()
    try:
        moment = datetime.strptime(minute + (seconds or "00") + "Z", "%Y-%m-%d-%H%M%S%z")
        found = path.lstat()
    except (ValueError, FileNotFoundError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return BackupInfo(room_id, str(path), int(moment.timestamp()) * NS + int(rest or 0), found.st_size)
