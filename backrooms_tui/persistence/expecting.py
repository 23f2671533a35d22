"""The admission of commits: each must continue exactly where its room's memory ends. The same for all backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backrooms_tui.model.entries import Tail
from backrooms_tui.model.errors import SequenceConflict
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord

from .store import RoomCommit


def admit(commits: Sequence[RoomCommit], stored: Callable[[RoomId], RoomRecord | None]) -> dict[RoomId, RoomRecord]:
    """Give each room's record after all commits. Raises SequenceConflict, naming room and sequence numbers."""
    after: dict[RoomId, RoomRecord] = {}
    for commit in commits:
        room_id = commit.record.id
        known = after.get(room_id) or stored(room_id)
        tail = known.tail if known is not None else Tail()
        if commit.expected != tail or not _continues(commit) or not _accounts(commit, known):
            raise SequenceConflict(
                f"ROOM: {room_id}", f"EXPECTED SEQUENCE: {commit.expected.seq}", f"STORED SEQUENCE: {tail.seq}"
            )
        after[room_id] = commit.record
    return after


def _continues(commit: RoomCommit) -> bool:
    """Whether the commit's entries lead from `expected` to the record's tail."""
    first, last = commit.expected, commit.record.tail
    if not commit.entries:
        return first == last
    opening, closing = commit.entries[0].entry, commit.entries[-1].entry
    return (
        opening.seq == first.seq + 1
        and opening.timestamp > first.timestamp
        and (closing.seq, closing.timestamp) == (last.seq, last.timestamp)
        and last.seq - first.seq == len(commit.entries)
    )


def _accounts(commit: RoomCommit, known: RoomRecord | None) -> bool:
    """Whether memory begins and weighs what it did, but for the commit's own entries; where it compacts the caller has
    looked. A record that was made on top of a compaction that never became durable says otherwise.
    """
    if known is None or commit.compactions:
        return True
    size = sum(len(sealed.blob) for sealed in commit.entries)
    return commit.record.head == known.head and commit.record.memory_usage == known.memory_usage + size
