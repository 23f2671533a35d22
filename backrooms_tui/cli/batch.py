"""`batch`: many commands by one owner of the store, so that each costs no more than itself.

What a line is stands in `backrooms_tui.batch`. What fails is told on stderr with its line, and the batch goes on unless
it is asked to stop.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

from backrooms_tui.batch import BatchLines, not_executed
from backrooms_tui.model.errors import BackroomsError, ConnectionLost, UsageError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.service import RoomService

from .commands import Command
from .errors import error_lines, error_value
from .files import STDIO, opened
from .inner import InnerShell, inner_command
from .lines import StreamLines
from .program import INTERRUPTED, run_command
from .shell import Shell


def batch(shell: Shell) -> int:
    """Carry out the lines of a file or of stdin; status 1 when any of them failed."""
    options = shell.options
    if options.path is not None and options.input is not None:
        raise UsageError("INPUT: give one file.")
    if not shell.as_text:
        shell.format = "jsonl"  # one document after the other is no JSON: in a batch each takes a line
    with opened(options.input or options.path or STDIO) as source, shell.service() as service:
        run = Batch(shell, service, BatchLines(StreamLines(source).read))
        if run.go(stop=options.stop_on_error):
            return INTERRUPTED
    lines, stopped = run.lines, run.stopped
    shell.say(lines.summary(stopped=stopped))
    shell.emit({"executed": lines.executed, "failed": lines.failed, "complete": not stopped})
    return 1 if lines.failed else 0


class Batch:
    """Lines being carried out. It is also the `Lines` of the rooms that they enter."""

    interactive = False
    prompting = False

    def __init__(self, shell: Shell, service: RoomService, lines: BatchLines) -> None:
        self.shell = shell
        self.service = service
        self.lines = lines
        self.stopped = False
        self._lost = False
        """The owner of the rooms is gone: no other line can come to anything."""

    def go(self, *, stop: bool) -> bool:
        """Carry out all lines, or those up to the first failure or the owner's end; gives whether Ctrl-C ended it."""
        while (line := self.lines.command()) is not None:
            if self._carry_out(line) == INTERRUPTED:
                return True
            if self._lost or (stop and self.lines.failed):
                self.stopped = True
                return False
        return False

    def read(self) -> bytes | None:
        """The next input of a room that has been entered."""
        return self.lines.input()

    def aside(self, write: Callable[[], None]) -> None:
        write()

    def _carry_out(self, line: bytes) -> int:
        number, failed = self.lines.number, self.lines.failed
        try:
            command, options = inner_command(self.lines.words(line), self.shell, "batch")
            with _LineShell(self, options, command) as shell:
                status = run_command(command, shell)
        except BackroomsError as error:
            self._lost = isinstance(error, ConnectionLost)
            self.refuse(error, number)
            status = 1
        if status != INTERRUPTED and (passed := self.lines.passed()):
            self._tell(passed[0], {"not_executed": passed}, [not_executed(passed)])
        if status not in (0, INTERRUPTED) and self.lines.failed == failed:
            self.lines.failed += 1
            self._tell(number, {"failed": True}, ["FAILED"])
        return status

    def refuse(self, error: BackroomsError, number: int | None = None) -> None:
        """Tell of a line that failed; of the one read last unless another is named."""
        self.lines.failed += 1
        self._tell(self.lines.number if number is None else number, error_value(error), error_lines(error))

    def _tell(self, number: int, value: dict[str, object], lines: list[str]) -> None:
        if self.shell.as_text:
            text = "\n".join([f"LINE {number}: {lines[0]}", *lines[1:]])
        else:
            text = self.shell.encode({"line": number, **value})
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class _LineShell(InnerShell):
    """The shell of one line."""

    def __init__(self, run: Batch, options: SimpleNamespace, command: Command) -> None:
        self._run = run
        super().__init__(run.shell, run.service, run, options, command)

    def typed(self) -> str:
        return (self._run.lines.next() or b"").decode("utf-8", "replace").strip()

    def refuse(self, error: BackroomsError) -> None:
        self._run.refuse(error)

    def made(self, room_id: RoomId) -> None:
        self._run.lines.last_room = room_id
