"""The store of --no-persist: the same contract in plain memory. Nothing in it outlives the process."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from backrooms_tui.model.entries import MemoryEntry, Tail
from backrooms_tui.model.errors import RoomNotFound, StoreClosed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage, QueuedInput, RoomRecord

from .damage import corrupted
from .expecting import admit
from .keys import memory
from .store import RoomCommit, StoreContents


@dataclass(slots=True)
class _Room:
    record: RoomRecord
    timestamps: list[int] = field(default_factory=list)
    entries: list[MemoryEntry] = field(default_factory=list)
    snapshot: bytes | None = None
    queue: dict[int, QueuedInput] = field(default_factory=dict)


class MemoryStore:
    """See `RoomStore`. Not durable: `sync` means nothing here, and there is nothing a witness could prove."""

    backend = "MEMORY"

    def __init__(self) -> None:
        self._rooms: dict[RoomId, _Room] | None = {}

    def load(self) -> StoreContents:
        records = (room.record for room in self._open().values())
        return StoreContents(tuple(sorted(records, key=lambda record: (record.created_at, record.id))))

    def verify(self, room_id: RoomId) -> Damage | None:
        self._room(room_id)
        return None

    def commit(self, commits: Sequence[RoomCommit], *, sync: bool = True) -> None:  # noqa: ARG002 - the contract's
        rooms = self._open()
        admit(commits, lambda room_id: rooms[room_id].record if room_id in rooms else None)
        for commit in commits:
            room = rooms.setdefault(commit.record.id, _Room(commit.record))
            room.entries.extend(sealed.entry for sealed in commit.entries)
            room.timestamps.extend(sealed.entry.timestamp for sealed in commit.entries)
            if commit.snapshot is not None:
                room.snapshot = commit.snapshot
            room.queue.update({queued.seq: queued for queued in commit.queue_put})
            for seq in commit.queue_del:
                room.queue.pop(seq, None)
            room.record = commit.record

    def destroy(self, room_id: RoomId) -> None:
        self._open().pop(room_id, None)

    def read(
        self, room_id: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        room = self._room(room_id)
        start = 0 if after is None else bisect_right(room.timestamps, after)
        stop = len(room.timestamps) if before is None else bisect_left(room.timestamps, before)
        if after is None:
            start = max(start, stop - max(0, limit))
        return room.entries[start : min(stop, start + max(0, limit))]

    def queue(self, room_id: RoomId) -> list[QueuedInput]:
        queue = self._room(room_id).queue
        return [queue[seq] for seq in sorted(queue)]

    def entry(self, room_id: RoomId, timestamp: int) -> MemoryEntry:
        room = self._room(room_id)
        at = bisect_left(room.timestamps, timestamp)
        if at == len(room.timestamps) or room.timestamps[at] != timestamp:
            raise corrupted("SEQUENCE_GAP", memory(room_id, timestamp))
        return room.entries[at]

    def snapshot(self, room_id: RoomId) -> bytes | None:
        return self._room(room_id).snapshot

    def stored_tail(self, room_id: RoomId) -> Tail | None:
        room = self._open().get(room_id)
        return None if room is None else room.record.tail

    def reopen(self) -> None:
        self._open()

    def witness_due(self) -> bool:
        return False

    def write_witness(self) -> None:
        self._open()

    def disk_usage(self) -> int:
        self._open()
        return 0

    def close(self) -> None:
        self._rooms = None

    def _open(self) -> dict[RoomId, _Room]:
        if self._rooms is None:
            raise StoreClosed
        return self._rooms

    def _room(self, room_id: RoomId) -> _Room:
        try:
            return self._open()[room_id]
        except KeyError:
            raise RoomNotFound(f"ROOM: {room_id}") from None
