"""`migrate`: a copy of the store in another backend."""

from __future__ import annotations

from backrooms_tui.maintenance import migrate as copy_store
from backrooms_tui.maintenance import migration_target
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.units import format_size_whole

from .progress import progress
from .shell import Shell


def migrate(shell: Shell) -> int:
    """Copy every room, compare every row, and say how to use the copy. The store itself stays as it is."""
    options = shell.options
    if options.to is None:
        raise UsageError(f"TO: give the backend of the copy, --to {'|'.join(_backends())}.")
    if not shell.persist:
        raise UsageError("--no-persist: there is no store to copy.")
    settings = shell.settings()
    target = migration_target(settings, options.to, options.path)
    shell.say("MIGRATING STORE", f"BACKEND: {settings.persistence.backend} -> {options.to}", f"TARGET: {target}")
    began = False

    def copying(done: int, of: int) -> None:
        nonlocal began
        began = True
        told(done, of)

    try:
        with progress("MIGRATING", "bytes") as told:
            report = copy_store(settings, options.to, target, copying, shell.warn)
    except BaseException:
        if began:
            shell.say("TARGET INCOMPLETE: REMOVE IT BEFORE TRYING AGAIN")
        raise
    shell.say(f"ROOMS: {report.rooms}", f"VERIFIED: {report.rows} rows ({format_size_whole(report.size)})")
    shell.say("MIGRATION COMPLETE", f"USE: ROOM_PERSISTENCE_BACKEND={options.to} ROOM_PERSISTENCE_PATH={target}")
    shell.emit(
        {
            "backend": report.backend,
            "source": report.source,
            "target": report.target,
            "rooms": report.rooms,
            "rows": report.rows,
            "size": report.size,
        }
    )
    return 0


def _backends() -> tuple[str, ...]:
    from .commands import BACKENDS

    return BACKENDS
