"""What came of a long verb: one line for the notice, and the seed's block for whoever looks closer."""

from __future__ import annotations

from pathlib import Path

from backrooms_tui.model.reports import (
    BackupReport,
    BackupSpec,
    CheckReport,
    CompressionReport,
    ExportReport,
    ExportSpec,
    RecoverReport,
    RestoreReport,
)
from backrooms_tui.model.units import NS, format_size_whole
from backrooms_tui.model.value import value


@value
class Result:
    """Foreign text may be in both: paths, names, what damage is called."""

    line: str
    block: tuple[str, ...]


def exported(report: ExportReport, spec: ExportSpec, path: Path) -> Result:
    size = format_size_whole(report.size)
    types = ",".join(kind.name for kind in spec.types) or "none"
    bounds = tuple(
        f"{name}: {bound / NS:.3f}"
        for name, bound in (("SINCE", spec.since), ("UNTIL", spec.until))
        if bound is not None
    )
    return Result(
        f"EXPORTED: {report.entries} entries ({size})  {path}",
        (
            f"ENTRIES: {report.entries}",
            f"FORMAT: {spec.format}",
            f"FILTERING: {types}",
            *bounds,
            f"OUTPUT: {path}",
            f"EXPORTED: {report.entries} entries ({size})",
        ),
    )


def backed_up(report: BackupReport, spec: BackupSpec, path: Path | None) -> Result:
    where = report.path or str(path)
    return Result(
        f"BACKUP COMPLETE: {report.sizes}  {where}",
        (
            f"SOURCE: {report.room_id}",
            f"BACKUP: {where}",
            f"COMPRESSION: {spec.compression}",
            f"CONFIG: {'included' if spec.include_config else 'not included'}",
            f"ENTRIES: {report.entries}",
            f"SIZE: {report.sizes}",
            f"DURATION: {report.seconds:.2f}s",
            "BACKUP COMPLETE",
        ),
    )


def restored(report: RestoreReport, path: Path) -> Result:
    return Result(
        f"ROOM RESTORED: {report.room_id[:8]}  {report.entries} entries",
        (
            f"SOURCE: {path}",
            "STATE VALID",
            f"ENTRIES: {report.entries}",
            f"STATE: {report.state}",
            f"ROOM RESTORED: {report.room_id}",
        ),
    )


def recovered(report: RecoverReport) -> Result:
    if report.backup is None:
        return Result(
            f"RECOVERY COMPLETE  STATE: {report.state}  NOTHING WAS LOST",
            ("EVERY BYTE IS SOUND", "RECOVERY COMPLETE", f"STATE: {report.state}", "DATA LOSS: none"),
        )
    entries = "unknown" if report.lost_entries is None else str(report.lost_entries)
    return Result(
        f"RECOVERY COMPLETE  STATE: {report.state}  DATA LOSS: {report.data_loss}",
        (
            f"BACKUP: {report.backup.path}",
            "STATE VALIDATED",
            "MEMORY VALIDATED",
            f"ENTRIES: {report.entries}",
            "RECOVERY COMPLETE",
            f"STATE: {report.state}",
            f"DATA LOSS: {report.data_loss}",
            f"ENTRIES LOST: {entries}",
        ),
    )


def compacted(report: CompressionReport) -> Result:
    before, after = format_size_whole(report.size_before), format_size_whole(report.size_after)
    return Result(
        f"COMPRESSION {before} -> {after}  RATIO {report.ratio:.2f}  {report.seconds:.2f}s",
        report.lines(),
    )


def checked(report: CheckReport) -> Result:
    looked = f"{report.rooms} rooms, {report.entries} entries, {format_size_whole(report.size)}"
    found = tuple(line for finding in report.findings for line in finding.lines())
    verdict = "EVERY BYTE IS SOUND" if not found else f"DAMAGE FOUND: {len(report.findings)}"
    return Result(f"CHECKED: {looked}  {verdict}", (f"CHECKED: {looked} in {report.seconds:.2f}s", *found, verdict))
