"""`frames`: a program that speaks `room-entity/1` over its standard input and output.

A printed line that does not begin like an object is output, so that a program may simply print; what it writes to
standard error is logged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backrooms_tui.entity.frames import Closed, Done, Fail, Frame, Log, Output, Violation
from backrooms_tui.entity.process import ExitReport
from backrooms_tui.entity.wire import Decoder

from .command import CommandProcess
from .spoken import Stream

_encode = json.JSONEncoder(separators=(",", ":")).encode


class FramedProcess(CommandProcess):
    """See the module."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._decoder = _Lifting(options["bounds"].output)
        self._error = Stream()

    def begin_turn(self, seq: int) -> None:
        super().begin_turn(seq)
        self._decoder.begin_turn(seq)

    def send(self, frame: Mapping[str, Any]) -> bool:
        with self._lock:
            self._unsent += _encode(frame).encode()
            self._unsent += b"\n"
        return self.flush()

    def interrupt(self, seq: int) -> bool:
        if not self._decoder.interrupt:
            return False
        self.send({"type": "interrupt", "seq": seq})
        if self._decoder.interrupt == "signal":  # which says when; the frame says which turn
            return super().interrupt(seq)
        return True

    def _said(self, data: bytes) -> list[Frame]:
        frames = self._decoder.feed(data)
        if any(isinstance(frame, Done | Fail) for frame in frames):
            self._in_turn = False
            self._tally.begin()
        self._broken = any(isinstance(frame, Violation) for frame in frames)
        return frames

    def _complained(self, data: bytes) -> list[Frame]:
        lines = self._error.feed(data)
        return [Log("stderr", lines)] if lines else []

    def _on_death(self, report: ExitReport) -> list[Frame]:  # noqa: ARG002 - how is for the owner
        frames = self._decoder.feed(b"\n") if self._decoder.has_rest else []
        rest = self._error.rest()
        return [*frames, *([Log("stderr", rest)] if rest else []), Closed()]


class _Lifting(Decoder):
    """A decoder for which a line that is no frame is output."""

    @property
    def has_rest(self) -> bool:
        """Whether an unfinished line is kept that is output."""
        return bool(self._line) and not self._line.startswith(b"{")

    def _take(self, line: bytes, frames: list[Frame]) -> None:
        if line.startswith(b"{"):
            super()._take(line, frames)
            return
        self._count(len(line) + 1, 1)
        text = line.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        frames.append(Output(text) if self.in_turn else Log("stdout", text))
