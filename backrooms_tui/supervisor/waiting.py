"""Waiting for the end of a turn, also of one that ended before this owner started."""

from __future__ import annotations

from backrooms_tui.model.entries import MemoryEntry, Meta
from backrooms_tui.model.errors import RoomLeasedElsewhere
from backrooms_tui.model.views import Receipt, TurnResult
from backrooms_tui.persistence.store import RoomStore

from .pacing import Pace
from .room import LiveRoom

PAGE = 256


def await_turn(store: RoomStore, room: LiveRoom, receipt: Receipt, timeout: float | None) -> TurnResult | None:
    """Give the result of an accepted input; None when `timeout` seconds pass, or when the room stops working on
    inputs (suspended, corrupted, destroyed) before it has ended. Raises RoomLeasedElsewhere when another daemon has it
    and has not ended the input yet.
    """

    def over() -> bool:
        ended = room.loaded and not room.pending(receipt.seq)
        return receipt.seq in room.results or ended or room.gone or room.foreign or not room.working

    with room.changed:
        room.awaited += 1
        ended = room.changed.wait_for(over, timeout)
        room.awaited -= 1
        if not ended:
            return None
        if receipt.seq in room.results:
            return room.results[receipt.seq]
        if room.gone or room.pending(receipt.seq):
            return None
        foreign = room.foreign
    result = _from_memory(store, receipt)
    if result is None and foreign:
        raise RoomLeasedElsewhere(f"ROOM: {room.id}")
    return result


def _from_memory(store: RoomStore, receipt: Receipt) -> TurnResult | None:
    """Put a turn together again from its entries, which lie together after its INPUT's successors in the queue."""
    entries: list[MemoryEntry] = []
    after, pace = receipt.timestamp, Pace()
    while page := store.read(receipt.room_id, after=after, limit=PAGE):
        after = page[-1].timestamp
        for entry in page:
            pace.step()
            if entry.metadata.get(Meta.INPUT) != receipt.seq:
                continue
            entries.append(entry)
            if (outcome := entry.metadata.get(Meta.OUTCOME)) is not None:
                return TurnResult(receipt.seq, outcome, tuple(entries), entry.metadata[Meta.LATENCY] / 1e9)
    return None
