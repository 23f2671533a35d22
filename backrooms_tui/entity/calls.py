"""Calls: what an entity asks of the host, and who answers. The sealed process has no network and no files of its own.

The broker implements this; the supervisor, which knows turns and the journal, is the one that uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.runtimes import Runtime
from backrooms_tui.model.value import value

from .frames import Call

MODEL = "model"
"""Name of the call that asks a model."""
DENIED = "CAPABILITY_DENIED"
"""The room's runtime does not grant the call."""
EXHAUSTED = "BUDGET_EXHAUSTED"
"""The turn has used up its calls, tokens or seconds."""
CANCELLED = "INTERRUPTED"
EFFECTS = frozenset({"tool:notify"})
"""Names of calls that do something in the world: journaled before they begin, and never begun twice for one input."""

Notify = Callable[[RoomId, str], None]
"""Puts one line, which is foreign text, before the operators as a notice of the room. Any thread."""


@value
class CallResult:
    """The answer to a call, as the entity gets it in a `result` frame and as the room's memory keeps it."""

    ok: bool
    answer: Any = None
    """JSON: of a `model` call `{text, tool_calls, usage, finish}`; of a tool what it gives."""
    error: str | None = None
    """A code and one line: `CAPABILITY_DENIED`, `MODEL_FAILED: 500 ...`. Never a key, never a header."""
    interrupted: bool = False
    """It was cancelled; `answer` holds what had come until then."""
    tokens: int = 0
    """What the turn is charged for it."""


class Pending(Protocol):
    """A call being answered."""

    def cancel(self) -> None:
        """Have it end now, as interrupted; `on_result` follows within milliseconds. Idempotent, any thread."""
        ...


class TurnCalls(Protocol):
    """The calls of one turn: its budget. Methods are for one thread and never block."""

    def begin(self, call: Call, *, on_chunk: Callable[[str], None], on_result: Callable[[CallResult], None]) -> Pending:
        """Start answering. `on_chunk` gets streamed text as it comes, `on_result` the end, exactly once; both in the
        broker's thread, or at once in the caller's for a call that is refused.
        """
        ...

    def replay(self, call: Call, result: CallResult) -> None:
        """Charge a call that the journal answers."""
        ...


class Broker(Protocol):
    """Answers calls for all rooms. Thread-safe."""

    def grants(self, runtime: Runtime) -> tuple[str, ...]:
        """Names of the calls that a room of this runtime may make: shown in `inspect`, told in `init`."""
        ...

    def check(self, runtime: Runtime) -> None:
        """Raise UsageError for a runtime whose provider or tools cannot be had here."""
        ...

    def turn(self, room_id: RoomId, runtime: Runtime) -> TurnCalls: ...

    def close(self) -> None:
        """Cancel everything and end the thread. Idempotent."""
        ...


MakeBroker = Callable[[Notify], Broker]
"""Makes the broker, when the first room needs one, with the supervisor's way to tell operators something."""
