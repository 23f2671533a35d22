"""Files that commands write for people: whole or not at all, private, and never a surprise at a terminal."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from backrooms_tui.model.errors import BackroomsError, OutputFailed, RoomCorrupted, UsageError
from backrooms_tui.model.scrub import scrub

STDIO = "-"


@contextmanager
def written(path: str | None, *, json_text: bool = False) -> Iterator[BinaryIO]:
    """An open file that stands at `path` once the block has ended well; stdout without a path or for `-`.

    After RoomCorrupted it stands, too, if anything was written: what lies before the damage is what there is to save.
    Pipes and devices are written as they are. At a terminal the data is text; `json_text` says that it is JSON. Raises
    UsageError when there can be no such file, OutputFailed when it cannot be written.
    """
    require_place(path)
    name = path or STDIO
    try:
        if name == STDIO:
            yield _stdout(json_text=json_text)
            sys.stdout.buffer.flush()
        elif _is_special(name):
            with Path(name).open("wb") as file:
                yield file
        else:
            yield from _whole(Path(name))
    except (BackroomsError, BrokenPipeError):
        raise
    except (OSError, ValueError) as error:
        raise OutputFailed(f"OUTPUT: {name}: {_reason(error)}") from None


def _whole(path: Path) -> Iterator[BinaryIO]:
    from backrooms_tui.persistence.whole_file import whole_file

    damage = None
    with whole_file(path) as file:
        try:
            yield file
        except RoomCorrupted as error:
            if not file.tell():
                raise
            damage = error
    if damage is not None:
        raise damage


def require_place(path: str | None) -> None:
    """Raises UsageError where no file can be made, before anything is done."""
    if path in (None, STDIO):
        return
    try:
        reason = "Is a directory" if Path(path).is_dir() else None
        reason = reason or (None if Path(path).absolute().parent.is_dir() else "There is no such directory")
    except (OSError, ValueError) as error:
        reason = _reason(error)
    if reason is not None:
        raise UsageError(f"OUTPUT: {path}: {reason}")


def _is_special(name: str) -> bool:
    """Whether a pipe, a socket or a device is there: nothing can be put in its place."""
    try:
        path = Path(name)
        return path.exists() and not path.is_file() and not path.is_dir()
    except (OSError, ValueError):
        return False


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A file to read, stdin for `-`. Raises UsageError."""
    if path == STDIO:
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - only what opening raises is a usage error
    except (OSError, ValueError) as error:
        raise UsageError(f"INPUT: {path}: {_reason(error)}") from None
    with file:
        yield file


def _stdout(*, json_text: bool) -> BinaryIO:
    if not sys.stdout.isatty():
        return sys.stdout.buffer
    safe = ascii_json if json_text else _scrub_lines
    return cast("BinaryIO", _TerminalSink(sys.stdout.buffer, safe))


def ascii_json(text: str) -> str:
    """The same JSON without a character beyond ASCII: JSON leaves C1 and bidirectional controls as they are."""
    import json

    return "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)


def _scrub_lines(text: str) -> str:
    return "\n".join(map(scrub, text.split("\n")))


class _TerminalSink:
    """Takes UTF-8 text in pieces and lets through what a terminal does not act on."""

    def __init__(self, stream: BinaryIO, safe: Callable[[str], str]) -> None:
        self._stream = stream
        self._safe = safe
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: bytes) -> int:
        self._stream.write(self._safe(self._decoder.decode(bytes(data))).encode())
        return len(data)

    def flush(self) -> None:
        self._stream.flush()
