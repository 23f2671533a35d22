"""Errors as people and programs read them, and fault files for what is our own mistake."""

from __future__ import annotations

from backrooms_tui.model.errors import BackroomsError, QueueFull
from backrooms_tui.model.scrub import scrub


def error_lines(error: BackroomsError) -> list[str]:
    """The lines of the seed: `ERROR: CODE`, then details."""
    if isinstance(error, QueueFull):  # the one code whose detail the seed writes beside it: `(max 16 pending)`
        details = ", ".join(error.details).lower().replace(":", "")
        return [f"ERROR: {error.code} ({details})" if details else f"ERROR: {error.code}"]
    return [f"ERROR: {error.code}", *(scrub(detail) for detail in error.details)]


def error_value(error: BackroomsError) -> dict[str, object]:
    """The same for programs."""
    details = [scrub(detail) for detail in error.details]
    return {"error": {"code": error.code, "message": " ".join(details), "details": details}}


def error_text(error: BackroomsError, *, as_json: bool) -> str:
    """What is written to stderr, without the last newline."""
    if not as_json:
        return "\n".join(error_lines(error))
    import json

    return json.dumps(error_value(error), ensure_ascii=False)


def record_fault(error: BaseException) -> BackroomsError:
    """Write the traceback of an unexpected exception into the state directory; gives the error that names the file."""
    import os
    import time
    import traceback

    from backrooms_tui.config.paths import state_directory
    from backrooms_tui.persistence.private_files import open_private, private_directory

    path = state_directory() / "faults" / f"{time.time_ns()}-{os.getpid()}.txt"
    try:
        private_directory(path.parent)
        descriptor = open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except (OSError, BackroomsError) as failure:
        return BackroomsError(f"{type(error).__name__}: {error}"[:200], f"NO FAULT FILE: {failure}")
    return BackroomsError(f"FAULT: {path}")
