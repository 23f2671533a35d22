"""A redo journal: one file, to which batches are appended as checksummed frames, one write and one sync each.

A frame is `[magic][sequence u64][durable u64][length u32][checksum u32][payload]`. `durable` is the newest frame that
had been synced when this one was written. So at the next opening a frame that is not whole is told apart: when a later
one says that it had been durable it is damage, else it is the end of what a crash left, and was never acknowledged.
(A damaged frame that nothing follows looks like the latter. The witness of the store knows better, up to its age.)

The file grows and is cut back; it is not kept at its size and written over, which would save a third of a sync, because
then it would hold words of rooms that have been destroyed.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from backrooms_tui.model.errors import StoreCorrupted

from .private_files import open_private, replace_private, write_all

HEADER = b"RMJ\x01" + bytes(12)
_MAGIC = b"RMJF"
_FRAME = struct.Struct(">4sQQI")
_CHECKSUM = struct.Struct(">I")
_HEAD = _FRAME.size + _CHECKSUM.size
_SEED = 0x4A524E4C


class Journal:
    """An open journal. Appends, resets and closing by one thread at a time. OSErrors pass through; after one the
    journal must be opened again.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        """Read what the last owner left, for `take_found`; a missing journal is made if the store is `new`.

        Raises StoreCorrupted, UnsafePath; then the file is as it was.
        """
        self.path = path
        if new and not path.exists():
            replace_private(path, HEADER)
        try:
            self._fd = open_private(path, os.O_RDWR)
        except FileNotFoundError:
            raise self._refusal("REASON: missing") from None
        try:
            self._found, self.size = self._read()
            self._next = self._durable = len(self._found)
            if os.fstat(self._fd).st_size > self.size:  # what was never acknowledged; nothing may stand behind it
                os.ftruncate(self._fd, self.size)
                os.fdatasync(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    @property
    def empty(self) -> bool:
        return self.size == len(HEADER)

    def take_found(self) -> list[bytes]:
        """The payloads that the last owner left, oldest first; once."""
        found, self._found = self._found, []
        return found

    def append(self, payload: bytes, *, sync: bool) -> None:
        """Write a frame; with `sync` it is durable with all before it when this returns."""
        head = _FRAME.pack(_MAGIC, self._next + 1, self._durable, len(payload))
        checksum = zlib.crc32(payload, zlib.crc32(head, _SEED))
        frame = b"".join((head, _CHECKSUM.pack(checksum), payload))
        write_all(self._fd, frame, self.size)
        if sync:
            os.fdatasync(self._fd)
            self._durable = self._next + 1
        self._next += 1
        self.size += len(frame)

    def renew(self) -> None:
        """Write what was found to a fresh file, durably. After a failed sync the kernel shows bytes as read that are
        not on disk and never will be; only written anew they are.
        """
        fresh = HEADER + os.pread(self._fd, self.size, 0)[len(HEADER) :]
        replace_private(self.path, fresh)
        os.close(self._fd)
        self._fd = open_private(self.path, os.O_RDWR)

    def reset(self) -> None:
        """Forget all frames, durably."""
        os.ftruncate(self._fd, len(HEADER))
        os.fdatasync(self._fd)
        self.size, self._next, self._durable = len(HEADER), 0, 0

    def close(self) -> None:
        """Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def check(self) -> int | None:
        """Read it again: gives the byte at which a frame is not what was written, or None."""
        content = os.pread(self._fd, self.size, 0)
        if content[: len(HEADER)] != HEADER:
            return 0
        end = len(HEADER) + sum(_HEAD + len(payload) for payload in _frames(content))
        return None if end == self.size else end

    def _read(self) -> tuple[list[bytes], int]:
        content = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        if content[: len(HEADER)] != HEADER:
            raise self._refusal("OFFSET: 0x00000000")
        found = list(_frames(content))
        end = len(HEADER) + sum(_HEAD + len(payload) for payload in found)
        if _durable_behind(content, end) > len(found):
            raise self._refusal(f"OFFSET: 0x{end:08X}")
        return found, end

    def _refusal(self, what: str) -> StoreCorrupted:
        return StoreCorrupted(
            f"PATH: {self.path}",
            what,
            f"RECOVERY: restore {self.path.parent} from a backup; nothing in it was changed.",
        )


def _frames(content: bytes) -> Iterator[bytes]:
    """Payloads, up to the first frame that is not whole."""
    at, sequence = len(HEADER), 1
    while (frame := _frame(content, at)) is not None and frame[0] == sequence:
        yield frame[2]
        at += _HEAD + len(frame[2])
        sequence += 1


def _frame(content: bytes, at: int) -> tuple[int, int, bytes] | None:
    """Sequence, durable and payload of the frame at a byte; None when there is none that is whole."""
    start = at + _HEAD
    if start > len(content):
        return None
    magic, sequence, durable, length = _FRAME.unpack_from(content, at)
    if magic != _MAGIC or start + length > len(content):
        return None
    payload = content[start : start + length]
    checksum = zlib.crc32(payload, zlib.crc32(content[at : at + _FRAME.size], _SEED))
    return (sequence, durable, payload) if _CHECKSUM.pack(checksum) == content[start - 4 : start] else None


def _durable_behind(content: bytes, at: int) -> int:
    """The newest frame that any whole frame behind a byte knows to have been durable."""
    known = 0
    while (at := content.find(_MAGIC, at)) >= 0:
        frame = _frame(content, at)
        if frame is not None:
            known = max(known, frame[1])
        at += 1 if frame is None else _HEAD + len(frame[2])
    return known
