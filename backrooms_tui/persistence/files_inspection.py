"""What a room's rows do not show of its files: what nobody asks for, and what nobody made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from backrooms_tui.model.room import Damage
from backrooms_tui.model.scrub import scrub

from .damage import DamageFound, damage
from .files_log import HEAD, LOG, LOG_INDEX
from .files_room import STATE_FILE, TEXTS, Room

_OURS = {STATE_FILE, LOG, LOG_INDEX, *TEXTS.values()}


def inspect_room(room: Room) -> Iterator[Damage]:
    """Files that are nobody's, bytes behind a file's end, and what the index says against the log."""
    with room.lock:
        settled = room.exists and not room.dirty
    if not settled:  # its files are about to be written
        return
    for path in sorted(room.path.iterdir()):
        if path.name not in _OURS or path.is_symlink():
            yield _at(room, scrub(path.name), 0, "STATE_UNREADABLE")
    still = room.still(log=True)
    extent = still.disk.extent
    for name, size in ((LOG, extent.size), (LOG_INDEX, extent.index_size)):
        with suppress(FileNotFoundError):
            if (room.path / name).lstat().st_size > size:
                yield _at(room, name, size, "CHECKSUM_MISMATCH")
    try:
        log = still.log
        for timestamp, offset in () if log is None else log.marks(0, extent.size):
            if log is not None and HEAD.unpack(log.read(offset, HEAD.size))[0] != timestamp:
                yield _at(room, LOG, offset, "CHECKSUM_MISMATCH")
    except DamageFound as error:
        yield error.damage


def _at(room: Room, name: str, offset: int, type_: str) -> Damage:
    return damage(type_, f"{room.id}/{name}".encode(), offset)


def blocks_in(root: Path, rooms: Iterable[Path]) -> int:
    """Bytes on disk of the files that stand in the store and in its rooms."""
    total = 0
    for place in (root, *rooms):
        with suppress(FileNotFoundError), os.scandir(place) as files:
            for file in files:
                with suppress(FileNotFoundError):  # temporary files come and go
                    if file.is_file(follow_symlinks=False):
                        total += file.stat(follow_symlinks=False).st_blocks * 512
    return total
