"""The one kind of tar file that archives are: plain files of our names, in our order, and nothing else.

A member's header must be, byte for byte, the header we would have written for its name and size. So there is nothing
to be interpreted: no links, devices, sparse files, owners, extended headers or paths that lead elsewhere. The bytes
between members must be zeros, and the end must be the end.
"""

from __future__ import annotations

import re

from backrooms_tui.model.errors import ArchiveInvalid

from .archive_compression import Source, StreamDamaged, Writer

BLOCK = 512
MAX_TIME = 8**11 - 1
"""Seconds: the most that a header can hold."""
_NUMBERS = re.compile(rb"([0-7]{11})\0([0-7]{11})\0")
_NUMBERS_AT = 124
_CHECKSUM_AT = 148
_TYPE_AT = 156
_NAME = re.compile(r"[a-z0-9/.]{1,100}")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a directory",
    b"6": "a pipe",
    b"S": "a sparse file",
    b"x": "an extended header",
    b"g": "an extended header",
    b"L": "an extended header",
    b"K": "an extended header",
}


def invalid(reason: str, *details: str) -> ArchiveInvalid:
    return ArchiveInvalid(f"REASON: {reason}", *details)


def _header(name: str, size: int, seconds: int) -> bytes:
    """Of a plain file, mode 0600, owned by nobody in particular."""
    fields = (
        name.encode().ljust(100, b"\0"),
        b"0000600\0" + b"0000000\0" * 2,
        b"%011o\0%011o\0" % (size, seconds),
        b" " * 8,
        b"0".ljust(101, b"\0"),
        b"ustar\00000".ljust(72, b"\0"),
        b"0000000\0" * 2,
    )
    block = b"".join(fields).ljust(BLOCK, b"\0")
    return block[:_CHECKSUM_AT] + b"%06o\0 " % sum(block) + block[_CHECKSUM_AT + 8 :]


class TarWriter:
    def __init__(self, sink: Writer, seconds: int) -> None:
        """`seconds` since the epoch: the time of all members."""
        self._sink = sink
        self._seconds = min(seconds, MAX_TIME)

    def add(self, name: str, data: bytes) -> None:
        self._sink.write(_header(name, len(data), self._seconds))
        self._sink.write(data)
        self._sink.write(bytes(-len(data) % BLOCK))

    def finish(self) -> None:
        self._sink.write(bytes(2 * BLOCK))


class TarReader:
    """Reads member by member; everything it refuses is ArchiveInvalid, with the member and the byte."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0
        self.seconds: int | None = None
        """The time of the first member, and of all."""
        self.member = ""

    def next(self) -> tuple[str, int] | None:
        """Name and size of the next member, whose bytes are then to be `read`; None at the end."""
        start = self._at
        block = self._take(BLOCK)
        if block == bytes(BLOCK):
            self._end()
            return None
        name = block[:100].rstrip(b"\0").decode("latin-1")
        numbers = _NUMBERS.match(block, _NUMBERS_AT)
        kind = _KINDS.get(block[_TYPE_AT : _TYPE_AT + 1])
        if kind is not None:
            raise self.refusal(f"a member is {kind}", at=start)
        if _NAME.fullmatch(name) is None or numbers is None:
            raise self.refusal("a member is none of ours", at=start)
        size, seconds = (int(number, 8) for number in numbers.groups())
        if block != _header(name, size, seconds) or self.seconds not in (None, seconds):
            raise self.refusal("a member is none of ours", at=start)
        self.member, self.seconds = name, seconds
        return name, size

    def read(self, size: int) -> bytes:
        """The bytes of the member whose turn it is, all of them."""
        data = self._take(size)
        if any(self._take(-size % BLOCK)):
            raise self.refusal("bytes between members")
        return data

    def refusal(self, reason: str, *, at: int | None = None) -> ArchiveInvalid:
        named = (f"MEMBER: {self.member}",) if self.member and at is None else ()
        return invalid(reason, *named, f"OFFSET: 0x{self._at if at is None else at:08X}")

    def _take(self, size: int) -> bytes:
        try:
            data = self._source.read(size)
        except StreamDamaged as error:
            raise self.refusal(str(error)) from None
        self._at += len(data)
        if len(data) < size:
            raise self.refusal("the archive ends too early")
        return data

    def _end(self) -> None:
        if any(self._take(BLOCK)):
            raise self.refusal("bytes behind the end of the archive")
        try:
            more = self._source.read(1)
        except StreamDamaged as error:
            raise self.refusal(str(error)) from None
        if more:
            raise self.refusal("bytes behind the end of the archive")
