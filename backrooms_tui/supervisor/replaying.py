"""What a program that keeps its state to itself is given again when it is started anew: the inputs it has answered."""

from __future__ import annotations

from backrooms_tui.model.entries import EntryType, Meta, Outcome
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.units import NS
from backrooms_tui.model.value import value
from backrooms_tui.persistence.store import RoomStore

MOST_INPUTS = 1000
MOST_CHARACTERS = 1024 * 1024
MOST_ENTRIES = 100_000
"""Looked at for them: about a second."""
PAGE = 1000
_ANSWERED = frozenset({Outcome.OUTPUT, Outcome.SILENT})
"""An input that ended otherwise has left no state, or would end the program again."""


@value
class Answered:
    texts: tuple[str, ...]
    """Oldest first."""
    seconds: float
    """That answering them has taken."""


def answered_inputs(store: RoomStore, record: RoomRecord) -> Answered | None:
    """The inputs that ended well. None when they are more than can be given again, or when the oldest are forgotten: a
    part of them would make another state than the one that was lost. Raises RoomCorrupted and StoreFailed.
    """
    if record.head.seq:
        return None
    ended: set[int] = set()
    texts: list[str] = []
    seen = size = latencies = 0
    before: int | None = None
    while page := store.read(record.id, before=before, limit=PAGE):
        before = page[0].timestamp
        seen += len(page)
        for entry in reversed(page):
            if entry.metadata.get(Meta.OUTCOME) in _ANSWERED:
                ended.add(entry.metadata[Meta.INPUT])
                latencies += entry.metadata[Meta.LATENCY]
            elif entry.type is EntryType.INPUT and entry.seq in ended:
                texts.append(entry.content)
                size += len(entry.content)
        if len(texts) > MOST_INPUTS or size > MOST_CHARACTERS or seen > MOST_ENTRIES:
            return None
    return Answered(tuple(reversed(texts)), latencies / NS)
