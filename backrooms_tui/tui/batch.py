"""BATCH: a file of `room.exe` commands, carried out in order by one owner, with a stated result for every line.

As `room.exe batch` does it: between `enter` and `exit` lines are inputs; what is meant for a room that could not be
entered is no command; `{LAST_ROOM_ID}` is the room that the batch created last; a line that fails is reported and the
next one is tried. Runs in a lane's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.model.reports import Progress, quiet
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.value import value
from backrooms_tui.model.views import TurnResult
from backrooms_tui.service import RoomService

from .command_line import Command, parse_command, room_config
from .file_work import backup_to, batch_lines, export_to, restore_from
from .orders import backup_order, export_order
from .results import backed_up, compacted, exported, recovered, restored
from .typed_paths import typed_path

LAST = "{LAST_ROOM_ID}"
EXIT = "exit"
LOOK_UP_SECONDS = 0.2
"""How often a batch that waits for an entity asks whether it is still wanted."""


@value
class LineResult:
    """What came of one line."""

    number: int
    """From 1, as an editor counts."""
    text: str
    result: str
    """Foreign text may be in it."""
    failed: bool = False


class Batch:
    """One pass through the lines. `results` grows while `run` goes on."""

    def __init__(self, service: RoomService, path: Path, *, operator: str, defaults: RoomConfig) -> None:
        self.results: list[LineResult] = []
        self._service = service
        self._path = path
        self._lines: list[str] = []
        self._operator = operator
        self._defaults = defaults
        self._source = f"batch {path.name} {operator}"
        self._last: RoomId | None = None
        self._room: RoomId | None = None
        self._passing = False
        """Whether the lines to come are those of a room that could not be entered."""
        self._progress: Progress = quiet

    def summary(self) -> str:
        failed = sum(line.failed for line in self.results)
        words = f"BATCH COMPLETE: {len(self.results)} commands executed"
        return f"{words} ({failed} failed)" if failed else words

    def report(self) -> tuple[str, ...]:
        """Every line so far, and below it what came of it."""
        return tuple(
            text for line in tuple(self.results) for text in (f"LINE {line.number}: {line.text}", f"    {line.result}")
        )

    def run(self, progress: Progress) -> Batch:
        """Carry the lines out; gives itself. What `progress` raises ends it, and leaves the room it is in.

        Raises UsageError where there is no such file of text.
        """
        self._progress = progress
        self._lines = batch_lines(self._path)
        try:
            for number, line in enumerate(self._lines, 1):
                progress(number - 1, len(self._lines))
                self._take(number, line.strip("\r\n"))
        finally:
            with suppress(BackroomsError):
                self._leave()
        progress(len(self._lines), len(self._lines))
        return self

    def _take(self, number: int, line: str) -> None:
        if self._passing:
            self._passing = line.strip() != EXIT
            self._tell(number, line, "NOT EXECUTED", failed=True)
        elif self._room is not None or (line.strip() and not line.lstrip().startswith("#")):
            self._carry_out(number, line)

    def _carry_out(self, number: int, line: str) -> None:
        room_id = self._room
        try:
            result = self._command(line) if room_id is None else self._input(room_id, line)
        except BackroomsError as error:
            self._progress(number - 1, len(self._lines))  # a cancelled batch is not a failed line
            self._passing = room_id is None and line.split()[:1] == ["enter"]
            self._tell(number, line, "  ".join((f"ERROR: {error.code}", *error.details)), failed=True)
        else:
            self._tell(number, line, result)

    def _tell(self, number: int, line: str, result: str, *, failed: bool = False) -> None:
        self.results.append(LineResult(number, line, result, failed))

    def _input(self, room_id: RoomId, line: str) -> str:
        if line.strip() == EXIT:
            return self._leave()
        receipt = self._service.submit(room_id, line.encode(), source=self._source)
        while True:
            result = self._service.wait(receipt, LOOK_UP_SECONDS)
            if result is not None:
                return _said(result)
            self._progress(0, 0)

    def _leave(self) -> str:
        """Leave the room that was entered, if one was. Raises BackroomsError."""
        room_id, self._room = self._room, None
        if room_id is None:
            return ""
        return f"EXITING ROOM  STATE: {self._service.leave(room_id).record.state}"

    def _command(self, line: str) -> str:
        command = parse_command(line.replace(LAST, self._last or LAST))
        act = self._verbs().get(command.verb)
        if act is None:
            raise UsageError(f"BATCH: {command.verb} is not for a batch in the console.")
        return act(command)

    def _verbs(self) -> dict[str, Callable[[Command], str]]:
        return {
            "create": self._create,
            "enter": self._enter,
            "suspend": lambda command: self._changed(self._service.suspend, command),
            "resume": lambda command: self._changed(self._service.resume, command),
            "destroy": self._destroy,
            "list": lambda _command: f"ROOMS: {len(self._service.rooms())}",
            "inspect": self._facts,
            "stats": self._facts,
            "export": self._export,
            "backup": self._backup,
            "restore": self._restore,
            "recover": self._recover,
            "compact": lambda command: compacted(self._service.compact(self._named(command), self._tick)).line,
        }

    def _named(self, command: Command) -> RoomId:
        if command.room is None:
            raise UsageError(f"BATCH: {command.verb} needs a room.")
        return self._service.resolve(command.room)

    def _tick(self, done: int, of: int) -> None:
        """Progress of one line's verb: only whether the batch is still wanted."""
        del done, of
        self._progress(len(self.results), len(self._lines))

    def _create(self, command: Command) -> str:
        view = self._service.create(room_config(command.options, self._defaults))
        self._last = view.record.id
        return f"ROOM CREATED: {view.record.id}"

    def _enter(self, command: Command) -> str:
        view = self._service.enter(self._named(command))
        self._room = view.record.id
        return f"ENTERING ROOM {short(view.record.id)}"

    def _changed(self, verb: Callable[..., object], command: Command) -> str:
        room_id = self._named(command)
        verb(room_id, by=self._operator)
        return f"STATE: {self._service.room(room_id).record.state}"

    def _destroy(self, command: Command) -> str:
        """Nobody is asked, so the full id and `--force` must stand in the line."""
        if "force" not in command.options:
            raise UsageError("BATCH: destroy needs --force, because nobody is asked.")
        room_id = self._named(command)
        self._service.destroy(room_id, confirm=room_id)
        return "ROOM TERMINATED"

    def _facts(self, command: Command) -> str:
        record = self._service.room(self._named(command)).record
        return f"STATE: {record.state}  ENTRIES: {record.entries}  INPUTS: {record.counters.inputs}"

    def _export(self, command: Command) -> str:
        if "output" not in command.options:
            raise UsageError("BATCH: export needs --output.")
        order = export_order(command.options, command.options["output"])
        report = export_to(self._service, self._named(command), order.spec, order.path, self._tick)
        return exported(report, order.spec, order.path).line

    def _backup(self, command: Command) -> str:
        order = backup_order(command.options)
        report = backup_to(self._service, self._named(command), order.spec, order.path, self._tick)
        return backed_up(report, order.spec, order.path).line

    def _restore(self, command: Command) -> str:
        path = typed_path(command.words[0] if command.words else "")
        report = restore_from(self._service, path, self._tick)
        self._last = report.room_id
        return restored(report, path).line

    def _recover(self, command: Command) -> str:
        from_backup = "from-backup" in command.options
        room_id = self._named(command)
        return recovered(
            self._service.recover(room_id, by=self._operator, from_backup=from_backup, progress=self._tick)
        ).line


def _said(result: TurnResult) -> str:
    """What the turn said, on one line; `SILENT` and the other outcomes by their word."""
    said = [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]
    return "  ".join(f"ENTITY: {text}" for text in said)[:500] if said else result.outcome
