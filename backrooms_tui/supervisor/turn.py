"""One input being worked on: what the entity said, what its state will be, and the entries that record it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backrooms_tui.entity.frames import StateSet, StateValue
from backrooms_tui.model.entries import Draft, EntryType, Meta, Outcome
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.persistence.records import pack

from .pacing import Pace

if TYPE_CHECKING:
    from .calls import Desk


FLOOD_LINES = 4096
FLOOD_CHARACTERS = 1024 * 1024
"""Kept of an answer that was ended for its size."""


@dataclass(slots=True)
class Turn:
    """Collects frames until the turn ends; then gives the drafts of its entries. Belongs to one worker thread."""

    input: QueuedInput
    timeout: float
    """Seconds that the entity may take, those not counted in which it waits for the host."""
    started: int
    """Monotonic nanoseconds."""
    text: str
    said: list[Draft] = field(default_factory=list)
    outputs: int = 0
    unfinished: list[str] = field(default_factory=list)
    """Pieces of a line that is not whole yet."""
    _broken: bool = False
    """The output that goes on has had a newline already."""
    staged: dict[str, Any] | None = None
    """The state this turn would commit; None while it has not touched it."""
    ended: bool = False
    """Its commit is queued; nothing more may be added."""
    holds_slot: bool = True
    remembers: bool = True
    """Whether observations become entries; they are shown in any case."""
    unremembered: int = 0
    """Observations that do not."""
    desk: Desk | None = None
    """Its calls; None before the first."""
    pace: Pace = field(default_factory=Pace)
    waits_for: str | None = None
    """Name of the call for which its time stands still."""
    left: float = field(init=False)
    """Seconds until the deadline, as of `since`."""
    since: float = field(init=False)
    """Monotonic seconds at which its time began to run again."""
    interrupted_by: str | None = None
    """user@host who has asked for its end; None while nobody has."""
    metadata: dict[str, Any] = field(init=False)
    """Of every line it says: shared, because a turn may say 65,536 lines and a dict takes 230 bytes."""

    def __post_init__(self) -> None:
        self.metadata = {Meta.INPUT: self.seq}
        self.left, self.since = self.timeout, self.started / 1e9

    @property
    def seq(self) -> int:
        return self.input.seq

    @property
    def attempt(self) -> int:
        return self.input.attempt

    def say(self, text: str, *, more: bool = False) -> list[tuple[int, str]]:
        """Add output text; gives (n, line) for each line that is whole now, as it is told to watchers.

        With `more` the next text goes on with the last line, of which `unfinished` holds what there is.
        """
        *lines, rest = text.split("\n")
        if lines:
            lines[0] = self._finish(lines[0])
        self.unfinished.append(rest)
        if not more:
            last = self._finish("")
            if last or not (lines or self._broken):  # a trailing newline ends the last line, it begins no other
                lines.append(last)
        self._broken = more and (self._broken or bool(lines))
        self.outputs += len(lines)
        first = self.n
        self.said.extend(Draft(EntryType.OUTPUT, line, self.metadata) for line in lines)
        return [(first + i, line) for i, line in enumerate(lines)]

    @property
    def n(self) -> int:
        """Number of the next line."""
        return len(self.said) + self.unremembered

    def cut_flood(self) -> str:
        """Keep the beginning of what was said, which tells what it was; gives how much of it that is.

        All of it would be written while other rooms wait, and fill this one's memory in thirty inputs.
        """
        if any(self.unfinished):
            self.say("")
        said, space = len(self.said), FLOOD_CHARACTERS
        del self.said[FLOOD_LINES:]
        for n, draft in enumerate(self.said):
            if len(draft.content) > space:
                self.said[n:] = [Draft(draft.type, draft.content[:space], draft.metadata)]
                break
            space -= len(draft.content)
        return f"THE FIRST {len(self.said)} OF {said} LINES ARE KEPT"

    def _finish(self, text: str) -> str:
        line = "".join((*self.unfinished, text))
        self.unfinished.clear()
        return line

    def observe(self, text: str, data: Any) -> int:
        """Add an observation; gives its n. Raises UnstorableEntry for data that memory cannot hold."""
        metadata: dict[str, Any] = {Meta.INPUT: self.seq}
        if data is not None:
            pack(data)  # refused here, where only the entity is to blame, not when the turn is written
            metadata[Meta.DATA] = data
        if self.remembers:
            self.said.append(Draft(EntryType.OBSERVATION, text, metadata))
        else:
            self.unremembered += 1
        return self.n - 1

    def stage(self, change: StateSet | StateValue, committed: Mapping[str, Any]) -> None:
        """Apply a state frame to what `done` will commit."""
        if isinstance(change, StateValue):
            self.staged = dict(change.value)
            return
        if self.staged is None:
            self.staged = dict(committed)
        self.staged.update(change.set)
        for key in change.delete:
            self.staged.pop(key, None)

    def drafts(self, outcome: str, latency: int, error: Draft | None) -> list[Draft]:
        """The entries of the whole turn; the last one carries outcome and latency (nanoseconds)."""
        if any(self.unfinished):
            self.say("")
        drafts = [*self.said]
        if error is not None:
            drafts.append(Draft(error.type, error.content, {**self.metadata, **error.metadata}))
        if outcome == Outcome.SILENT:
            drafts.append(Draft(EntryType.STATE_CHANGE, "NO OUTPUT", {Meta.INPUT: self.seq, Meta.EVENT: "silence"}))
        if outcome == Outcome.INTERRUPTED:
            told = {Meta.INPUT: self.seq, Meta.EVENT: "interrupted", Meta.BY: self.interrupted_by}
            drafts.append(Draft(EntryType.STATE_CHANGE, "INTERRUPTED", told))
        last = drafts[-1]
        ending = {**last.metadata, Meta.OUTCOME: outcome, Meta.LATENCY: latency}
        drafts[-1] = Draft(last.type, last.content, ending)
        return drafts
