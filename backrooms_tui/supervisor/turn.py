"""One input being worked on: what the entity said, what its state will be, and the entries that record it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backrooms_tui.entity.frames import StateSet, StateValue
from backrooms_tui.model.entries import Draft, EntryType, Meta, Outcome
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.persistence.records import pack


@dataclass(slots=True)
class Turn:
    """Collects frames until the turn ends; then gives the drafts of its entries. Belongs to one worker thread."""

    input: QueuedInput
    timeout: float
    """Seconds from `started` to the deadline."""
    started: int
    """Monotonic nanoseconds."""
    text: str
    said: list[Draft] = field(default_factory=list)
    outputs: int = 0
    staged: dict[str, Any] | None = None
    """The state this turn would commit; None while it has not touched it."""
    ended: bool = False
    """Its commit is queued; nothing more may be added."""
    holds_slot: bool = True
    remembers: bool = True
    """Whether observations become entries; they are shown in any case."""
    unremembered: int = 0
    """Observations that do not."""
    metadata: dict[str, Any] = field(init=False)
    """Of every line it says: shared, because a turn may say 65,536 lines and a dict takes 230 bytes."""

    def __post_init__(self) -> None:
        self.metadata = {Meta.INPUT: self.seq}

    @property
    def seq(self) -> int:
        return self.input.seq

    @property
    def attempt(self) -> int:
        return self.input.attempt

    def say(self, text: str) -> list[tuple[int, str]]:
        """Add output text; gives (n, line) for each line, as it is told to watchers."""
        lines = text.split("\n")
        if len(lines) > 1 and lines[-1] == "":
            lines.pop()  # a trailing newline ends the last line, it does not begin another
        self.outputs += len(lines)
        first = len(self.said) + self.unremembered
        self.said.extend(Draft(EntryType.OUTPUT, line, self.metadata) for line in lines)
        return [(first + i, line) for i, line in enumerate(lines)]

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
        return len(self.said) + self.unremembered - 1

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
        drafts = [*self.said]
        if error is not None:
            drafts.append(Draft(error.type, error.content, {**self.metadata, **error.metadata}))
        if outcome == Outcome.SILENT:
            drafts.append(Draft(EntryType.STATE_CHANGE, "NO OUTPUT", {Meta.INPUT: self.seq, Meta.EVENT: "silence"}))
        last = drafts[-1]
        ending = {**last.metadata, Meta.OUTCOME: outcome, Meta.LATENCY: latency}
        drafts[-1] = Draft(last.type, last.content, ending)
        return drafts
