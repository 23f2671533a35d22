"""What one turn may spend: calls, tokens and seconds. Refused is what would begin beyond it; cut is what grows beyond.

Tokens are known for sure only when a call has ended, and from some servers never. Until then four characters are taken
for one token, of what is asked as well as of what is answered, so that an answer without end is cut near its budget
and not at its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from backrooms_tui.model.runtimes import Runtime

CHARACTERS_PER_TOKEN = 4


class Exhausted(Exception):
    """The budget does not allow it; the text says which part, in capitals."""


def tokens_of(characters: int) -> int:
    """About how many tokens a text of so many characters has."""
    return -(-characters // CHARACTERS_PER_TOKEN)


class Budget:
    """One turn's. Thread-safe."""

    def __init__(self, *, calls: int, tokens: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._tokens = tokens
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._begun = 0
        self._spent = 0
        """Tokens, of open calls as estimated so far."""
        self._open = 0
        self._since = 0.0
        """When the first of the open calls began."""
        self._elapsed = 0.0
        """Seconds during which calls were open; those of calls beside each other count once."""

    @classmethod
    def of(cls, runtime: Runtime) -> Budget:
        """The budget in the options of a room that grants calls."""
        return cls(
            calls=int(runtime.option("calls")),
            tokens=int(runtime.option("tokens")),
            seconds=float(runtime.option("seconds")),
        )

    def begin(self, estimate: int = 0) -> Charge:
        """Begin a call that will take about so many tokens. Raises Exhausted."""
        with self._lock:
            if self._begun >= self._calls:
                raise Exhausted(f"{self._calls} CALLS")
            if self._spent + estimate > self._tokens:
                raise Exhausted(f"{self._tokens} TOKENS")
            now = self._clock()
            left = self._seconds - self._elapsed - (now - self._since if self._open else 0.0)
            if left <= 0:
                raise Exhausted(f"{self._seconds:g} SECONDS")
            self._begun += 1
            self._spent += estimate
            if not self._open:
                self._since = now
            self._open += 1
            return Charge(self, estimate, left)

    def replay(self, tokens: int) -> None:
        """Count a call that has been answered in an earlier attempt."""
        with self._lock:
            self._begun += 1
            self._spent += tokens

    @property
    def seconds(self) -> float:
        """The bound, as it was given."""
        return self._seconds

    def _grow(self, by: int) -> None:
        with self._lock:
            self._spent += by
            if self._spent > self._tokens:
                raise Exhausted(f"{self._tokens} TOKENS")

    def _end(self, correction: int) -> None:
        with self._lock:
            self._spent += correction
            self._open -= 1
            if not self._open:
                self._elapsed += self._clock() - self._since


class Charge:
    """What one call costs its turn. For one thread."""

    def __init__(self, budget: Budget, tokens: int, seconds: float) -> None:
        self._budget = budget
        self._ended = False
        self.tokens = tokens
        """So far, or at the end."""
        self.seconds = seconds
        """The call may take so many."""

    def grow(self, tokens: int) -> None:
        """The call has taken about so many tokens more. Raises Exhausted when that is too much."""
        self.tokens += tokens
        self._budget._grow(tokens)  # noqa: SLF001 - one class in two parts

    def end(self, tokens: int | None = None) -> int:
        """The call is over; `tokens` as the server counts them, None for the estimate. Gives the tokens. Idempotent."""
        if not self._ended:
            self._ended = True
            correction = 0 if tokens is None else tokens - self.tokens
            self.tokens += correction
            self._budget._end(correction)  # noqa: SLF001
        return self.tokens
