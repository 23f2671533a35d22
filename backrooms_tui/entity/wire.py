"""The host's decoder of what an entity sends: bounded, and with an opinion on the order of frames.

Pure: bytes in, frames out. Two streams meet here, the frames and the captured standard output; both count against
the bounds of the input in flight. The first offence gives one Violation, after which nothing more comes out.
"""

from __future__ import annotations

import codecs
from enum import Enum

from .frames import (
    MAX_LINE,
    MAX_TURN_BYTES,
    MAX_TURN_FRAMES,
    Done,
    Fail,
    Frame,
    Log,
    Output,
    Ready,
    Terminate,
    Violation,
)
from .parse import Broken, clean, parse


class _Phase(Enum):
    STARTING = "before ready"
    IDLE = "outside a turn"
    TURN = "in a turn"
    BROKEN = "after a violation"


_LEGAL: dict[_Phase, tuple[type, ...]] = {
    _Phase.STARTING: (Ready, Log, Fail),
    _Phase.IDLE: (Log, Terminate),
}


LOUD = 1024
"""Frames and lines."""
_SHOWN = 200
"""Bytes of an offending line that are kept."""


class _Exceeded(Exception):
    """The entity said more than one input may cause."""


class Decoder:
    """One entity's decoder, for one thread. Memory held: at most MAX_TURN_BYTES, in practice one line."""

    def __init__(self, max_bytes: int = MAX_TURN_BYTES) -> None:
        """`max_bytes` bounds what one input may cause."""
        self.interrupt = ""
        """How the entity wants its turns interrupted; see Ready."""
        self._max_bytes = max_bytes
        self._phase = _Phase.STARTING
        self._seq = 0
        self._line = bytearray()
        self._taken = b""
        """The last line."""
        self._unfinished = False
        """The last output goes on in the next frame."""
        self._printed: list[str] = []
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._bytes = 0
        self._frames = 0

    def begin_turn(self, seq: int) -> None:
        """Input `seq` is about to be sent: count anew and expect `done` for it."""
        if self._phase is _Phase.IDLE:
            self._phase, self._seq = _Phase.TURN, seq
            self._bytes = self._frames = 0

    @property
    def loud(self) -> bool:
        """So much has been said for this input that what comes is better taken in small pieces."""
        return self._frames > LOUD

    @property
    def in_turn(self) -> bool:
        return self._phase is _Phase.TURN

    def feed(self, data: bytes) -> list[Frame]:
        """Bytes of the frame stream; gives the frames they complete."""
        frames: list[Frame] = []
        if self._phase is _Phase.BROKEN:
            return frames
        *lines, rest = data.split(b"\n")
        try:
            for line in lines:
                if self._line:
                    line = bytes(self._line) + line  # noqa: PLW2901 - the first line goes on with what was kept
                    self._line.clear()
                self._take(line, frames)
            self._line += rest
            if len(self._line) > MAX_LINE:
                self._taken = bytes(self._line[:_SHOWN])
                raise Broken(f"a line of more than {MAX_LINE} bytes")
        except Broken as reason:
            shown = clean(self._taken[:_SHOWN].decode(errors="replace"))
            frames.append(self._break("PROTOCOL_VIOLATION", str(reason), shown))
        except _Exceeded as reason:
            frames.append(self._break("OUTPUT_SIZE_EXCEEDED", str(reason)))
        return frames

    def feed_printed(self, data: bytes) -> list[Frame]:
        """Bytes of standard output and error: whole lines are output, or log outside a turn."""
        if self._phase is _Phase.BROKEN:
            return []
        try:
            self._count(len(data), data.count(b"\n"))
        except _Exceeded as reason:
            return [self._break("OUTPUT_SIZE_EXCEEDED", str(reason))]
        text = self._utf8.decode(data)
        whole = text.rfind("\n") + 1
        frames: list[Frame] = []
        if whole:
            self._printed.append(text[:whole])
            frames = self.flush_printed()
        self._printed.append(text[whole:])
        return frames

    def flush_printed(self) -> list[Frame]:
        """Give the unfinished printed line as if it were finished: its turn is about to end."""
        text = "".join(self._printed)
        self._printed.clear()
        if not text:
            return []
        return [Output(text) if self._phase is _Phase.TURN else Log("stdout", text)]

    def _take(self, line: bytes, frames: list[Frame]) -> None:
        self._taken = line
        if len(line) > MAX_LINE:
            raise Broken(f"a line of more than {MAX_LINE} bytes")
        self._count(len(line) + 1, 1)
        frame = parse(line)
        if not isinstance(frame, _LEGAL.get(self._phase, object)) or (
            isinstance(frame, Ready) and self._phase is not _Phase.STARTING
        ):
            raise Broken(f"{type(frame).__name__.lower()} {self._phase.value}")
        if isinstance(frame, Output):
            self._unfinished = frame.more
        elif self._unfinished:
            raise Broken("an output left unfinished")
        if isinstance(frame, Done | Fail):
            frames += self.flush_printed()
        self._advance(frame)
        frames.append(frame)

    def _advance(self, frame: Frame) -> None:
        """Move to the phase that follows a frame."""
        if isinstance(frame, Done) and frame.seq != self._seq:
            raise Broken(f"done for {frame.seq}, in flight is {self._seq}")
        if isinstance(frame, Ready):
            self.interrupt = frame.interrupt
        if isinstance(frame, Ready | Done | Fail):
            self._phase = _Phase.IDLE
            self._bytes = self._frames = 0

    def _count(self, size: int, frames: int) -> None:
        self._bytes += size
        self._frames += frames
        if self._bytes > self._max_bytes:
            raise _Exceeded(f"more than {self._max_bytes} bytes for one input")
        if self._frames > MAX_TURN_FRAMES:
            raise _Exceeded(f"more than {MAX_TURN_FRAMES} frames for one input")

    def _break(self, code: str, reason: str, line: str = "") -> Violation:
        self._phase = _Phase.BROKEN
        self._line.clear()
        self._printed.clear()
        return Violation(code, reason, line)
