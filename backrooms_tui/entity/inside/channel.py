"""The child's end of the frames: blocking, one JSON object a line, both ways."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Mapping
from typing import Any

from backrooms_tui.entity.frames import MAX_LINE

from .interrupts import Interrupts

_CHUNK = 64 * 1024
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class FrameTooLarge(ValueError):
    """The frame does not fit one line of the wire."""


def encode(frame: Mapping[str, Any]) -> bytes:
    """One line with its newline. Raises FrameTooLarge, ValueError, TypeError for what JSON cannot say."""
    try:
        line = _encode(frame).encode()
    except UnicodeEncodeError:  # a lone surrogate; escaped, the host can read and replace it
        line = _encode_ascii(frame).encode()
    if len(line) > MAX_LINE:
        raise FrameTooLarge(f"a frame of {len(line)} bytes, the limit is {MAX_LINE}")
    return line + b"\n"


_LINE_END = encode({"type": "output", "text": ""})


class Channel:
    def __init__(self, descriptor: int) -> None:
        self.interrupts = Interrupts(self._holds_interrupt)
        self._descriptor = descriptor
        self._kept = bytearray()
        self._mid_line = False
        """The last output said that the next frame goes on with it."""
        self._waiting = select.poll()
        self._waiting.register(descriptor, select.POLLIN)

    def send(self, frame: Mapping[str, Any]) -> None:
        """Write a frame, waiting for the host to read. Raises as `encode`, and OSError; Interrupted after the frame."""
        data = encode(frame)
        self.interrupts.hold()
        try:
            if self._mid_line and frame["type"] != "output":
                data = self.line_end() + data
            self._mid_line = frame.get("more") is True
            self.write(data)
        finally:
            self.interrupts.release()

    def line_end(self) -> bytes:
        """What has to come before a frame that is no output: an exception may have left a line in its middle."""
        unfinished, self._mid_line = self._mid_line, False
        return _LINE_END if unfinished else b""

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        self.interrupts.hold()
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        finally:
            self.interrupts.release()

    def _holds_interrupt(self, seq: int) -> bool:
        """Whether an interrupt of turn `seq` is among what the host has sent and nobody has received."""
        while self._waiting.poll(0):
            data = os.read(self._descriptor, _CHUNK)
            if not data:
                break
            self._kept += data
        if not self._kept:
            return False
        frame = encode({"type": "interrupt", "seq": seq})
        return self._kept.startswith(frame) or b"\n" + frame in self._kept

    def receive(self) -> dict[str, Any] | None:
        """The next frame of the host; None when the host is gone."""
        searched = 0
        while (end := self._kept.find(b"\n", searched)) < 0:
            searched = len(self._kept)
            data = os.read(self._descriptor, _CHUNK)
            if not data:
                return None
            self._kept += data
        line = self._kept[:end]
        del self._kept[: end + 1]
        frame: dict[str, Any] = json.loads(line)
        return frame
