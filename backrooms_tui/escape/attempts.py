"""What an attempt is: Python that tries to get out of a room, and what shows whether it did.

The same code runs three times: in a plain process, where it must succeed to prove anything; in a sealed Python
entity; in a program under the command profile. It raises when it is refused and otherwise puts what it gained into
`result`. Whether that is an escape is judged outside, by what the room cannot know or could not have done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from backrooms_tui.model.runtimes import HERMETIC_PROFILE
from backrooms_tui.model.value import value

if TYPE_CHECKING:
    from .outside import Outside

ESCAPED, HELD, DIED, DEADLINE, PROTOCOL, BY_DESIGN, NOTHING = "E", "h", "X", "T", "P", "ok", "-"
"""The outcomes, in the letters of the table."""
MEANINGS: Mapping[str, str] = {
    ESCAPED: "escaped: it gained what it was after",
    HELD: "held: refused, and the room lives",
    DIED: "the process died of it, and that was reported",
    DEADLINE: "killed at its deadline",
    PROTOCOL: "killed for breaking the protocol or a bound",
    BY_DESIGN: "it works, and the seal says so",
    NOTHING: "not applicable",
}

SHORT, LONG = 1.0, 15.0
"""Seconds for an attempt that the deadline has to end, and for all others: a busy machine may take its time."""

Proof = Callable[["Outside", str], bool]
"""Whether what was said, or what is to be seen outside, shows an escape."""

PREAMBLE = """
import ctypes, os, select
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def syscall(*words):
    got = libc.syscall(*(ctypes.c_char_p(w) if isinstance(w, bytes) else ctypes.c_long(w) for w in words))
    if got == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got
def wait(milliseconds):
    select.poll().poll(milliseconds)
def moves(clock, milliseconds=60):
    first = clock()
    wait(milliseconds)
    return clock() - first or None
def works(clock):
    first = clock()
    for _ in range(2_000_000): pass
    return clock() - first or None
def send(data):
    while data:
        data = data[os.write(WIRE, data):]
"""
"""Before the code of every attempt, after the names in capitals (see Outside.names)."""


def gained(_: Outside, said: str) -> bool:
    """The attempt was not refused, and got something for it."""
    return bool(said)


def never(_: Outside, __: str) -> bool:
    """There is nothing to gain: it is about what the attempt does to others."""
    return False


@value
class Attempt:
    """One row of the table."""

    group: str
    name: str
    code: str
    hermetic: str = HELD
    """The outcomes that are right in a sealed Python entity, separated by spaces."""
    command: str = HELD
    """The same for a program under the command profile; NOTHING: it does not apply there."""
    proof: Proof = gained
    told: str = ""
    """What the report of its death or failure in a sealed Python entity must hold."""
    unsealed: bool = True
    """Whether there is anything to see outside a room."""
    timeout: float = LONG
    """Seconds."""
    late: bool = False
    """Whether what it has sent can still meet the next input, which is discarded with it."""
    queued: bool = False
    """Whether an input waits behind it, with a word that it must not learn."""

    def expected(self, profile: str) -> frozenset[str]:
        return outcomes(profile, self.hermetic, self.command)


def outcomes(profile: str, hermetic: str, command: str) -> frozenset[str]:
    """Those of the profile."""
    return frozenset((hermetic if profile == HERMETIC_PROFILE else command).split())


def table(group: str, rows: Mapping[str, str], **common: object) -> tuple[Attempt, ...]:
    """Attempts of a group that differ in name and code only."""
    return tuple(Attempt(group, name, code, **common) for name, code in rows.items())  # type: ignore[arg-type]
