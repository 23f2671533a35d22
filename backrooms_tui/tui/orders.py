"""What is ordered of an export or a backup, read from words: the same in a dialog and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.export_words import export_spec
from backrooms_tui.model.formats import ARCHIVE_COMPRESSIONS
from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.model.reports import BackupSpec, ExportSpec
from backrooms_tui.model.value import value

from .typed_paths import typed_path

_SUFFIXES = {"jsonl": "jsonl", "csv": "csv", "binary": "room", "sqlite": "db"}
_ARCHIVES = {"gzip": "tar.gz", "xz": "tar.xz", "zstd": "tar.zst", "none": "tar"}


@value
class ExportOrder:
    spec: ExportSpec
    path: Path
    """A file; for several rooms the directory of their files."""


@value
class BackupOrder:
    spec: BackupSpec
    path: Path | None
    """As in `ExportOrder`; None: onto the shelf."""


def export_order(given: Mapping[str, str], path: str) -> ExportOrder:
    """Read the options of `export`. Raises UsageError."""
    spec = export_spec(given.get("format"), given.get("filter", ""), given.get("since"), given.get("until"))
    return ExportOrder(spec, typed_path(path))


def backup_order(given: Mapping[str, str]) -> BackupOrder:
    """Read the options of `backup`. Raises UsageError."""
    spec = BackupSpec(
        compression=_one_of("compression", given.get("compression", ARCHIVE_COMPRESSIONS[0]), ARCHIVE_COMPRESSIONS),
        include_config="include-config" in given,
    )
    path = given.get("output")
    return BackupOrder(spec, None if path is None else typed_path(path))


def export_name(room_id: RoomId, export_format: str) -> str:
    """Name the file of an export that nobody named."""
    return f"{short(room_id)}.{_SUFFIXES.get(export_format, export_format)}"


def archive_name(room_id: RoomId, compression: str) -> str:
    return f"{short(room_id)}.{_ARCHIVES.get(compression, compression)}"


def _one_of(option: str, word: str, choices: tuple[str, ...]) -> str:
    if word not in choices:
        raise UsageError(f"--{option}: {word[:20]!r} is not one of {' '.join(choices)}.")
    return word
