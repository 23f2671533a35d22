"""The rules of a batch, for every face: which of its lines are commands and which a room's inputs, and what is counted.

A line is a command without the program's name; `{LAST_ROOM_ID}` stands for the room that the batch made last. The
lines after `enter` are that room's inputs, up to `exit`, whatever they say; they are that room's also when it could
not be entered, or was lost meanwhile. Blank lines and `#` lines outside rooms are passed over.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.ids import RoomId

LAST_ROOM = "{LAST_ROOM_ID}"
EXIT = b"exit"


def shell_words(line: bytes) -> list[str]:
    """The words of a line, as a shell reads them. Raises UsageError."""
    try:
        return shlex.split(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError("LINE: not UTF-8 text") from None
    except ValueError as error:
        raise UsageError(f"LINE: {error}") from None


class BatchLines:
    """The lines of one batch, read one by one: `command`, then `input` as long as that has entered a room."""

    def __init__(self, read: Callable[[], bytes | None]) -> None:
        """`read` gives the next line without its newline, and None at the end."""
        self._read = read
        self._in_room = False
        self.number = 0
        """Of the line read last, from 1."""
        self.executed = 0
        """Commands and inputs so far; `exit` is one."""
        self.failed = 0
        """Counted by whoever carries the lines out."""
        self.last_room: RoomId | None = None
        """What `LAST_ROOM` stands for; kept by whoever makes rooms."""

    def command(self) -> bytes | None:
        """The next command; None at the end."""
        while (line := self.next()) is not None:
            if line.strip() and not line.lstrip().startswith(b"#"):
                self.executed += 1
                self._in_room = line.split()[:1] == [b"enter"] and b"--input" not in line
                return line
        return None

    def input(self) -> bytes | None:
        """The next input of the room that was entered, `exit` among them; None at the end."""
        line = self.next()
        self._in_room = line is not None and line != EXIT
        self.executed += bool(line)
        return line

    def passed(self) -> tuple[int, int] | None:
        """Read on to the end of a room that nobody is in: the first and last of its lines, if there are any."""
        if not self._in_room:
            return None
        self._in_room = False
        first = self.number + 1
        while (line := self.next()) is not None and line != EXIT:
            pass
        return (first, self.number) if first <= self.number else None

    def next(self) -> bytes | None:
        """The next line, whatever it is."""
        line = self._read()
        self.number += line is not None
        return line

    def words(self, line: bytes) -> list[str]:
        """The words of a command, the room made last in its place. Raises UsageError."""
        words = shell_words(line)
        if any(LAST_ROOM in word for word in words) and self.last_room is None:
            raise UsageError("LAST_ROOM_ID: no room has been made by this batch.")
        return [word.replace(LAST_ROOM, self.last_room or "") for word in words]

    def summary(self, *, stopped: bool = False) -> str:
        failed = f" ({self.failed} failed)" if self.failed else ""
        return f"BATCH {'STOPPED' if stopped else 'COMPLETE'}: {self.executed} commands executed{failed}"


def not_executed(passed: tuple[int, int]) -> str:
    """What is told at the first of the lines that were passed over."""
    return f"NOT EXECUTED, NOR THE LINES UP TO {passed[1]}"
