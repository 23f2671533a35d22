"""What the working parts tell of their own work: to logs, metrics and traces, or to nobody.

Every method of `Telemetry` does nothing: that is what an owner has whom nobody watches, at some 50 ns a call. What
watches overrides what it wants to know. Methods are called in the thread that does the work, some of them under a
room's lock: they must not block, and must not raise.

Times named `began`, `sealed`, `started`, `ended` are monotonic nanoseconds. What has no end given ends with the call.
"""

from __future__ import annotations

from .entries import MemoryEntry
from .events import Event, Notice
from .ids import RoomId
from .room import QueuedInput
from .views import TurnResult


class Telemetry:
    """See the module."""

    def event(self, event: Event) -> None:
        """Everything that watchers of rooms are told."""

    def notice(self, notice: Notice, *, foreign: bool) -> None:
        """Before watchers are told of it. `foreign`: after its code it may hold an entity's words."""

    def missed(self, events: int) -> None:
        """A subscriber was too slow for so many events."""

    def room_made(self, room_id: RoomId, began: int) -> None:
        """A new room is durable."""

    def entity_started(self, room_id: RoomId, waiting: QueuedInput | None, began: int, error: str | None) -> None:
        """A process is ready, or has failed with `error` (a code); `waiting` is the input it was started for."""

    def entity_log(self, room_id: RoomId, level: str, text: str) -> None:
        """What an entity wants its host to log. Both are the entity's words."""

    def input_accepted(self, room_id: RoomId, entry: MemoryEntry, began: int, sealed: int) -> None:
        """An INPUT is durable; its commit was queued at `sealed`."""

    def input_refused(self, room_id: RoomId, code: str) -> None: ...

    def turn_written(
        self, room_id: RoomId, of: QueuedInput, text: str, result: TurnResult, started: int, ended: int
    ) -> None:
        """A turn on an input, whose `text` is at hand, is durable. The entity was at it from `started` to `ended`."""

    def call_answered(self, room_id: RoomId, seq: int, name: str, outcome: str, tokens: int, began: int) -> None:
        """The entity has its answer to a call, made while it worked on input `seq`. `name` is of a call that the room
        is granted, or `other`; `outcome` is OK, REPEATED (from the journal), INTERRUPTED, or the code of an error.
        """

    def batch_written(self, commits: int, began: int, *, synced: bool) -> None:
        """The store has written one batch."""

    def fault(self, error: BaseException) -> None:
        """An exception that is our own mistake."""


UNWATCHED = Telemetry()
