"""What a program prints, as text by lines, and the bounds that it counts against.

Bytes that are no UTF-8 and NUL become U+FFFD; nothing is refused for what it says, only for how much.
"""

from __future__ import annotations

import codecs

from backrooms_tui.entity.frames import MAX_TURN_FRAMES


class Exceeded(Exception):
    """The program said more than one input may cause; the message says what."""


class Tally:
    """Bytes and lines of all streams since the last `begin`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.begin()

    def begin(self) -> None:
        self._bytes = self._lines = 0

    def count(self, data: bytes) -> None:
        """Raises Exceeded."""
        self._bytes += len(data)
        self._lines += data.count(b"\n")
        if self._bytes > self._max_bytes:
            raise Exceeded(f"more than {self._max_bytes} bytes for one input")
        if self._lines > MAX_TURN_FRAMES:
            raise Exceeded(f"more than {MAX_TURN_FRAMES} lines for one input")


class Stream:
    """One stream of a program."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []

    def feed(self, data: bytes) -> str:
        """The lines that `data` completes, each with its newline; empty when it completes none."""
        text = self._utf8.decode(data).replace("\0", "\N{REPLACEMENT CHARACTER}")
        whole = text.rfind("\n") + 1
        lines = "".join((*self._pieces, text[:whole])) if whole else ""
        if whole:
            self._pieces.clear()
        if rest := text[whole:]:
            self._pieces.append(rest)
        return lines

    def rest(self) -> str:
        """The line that is not finished, as if it were."""
        text = "".join(self._pieces) + self._utf8.decode(b"", final=True)
        self._utf8.reset()
        self._pieces.clear()
        return text
