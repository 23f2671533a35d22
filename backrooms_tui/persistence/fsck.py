"""A look at every byte of a store that changes nothing: each room by itself, then what no room's rows lead to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from backrooms_tui.model.errors import RoomNotFound
from backrooms_tui.model.reports import CheckReport, Finding, Progress, quiet
from backrooms_tui.model.room import Damage, RoomRecord
from backrooms_tui.model.value import changed

from . import keys
from .damage import DamageFound, corrupted
from .segments import plain_size
from .store import RoomImage, RoomStore
from .walking import walk

Readable = Callable[[bytes | None], object]
"""Decodes a snapshot. Raises ValueError."""


class Check:
    """Looks at rooms, and counts what it has looked at."""

    def __init__(self, store: RoomStore, readable: Readable, progress: Progress = quiet, *, of: int = 0) -> None:
        """`progress` is told bytes of memory, `of` so many."""
        self._store = store
        self._readable = readable
        self._progress = progress
        self._of = of
        self.entries = 0
        self.size = 0

    def room(self, record: RoomRecord) -> Iterator[Damage]:
        """What is wrong with the bytes of one room, at most one thing in its memory. Raises StoreFailed."""
        before = (self.entries, self.size)
        try:
            with self._store.image(record.id) as image:
                self._look(image)
            return
        except DamageFound as error:
            found = error.damage
        yield found
        self.entries, self.size = before
        try:  # the image ends at the first damage, and that need not be in memory
            with self._store.remains(record.id) as image:
                self._walk(image)
        except DamageFound as error:
            if changed(error.damage, detected_at=found.detected_at) != found:
                yield error.damage

    def _look(self, image: RoomImage) -> None:
        record = image.record
        try:
            self._readable(image.snapshot)
        except ValueError:
            raise corrupted("STATE_UNREADABLE", keys.state(record.id)) from None
        self.size += len(image.snapshot or b"")
        usage, plain, inputs = self._walk(image, frozenset(queued.timestamp for queued in image.queue))
        for queued in image.queue:
            if queued.timestamp not in inputs:
                raise corrupted("SEQUENCE_GAP", keys.queue(record.id, queued.seq))
        if (usage, plain) != (record.memory_usage, record.memory_plain):
            raise corrupted("STATE_UNREADABLE", keys.index(record.id))

    def _walk(self, image: RoomImage, wanted: frozenset[int] = frozenset()) -> tuple[int, int, set[int]]:
        """Walk all of memory: gives its bytes as stored and uncompressed, and the `wanted` entries that are in it."""
        usage = plain = 0
        found: set[int] = set()
        for rows, _, entries in walk(image.record, image.rows):
            size = sum(len(row) for _, row in rows)
            usage += size
            plain += sum(plain_size(row) for _, row in rows)
            if wanted:
                found.update(wanted.intersection(entry.timestamp for entry in entries))
            self.entries += len(entries)
            self.size += size
            self._progress(self.size, max(self._of, self.size))
        return usage, plain, found


def check_store(
    store: RoomStore, records: Sequence[RoomRecord], readable: Readable, progress: Progress = quiet
) -> CheckReport:
    """Look at everything. `records` are the rooms as their owner knows them: one that is CORRUPTED for a reason that
    its bytes no longer show is told with that. Raises StoreFailed; damage is in the report.
    """
    began = time.monotonic()
    check = Check(store, readable, progress, of=sum(record.memory_usage for record in records))
    findings: list[Finding] = []
    for record in records:
        try:
            found = list(check.room(record))
        except RoomNotFound:  # destroyed meanwhile
            continue
        if not found and record.damage is not None:
            found.append(record.damage)
        findings += [Finding(record.id, damage) for damage in found]
    findings += [Finding(None, damage) for damage in store.inspect()]
    return CheckReport(len(records), check.entries, check.size, tuple(findings), time.monotonic() - began)
