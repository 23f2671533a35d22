"""What the long verbs are asked and what they tell: export, backup, restore, recover, compact, check."""

from __future__ import annotations

from collections.abc import Callable

from backrooms_tui.model.value import value

from .entries import EntryType
from .errors import UsageError
from .formats import ARCHIVE_COMPRESSIONS, EXPORT_FORMATS
from .ids import RoomId
from .room import Damage
from .states import RoomState
from .units import NS, format_size_whole, format_span

Progress = Callable[[int, int], None]
"""Told now and then how much is done, and of how much (in a unit of the verb's; 0 when that is not known). What it
raises ends the verb, which then leaves nothing half done: that is how a person cancels.
"""


def quiet(done: int, of: int) -> None:
    """The Progress of somebody who does not look."""


@value
class ExportSpec:
    """What to export. Bounds are nanoseconds since the epoch, both inclusive."""

    format: str = "jsonl"
    """One of `formats.EXPORT_FORMATS`."""
    types: tuple[EntryType, ...] = ()
    """Only these; empty: all."""
    since: int | None = None
    until: int | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is left out: only such a binary export can be restored."""
        return not self.types and self.since is None and self.until is None

    def validated(self) -> ExportSpec:
        """Give itself, or raise UsageError."""
        if self.format not in EXPORT_FORMATS:
            raise UsageError(f"FORMAT: {self.format[:40]!r} is not one of {'|'.join(EXPORT_FORMATS)}.")
        return self


@value
class ExportReport:
    entries: int
    size: int
    """Bytes written."""


@value
class BackupSpec:
    compression: str = "gzip"
    """One of `formats.ARCHIVE_COMPRESSIONS`."""
    include_config: bool = False
    """Whether the room's configuration goes along; a room restored without one gets the defaults."""

    def validated(self) -> BackupSpec:
        """Give itself, or raise UsageError."""
        if self.compression not in ARCHIVE_COMPRESSIONS:
            raise UsageError(f"COMPRESSION: {self.compression[:40]!r} is not one of {'|'.join(ARCHIVE_COMPRESSIONS)}.")
        return self


@value
class BackupInfo:
    """A backup on the shelf: the directory of `persistence.backup.path`."""

    room_id: RoomId
    path: str
    taken_at: int
    """Nanoseconds since the epoch."""
    size: int
    """Bytes of the archive."""


@value
class BackupReport:
    room_id: RoomId
    path: str | None
    """Where it is on the shelf; None when it went to the caller's own file."""
    entries: int
    plain_size: int
    """Bytes of what was archived, before compression."""
    size: int
    """Bytes of the archive."""
    seconds: float

    @property
    def sizes(self) -> str:
        """`14MB -> 6MB (42.8% ratio)`."""
        ratio = self.size * 100 / max(1, self.plain_size)
        return f"{format_size_whole(self.plain_size)} -> {format_size_whole(self.size)} ({ratio:.1f}% ratio)"


@value
class RestoreReport:
    room_id: RoomId
    entries: int
    state: RoomState


@value
class RecoverReport:
    room_id: RoomId
    state: RoomState
    backup: BackupInfo | None
    """What the room was rebuilt from; None when its own bytes turned out to be sound."""
    entries: int
    lost_entries: int | None
    """Entries known to have been remembered after the backup; None when nobody knows."""
    lost_seconds: float
    """From the backup's newest entry to the last sign of life of the damaged room; 0.0 when nothing is lost."""

    @property
    def data_loss(self) -> str:
        """`3 hours`; also what is lost within a second is something."""
        if self.lost_seconds > 0:
            return format_span(self.lost_seconds)
        return f"{self.lost_entries} entries" if self.lost_entries else "none"


@value
class CompressionReport:
    """The COMPRESSION figures of seed 000, Memory Compression."""

    started_at: int
    """Nanoseconds since the epoch."""
    algorithm: str
    level: int
    entries_before: int
    entries_after: int
    """Less than before only when truncation was the last resort."""
    size_before: int
    """Bytes of memory as stored."""
    size_after: int
    seconds: float

    @property
    def ratio(self) -> float:
        return self.size_before / self.size_after if self.size_after else 1.0

    def lines(self) -> tuple[str, ...]:
        return (
            f"COMPRESSION_STARTED: timestamp={self.started_at // NS}",
            f"COMPRESSION_ALGORITHM: {self.algorithm}",
            f"COMPRESSION_LEVEL: {self.level}",
            f"ENTRIES_BEFORE: {self.entries_before}",
            f"ENTRIES_AFTER: {self.entries_after}",
            f"SIZE_BEFORE: {format_size_whole(self.size_before)}",
            f"SIZE_AFTER: {format_size_whole(self.size_after)}",
            f"COMPRESSION_RATIO: {self.ratio:.2f}",
            f"COMPRESSION_DURATION: {self.seconds:.2f}s",
        )


@value
class Finding:
    """Damage that a check has found."""

    room_id: RoomId | None
    """None: in what no room owns."""
    damage: Damage

    def lines(self) -> tuple[str, ...]:
        return (
            f"ROOM: {self.room_id or 'NONE'}",
            f"  CORRUPTION_TYPE: {self.damage.type}",
            f"  WHERE: {self.damage.where}",
            f"  OFFSET: 0x{self.damage.offset:08X}",
        )


@value
class CheckReport:
    rooms: int
    entries: int
    size: int
    """Bytes looked at."""
    findings: tuple[Finding, ...]
    seconds: float
