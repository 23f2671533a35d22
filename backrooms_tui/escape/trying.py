"""One attempt in a room: what became of it, of the room, and of the neighbour meanwhile."""

from __future__ import annotations

import time

from backrooms_tui.model.entries import EntryType, Outcome
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.runtimes import HERMETIC_PROFILE
from backrooms_tui.model.value import value
from backrooms_tui.model.views import TurnResult

from .arena import Arena, Hung
from .attempts import BY_DESIGN, DEADLINE, DIED, ESCAPED, HELD, PROTOCOL, Attempt
from .baseline import MAX_DETAIL
from .neighbour import median
from .probes import filled, said
from .scenarios import Scenario

HUNG = "!"
"""Beside the outcomes of attempts: the host itself did not do what it has to."""
_LETTERS = {
    Outcome.TIMEOUT: DEADLINE,
    Outcome.CRASH: DIED,
    Outcome.VIOLATION: PROTOCOL,
}


@value
class Tried:
    """A row, in one profile."""

    outcome: str
    """An outcome of attempts, or HUNG."""
    fits: bool
    """Whether it is one of those that are right."""
    detail: str
    """How it was refused or ended, in a line."""
    after: str
    """What was wrong with the room afterwards; empty: it answered from its last committed state."""
    neighbour: float
    """Median seconds of the neighbour's answers meanwhile."""
    worst: float
    """Seconds of its slowest answer meanwhile."""
    quiet: float = 0.0
    """Median seconds of its answers around it."""


def play(arena: Arena, scenario: Scenario, profile: str) -> Tried:
    """Have the host play a scenario."""
    arena.outside.restore()
    started = time.monotonic()
    try:
        outcome, detail, after = scenario.play(arena, profile)
    except (BackroomsError, Hung) as error:
        return _hung(arena, started, error)
    neighbour, worst = _meanwhile(arena, started)
    return Tried(outcome, outcome in scenario.expected(profile), detail, after, neighbour, worst)


def attempt_in_room(arena: Arena, attempt: Attempt, profile: str) -> Tried:
    """Make the attempt in a fresh room of its own."""
    arena.outside.restore()
    text = filled(arena.names(), attempt.code)
    room = arena.room(profile)
    started = time.monotonic()
    try:
        with arena.notices(room) as notices:
            result = _make(arena, room, attempt, text)
            after = arena.answers(room)
            if after and attempt.late:
                after = arena.answers(room)
    except (BackroomsError, Hung) as error:
        return _hung(arena, started, error)
    outcome = judged(arena, attempt, profile, result, notices)
    neighbour, worst = _meanwhile(arena, started)
    arena.done_with(room)
    told = _told(result)
    fits = outcome in attempt.expected(profile) and (profile != HERMETIC_PROFILE or attempt.told in told)
    return Tried(outcome, fits, _line(told or " ".join(notices)), after, neighbour, worst)


def _hung(arena: Arena, started: float, error: Exception) -> Tried:
    neighbour, worst = _meanwhile(arena, started)
    return Tried(HUNG, fits=False, detail=" ".join(str(error).splitlines()), after="", neighbour=neighbour, worst=worst)


def _meanwhile(arena: Arena, started: float) -> tuple[float, float]:
    seconds = arena.neighbour.asked(started)
    return median(seconds), max(seconds, default=0.0)


def _make(arena: Arena, room: RoomId, attempt: Attempt, text: str) -> TurnResult:
    receipt = arena.submit(room, text, attempt.timeout)
    if attempt.queued:
        behind = arena.submit(room, f"#{arena.outside.whisper}")
        arena.await_result(behind, attempt.timeout)
    return arena.await_result(receipt, attempt.timeout)


def judged(arena: Arena, attempt: Attempt, profile: str, result: TurnResult, notices: list[str]) -> str:
    """The outcome, by evidence first."""
    words = said("\n".join(entry.content for entry in result.entries if entry.type is EntryType.OUTPUT))
    if attempt.proof(arena.outside, words):
        return BY_DESIGN if BY_DESIGN in attempt.expected(profile) else ESCAPED
    if any(notice.startswith(("PROTOCOL_VIOLATION", "OUTPUT_SIZE", "STATE_SIZE")) for notice in notices):
        return PROTOCOL
    return _LETTERS.get(result.outcome, HELD)


def _told(result: TurnResult) -> str:
    return "\n".join(entry.content for entry in result.entries if entry.type is EntryType.ERROR)


def _line(text: str) -> str:
    """The error in one line: its cause rather than its name."""
    lines = [line.strip(" |") for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if not line.startswith(("ERROR:", "FATAL:", "AS REPORTED"))]
    return (causes or lines or [""])[0][:MAX_DETAIL]
