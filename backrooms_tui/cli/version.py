"""`room.exe version`. Loads nothing but the package itself: it is the floor under every other command's start."""

# Importing pathlib alone takes longer than everything else here.
# ruff: noqa: PTH100, PTH118, PTH120, PTH123

from __future__ import annotations

import sys
from collections.abc import Iterator
from os.path import abspath, dirname, join

from backrooms_tui import __version__

TYPE_CHECKING = False  # typing would be loaded for nothing else
if TYPE_CHECKING:
    from .shell import Shell

UNKNOWN = "unknown"


def facts() -> dict[str, str]:
    """What this build is. The commit is known in a source checkout only."""
    checkout = join(dirname(dirname(dirname(abspath(__file__)))), ".git")
    commit = next(_commits(checkout), UNKNOWN)
    return {
        "version": __version__,
        "commit": commit,
        "build": "wheel" if commit == UNKNOWN else "source",
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def lines() -> list[str]:
    """The four lines of the command."""
    known = facts()
    return [f"room.exe version {known.pop('version')}", *(f"{key}: {value}" for key, value in known.items())]


def version(shell: Shell) -> int:
    """The command, in any format."""
    shell.say(*lines())
    shell.emit(facts())
    return 0


def _commits(directory: str) -> Iterator[str]:
    """Where HEAD stands by git's own files; nothing when they are not there."""
    head = _text(join(directory, "HEAD"))
    if not head.startswith("ref: "):
        yield from filter(None, [head])
        return
    reference = head.removeprefix("ref: ")
    yield from filter(None, [_text(join(directory, reference))])
    for line in _text(join(directory, "packed-refs")).splitlines():
        commit, _, name = line.partition(" ")
        if name == reference:
            yield commit


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
