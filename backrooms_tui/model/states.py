"""Room states and the one table of transitions between them (seed 000, Room Model).

No other place decides whether a verb is legal. CORRUPTED is terminal except for `recover`, which replaces the
room from a backup.
"""

from __future__ import annotations

from enum import StrEnum

from .errors import IllegalTransition


class RoomState(StrEnum):
    ACTIVE = "ACTIVE"
    IDLE = "IDLE"
    SUSPENDED = "SUSPENDED"
    CORRUPTED = "CORRUPTED"
    TERMINATED = "TERMINATED"


class Verb(StrEnum):
    """What can happen to a room's state; operators' verbs and the machine's own."""

    WAKE = "wake"
    REST = "rest"
    SUSPEND = "suspend"
    RESUME = "resume"
    CORRUPT = "corrupt"
    RECOVER = "recover"
    DESTROY = "destroy"


_A, _I, _S, _C, _T = RoomState

TRANSITIONS: dict[tuple[RoomState, Verb], RoomState] = {
    (_A, Verb.WAKE): _A,
    (_I, Verb.WAKE): _A,
    (_A, Verb.REST): _I,
    (_I, Verb.REST): _I,
    (_A, Verb.SUSPEND): _S,
    (_I, Verb.SUSPEND): _S,
    (_S, Verb.RESUME): _A,
    (_A, Verb.CORRUPT): _C,
    (_I, Verb.CORRUPT): _C,
    (_S, Verb.CORRUPT): _C,
    (_C, Verb.CORRUPT): _C,
    (_C, Verb.RECOVER): _A,
    (_A, Verb.DESTROY): _T,
    (_I, Verb.DESTROY): _T,
    (_S, Verb.DESTROY): _T,
    (_C, Verb.DESTROY): _T,
}


def allowed(state: RoomState, verb: Verb) -> bool:
    return (state, verb) in TRANSITIONS


def transition(state: RoomState, verb: Verb) -> RoomState:
    """Give the state after `verb`. Raises IllegalTransition when the table has no such row."""
    try:
        return TRANSITIONS[state, verb]
    except KeyError:
        raise IllegalTransition(f"STATE: {state}", f"VERB: {verb}") from None
