"""Telling fingers from a terminal that pastes without brackets, by the time between keys.

Every key costs Textual about a millisecond, and every insertion a rewrap of its line. Keys that come faster than
fingers are gathered and inserted together; and an enter between them is a line of the paste, not a SEND.
"""

from __future__ import annotations

GAP = 0.005
"""Seconds between keys that no finger reaches; terminals deliver a paste's keys 0.1-2 ms apart."""
STORM = 64
"""Keys in such a row that are certainly a paste. A script that types a line and its enter stays below, mostly."""
GATHER = 0.025
"""Seconds for which keys are gathered, and for which an enter in a storm waits for a key after it."""


class Pace:
    """Counts keys that come in a row. Times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._run = 0

    def key(self, now: float) -> bool:
        """Note a key; True when it came too fast for a finger."""
        fast = now - self._last < GAP
        self._run = self._run + 1 if fast else 1
        self._last = now
        return fast

    @property
    def storm(self) -> bool:
        """Whether what comes is a paste without brackets."""
        return self._run >= STORM
