"""The witness: where every room's memory ended, written outside the store and read against it.

A log that has been cut off, a table that is gone and a directory put back from yesterday all look well to LevelDB
(4,880 of 4,880 cuts unseen). The witness knows better: after a clean stop every room must be exactly as it says,
after any other end at least as far. It is one small file, checksummed as a whole and replaced as a whole (1,024
rooms are 57 KB), so that a damaged one is never taken for an old one.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from backrooms_tui.model.errors import StoreCorrupted, StoreFailed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.value import made, value

from .private_files import read_private, replace_private

_MAGIC = b"RMW\x01"
_SEED = 0x57495453
_CHECKSUM = struct.Struct(">I")
_HEAD = len(_MAGIC) + _CHECKSUM.size
_ROW = struct.Struct(">32sQQII")
_MAX_SIZE = 1 << 20
_ACCEPT = ".accept"
DUE_AFTER = 64
"""Acknowledged commits after which the witness wants to be written."""


class Mark(NamedTuple):
    """What is known of one room's end."""

    seq: int
    timestamp: int
    chain: int
    digest: int
    """Checksum of the room's index record: nothing else of a room can change without it."""


@value
class Witness:
    clean: bool = False
    """Whether the owner closed the store after writing this."""
    marks: Mapping[RoomId, Mark] = made(factory=dict)


def write_witness(path: Path, witness: Witness) -> None:
    """Durable and atomic. Raises StoreFailed; the old witness then stands."""
    rows = [_ROW.pack(bytes.fromhex(room_id), *mark) for room_id, mark in witness.marks.items()]
    body = b"".join((b"\x01" if witness.clean else b"\x00", *rows))
    try:
        replace_private(path, _MAGIC + _CHECKSUM.pack(zlib.crc32(body, _SEED)) + body)
    except OSError as error:
        raise StoreFailed(f"PATH: {path}", f"REASON: {error.strerror}") from None


def read_witness(path: Path) -> Witness | None:
    """None when there is none. Raises StoreCorrupted for anything that `write_witness` did not write, StoreFailed,
    UnsafePath.
    """
    try:
        content = read_private(path, limit=_MAX_SIZE)
    except OSError as error:
        raise StoreFailed(f"PATH: {path}", f"REASON: {error.strerror}") from None
    if content is None:
        return None
    body = content[_HEAD:]
    if content[: len(_MAGIC)] != _MAGIC:
        raise _refusal(path, "OFFSET: 0x00000000")
    if len(content) > _MAX_SIZE or len(body) % _ROW.size != 1 or body[0] > 1:
        raise _refusal(path, f"OFFSET: 0x{len(content):08X}")
    if content[len(_MAGIC) : _HEAD] != _CHECKSUM.pack(zlib.crc32(body, _SEED)):
        raise _refusal(path, f"OFFSET: 0x{len(_MAGIC):08X}")
    marks = {RoomId(row[0].hex()): Mark(*row[1:]) for row in _ROW.iter_unpack(body[1:])}
    return Witness(bool(body[0]), marks)


def _refusal(path: Path, what: str) -> StoreCorrupted:
    return StoreCorrupted(
        f"WITNESS: {path}",
        what,
        f"RECOVERY: restore {path.parent} from a backup. Or, to take the rooms as they are found, unproven:",
        f"RECOVERY: create the empty file {path}{_ACCEPT} and start again.",
    )


class WitnessKeeper:
    """The witness of an open store: collects marks as commits are acknowledged, and writes them down.

    `acknowledge` and `forget` are called by the store's writing thread, `write` by any.
    """

    def __init__(self, path: Path) -> None:
        """Read the witness, or begin a new one that knows nothing where an operator has asked for that.

        Raises what `read_witness` and `write_witness` raise.
        """
        self.path = path
        accepted = path.with_name(path.name + _ACCEPT)
        if accepted.exists():
            write_witness(path, Witness())
            accepted.unlink(missing_ok=True)
        self.found = read_witness(path)
        """What the last owner left; None for a new store."""
        self._marks: dict[RoomId, Mark] = dict(self.found.marks) if self.found else {}
        self._waiting: dict[RoomId, Mark] = {}
        self._on_disk = self.found
        self._changes = 0
        self._written = 0
        """`_changes` as of the last write. Two counters with one writing thread each need no lock."""
        self._writing = threading.Lock()

    @property
    def current(self) -> Witness:
        """What the witness would say of an end of the owner now; that of the last owner until `before_writing`."""
        return Witness(self._on_disk is not None and self._on_disk.clean, dict(self._marks))

    def require(self) -> None:
        """Refuse a store that has rooms and no witness of them. Raises StoreCorrupted."""
        if self.found is None:
            raise _refusal(self.path, "REASON: missing")

    def acknowledge(self, marks: Mapping[RoomId, Mark], *, commits: int, synced: bool) -> None:
        """Note the marks that so many commits have left.

        The witness must not claim what a power cut may take: marks of unsynced commits wait for the next synced one,
        which makes them durable too.
        """
        self._waiting.update(marks)
        self._changes += commits
        if synced:
            self._marks.update(self._waiting)
            self._waiting.clear()

    def forget(self, room_id: RoomId) -> None:
        self._waiting.pop(room_id, None)
        if self._marks.pop(room_id, None) is not None:
            self._changes += 1

    def disk_usage(self) -> int:
        """Bytes."""
        return 0 if self._on_disk is None else _HEAD + 1 + len(self._on_disk.marks) * _ROW.size

    @property
    def due(self) -> bool:
        return self._changes - self._written >= DUE_AFTER

    @property
    def unsynced(self) -> bool:
        return bool(self._waiting)

    def before_writing(self) -> None:
        """Take back a clean stop before the store changes; costs one write after each start. Raises StoreFailed."""
        if self._on_disk is None or self._on_disk.clean:
            self._put(clean=False)

    def write(self, *, clean: bool = False) -> None:
        """Write down what is durable, if that would change the file. Raises StoreFailed."""
        if self._changes != self._written or (clean and self._on_disk is not None and not self._on_disk.clean):
            self._put(clean=clean)

    def _put(self, *, clean: bool) -> None:
        with self._writing:  # an older copy must never replace a newer one
            changes = self._changes
            witness = Witness(clean, dict(self._marks))
            write_witness(self.path, witness)
            self._on_disk = witness
            self._written = changes


class NoWitness(WitnessKeeper):
    """Of a store that nothing outlives: there is nothing to be proven at the next start."""

    def __init__(self) -> None:
        self.found = None
        self._marks = {}
        self._on_disk = None

    def acknowledge(self, marks: Mapping[RoomId, Mark], *, commits: int, synced: bool) -> None: ...

    def forget(self, room_id: RoomId) -> None: ...

    due = unsynced = False

    def before_writing(self) -> None: ...

    def write(self, *, clean: bool = False) -> None: ...
