"""`backup`, `restore`, `recover`: rooms as archives, and back."""

from __future__ import annotations

import time
from pathlib import Path

from backrooms_tui.model.errors import NoBackup
from backrooms_tui.model.events import Notice
from backrooms_tui.model.reports import BackupInfo, BackupReport, BackupSpec, RecoverReport
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.units import NS, format_span
from backrooms_tui.service import Subscription

from .files import STDIO, opened, require_place, written
from .progress import progress
from .shell import Shell, operator


def backup(shell: Shell) -> int:
    """Archive a room into a file, or onto the shelf of automatic backups."""
    options = shell.options
    spec = BackupSpec(
        options.compression or shell.settings().persistence.backup.compression, include_config=options.include_config
    )
    path: str | None = options.output
    require_place(path)
    if path == STDIO:
        shell.speak_aside()
    with shell.service() as service:
        room_id = service.resolve(options.room_id)
        shell.say("CREATING BACKUP", f"SOURCE: {room_id}")
        if path is None:
            with progress("ARCHIVING") as told:
                report = service.backup(room_id, spec, None, told)
            path = report.path
            shell.say(f"BACKUP: {path}", f"COMPRESSION: {spec.compression}")
        else:
            shell.say(f"BACKUP: {path}", f"COMPRESSION: {spec.compression}")
            with progress("ARCHIVING") as told, written(path) as sink:
                report = service.backup(room_id, spec, sink, told)
        shell.say(f"SIZE: {report.sizes}", f"DURATION: {report.seconds:.2f}s", "BACKUP COMPLETE")
        shell.emit(_backup_value(report, path, spec))
    return 0


def _backup_value(report: BackupReport, path: str | None, spec: BackupSpec) -> dict[str, object]:
    return {
        "id": report.room_id,
        "path": path,
        "compression": spec.compression,
        "include_config": spec.include_config,
        "entries": report.entries,
        "plain_size": report.plain_size,
        "size": report.size,
        "seconds": report.seconds,
    }


def restore(shell: Shell) -> int:
    """Bring a room back from an archive; everything is validated before anything is touched."""
    path: str = shell.options.path
    with opened(path) as source, shell.service() as service:
        shell.say("RESTORING BACKUP", f"SOURCE: {path}", "EXTRACTING...", "VALIDATING STATE...")
        with progress("RESTORING") as told:
            report = service.restore(source, told)
        shell.made(report.room_id)
        shell.say("STATE VALID", f"ROOM RESTORED: {report.room_id}")
        shell.emit({"id": report.room_id, "state": str(report.state), "entries": report.entries, "path": path})
    return 0


def recover(shell: Shell) -> int:
    """Make a corrupted room whole again, from its newest valid backup when asked."""
    from_backup: bool = shell.options.from_backup
    with shell.service() as service:
        room_id = service.resolve(shell.options.room_id)
        damaged = service.room(room_id).record.state is RoomState.CORRUPTED
        if damaged and from_backup and not service.backups(room_id):
            return _no_backup(shell)
        shell.say("ATTEMPTING RECOVERY", *(["SCANNING BACKUPS..."] if from_backup else []))
        notices = service.subscribe([room_id])
        with progress("RECOVERING", "entries" if from_backup else "bytes") as told:
            try:
                report = service.recover(room_id, by=operator(), from_backup=from_backup, progress=told)
            except NoBackup:
                shell.warn(*_texts(notices))
                return _no_backup(shell)
        shell.warn(*_texts(notices))
        if report.backup is not None:
            shell.say(f"BACKUP FOUND: {backup_name(report.backup)}", "RESTORING...")
        shell.say("STATE VALIDATED", "MEMORY VALIDATED", "RECOVERY COMPLETE")
        shell.say(f"STATE: {report.state}", f"DATA LOSS: {report.data_loss}")
        shell.emit(_recover_value(report))
    return 0


def _texts(notices: Subscription) -> list[str]:
    """What the service had to say meanwhile: which backups were no good."""
    return [f"{event.severity}: {event.text}" for event in notices.get(0) if isinstance(event, Notice)]


def _no_backup(shell: Shell) -> int:
    """The seed's two lines, which are no error block; programs get an error like any other."""
    if not shell.as_text:
        raise NoBackup("MANUAL INTERVENTION REQUIRED")
    shell.say("NO BACKUP AVAILABLE", "MANUAL INTERVENTION REQUIRED")
    return 1


def backup_name(info: BackupInfo) -> str:
    """`2026-01-08-0300 (3 hours old)`."""
    name = Path(info.path).name.partition(".")[0]
    return f"{name} ({format_span((time.time_ns() - info.taken_at) / NS)} old)"


def _recover_value(report: RecoverReport) -> dict[str, object]:
    found = report.backup
    return {
        "id": report.room_id,
        "state": str(report.state),
        "backup": None if found is None else {"path": found.path, "taken_at": found.taken_at // NS},
        "entries": report.entries,
        "lost_entries": report.lost_entries,
        "lost_seconds": report.lost_seconds,
    }
