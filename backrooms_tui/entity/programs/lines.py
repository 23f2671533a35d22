"""`lines`: a program that lives on, is given an input as lines, and whose printed lines are the answer.

It needs to know nothing of rooms. Its answer ends when it waits for more input, which the kernel tells (see idle);
or, where the room says so, with a line that marks the end, or after a silence.

Standard error is part of the answer, as it would be on a terminal. A prompt is not: no unfinished line of standard
error is, and of standard output not the one that stood there before the first input.
"""

from __future__ import annotations

import array
import fcntl
import termios
import time
from collections.abc import Sequence
from typing import Any

from backrooms_tui.entity.crash import cause
from backrooms_tui.entity.frames import Done, Fail, Frame, Log, Output, Ready
from backrooms_tui.entity.process import ExitReport

from .command import WATCH, CommandProcess
from .idle import Seen, look, pipe_of
from .spoken import Stream

FIRST_LOOK = 0.001
SECOND_LOOK = 0.002
"""Seconds between the two looks that agree when an answer has ended."""
SLOW_LOOK = 0.02
"""Seconds between looks at a program that has just begun to compute."""
SLOWEST_LOOK = 0.1
_PART = 0.1
"""Of the time since it last moved, when that is more: a long wait may end a tenth later than it could."""
_SLOWER = 1.5
START_PATIENCE = 1.0
"""Seconds for a program to wait for its first input; then it is given one all the same."""
_MAX_LAST_WORDS = 2000


class LinesProcess(CommandProcess):
    """See the module."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        runtime = self._spec.runtime
        self._marker = runtime.option("marker")
        self._quiet = float(runtime.option("quiet") or 0)
        self._pipe = pipe_of(self._pipes.standard_in)
        self._out = Stream()
        self._error = Stream()
        self._ready = False
        self._awaited = 0
        """Marks that are due: one for each input given."""
        self._seen: Seen | None = None
        self._pause = FIRST_LOOK
        self._moved = 0.0
        """When it was last given, or said, something."""
        self._started = 0.0
        self._replayed = False
        self._prompt = ""
        self._last_words = ""
        self._late: list[Frame] = []

    def begin_turn(self, seq: int) -> None:
        """What was said before belongs to no answer."""
        self._late += self._catch_up()
        super().begin_turn(seq)

    def receive(self, fileno: int) -> list[Frame]:
        late, self._late = self._late, []
        return [*late, *super().receive(fileno)]

    def _give(self, text: str) -> None:
        super()._give(text)
        self._watch_closely()
        self._awaited = 1

    def _watch_closely(self) -> None:
        """An answer may end soon."""
        self._seen = None
        self._pause = FIRST_LOOK
        self._moved = time.monotonic()
        if self.runs:
            self._ticker.after(FIRST_LOOK)

    def _on_running(self) -> list[Frame]:
        self._started = self._moved = time.monotonic()
        return []

    def _said(self, data: bytes) -> list[Frame]:
        return self._tell(self._out.feed(data), "stdout")

    def _complained(self, data: bytes) -> list[Frame]:
        return self._tell(self._error.feed(data), "stderr")

    def _tell(self, lines: str, level: str) -> list[Frame]:
        self._moved = time.monotonic()
        self._pause = min(self._pause, SECOND_LOOK)
        lines, ended = self._without_marks(lines) if self._marker else (lines, False)
        frames: list[Frame] = []
        if lines and not self._replaying:
            frames.append(Output(lines) if self._in_turn else Log(level, lines))
            self._last_words = lines
        return [*frames, *self._finish()] if ended else frames

    def _without_marks(self, text: str) -> tuple[str, bool]:
        """The lines without the mark, and whether the last one that is due was there; what follows it is left out."""
        kept: list[str] = []
        for line in text.split("\n")[:-1]:
            if line.rstrip("\r") != self._marker:
                kept.append(f"{line}\n")
                continue
            self._awaited -= 1
            if self._awaited == 0:
                return "".join(kept), True
        return "".join(kept), False

    @property
    def _replaying(self) -> bool:
        return self._replayed and not self._ready

    def _look(self) -> tuple[list[Frame], float]:
        if self._replaying:
            self._tally.begin()  # what it says again counts for nothing
            self.flush()  # nobody else does before it is ready
        if self._ready and not self._in_turn:
            return [], WATCH
        ended = self._has_ended()
        # What it said before it fell silent is in its pipes by now: read after the look, it is in time.
        frames = [*self._on_out(), *self._on_error()]
        if not self._ready and not self._replayed:
            ended = ended or time.monotonic() - self._started > START_PATIENCE
        if ended and (self._in_turn or not self._ready):
            frames += self._finish()
        return frames, self._pause

    def _has_ended(self) -> bool:
        """Whether the answer has, as far as one look can tell."""
        if self._unsent or _in_pipe(self._pipes.standard_in):
            self._seen = None
        elif self._quiet:
            return time.monotonic() - self._moved >= self._quiet
        elif self._marker:
            return not self._ready and not self._replayed
        else:
            assert self.pid is not None
            before, self._seen = self._seen, look(self.pid, self._pipe)
            if self._seen is not None:
                self._pause = SECOND_LOOK
                return self._seen == before
        slowest = max(SLOW_LOOK, min(SLOWEST_LOOK, _PART * (time.monotonic() - self._moved)))
        self._pause = min(slowest, self._pause * _SLOWER)
        return False

    def _finish(self) -> list[Frame]:
        """It waits for its next input."""
        self._seen = None
        rest, _ = self._out.rest(), self._error.rest()
        if self._in_turn:
            self._in_turn = False
            frames: list[Frame] = [Output(rest)] if rest not in ("", self._prompt) else []
            return [*frames, Done(self._seq)]
        frames = [Log("stdout", rest)] if rest and not self._replaying else []
        if not self._replayed:
            self._replayed = True
            self._prompt = rest
            texts = self._spec.replay() if self._spec.replay is not None else ()
            if texts:
                self._replay(texts)
                return frames
        self._ready = True
        self._tally.begin()
        return [*frames, Ready(self._program.name, "")]

    def _replay(self, texts: Sequence[str]) -> None:
        """Type everything ahead, as a patient user could have: a thousand inputs take no longer than to read them."""
        self._tally.begin()
        for text in texts:
            self._type(text)
        self._watch_closely()
        self._awaited = len(texts)
        self.flush()

    def _on_death(self, report: ExitReport) -> list[Frame]:
        if not self._ready:
            return [Fail("EntityInitFailed", self._why_not(report), "")]
        rest = (self._out.rest(), self._error.rest())
        return [Output(text) if self._in_turn else Log("stdout", text) for text in rest if text]

    def _why_not(self, report: ExitReport) -> str:
        """Why it was never ready."""
        said = f"{self._last_words}{self._out.rest()}{self._error.rest()}"[-_MAX_LAST_WORDS:].splitlines()
        hint = ["mode=exit RUNS A PROGRAM ONCE FOR EACH INPUT"] if report.status == 0 else []
        return " | ".join(["IT ENDED BEFORE IT READ ANYTHING", cause(report), *hint, *filter(None, said)])


def _in_pipe(descriptor: int) -> int:
    """Bytes that the program has not read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]
