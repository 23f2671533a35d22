"""One room of the FILESYSTEM engine: what its files hold, and over it the changes that only the journal holds.

Readers take hold of a room (`Still`) and then read without any lock: files are appended to behind what they read, or
replaced while they keep the old one open, and what is in memory is never changed in place but at its end.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from backrooms_tui.model.ids import RoomId

from .damage import DamageFound, damage
from .files_changes import (
    CONFIG,
    CREATION,
    ENTRY,
    INDEX,
    MARK,
    QUEUE,
    SPAN,
    STATE,
    Change,
    Span,
    first_of,
    last_of,
    with_span,
)
from .files_log import HEAD, LOG, LOG_INDEX, Log, content_of
from .files_log_writing import found_extent
from .files_state import Extent, StateFile, decode_state, place_in
from .private_files import require_directory
from .readable import from_text
from .records import MAX_RECORD, Damaged

STATE_FILE = "state.bin"
_MAX_STATE = 8 * MAX_RECORD
TEXTS = {CONFIG: "config.json", CREATION: "metadata.json"}
FOREVER = 10**20
"""Above every timestamp a key can end in."""

MemoryRow = tuple[int, bytes]
_Changed = dict[tuple[str, int], bytes | None]


class Disk(NamedTuple):
    """What is known of a room's state.bin without reading it again."""

    record: bytes | None = None
    """The index record."""
    queued: frozenset[int] = frozenset()
    marked: bool = False
    extent: Extent = Extent()
    damaged_at: int | None = None
    """The byte at which it is damaged; 0 also where there is a directory and no state.bin in it."""

    def shared(self, kind: str) -> bytes | None:
        """The index row or the mark. Of a damaged file it is what is no record: the room is there, and damaged."""
        if kind == MARK:
            return b"" if self.marked else None
        return self.record if self.damaged_at is None else b""


class Room:
    """Changed by the writing thread, under its lock; `still` may be called by any."""

    def __init__(self, root: Path, room_id: RoomId, *, exists: bool) -> None:
        self.id = room_id
        self._place = f"{root}/{room_id}"  # not a Path: making one takes a fifth of what reading a room does
        self.exists = exists
        """Whether it has files. There may be a directory with some that are not its own: of a fold cut short."""
        self.lock = threading.Lock()
        self._disk = None if exists else Disk()
        self._log: Log | None = None
        self._changed: _Changed = {}
        self._stamps: list[int] = []
        self._values: list[bytes] = []
        self._spans: tuple[Span, ...] = ()

    @property
    def path(self) -> Path:
        return Path(self._place)

    @property
    def disk(self) -> Disk:
        """To be asked for under the lock, or by the writing thread."""
        if self._disk is None:
            self._disk = self._found()
        return self._disk

    @property
    def dirty(self) -> bool:
        return bool(self._changed or self._stamps or self._spans)

    @property
    def rewrites(self) -> int:
        """Bytes of log that are to be written anew; the writing thread asks."""
        return self.disk.extent.size if self._spans and self._spans[0].first <= self.disk.extent.last else 0

    @property
    def last(self) -> int:
        """The newest timestamp a row of memory has or had; the writing thread asks."""
        spanned = self._spans[-1].last if self._spans else 0
        return max(self.disk.extent.last, self._stamps[-1] if self._stamps else 0, spanned)

    def apply(self, changes: Sequence[Change]) -> None:
        """Take changes on that stand in the journal. Rows of memory that are in the log already are left out."""
        with self.lock:
            if self.disk.damaged_at is not None and any(map(_founding, changes)):
                self._disk, self.exists = Disk(), False  # what a fold that was cut short left there is not the room
            changed = dict(self._changed)
            for change in changes:
                kind, _, number, value, first = change
                if kind == ENTRY and value is not None:
                    if number > self.last:
                        self._values.append(value)
                        self._stamps.append(number)
                elif kind == SPAN:
                    self._spans = with_span(self._spans, Span(first, number, value))
                elif kind == QUEUE and value is None and number not in self.disk.queued:
                    changed.pop((kind, number), None)
                else:
                    changed[kind, number] = value
            self._changed = changed

    def shared(self, kind: str) -> bytes | None:
        """The row that a scan of all rooms finds of this one."""
        with self.lock:
            if (kind, 0) in self._changed:
                return self._changed[kind, 0]
            return self.disk.shared(kind)

    def still(self, *, state: bool = False, log: bool = False) -> Still:
        """The room at this moment; `state` and `log` say what of its files is going to be read."""
        with self.lock:
            disk = self.disk
            file = self._state_file() if state and self.exists else StateFile()
            opened = self._opened_log() if log and disk.extent.size else None
            spans, rows = self._spans, (self._stamps, self._values)
            return Still(self.path, disk, file, opened, self._changed, rows, spans)

    def folded(self, disk: Disk) -> None:
        """All changes are in the files now. Called under the lock."""
        self.exists = True
        self._disk, self._log = disk, None
        self._changed, self._stamps, self._values, self._spans = {}, [], [], ()

    def forget_log(self) -> None:
        """Let go of the open log; who reads it keeps it."""
        self._log = None

    def _opened_log(self) -> Log | DamageFound:
        if self._log is None:
            try:
                self._log = Log(self.path, self.disk.extent)
            except DamageFound as error:
                return error
        return self._log

    def _state_file(self) -> StateFile | Damaged:
        content = content_of(f"{self._place}/{STATE_FILE}", limit=_MAX_STATE)
        if content is None:
            return Damaged("STATE_UNREADABLE", 0)
        try:
            return decode_state(self.id, content)
        except Damaged as error:
            return error

    def _found(self) -> Disk:
        require_directory(self._place)
        state = self._state_file()
        if isinstance(state, Damaged):
            return Disk(extent=found_extent(self.path), damaged_at=state.offset)
        if state.extent.generation:  # the last owner may not have come to put the new log in its place
            for name in (LOG, LOG_INDEX):
                with suppress(FileNotFoundError):
                    (self.path / f"{name}.{state.extent.generation}").replace(self.path / name)
        return Disk(state.record, frozenset(state.queue), state.marked, state.extent)


def _founding(change: Change) -> bool:
    """Whether a room is being made with it, or its removal decided."""
    return change.kind in (CREATION, MARK) and change.value is not None


class Still:
    """A room at one moment. Damage is raised by what meets it: Damaged in a value, DamageFound in a file."""

    def __init__(
        self,
        path: Path,
        disk: Disk,
        file: StateFile | Damaged,
        log: Log | DamageFound | None,
        changed: _Changed,
        appended: tuple[list[int], list[bytes]],
        spans: tuple[Span, ...],
    ) -> None:
        self.path = path
        self.disk = disk
        self.changed = changed
        self.spans = spans
        self._file = file
        self._log = log
        self._stamps, self._values = appended
        self._count = len(self._stamps)

    @property
    def file(self) -> StateFile:
        if isinstance(self._file, Damaged):
            raise self._damaged(self._file.type, STATE_FILE, self._file.offset)
        return self._file

    @property
    def log(self) -> Log | None:
        if isinstance(self._log, DamageFound):
            raise self._log
        return self._log

    def get(self, kind: str, number: int) -> bytes | None:
        if kind == ENTRY:
            return next((row for _, row in self.rows(number, number + 1)), None)
        if (kind, number) in self.changed:
            return self.changed[kind, number]
        if kind in TEXTS:
            text = content_of(self.path / TEXTS[kind], limit=MAX_RECORD)
            return None if text is None else from_text(kind.encode(), RoomId(self.path.name), text)
        if kind == STATE:
            return self.file.snapshot
        if kind == QUEUE:
            return self.file.queue.get(number)
        return b"" if kind == INDEX and isinstance(self._file, Damaged) else self.disk.shared(kind)

    def queue(self, *, changed_only: bool = False) -> dict[int, bytes]:
        queue: dict[int, bytes | None] = {} if changed_only else dict(self.file.queue)
        queue |= {number: value for (kind, number), value in self.changed.items() if kind == QUEUE}
        return {number: value for number, value in sorted(queue.items()) if value is not None}

    def rows(self, start: int, stop: int = FOREVER, *, reverse: bool = False) -> Iterator[MemoryRow]:
        """Rows of memory from `start` up to `stop`."""
        for piece in self._pieces_down(start, stop) if reverse else self._pieces(start, stop):
            if not isinstance(piece, Span):
                yield from self._unchanged(*piece, reverse=reverse)
            elif piece.value is not None and start <= piece.last < stop:
                yield piece.last, piece.value

    def _pieces(self, start: int, stop: int) -> Iterator[Span | tuple[int, int]]:
        """The spans that reach into a range, and the ranges between them, rising."""
        for n in range(bisect_left(self.spans, start, key=last_of), len(self.spans)):
            span = self.spans[n]
            if span.first >= stop:
                break
            if start < span.first:
                yield start, span.first
            yield span
            start = span.last + 1
        if start < stop:
            yield start, stop

    def _pieces_down(self, start: int, stop: int) -> Iterator[Span | tuple[int, int]]:
        for n in reversed(range(bisect_left(self.spans, stop, key=first_of))):
            span = self.spans[n]
            if span.last < start:
                break
            if span.last + 1 < stop:
                yield span.last + 1, stop
            yield span
            stop = span.first
        if start < stop:
            yield start, stop

    def _unchanged(self, start: int, stop: int, *, reverse: bool) -> Iterator[MemoryRow]:
        first = bisect_left(self._stamps, start, 0, self._count)
        end = bisect_left(self._stamps, stop, first, self._count)
        log = self.log if start <= self.disk.extent.last or self.disk.damaged_at is not None else None
        if not reverse:
            if log is not None:
                yield from log.forward(start, stop)
            for n in range(first, end):
                yield self._stamps[n], self._values[n]
            return
        for n in reversed(range(first, end)):
            yield self._stamps[n], self._values[n]
        if log is not None:
            yield from log.backward(start, stop)

    def place(self, kind: str, number: int) -> tuple[str, int]:
        """The file in which a row stands or would stand, and where in it its value begins."""
        if kind in TEXTS:
            return TEXTS[kind], 0
        if kind != ENTRY:
            damaged_at = self._file.offset if isinstance(self._file, Damaged) else self.disk.damaged_at
            return STATE_FILE, place_in(self.file, kind, number) if damaged_at is None else damaged_at
        log = self.log
        at = self.disk.extent.size if log is None else log.position(number)
        return LOG, at + HEAD.size if at < self.disk.extent.size else at

    def _damaged(self, type_: str, file: str, offset: int) -> DamageFound:
        return DamageFound(damage(type_, f"{self.path.name}/{file}".encode(), offset))
