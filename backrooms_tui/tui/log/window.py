"""The lines around the reader: an ordered, bounded stretch of memory that knows where it ends.

`low` and `high` are the timestamps of the outermost durable entries it has seen, also when a filter kept none of
their lines: they are the cursors of the next pages. Lines are dropped by whole entries, so that a cursor never
stands inside one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from .lines import Key, Line

MAX_LINES = 4000
MAX_CHARACTERS = 4 * 1024 * 1024
"""4,000 lines of 4 KiB would be 16 MiB."""

_KEY: Callable[[Line], Key] = attrgetter("key")


class Window:
    """A sorted list of lines. Index arguments and results are valid until the next change."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.low = 0
        self.high = 0
        self.at_start = False
        """Nothing older exists."""
        self.at_end = False
        """Nothing newer is durable; what is said now is attached."""
        self._characters = 0

    def clear(self) -> None:
        self.lines.clear()
        self.low = self.high = self._characters = 0
        self.at_start = self.at_end = False

    def index(self, key: Key) -> int:
        """Give the index of the line at `key`, or of the next one after it."""
        return bisect_left(self.lines, key, key=_KEY)

    def find(self, key: Key) -> Line | None:
        at = self.index(key)
        return self.lines[at] if at < len(self.lines) and self.lines[at].key == key else None

    @property
    def over(self) -> bool:
        """Whether it holds more than it should."""
        return len(self.lines) > MAX_LINES or self._characters > MAX_CHARACTERS

    def cover(self, low: int, high: int) -> None:
        """Widen the cursors to entries seen; zeros mean none."""
        if low:
            self.low = min(self.low, low) if self.low else low
            self.high = max(self.high, high)

    def prepend(self, lines: Sequence[Line]) -> None:
        """Add lines older than all that are here."""
        self.lines[:0] = lines
        self._characters += sum(len(line.text) for line in lines)

    def add(self, lines: Iterable[Line]) -> None:
        """Add lines in their places, nearly always the end. A line whose key is here already replaces that one."""
        for line in lines:
            self._characters += len(line.text)
            if not self.lines or self.lines[-1].key < line.key:
                self.lines.append(line)
                continue
            at = self.index(line.key)
            if at < len(self.lines) and self.lines[at].key == line.key:
                self._characters -= len(self.lines[at].text)
                self.lines[at] = line
            else:
                self.lines.insert(at, line)

    def drop_provisional(self, *, before: Key | None = None) -> None:
        """Remove what is not durable, all of it or what stands before a key."""
        kept = [line for line in self.lines if not line.provisional or (before is not None and line.key >= before)]
        if len(kept) != len(self.lines):
            self.lines = kept
            self._characters = sum(len(line.text) for line in kept)

    def trim_front(self, spare: int | None = None) -> None:
        """Drop the oldest entries until it is within its bounds, touching only the first `spare` lines."""
        limit = len(self.lines) - 1 if spare is None else min(spare, len(self.lines) - 1)
        count = self._excess(range(len(self.lines)))
        while 0 < count <= limit and self.lines[count].key[:2] == self.lines[count - 1].key[:2]:
            count += 1
        if 0 < count <= limit:
            self._cut(0, count)
            self.at_start = False
            self.low = next((line.timestamp for line in self.lines if not line.provisional), self.high + 1)

    def trim_back(self, keep: int) -> None:
        """Drop the newest entries until it is within its bounds, never one of the first `keep` lines."""
        count = self._excess(range(len(self.lines) - 1, -1, -1))
        end = len(self.lines) - count
        while keep < end < len(self.lines) and self.lines[end].key[:2] == self.lines[end - 1].key[:2]:
            end -= 1
        if count and end > keep:
            self._cut(end, len(self.lines))
            self.at_end = False
            self.high = next((line.timestamp for line in reversed(self.lines) if not line.provisional), self.low - 1)

    def _excess(self, order: Iterable[int]) -> int:
        """Count the lines, in `order`, that have to go."""
        count = characters = 0
        for i in order:
            if len(self.lines) - count <= MAX_LINES and self._characters - characters <= MAX_CHARACTERS:
                break
            count += 1
            characters += len(self.lines[i].text)
        return count

    def _cut(self, start: int, end: int) -> None:
        self._characters -= sum(len(line.text) for line in self.lines[start:end])
        del self.lines[start:end]
