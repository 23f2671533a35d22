"""`compact`, `fsck`: looking after what is stored."""

from __future__ import annotations

from backrooms_tui.model.errors import StoreCorrupted
from backrooms_tui.model.reports import CheckReport, CompressionReport
from backrooms_tui.model.units import NS, format_size_whole

from .errors import error_lines, error_value
from .progress import progress
from .shell import Shell


def compact(shell: Shell) -> int:
    """Compress a room's memory now."""
    with shell.service() as service:
        room_id = service.resolve(shell.options.room_id)
        with progress("COMPRESSING", "bytes") as told:
            report = service.compact(room_id, told)
        shell.say(*report.lines())
        shell.emit(_compression_value(room_id, report))
    return 0


def _compression_value(room_id: str, report: CompressionReport) -> dict[str, object]:
    return {
        "id": room_id,
        "started_at": report.started_at / NS,
        "algorithm": report.algorithm,
        "level": report.level,
        "entries_before": report.entries_before,
        "entries_after": report.entries_after,
        "size_before": report.size_before,
        "size_after": report.size_after,
        "ratio": report.ratio,
        "seconds": report.seconds,
    }


def fsck(shell: Shell) -> int:
    """Look at every byte of the store; status 1 when any of it is damaged. Nothing is changed."""
    shell.say("CHECKING STORE")
    try:
        with progress("CHECKING", "bytes") as told:
            report = shell.check(told)
    except StoreCorrupted as error:  # damage so great that the store does not open is a finding like any other
        shell.say(*error_lines(error)[1:], f"CORRUPTION_TYPE: {error.code}", "DAMAGED: THE STORE")
        shell.emit({"sound": False, "store": error_value(error)["error"], "findings": []})
        return 1
    for finding in report.findings:
        shell.say(*finding.lines())
    shell.say(f"ROOMS: {report.rooms}", f"ENTRIES: {report.entries}")
    shell.say(f"CHECKED: {format_size_whole(report.size)}", f"DURATION: {report.seconds:.2f}s", _verdict(report))
    shell.emit(_check_value(report))
    return 1 if report.findings else 0


def _verdict(report: CheckReport) -> str:
    if not report.findings:
        return "NO DAMAGE FOUND"
    rooms = len({finding.room_id for finding in report.findings if finding.room_id is not None})
    return f"DAMAGED: {len(report.findings)} in {rooms} room{'' if rooms == 1 else 's'}"


def _check_value(report: CheckReport) -> dict[str, object]:
    return {
        "sound": not report.findings,
        "rooms": report.rooms,
        "entries": report.entries,
        "size": report.size,
        "seconds": report.seconds,
        "findings": [
            {
                "room": finding.room_id,
                "type": finding.damage.type,
                "where": finding.damage.where,
                "offset": finding.damage.offset,
            }
            for finding in report.findings
        ],
    }
