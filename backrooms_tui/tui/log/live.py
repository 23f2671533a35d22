"""What the running turn has said and memory does not hold yet: bounded, and honest about what it let go.

A flooding entity says more in a second than anybody reads. Only the newest lines are kept; a `SKIPPED` line stands
where the others were, until the turn commits and memory has them all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from backrooms_tui.model.events import Said

from .lines import Key, Line, Look, lines_said

LIVE_LINES = 1000


class Live:
    """The provisional lines of one attempt at one input."""

    def __init__(self) -> None:
        self.turn: tuple[int, int] = (0, 0)
        """(sequence number of the INPUT, attempt)."""
        self.said = 0
        """Things said so far, those let go included."""
        self.skipped = 0
        self._lines: deque[Line] = deque()
        self._at = 0
        self._gap: Key = (0, 0, 0)

    def begin(self, seq: int, attempt: int) -> None:
        """Start anew; whatever an earlier attempt said did not happen."""
        self.turn = (seq, attempt)
        self.said = self.skipped = self._at = 0
        self._lines.clear()

    def add(self, batch: Sequence[Said]) -> list[Line]:
        """Take things said, in order, all of this turn. Gives the new lines that are kept.

        Where things are missing before them, the first one is a `SKIPPED` line with their count.
        """
        fresh = [said for said in batch if said.n >= self.said]
        if not fresh:
            return []
        missed = fresh[0].n - self.said
        self.said = fresh[-1].n + 1
        kept = fresh[-LIVE_LINES:]
        missed += len(fresh) - len(kept)
        added: list[Line] = []
        if missed:
            gap = (max(kept[0].at, self._at), kept[0].n, 0)
            added.append(self._mark(gap, missed))
            # What was kept before the hole would look as if it led up to what follows.
            self._skip(missed + len({line.key[1] for line in self._lines}), gap)
            self._lines.clear()
        for said in kept:
            self._at = max(said.at, self._at)
            lines = lines_said(said, self._at)
            self._lines += lines
            added += lines
        self._shrink()
        return added

    def _shrink(self) -> None:
        while len(self._lines) > LIVE_LINES:
            gone = self._lines.popleft().key
            while self._lines and self._lines[0].key[:2] == gone[:2]:
                self._lines.popleft()
            self._skip(1, (gone[0], gone[1], 0))

    def _skip(self, count: int, key: Key) -> None:
        self.skipped += count
        self._gap = key

    def _mark(self, key: Key, count: int) -> Line:
        return Line(key, Look.ROOM, f"SKIPPED {count:,} LINES", input=self.turn[0])

    @property
    def first(self) -> Key:
        """Key of the oldest line that counts, the `SKIPPED` line included; (0, 0, 0) when there is none."""
        if self.skipped:
            return self._gap
        return self._lines[0].key if self._lines else (0, 0, 0)

    @property
    def marks(self) -> list[Line]:
        """The `SKIPPED` line, if anything was let go."""
        return [self._mark(self._gap, self.skipped)] if self.skipped else []

    def __iter__(self) -> Iterator[Line]:
        yield from self.marks
        yield from self._lines
