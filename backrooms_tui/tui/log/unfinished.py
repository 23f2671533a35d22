"""The line that an entity is saying just now: its parts, joined as often as the screen is drawn and no oftener.

Ten thousand parts a second cost ten thousand appends to a list. Only as much of them is kept as is ever shown of a
line; the rest is counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from backrooms_tui.model.events import Saying

from .lines import LINE_CAP, Line, line_saying

GAP = "… "
"""Stands where parts are missing: they were lost, or said before anybody looked. The whole line has them."""


class Unfinished:
    """Parts of at most one line of one attempt at one input."""

    def __init__(self) -> None:
        self.n = -1
        """Which line of the turn it is; -1 for none."""
        self.at = 0
        """Nanoseconds at which it was begun: its place among the other lines."""
        self._torn = False
        """Parts are missing before the next one."""
        self._parts: list[str] = []
        self._held = 0
        self._more = 0
        """Bytes that are not kept."""
        self._line: Line | None = None

    def clear(self) -> None:
        """There is no such line."""
        self._begin(-1, 0)
        self._torn = False

    def lose(self) -> None:
        """Events are missing."""
        self._torn = True

    def add(self, parts: Sequence[Saying], *, at: int, whole: bool) -> None:
        """Take parts of one line, in order. `at` is the earliest place for a new one; `whole`: its begin is here."""
        if parts[0].n != self.n:
            self._begin(parts[0].n, max(parts[0].at, at))
            self._torn |= not whole
        if self._torn:
            self._keep(GAP)
            self._torn = False
        for part in parts:
            self._keep(part.text)
        self._line = None

    def _begin(self, n: int, at: int) -> None:
        self.n, self.at = n, at
        self._parts = []
        self._held = self._more = 0
        self._line = None

    def _keep(self, text: str) -> None:
        room = LINE_CAP - self._held
        if room:
            self._parts.append(text[:room])
            self._held += min(len(text), room)
        if len(text) > room:
            self._more += len(text[room:].encode("utf-8", "surrogatepass"))

    def line(self, asked: int) -> Line | None:
        """The line as it is now, of the INPUT `asked`; None when there is none."""
        if self.n < 0:
            return None
        if self._line is None:
            self._parts = ["".join(self._parts)]
            self._line = line_saying(self._parts[0], self._more, (self.at, 1 + self.n, 0), asked)
        return self._line
