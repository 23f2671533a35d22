"""How often an entity may die: five deaths within ten seconds, and it is not started again until somebody says so.

What counts is what the entity did: crashes, broken rules, memory that it was killed for, with an input or without one.
A deadline does not (it takes its own time, so nothing spins), an interrupt does not (somebody wanted it), and deaths
during initialisation have a rule of their own (see processes.INIT_ATTEMPTS).
"""

from __future__ import annotations

import time

from backrooms_tui.model.entries import Draft, EntryType, Meta, Outcome
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.room import Suspension
from backrooms_tui.model.states import Verb, transition

from .engine import Engine
from .room import DEATHS_KEPT, LiveRoom

WITHIN = 10.0
"""Seconds in which DEATHS_KEPT deaths are too many."""
DEADLY = frozenset({Outcome.CRASH, Outcome.VIOLATION})
CODE = "ENTITY_RESTARTS_EXHAUSTED"
BY = f"system: {CODE}"


def spent(room: LiveRoom) -> bool:
    """Note a death of the room's entity; gives whether it is not to be started again. Nothing is, from then on."""
    with room.lock:
        room.deaths.append(time.monotonic())
        if len(room.deaths) < DEATHS_KEPT or room.deaths[-1] - room.deaths[0] > WITHIN:
            return False
        room.halted = True
        return True


def stop_restarts(engine: Engine, room: LiveRoom) -> None:
    """Suspend a room whose entity has died too often. What waits stays queued; `resume` starts anew."""
    told = f"{DEATHS_KEPT} DEATHS IN {WITHIN:g} s"
    draft = Draft(EntryType.ERROR, f"ERROR: {CODE}\n{told}\nROOM SUSPENDED", {Meta.CODE: CODE, Meta.EVENT: "suspended"})

    def written(error: BackroomsError | None) -> None:
        if error is None:
            engine.tell_commit(room, commit)
            engine.notice("ERROR", f"{CODE} {told}: ROOM SUSPENDED", room.id)
        else:  # it is about to be reloaded, and goes on
            room.halted = False

    with room.lock:
        room.wants_entity = False
        room.deaths.clear()
        try:
            state = transition(room.record.state, Verb.SUSPEND)
            commit = room.seal((draft,), state=state, suspension=Suspension(time.time_ns(), BY), last_error=CODE)
            engine.committer.enqueue(commit, then=written)
        except BackroomsError:  # suspended, lost or damaged meanwhile; or the store is unwell, and reloads the room
            room.halted = not room.working
        room.changed.notify_all()
