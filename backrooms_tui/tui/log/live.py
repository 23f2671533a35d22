"""What the running turn has said and memory does not hold yet: bounded, and honest about what it let go.

A flooding entity says more in a second than anybody reads. Only the newest lines are kept; a `SKIPPED` line stands
where the others were, until the turn commits and memory has them all. The last line may have no end yet; the whole
line takes its place, and heals what was lost of its parts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain

from backrooms_tui.model.events import Said, Saying

from .lines import Key, Line, Look, lines_said
from .unfinished import Unfinished

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
        self._unfinished = Unfinished()
        self._at = 0
        self._gap: Key = (0, 0, 0)

    def begin(self, seq: int, attempt: int) -> None:
        """Start anew; whatever an earlier attempt said did not happen."""
        self.turn = (seq, attempt)
        self.said = self.skipped = self._at = 0
        self._lines.clear()
        self._unfinished.clear()

    def add(self, batch: Sequence[Said | Saying], *, watched: bool = True) -> list[Line]:
        """Take things said, in order, all of this turn. Gives the lines that are new or others now, of those kept.

        Where things are missing before them, the first one is a `SKIPPED` line with their count. Unless the turn was
        `watched` from its start, the first line seen of it may be one of which the begin is missing.
        """
        added = self._add_whole([said for said in batch if isinstance(said, Said) and said.n >= self.said])
        parts = [part for part in batch if isinstance(part, Saying) and part.n >= self.said]
        if parts:
            added += self._add_parts([part for part in parts if part.n == parts[-1].n], watched=watched)
        added += self._open()
        return added

    def _add_parts(self, parts: Sequence[Saying], *, watched: bool) -> list[Line]:
        first, added = parts[0], list[Line]()
        missed = first.n - self.said
        whole = not missed and (watched or self.said > 0)
        if missed:
            self.said = first.n
            self._lose(missed, (max(first.at, self._at), first.n, 0), added)
        self._unfinished.add(parts, at=self._at, whole=whole)
        self._at = self._unfinished.at
        return added

    def lose(self) -> None:
        """Events are missing."""
        self._unfinished.lose()

    @property
    def empty(self) -> bool:
        """Whether nothing has been said."""
        return not self.said and self._unfinished.n < 0

    def _open(self) -> list[Line]:
        """The line without an end, if there is one."""
        line = self._unfinished.line(self.turn[0])
        return [] if line is None else [line]

    def _add_whole(self, fresh: Sequence[Said]) -> list[Line]:
        if not fresh:
            return []
        missed = fresh[0].n - self.said
        self.said = fresh[-1].n + 1
        kept = fresh[-LIVE_LINES:]
        missed += len(fresh) - len(kept)
        added: list[Line] = []
        if missed:
            self._lose(missed, (max(kept[0].at, self._at), kept[0].n, 0), added)
        for said in kept:
            # A line that was begun keeps its place: the whole one is shown instead of it.
            self._at = self._unfinished.at if said.n == self._unfinished.n else max(said.at, self._at)
            lines = lines_said(said, self._at)
            self._lines += lines
            added += lines
        if self._unfinished.n < self.said:
            self._unfinished.clear()
        self._shrink()
        return added

    def _lose(self, missed: int, gap: Key, added: list[Line]) -> None:
        """So many lines are missing before `gap`. What was kept before would look as if it led up to what follows."""
        added.append(self._mark(gap, missed))
        self._skip(missed + len({line.key[1] for line in self._lines}), gap)
        self._lines.clear()

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
        return next((line.key for line in chain(self._lines, self._open())), (0, 0, 0))

    @property
    def marks(self) -> list[Line]:
        """The `SKIPPED` line, if anything was let go."""
        return [self._mark(self._gap, self.skipped)] if self.skipped else []

    def __iter__(self) -> Iterator[Line]:
        yield from self.marks
        yield from self._lines
        yield from self._open()
