"""What the reader looks for: a substring, a regular expression with a time budget, errors, inputs.

`re` can run for hours on forty characters. Its matcher looks at signals while it runs, so a timer of this process's
CPU time ends it (measured: 20 ms asked, 24-28 ms taken). Python runs signal handlers in the main thread only, and
so must regular expressions be.
"""

from __future__ import annotations

import re
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.value import value

from .lines import Line, Look

BUDGET = 0.02
"""Seconds of CPU time for one line."""
REGEX = "re:"
MAX_PATTERN = 256
_SPANS = 64
"""Matches marked in one line; more tell a reader nothing."""


class SearchRefused(BackroomsError):
    """The pattern is not one, or takes too long on the text it meets."""

    code = "SEARCH_REFUSED"


class Wanted(Protocol):
    """A test of one line. Raises SearchRefused."""

    def __call__(self, line: Line, /) -> bool: ...


class _OutOfTime(Exception):
    pass


def _alarm(_signal: int, _frame: FrameType | None) -> None:
    raise _OutOfTime


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise SearchRefused when the block takes more CPU time. For the main thread."""
    previous = signal.signal(signal.SIGVTALRM, _alarm)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        yield
    except _OutOfTime:
        raise SearchRefused("THE PATTERN TAKES TOO LONG") from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


@value
class Query:
    """A compiled search. A pattern without capitals finds capitals too."""

    text: str
    pattern: re.Pattern[str]
    timed: bool
    """A regular expression; a substring needs no budget."""

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read `word` as a substring, `re:pattern` as a regular expression. Raises SearchRefused."""
        timed = text.startswith(REGEX)
        body = text.removeprefix(REGEX) if timed else text
        if not body or len(body) > MAX_PATTERN:
            raise SearchRefused(f"A PATTERN HAS 1 TO {MAX_PATTERN} CHARACTERS")
        flags = re.IGNORECASE if body == body.lower() else re.NOFLAG
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # `[[` would be warned about on the operator's screen
                return cls(text, re.compile(body if timed else re.escape(body), flags), timed)
        except (re.error, OverflowError, RecursionError):
            raise SearchRefused("NOT A REGULAR EXPRESSION") from None

    def __call__(self, line: Line, /) -> bool:
        if not self.timed:
            return self.pattern.search(line.text) is not None
        with _limited(BUDGET):
            return self.pattern.search(line.text) is not None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Give the offsets of the matches in `text`; empty ones are left out. Raises SearchRefused."""
        if not self.timed:
            return self._spans(text)
        with _limited(BUDGET):
            return self._spans(text)

    def _spans(self, text: str) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for match in self.pattern.finditer(text):
            if match.end() > match.start():
                spans.append(match.span())
                if len(spans) == _SPANS:
                    break
        return spans


def begins_error(line: Line, /) -> bool:
    """The first line of an ERROR entry."""
    return line.look is Look.ERROR and line.key[2] == 0


def begins_input(line: Line, /) -> bool:
    """The first line of an INPUT entry."""
    return line.look is Look.INPUT and line.key[2] == 0
