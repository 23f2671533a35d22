"""A room whose memory is nearly full is compressed; one whose memory is full forgets its oldest entries.

From the threshold on single entries are packed into segments, the newest ones left alone. Only when the capacity
itself is exceeded, in bytes or in entries, does the oldest go, down to a part of it so that not every turn forgets
something; inputs that wait stay in any case, and the last one answered unless it alone is what is too much. A turn is
never cut short for it: what it says is written whole, and what is too much goes afterwards. Both leave an entry that
tells what was done; the entity sees neither.

The room starts no turn meanwhile and goes on accepting inputs. Everything happens in commits of a few megabytes in the
order of all others, so that a crash finds either side of each of them and other rooms' inputs flow between.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING

from backrooms_tui.model.entries import Draft, EntryType, Meta, Tail
from backrooms_tui.model.errors import BackroomsError, RoomCorrupted, RoomNotFound
from backrooms_tui.model.reports import CompressionReport, Progress, quiet
from backrooms_tui.persistence.store import Compaction, MemoryRow, RoomCommit

from .room import LiveRoom

if TYPE_CHECKING:
    from backrooms_tui.persistence.packing import Freed

    from .engine import Engine, Limits

KEPT_SINGLE = 256
"""Newest entries that are not packed: they are read most, and a page should not expand a segment for one entry."""
KEPT_SHARE = 8
"""At most this part (an eighth) of a room's capacity is kept single: 256 inputs of 64 KiB would fill a small room."""
BATCH = 8 * 1024 * 1024
"""Bytes of rows that one commit compacts."""
LEAVES = 0.8
"""Part of the capacity that truncation leaves."""


def over(room: LiveRoom, limits: Limits, arriving: int = 0) -> bool:
    """Whether the room's memory exceeds its capacity, or would with an entry of `arriving` bytes."""
    record = room.record
    return (
        record.memory_usage + arriving > record.config.memory_limit
        or record.entries + (arriving > 0) > limits.memory_entries
    )


def due(room: LiveRoom, limits: Limits, arriving: int = 0) -> bool:
    """Whether compacting is called for, and likely to help more than at the last try."""
    if over(room, limits, arriving):
        return not room.exhausted
    record = room.record
    return (
        record.config.compression != "none"
        and record.memory_usage + arriving >= limits.compression_threshold * record.config.memory_limit
        and record.tail.seq >= room.compacted_seq + KEPT_SINGLE
    )


class Compactor:
    """The rooms' compactions: one thread for those that are due, the caller's for those that are asked for."""

    def __init__(
        self,
        engine: Engine,
        *,
        kick: Callable[[LiveRoom], None],
        corrupt: Callable[[LiveRoom, RoomCorrupted], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._engine = engine
        self._kick = kick
        self._corrupt = corrupt
        self._on_fault = on_fault
        self._rooms: SimpleQueue[LiveRoom | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def consider(self, room: LiveRoom, arriving: int = 0) -> bool:
        """Block the room and have it compacted, if that is due; gives whether it is blocked. Under the room's lock."""
        if not room.blocked and not room.halted and due(room, self._engine.limits, arriving):
            room.blocked = True
            self._rooms.put(room)
            self._start()
        return room.blocked

    def compact(self, room: LiveRoom, progress: Progress = quiet) -> CompressionReport:
        """Compact now, in this thread, whatever the threshold says. Raises RoomCorrupted, StoreFailed, RoomNotFound."""
        with room.changed:
            room.changed.wait_for(lambda: not room.blocked)
            room.require_sound()
            room.blocked = True
        return self._compact(room, progress, since=0)

    def stop(self) -> None:
        """Let the thread end after the commit it is at."""
        self._stopping = True
        self._rooms.put(None)
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="compactor", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (room := self._rooms.get()) is not None:
            try:
                self._compact(room, self._unless_stopping, since=room.compacted_through)
            except _Stopped:
                return
            except BackroomsError as error:
                if not room.gone:
                    self._engine.notice("WARN", f"COMPRESSION FAILED: {error.code}", room.id)
            except Exception as error:  # a worker edge: other rooms need the thread
                self._on_fault(error)

    def _unless_stopping(self, done: int, of: int) -> None:  # noqa: ARG002 - a Progress
        if self._stopping:
            raise _Stopped

    def _compact(self, room: LiveRoom, progress: Progress, *, since: int) -> CompressionReport:
        """Compact a room that is blocked, and let it go on."""
        try:
            with room.changed:
                room.changed.wait_for(lambda: room.turn is None or room.gone)
            run = _Run(self._engine, room, progress)
            run.compress(since)
            run.truncate()
            return run.report()
        except RoomCorrupted as error:
            if not room.gone:
                self._corrupt(room, error)
            raise
        finally:
            with room.changed:
                room.blocked = False
                room.compacted_seq = room.record.tail.seq
                held_up, room.held_up = room.held_up, False
                room.changed.notify_all()
            if held_up:
                self._kick(room)


class _Stopped(Exception):
    """The owner is closing; what has been compacted stays so."""


class _Run:
    """One compaction of one room in which no turn runs."""

    def __init__(self, engine: Engine, room: LiveRoom, progress: Progress) -> None:
        from backrooms_tui.persistence import packing, segments  # with zstandard: not before it is needed

        self._packing = packing
        self._segments = segments
        self._level = segments.LEVEL if room.record.config.compression == "zstd" else 0
        self._engine = engine
        self._room = room
        self._progress = progress
        self._before = room.record
        self._started_at = time.time_ns()
        self._began = time.monotonic()
        self._freed = 0
        self._seen = 0
        self._gone = 0

    def compress(self, since: int) -> None:
        """Pack single entries above the timestamp `since` up to the newest ones."""
        algorithm = self._before.config.compression
        until = self._newest_single() if algorithm != "none" else 0
        compressed = 0
        while rows := [row for row in self._rows(since) if row[0] < until]:
            last = rows[-1][0]
            groups = list(self._packing.groups(rows))
            if groups and not self._packing.full(groups[-1]) and groups[-1][-1][0] == last and len(groups) > 1:
                last = groups.pop()[0][0] - 1  # what comes next may belong to it
            made = [done for group in groups if (done := self._packing.packed(self._room.id, group, algorithm))]
            if made:
                self._commit([compaction for compaction, _ in made], [freed for _, freed in made])
                compressed += sum(len(compaction.timestamps) for compaction, _ in made)
            self._seen += sum(len(record) for timestamp, record in rows if timestamp <= last)
            self._progress(self._seen, self._before.memory_usage)
            since = self._room.compacted_through = last
        if compressed:
            self._note_compression(compressed)

    def truncate(self) -> None:
        """Where capacity is exceeded let the oldest rows go: those before the last input that was answered, and only
        as far as that is not enough its own.
        """
        room, limits = self._room, self._engine.limits
        record = room.record
        size, entries = record.config.memory_limit, limits.memory_entries
        size = int(size * LEAVES) if record.memory_usage > size else size
        entries = int(entries * LEAVES) if record.entries > entries else entries
        for spare in (record.last_input_at, None):
            if over(room, limits):
                self._remove_until(size, entries, spare=spare)
        room.exhausted = bool(room.queue) and over(room, limits)

    def report(self) -> CompressionReport:
        before = self._before
        report = CompressionReport(
            started_at=self._started_at,
            algorithm=before.config.compression,
            level=self._level,
            entries_before=before.entries,
            entries_after=before.entries - self._gone,
            size_before=before.memory_usage,
            size_after=before.memory_usage - self._freed,
            seconds=time.monotonic() - self._began,
        )
        if self._freed:
            self._engine.notice("INFO", " ".join(report.lines()), self._room.id)
        return report

    def _rows(self, since: int) -> list[MemoryRow]:
        return self._engine.store.rows(self._room.id, after=since, size=BATCH)

    def _newest_single(self) -> int:
        """Timestamp of the oldest entry that stays single."""
        allowed = self._before.config.memory_limit // KEPT_SHARE
        kept = self._before.tail.timestamp
        for entry in reversed(self._engine.store.read(self._room.id, limit=KEPT_SINGLE)):
            allowed -= len(entry.content)
            if allowed < 0:
                break
            kept = entry.timestamp
        return kept

    def _remove_until(self, size: int, entries: int, *, spare: int | None) -> None:
        """Remove the oldest rows until so many bytes and entries are left, or what is left has to stay: everything
        from the timestamp `spare` on, inputs that wait, the newest row.
        """
        room = self._room
        surplus, count = room.record.memory_usage - size, room.record.entries - entries
        while surplus > 0 or count > 0:
            with room.lock:
                head = room.record.head
                until = room.queue[0].input.timestamp if room.queue else room.record.tail.timestamp
            going: list[MemoryRow] = []
            for row in self._rows(head.timestamp):
                if row[0] >= min(until, spare or until) or (surplus <= 0 and count <= 0):
                    break
                going.append(row)
                surplus -= len(row[1])
                count -= self._segments.entry_count(row[1])
            if not going:
                return
            self._remove(going)  # adds an entry itself: what is left to remove is counted from where it began

    def _remove(self, rows: Sequence[MemoryRow]) -> None:
        before = self._room.record.head
        compaction, freed, head = self._packing.removed(self._room.id, rows)
        figures = {
            "first_seq": before.seq + 1,
            "last_seq": head.seq,
            "after": before.timestamp,
            "until": head.timestamp,
            "entries": freed.entries,
            "bytes": freed.size,
        }
        text = f"MEMORY TRUNCATED: ENTRIES {before.seq + 1}-{head.seq}, {freed.size} BYTES"
        draft = Draft(EntryType.STATE_CHANGE, text, {Meta.EVENT: "truncated", Meta.DATA: figures})
        self._commit([compaction], [freed], draft, head=head)
        self._gone += freed.entries
        self._engine.notice("WARN", text, self._room.id)

    def _note_compression(self, entries: int) -> None:
        """The packed rows are on disk; say so in memory."""
        after = self._before.memory_usage - self._freed
        figures = {
            "algorithm": self._before.config.compression,
            "entries": entries,
            "bytes_before": self._before.memory_usage,
            "bytes_after": after,
        }
        text = f"MEMORY COMPRESSED: {entries} ENTRIES, {self._before.memory_usage} -> {after} BYTES"
        self._commit([], [], Draft(EntryType.STATE_CHANGE, text, {Meta.EVENT: "compressed", Meta.DATA: figures}))

    def _commit(
        self, compactions: Sequence[Compaction], freed: Sequence[Freed], *drafts: Draft, head: Tail | None = None
    ) -> None:
        room = self._room
        size, plain = sum(each.size for each in freed), sum(each.plain for each in freed)

        def seal() -> RoomCommit:
            if room.gone:
                raise RoomNotFound(f"ROOM: {room.id}")
            room.require_sound()
            return room.seal(
                drafts,
                compactions=tuple(compactions),
                freed=size,
                freed_plain=plain,
                head=head or room.record.head,
            )

        self._engine.write(room, seal)
        self._freed += size
