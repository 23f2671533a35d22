"""Paths as people type them: `~` means home, and what cannot be read or written is said before anything starts.

These are questions, not guarantees: the verb that opens the file later still meets whatever is true then.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.scrub import scrub


def typed_path(text: str) -> Path:
    """Give the absolute path that was meant. Raises UsageError."""
    text = text.strip()
    if not text or "\0" in text:
        raise UsageError("PATH: type one.")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise UsageError(f"PATH: {scrub(text[:40])!r} names nobody's home.") from None


def readable_file(text: str) -> Path:
    """Give the path of a file that is there and can be read. Raises UsageError."""
    path = typed_path(text)
    found = _found(path)
    if found is None:
        raise UsageError(f"PATH: there is no file {scrub(str(path))}.")
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"PATH: {scrub(str(path))} is not a file.")
    if not os.access(path, os.R_OK):
        raise UsageError(f"PATH: {scrub(str(path))} cannot be read.")
    return path


def writable_file(text: str) -> tuple[Path, bool]:
    """Give the path of a file that can be written, and whether one is there already. Raises UsageError."""
    path = typed_path(text)
    found = _found(path)
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise UsageError(f"PATH: {scrub(str(path))} is not a file.")
    writable_directory(str(path.parent))
    return path, found is not None


def writable_directory(text: str) -> Path:
    """Give the path of a directory that files can be made in. Raises UsageError."""
    path = typed_path(text)
    found = _found(path)
    if found is None or not stat.S_ISDIR(found.st_mode):
        raise UsageError(f"PATH: there is no directory {scrub(str(path))}.")
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"PATH: {scrub(str(path))} cannot be written.")
    return path


def _found(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"PATH: {scrub(str(path))}: {getattr(error, 'strerror', None) or error}.") from None
