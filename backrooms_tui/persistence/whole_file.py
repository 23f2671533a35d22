"""A file that appears whole or not at all: an export, an archive, a backup on its shelf.

What is written goes into a private file beside the place and takes the place in one step, when all of it is on disk.
Whatever ends the writing before that (an error, a person's Ctrl-C) removes it; a file that stood in the place stands.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from backrooms_tui.model.errors import UnsafePath
from backrooms_tui.model.scrub import scrub

from .private_files import open_private, sync_directory

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{16}\.part")
_MAX_STEM = 100
"""Characters of the name that an unfinished file repeats: names have 255 bytes."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write into, mode 0600, that becomes `path` when the block ends well.

    A link in the place is replaced, never followed. Raises UnsafePath where something other than a file stands (a
    directory, a device: also through a link), OSError; then nothing has changed.
    """
    if path.exists() and not path.is_file():
        raise UnsafePath(f"PATH: {scrub(str(path))}", "REASON: not a regular file")
    fresh = path.with_name(f".{path.name[:_MAX_STEM]}.{secrets.token_hex(8)}.part")
    try:
        with os.fdopen(open_private(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def unfinished(name: str) -> bool:
    """Whether a file of this name is what a killed process left of a `whole_file`."""
    return _UNFINISHED.fullmatch(name) is not None
