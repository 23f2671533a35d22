"""The frames of `room-entity/1` as values, and the bounds of the wire.

One UTF-8 JSON object per line, field `type` a string, both ways. Unknown fields are ignored; an unknown type from
an entity is a violation. Nothing before `done` is durable; `done` must name the input in flight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from backrooms_tui.model.value import value

MAX_LINE = 1024 * 1024
"""Bytes of one frame."""
MAX_TURN_BYTES = 16 * 1024 * 1024
"""Bytes an entity may send for one input, all frames together (seed 000, MAX_OUTPUT_SIZE)."""
MAX_TURN_FRAMES = 65_536
"""Frames for one input: a byte bound alone lets hundreds of thousands of tiny frames through."""


@value
class Ready:
    name: str
    version: str
    interrupt: str = ""
    """How a turn is interrupted: `frame`, `signal` (SIGINT), or empty: only by ending the process."""


@value
class Output:
    """Text the entity says; lone surrogates are already U+FFFD. May hold newlines: each line is one OUTPUT entry."""

    text: str
    more: bool = False
    """The next frame goes on with the last line of this one."""


@value
class Silent:
    """The entity says in words that it says nothing."""


@value
class Observation:
    text: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class StateSet:
    """Top-level keys of the state to set and to delete; effective at `done`."""

    set: dict[str, Any] = field(default_factory=dict)
    delete: tuple[str, ...] = ()


@value
class StateValue:
    """The whole state anew; effective at `done`."""

    value: dict[str, Any]


@value
class Log:
    level: str
    text: str


@value
class Terminate:
    """The entity asks to be ended; the host decides."""

    reason: str


@value
class Call:
    """The entity asks the host for something it cannot do itself: a model's answer, a tool (see calls.Broker)."""

    id: str
    """Chosen by the entity, once for each input; the same one on a second attempt."""
    name: str
    """`model`, or `tool:` and its name."""
    args: dict[str, Any]


@value
class Fail:
    """The entity failed at this input and says so; its state is as before."""

    error: str
    text: str
    trace: str


@value
class Done:
    """End of the answer to input `seq`: the commit point."""

    seq: int


@value
class Violation:
    """The entity broke the protocol or a bound. `code` is OUTPUT_SIZE_EXCEEDED, PROTOCOL_VIOLATION or, of a
    program, MEMORY_EXCEEDED or PROCESSES_EXCEEDED. It has to be killed; nothing more comes from it.
    """

    code: str
    reason: str
    line: str = ""
    """The beginning of the line that was it."""


@value
class Closed:
    """The entity's channel ended: it died, or closed it. An exit report follows."""


Frame = (
    Ready
    | Output
    | Silent
    | Observation
    | StateSet
    | StateValue
    | Log
    | Call
    | Terminate
    | Fail
    | Done
    | Violation
    | Closed
)
