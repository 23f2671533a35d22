"""Why a call has no answer, in one line that may be shown, logged and remembered: a code and what is known.

Providers are other people's: what they say goes through `told`, which knows what must never come out.
"""

from __future__ import annotations

from collections.abc import Iterable

from backrooms_tui.model.scrub import scrub

FAILED = "MODEL_FAILED"
"""The server refused, or could not be reached."""
TIMEOUT = "MODEL_TIMEOUT"
"""The server was silent too long, or the answer took too long."""
GARBAGE = "MODEL_GARBAGE"
"""What came is not an answer, only part of one, or more than one may be."""
INVALID = "CALL_INVALID"
"""The entity did not ask as the call has to be asked."""

MAX_REASON = 200
"""Characters of what others say."""
HIDDEN = "***"
_SHORTEST_SECRET = 4
"""Less is no secret, and hiding it would hide everything."""


class Unanswered(Exception):
    """The call ends without an answer. `line` is safe to show."""

    def __init__(self, code: str, reason: str = "") -> None:
        self.line = f"{code}: {reason}" if reason else code
        super().__init__(self.line)


def told(reason: str, secrets: Iterable[str] = (), *, most: int = MAX_REASON) -> str:
    """What somebody else says, as part of one line: without secrets, without anything a terminal acts on, cut."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            reason = reason.replace(secret, HIDDEN)
    line = scrub(" ".join(reason.split()))
    return line if len(line) <= most else f"{line[: most - 3]}..."
