"""What a room in an archive must be before anything of it is believed: checked as if a stranger had written it.

Checksums only say that bytes are as they were written, by whomever. A record that decodes may still hold a negative
limit, a latency bucket that overflows, or a queue of inputs that memory does not know. And memory is walked with all
of its metadata looked at, into a nameless private file, from which the room is then put into a store: what was checked
is what is restored, whatever happens to the source meanwhile.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO

from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.errors import StoreFailed, UsageError
from backrooms_tui.model.limits import (
    INPUT_QUEUE_DEPTH,
    MAX_ROOM_MEMORY,
    MAX_STATE_SIZE,
    MAX_TIMEOUT,
    MEMORY_ENTRIES_MAX,
)
from backrooms_tui.model.room import QueuedInput, RoomRecord
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.states import RoomState

from .archive_rows import Block, blocks
from .archive_tar import invalid
from .columns import ColumnarRows, Columns
from .damage import DamageFound
from .entry_bodies import FullEntry
from .exporting import Pace
from .store import MemoryRow
from .walking import LAST_TIME, Chunk, stretch_of, walk_bites

MAX_MEMORY = 2 * MAX_ROOM_MEMORY
"""Bytes: a turn may say more than fits before old memory is compressed, but never twice as much."""
MAX_ENTRIES = 2 * MEMORY_ENTRIES_MAX
_MAX_PLAIN = 64 * MAX_ROOM_MEMORY
"""Bytes of segments when expanded: beyond any room, and what a small archive may cost to look at."""
_MAX_QUEUE = 2 * INPUT_QUEUE_DEPTH
_MAX_CHAIN = 2**32 - 1
_MAX_BUCKET = 16 * 64
"""Of latencies: that of 2**64 nanoseconds."""
_MAX_TEXT = 4096
_IN_MEMORY = 8 << 20
"""Bytes of memory up to which no file is needed."""
_STATES = frozenset({RoomState.ACTIVE, RoomState.IDLE, RoomState.SUSPENDED})


def require_sane(record: RoomRecord, snapshot: bytes | None, queue: Sequence[QueuedInput]) -> None:
    """Raises ArchiveInvalid for a room that could not have been."""
    problem = _odd_record(record) or _odd_times(record) or _odd_figures(record) or _odd_parts(record, snapshot, queue)
    if problem is not None:
        raise invalid(problem)


def _odd_record(record: RoomRecord) -> str | None:
    try:
        record.config.validated()
    except UsageError as error:
        return f"the configuration is out of bounds ({scrub(error.details[0])})"
    if record.state not in _STATES or record.damage is not None:
        return f"the room was {record.state}"
    texts = (record.last_error or "", record.creation.user, record.creation.host, record.config.entity)
    if any(len(text) > _MAX_TEXT for text in texts):
        return "a text is longer than any can be"
    return None


def _odd_times(record: RoomRecord) -> str | None:
    suspended = record.suspension.at if record.suspension is not None else 0
    if not _natural(record.created_at, record.last_active, record.last_input_at or 0, suspended):
        return "a time is out of bounds"
    head, tail = record.head, record.tail
    places = (head.seq, head.timestamp, tail.seq, tail.timestamp)
    chained = 0 <= head.chain <= _MAX_CHAIN and 0 <= tail.chain <= _MAX_CHAIN
    if not chained or not _natural(*places) or not 0 <= record.entries <= MAX_ENTRIES:
        return "the ends of memory are out of bounds"
    return None


def _odd_figures(record: RoomRecord) -> str | None:
    counters, latencies = record.counters, record.latencies
    if not 0 <= record.memory_usage <= MAX_MEMORY:
        return "memory is larger than any can be"
    counted = (counters.inputs, counters.outputs, counters.silent, counters.errors, counters.timeouts)
    if not _natural(*counted, counters.crashes, counters.invalid_inputs, record.state_version, record.creation.pid):
        return "a counter is out of bounds"
    sound = (
        _natural(latencies.count, latencies.maximum, *latencies.buckets.values())
        and all(0 <= bucket <= _MAX_BUCKET for bucket in latencies.buckets)
        and sum(latencies.buckets.values()) == latencies.count
        and 0 <= latencies.total <= latencies.count * latencies.maximum
    )
    return None if sound else "the latencies are out of bounds"


def _odd_parts(record: RoomRecord, snapshot: bytes | None, queue: Sequence[QueuedInput]) -> str | None:
    if (snapshot is None) != (record.state_version == 0) or len(snapshot or b"") > MAX_STATE_SIZE:
        return "the state is not the record's"
    if len(queue) != record.queued or len(queue) > _MAX_QUEUE:
        return "the queue is not the record's"
    places = [record.head.seq, *(queued.seq for queued in queue), record.tail.seq + 1]
    if any(low >= high for low, high in pairwise(places)):
        return "the queue is not in order"
    for queued in queue:
        timeout_fits = queued.timeout is None or 0 < queued.timeout <= MAX_TIMEOUT
        if (
            not timeout_fits
            or not _natural(queued.timestamp, queued.attempt)
            or len(queued.request_id or "") > _MAX_TEXT
        ):
            return "a queued input is out of bounds"
    return None


def _natural(*numbers: int) -> bool:
    return min(numbers) >= 0 and max(numbers) <= LAST_TIME


class CheckedMemory:
    """A room's memory that has been walked, in a private file that has no name. To be closed."""

    def __init__(self, directory: Path | None) -> None:
        """The file is in `directory`, or the system's place for temporary files."""
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - `close` does
            _IN_MEMORY, dir=None if directory is None else str(directory)
        )
        self._directory = directory
        self._usage = self._plain = 0

    def take(self, record: RoomRecord, rows: Iterable[Block], queue: Sequence[QueuedInput], pace: Pace) -> RoomRecord:
        """Check rows and keep them; give the record with what was counted. Raises ArchiveInvalid, StoreFailed."""
        waiting = {queued.seq: queued for queued in queue}
        try:
            for chunk in walk_bites(record, self._kept(rows), full=True):
                self._count(chunk)
                for entry in chunk[2] if waiting else ():
                    _settle(waiting, entry)
                pace.step(len(chunk[2]))
        except DamageFound as error:
            found = error.damage
            raise invalid(f"{found.type} in memory", f"WHERE: {found.where}", f"BYTE: {found.offset}") from None
        if waiting:
            raise invalid("a queued input is not in memory")
        if self._usage != record.memory_usage:
            raise invalid("memory is not as large as the record says")
        return record.with_(memory_plain=self._plain)

    def _kept(self, rows: Iterable[Block]) -> Iterator[Columns]:
        for block, columns in rows:
            try:
                self._file.write(block)
            except OSError as error:
                place = self._directory or tempfile.gettempdir()
                raise StoreFailed(f"PATH: {scrub(str(place))}", f"REASON: {error.strerror}") from None
            yield columns

    def _count(self, chunk: Chunk) -> None:
        stretch = stretch_of(*chunk[:2])
        self._usage += stretch.size
        self._plain += stretch.plain
        if self._usage > MAX_MEMORY or self._plain > _MAX_PLAIN:
            raise invalid("memory is larger than any can be")

    def rows(self) -> Iterator[MemoryRow]:
        """All rows that were taken, from the first."""
        self._file.seek(0)
        return ColumnarRows(rows for _, rows in blocks(self._file))

    def close(self) -> None:
        self._file.close()


def _settle(waiting: dict[int, QueuedInput], entry: FullEntry) -> None:
    """Cross off the queued input that an entry is. Raises ArchiveInvalid when it is another."""
    queued = waiting.get(entry.seq)
    if queued is None:
        return
    if entry.type != EntryType.INPUT or entry.timestamp != queued.timestamp:
        raise invalid("a queued input is not in memory")
    del waiting[entry.seq]
