"""What an entity says in a turn, collected for its commit and told to watchers at once."""

from __future__ import annotations

import time

from backrooms_tui.entity.frames import Observation, Output
from backrooms_tui.model.events import Said, Saying

from .engine import Engine
from .room import LiveRoom
from .turn import Turn


def tell_output(engine: Engine, room: LiveRoom, turn: Turn, frame: Output) -> None:
    for n, line in turn.say(frame.text, more=frame.more):
        _tell(engine, room, turn, n, line)
    if frame.more and turn.unfinished[-1]:
        part = Saying(room.id, turn.seq, turn.attempt, turn.n, time.time_ns(), turn.unfinished[-1])
        engine.tell_turn(room, turn.seq, part)


def tell_observation(engine: Engine, room: LiveRoom, turn: Turn, frame: Observation) -> None:
    """Raises UnstorableEntry for data that memory cannot hold."""
    n = turn.observe(frame.text, frame.data)
    _tell(engine, room, turn, n, frame.text, observation=True)


def _tell(engine: Engine, room: LiveRoom, turn: Turn, n: int, text: str, *, observation: bool = False) -> None:
    said = Said(room.id, turn.seq, turn.attempt, n, time.time_ns(), text, observation=observation)
    engine.tell_turn(room, turn.seq, said)
    turn.pace.step()
