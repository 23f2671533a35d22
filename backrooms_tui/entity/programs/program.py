"""Finding the program of a `command:` room. In the host: a sealed child has no business looking.

The same search answers `create`, which refuses what cannot run, and every start of the room.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from backrooms_tui.entity.seal.hermetic import NOBODY
from backrooms_tui.entity.zygote.command_child import ENVIRONMENT
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.runtimes import Runtime
from backrooms_tui.model.value import value

MAX_NAMED = 8
"""Files of the command line that are passed to the room, beside the program."""


@value
class Program:
    path: str
    """Absolute."""
    argv: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def named_files(self) -> tuple[str, ...]:
        """Files that stand in the command line by their absolute path: the room may read them, wherever they are."""
        words = dict.fromkeys((self.path, *self.argv[1:]))
        return tuple(word for word in words if word.startswith("/") and _is_file(word))[: 1 + MAX_NAMED]


def find(runtime: Runtime) -> Program:
    """The program of a command line. Raises UsageError, saying where was looked."""
    argv = runtime.argv
    name = argv[0]
    if "/" in name and not name.startswith("/"):
        raise UsageError(f"ENTITY: {name[:60]!r} is not an absolute path, and rooms have no folder of their own.")
    folders = ENVIRONMENT["PATH"].split(":")
    candidates = [name] if name.startswith("/") else [f"{folder}/{name}" for folder in folders]
    found = next((path for path in candidates if _is_file(path) and os.access(path, os.X_OK)), None)
    if found is None:
        where = "" if name.startswith("/") else f" in {', '.join(folders)}"
        raise UsageError(f"ENTITY: there is no program {name[:60]!r}{where}.")
    return Program(found, argv)


def check(runtime: Runtime) -> None:
    """Raise UsageError for a command line whose program is not there, or which names a file that it may not read."""
    files = find(runtime).named_files()
    closed = next((path for path in files if os.geteuid() == 0 and not _open_to_nobody(path)), None)
    if closed is not None:
        raise UsageError(f"ENTITY: root's rooms are nobody's, and nobody may not read {closed[:200]!r}.")


def _open_to_nobody(path: str) -> bool:
    """Whether user NOBODY gets to a file and may read it, as far as its mode and those of its folders say."""
    file = Path(path).resolve()
    return _grants(file, stat.S_IROTH) and all(_grants(folder, stat.S_IXOTH) for folder in file.parents)


def _grants(path: Path, right: int) -> bool:
    """`right` in the place for others."""
    found = path.stat()
    shift = 6 if found.st_uid == NOBODY else 3 if found.st_gid == NOBODY else 0
    return bool(found.st_mode & (right << shift))


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False
