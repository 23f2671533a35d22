"""The four ways an archive is compressed, written and read as streams.

Reading is bounded: a few bytes that swell to gigabytes (zstd reaches 32,676 to 1) never take more memory than one
piece, and the caller counts what it takes. A compressed stream is exactly one gzip member, xz stream or zstd frame;
what stands behind it, and an end that is missing, are refused.
"""

from __future__ import annotations

import lzma
import zlib
from typing import Any, BinaryIO, Protocol

SUFFIXES = {"gzip": ".tar.gz", "xz": ".tar.xz", "zstd": ".tar.zst", "none": ".tar"}
"""Of an archive's file name, by compression."""

_PIECE = 1 << 16
_GZIP_LEVEL = 6
_XZ_PRESET = 1
"""On text of rooms (4 MB measured): four times the speed of the default preset for 10 % more bytes."""
_XZ_MEMORY = 256 << 20
_ZSTD_LEVEL = 3
_ZSTD_THREADS = 2
_ZSTD_WINDOW = 1 << 25
_ZSTD_BLOCKS = 8
"""Given to zstd at a time: 1 MiB at most when expanded."""
_ZSTD_FLAGS_AT = 4
_ZSTD_HEAD = 18
"""Bytes that a frame's header has at most; a whole frame of ours has more."""
_ZSTD_RUN = 1
"""The kind of block that is one byte, repeated."""
_MAGICS = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
MAGIC = 6
"""Bytes that tell a compression."""


class StreamDamaged(Exception):
    """What is read is not one whole compressed stream; the text says what is wrong."""


class Writer(Protocol):
    def write(self, data: bytes) -> object: ...


class Compressor:
    """Compresses what is written to it into a sink. Equal bytes give equal bytes."""

    def __init__(self, sink: Writer, compression: str) -> None:
        self._sink = sink
        self._engine = _compressor(compression)
        self.plain_size = 0

    def write(self, data: bytes) -> None:
        self.plain_size += len(data)
        if packed := data if self._engine is None else self._engine.compress(data):
            self._sink.write(packed)

    def finish(self) -> None:
        if self._engine is not None:
            self._sink.write(self._engine.flush())


def _compressor(compression: str) -> Any:
    if compression == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    if compression == "xz":
        return lzma.LZMACompressor(preset=_XZ_PRESET)
    if compression == "zstd":
        import zstandard

        parameters = zstandard.ZstdCompressionParameters.from_level(
            _ZSTD_LEVEL, threads=_ZSTD_THREADS, write_checksum=True
        )
        return zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return None


class Source:
    """What is to be read: the bytes of a file, or what they expand to. Not seekable, and need not be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._fed = b""
        self._plain = b""
        self._engine: _Expander | None = None
        self.taken = 0
        """Bytes read of the file so far."""

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer at the end; they stay."""
        while len(self._plain) < size and (more := self._more()):
            self._plain += more
        return self._plain[:size]

    def expand(self) -> None:
        """Read on as what the bytes expand to, where they are compressed. Only before anything was read."""
        start = self.peek(MAGIC)
        for magic, compression in _MAGICS.items():
            if start.startswith(magic):
                self._fed, self._plain = self._plain, b""
                self._engine = _EXPANDERS[compression]()

    def read(self, size: int) -> bytes:
        """The next bytes, fewer only at the end. Raises StreamDamaged."""
        if size <= len(self._plain):
            data, self._plain = self._plain[:size], self._plain[size:]
            return data
        parts = [self._plain]
        missing = size - len(self._plain)
        self._plain = b""
        while missing and (more := self._more()):
            parts.append(more[:missing])
            self._plain = more[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def _more(self) -> bytes:
        """The next piece; empty at the end."""
        if self._engine is None:
            return self._take(_PIECE)
        while not self._engine.ended:
            if self._engine.hungry and not self._fed:
                self._fed = self._take(self._engine.bite)
                if not self._fed:
                    raise StreamDamaged("the compressed stream has no end")
            given, self._fed = self._fed[: self._engine.bite], self._fed[self._engine.bite :]
            if plain := self._engine.expand(given):
                return plain
        if self._engine.rest or self._fed or self._take(1):
            raise StreamDamaged("bytes behind the end of the compressed stream")
        return b""

    def _take(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except OSError as error:
            raise StreamDamaged(f"cannot be read: {error.strerror}") from None
        self.taken += len(data)
        return data


class _Expander(Protocol):
    @property
    def bite(self) -> int:
        """Bytes it may be given at a time."""

    @property
    def hungry(self) -> bool:
        """Whether it has given all it can of what it was given."""

    @property
    def ended(self) -> bool: ...

    @property
    def rest(self) -> bytes:
        """What stood behind the end."""

    def expand(self, data: bytes) -> bytes: ...


class _Gzip:
    bite = _PIECE

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def expand(self, data: bytes) -> bytes:
        try:
            return self._engine.decompress(self._engine.unconsumed_tail + data, _PIECE)
        except zlib.error:
            raise StreamDamaged("the gzip stream is damaged") from None

    @property
    def hungry(self) -> bool:
        return not self._engine.unconsumed_tail

    @property
    def ended(self) -> bool:
        return self._engine.eof

    @property
    def rest(self) -> bytes:
        return self._engine.unused_data


class _Xz:
    bite = _PIECE

    def __init__(self) -> None:
        self._engine = lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY)

    def expand(self, data: bytes) -> bytes:
        try:
            return self._engine.decompress(data, _PIECE)
        except lzma.LZMAError:
            raise StreamDamaged("the xz stream is damaged") from None

    @property
    def hungry(self) -> bool:
        return self._engine.needs_input

    @property
    def ended(self) -> bool:
        return self._engine.eof

    @property
    def rest(self) -> bytes:
        return self._engine.unused_data


class _Zstd:
    """Gives zstd whole blocks of a frame, few at a time: it cannot be told how much to give back, but a block never
    becomes more than 128 KiB. Where blocks end stands in three bytes before each.
    """

    bite = _PIECE

    def __init__(self) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._engine = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self._begun = self._over = False
        self._checksum = 0
        """Bytes behind the last block."""
        self.hungry = True
        self.rest = b""

    def expand(self, data: bytes) -> bytes:
        self.rest += data
        size = self._whole()
        given, self.rest = self.rest[:size], self.rest[size:]
        self.hungry = not size
        try:
            plain = self._engine.decompress(given) if given else b""
        except self._error:
            plain = None
        if plain is None or (self._over and not self.ended):
            raise StreamDamaged("the zstd stream is damaged")
        return plain

    def _whole(self) -> int:
        """How many bytes of the rest are a few whole blocks, or the frame's header."""
        if not self._begun:
            if len(self.rest) <= _ZSTD_HEAD:
                return 0
            self._begun = True
            self._checksum = 4 if self.rest[_ZSTD_FLAGS_AT] & 4 else 0
            return _zstd_header(self.rest[_ZSTD_FLAGS_AT])
        end = 0
        for _ in range(_ZSTD_BLOCKS):
            head = int.from_bytes(self.rest[end : end + 3], "little")
            last, kind, size = head & 1, head >> 1 & 3, head >> 3
            after = end + 3 + (1 if kind == _ZSTD_RUN else size) + last * self._checksum
            if self._over or len(self.rest) < max(after, end + 3):
                break
            end, self._over = after, bool(last)
        return end

    @property
    def ended(self) -> bool:
        return self._engine.eof


def _zstd_header(flags: int) -> int:
    """Bytes of a frame's header: magic, flags, window, dictionary, size."""
    single = flags >> 5 & 1
    return _ZSTD_FLAGS_AT + 1 + (not single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]


_EXPANDERS: dict[str, type[_Gzip | _Xz | _Zstd]] = {"gzip": _Gzip, "xz": _Xz, "zstd": _Zstd}
