"""Frames of the control protocol: a length of four bytes, big-endian, and as many bytes of msgpack; at most 1 MiB.

A frame holds one message, an array that begins `[request, kind, ...]`. A message that does not fit travels as the
frames `[request, "part", bytes]`..., `[request, "last", bytes]` whose bytes together are the message; only servers
send such ones. Both sides use this module. A connection has one reader and one writer at a time.
"""

from __future__ import annotations

import struct
import time
from typing import Any

from msgpack import Packer, unpackb

TYPE_CHECKING = False  # clients start fast: `typing` is there already, `socket` need not be
if TYPE_CHECKING:
    from _socket import socket

MAX_FRAME = 1024 * 1024
"""Bytes of a frame's msgpack."""
MAX_MESSAGE = 256 * 1024 * 1024
"""Bytes of a message that a client takes in parts."""
FRAME_SECONDS = 10.0
"""How long a frame that has begun may take to arrive."""
STALL_SECONDS = 30.0
"""How long the other side may take to make room for one frame."""

_PIECE = MAX_FRAME - 64
_CHUNK = 256 * 1024
_HEAD = struct.Struct(">I")
_UNREADABLE = (ValueError, TypeError, RecursionError, MemoryError, OverflowError)


class Gone(Exception):
    """The other side has closed the connection, or it broke."""


class Silence(Exception):
    """Nothing began to arrive in time."""


class Broken(Exception):
    """What arrived is no frame; nothing after it can be read either."""


def unpack(data: bytes, *, items: int) -> Any:
    """One msgpack value whose arrays and maps have at most `items` items. Raises Broken."""
    try:
        return unpackb(data, max_array_len=items, max_map_len=items, max_ext_len=0)
    except _UNREADABLE:
        raise Broken("not msgpack") from None


def make_packer() -> Packer:
    """What cannot be UTF-8 (a file's name) is shown escaped."""
    return Packer(buf_size=16 * 1024, unicode_errors="backslashreplace")


class Wire:
    """Frames over a connected socket."""

    def __init__(self, sock: socket, *, items: int = MAX_FRAME, longest: int = MAX_MESSAGE) -> None:
        """`items` bounds what one array of a message may hold, `longest` the bytes of a message in parts."""
        self.socket = sock
        self.stall_seconds = STALL_SECONDS
        self._items = items
        self._longest = longest
        self._pack = make_packer().pack
        self._buffer = bytearray()
        self._timeout: float | None = -1.0

    @property
    def held(self) -> bytes:
        """What has arrived and was not taken."""
        return bytes(self._buffer)

    def send(self, message: object) -> None:
        """Raises Gone, also when the other side takes nothing for too long."""
        self.send_packed(self._pack(message))

    def send_packed(self, payload: bytes, request: int = 0) -> None:
        """Send a message that is packed already; `request` is said with its parts."""
        if len(payload) <= MAX_FRAME:
            self._put(payload)
            return
        for start in range(0, len(payload), _PIECE):
            kind = "part" if start + _PIECE < len(payload) else "last"
            self._put(self._pack((request, kind, payload[start : start + _PIECE])))

    def receive(self, timeout: float | None, *, deadline: float | None = None) -> Any:
        """Give the next message, waiting `timeout` seconds (None: for ever) for it to begin.

        `deadline` is when its first frame must have ended, FRAME_SECONDS after its begin if not given. Raises
        Silence, Gone, Broken.
        """
        message = unpack(self.receive_packed(timeout, deadline), items=self._items)
        if type(message) is list and len(message) == 3 and message[1] in ("part", "last"):
            return self._joined(message)
        return message

    def receive_packed(self, timeout: float | None, deadline: float | None = None) -> bytes:
        """The next frame's bytes."""
        buffer = self._buffer
        if not buffer:
            self._fill(timeout)
        while True:
            if len(buffer) >= _HEAD.size:
                (size,) = _HEAD.unpack_from(buffer)
                if not 0 < size <= MAX_FRAME:
                    raise Broken(f"a frame of {size} bytes")
                end = _HEAD.size + size
                if len(buffer) >= end:
                    payload = bytes(buffer[_HEAD.size : end])
                    del buffer[:end]
                    return payload
            if deadline is None:
                deadline = time.monotonic() + FRAME_SECONDS
            try:
                self._fill(max(0.0, deadline - time.monotonic()))
            except Silence:
                raise Broken("a frame that did not end in time") from None

    def waiting(self) -> bool:
        """Whether something has arrived, were it the end."""
        return bool(self._buffer) or self._looked() is not None

    def over(self) -> bool:
        """Whether the other side has closed the connection, as far as that can be seen without waiting."""
        return len(self._buffer) <= MAX_FRAME and self._looked() == b""

    def _looked(self) -> bytes | None:
        """Take what is there: None when nothing is, b"" at the end."""
        self._within(0.0)
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        self._buffer += data
        return data

    def _joined(self, message: list[Any]) -> Any:
        request, kind, piece = message
        whole = bytearray()
        while True:
            if type(piece) is not bytes or len(whole) + len(piece) > self._longest:
                raise Broken("a message that is too long")
            whole += piece
            if kind == "last":
                return unpack(bytes(whole), items=self._longest)
            message = unpack(self.receive_packed(FRAME_SECONDS), items=self._items)
            if type(message) is not list or len(message) != 3 or message[0] != request:
                raise Broken("a message whose parts do not follow each other")
            _, kind, piece = message
            if kind not in ("part", "last"):
                raise Broken("a message whose parts do not follow each other")

    def _put(self, payload: bytes) -> None:
        self._within(self.stall_seconds)
        try:
            self.socket.sendall(_HEAD.pack(len(payload)) + payload)
        except OSError as error:  # TimeoutError too: part of a frame is gone, nothing can follow it
            raise Gone(str(error)) from None

    def _fill(self, timeout: float | None) -> None:
        self._within(timeout)
        try:
            data = self.socket.recv(_CHUNK)
        except (TimeoutError, BlockingIOError):
            raise Silence from None
        except OSError as error:
            raise Gone(str(error)) from None
        if not data:
            raise Gone("closed")
        self._buffer += data

    def _within(self, timeout: float | None) -> None:
        if timeout != self._timeout:
            try:
                self.socket.settimeout(timeout)
            except OSError as error:
                raise Gone(str(error)) from None
            self._timeout = timeout
