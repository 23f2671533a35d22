"""A look at every byte of a store that changes nothing: each room by itself, then what no room's rows lead to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from backrooms_tui.model.errors import RoomNotFound
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import CheckReport, Finding, Progress, quiet
from backrooms_tui.model.room import Damage, RoomRecord
from backrooms_tui.model.value import changed

from . import keys
from .damage import DamageFound, corrupted
from .records import decode_entry
from .segments import bodies_of, is_segment
from .store import RoomImage, RoomStore
from .walking import Stretch, walk_rows

Readable = Callable[[bytes | None], object]
"""Decodes a snapshot. Raises ValueError."""


class Check:
    """Looks at rooms, and counts what it has looked at."""

    def __init__(
        self,
        store: RoomStore,
        readable: Readable,
        progress: Progress = quiet,
        *,
        of: int = 0,
        proven: bool = False,
    ) -> None:
        """`progress` is told bytes of memory, `of` so many. With `proven` the machinery's own checksums count, too."""
        self._store = store
        self._readable = readable
        self._progress = progress
        self._of = of
        self._proven = proven
        self.entries = 0
        self.size = 0
        self.below: list[Damage] = []
        """Where the machinery below holds something for damaged whose records are sound."""

    def room(self, record: RoomRecord) -> Iterator[Damage]:
        """What is wrong with the bytes of one room, at most one thing in its memory. Raises StoreFailed."""
        before = (self.entries, self.size)
        found = doubted = self._looked(record, proven=self._proven)
        if doubted is not None and self._proven:
            self.entries, self.size = before
            found = self._looked(record, proven=False)
            if found is None:
                self.below.append(doubted)
        if found is None:
            return
        yield found
        self.entries, self.size = before
        try:  # the image ends at the first damage, and that need not be in memory
            with self._store.remains(record.id) as image:
                self._walk(image, {})
        except DamageFound as error:
            if changed(error.damage, detected_at=found.detected_at) != found:
                yield error.damage

    def _looked(self, record: RoomRecord, *, proven: bool) -> Damage | None:
        try:
            with self._store.image(record.id, proven=proven) as image:
                self._look(image)
        except DamageFound as error:
            return error.damage
        return None

    def _look(self, image: RoomImage) -> None:
        record = image.record
        try:
            self._readable(image.snapshot)
        except ValueError:
            raise corrupted("STATE_UNREADABLE", keys.state(record.id)) from None
        self.size += len(image.snapshot or b"")
        waiting = {queued.timestamp: queued.seq for queued in image.queue}
        figures = self._walk(image, waiting)
        for seq in waiting.values():
            raise corrupted("SEQUENCE_GAP", keys.queue(record.id, seq))
        if figures != (record.memory_usage, record.memory_plain):
            raise corrupted("STATE_UNREADABLE", keys.index(record.id))

    def _walk(self, image: RoomImage, waiting: dict[int, int]) -> tuple[int, int]:
        """Walk all of memory: gives its bytes as stored and uncompressed; what is in it is `waiting` no more."""
        usage = plain = 0
        for stretch in walk_rows(image.record, image.rows):
            if waiting:
                _cross_off(waiting, image.record.id, stretch)
            usage += stretch.size
            plain += stretch.plain
            self.entries += stretch.entries
            self.size += stretch.size
            self._progress(self.size, max(self._of, self.size))
        return usage, plain


def _cross_off(waiting: dict[int, int], room_id: RoomId, stretch: Stretch) -> None:
    """Remove what is among these rows from what is waiting, by timestamps."""
    for timestamp, row in zip(*stretch.rows, strict=True):
        waiting.pop(timestamp, None)
        if is_segment(row) and any(wanted < timestamp for wanted in waiting):
            for body in bodies_of(room_id, row):
                waiting.pop(decode_entry(body)[1].timestamp, None)


def check_store(
    store: RoomStore, records: Sequence[RoomRecord], readable: Readable, progress: Progress = quiet
) -> CheckReport:
    """Look at everything. `records` are the rooms as their owner knows them: one that is CORRUPTED for a reason that
    its bytes no longer show is told with that. Raises StoreFailed; damage is in the report.
    """
    began = time.monotonic()
    check = Check(store, readable, progress, of=sum(record.memory_usage for record in records), proven=True)
    findings: list[Finding] = []
    for record in records:
        try:
            found = list(check.room(record))
        except RoomNotFound:  # destroyed meanwhile
            continue
        if not found and record.damage is not None:
            found.append(record.damage)
        findings += [Finding(record.id, damage) for damage in found]
    findings += [Finding(None, damage) for damage in (*check.below, *store.inspect())]
    return CheckReport(len(records), check.entries, check.size, tuple(findings), time.monotonic() - began)
