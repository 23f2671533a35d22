"""BATCH: a file of `room.exe` commands, carried out in order by one owner, with a stated result for every line.

What a line is stands in `backrooms_tui.batch`; a line that fails is reported and the next one is tried. Runs in a
lane's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from backrooms_tui.batch import EXIT, BatchLines, not_executed
from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.model.reports import Progress, quiet
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.value import value
from backrooms_tui.model.views import TurnResult
from backrooms_tui.service import RoomService

from .command_line import Command, parse_words, room_config
from .file_work import backup_to, batch_text, export_to, restore_from
from .orders import backup_order, export_order
from .results import backed_up, compacted, exported, recovered, restored
from .typed_paths import typed_path

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


class Batch:
    """One pass through the lines. `results` grows while `run` goes on."""

    def __init__(self, service: RoomService, path: Path, *, operator: str, defaults: RoomConfig) -> None:
        self.results: list[LineResult] = []
        self._service = service
        self._path = path
        self._lines = BatchLines(lambda: None)
        self._of = 0
        """How many lines there are."""
        self._operator = operator
        self._defaults = defaults
        self._source = f"batch {path.name} {operator}"
        self._room: RoomId | None = None
        self._progress: Progress = quiet

    def summary(self) -> str:
        return self._lines.summary()

    def report(self) -> tuple[str, ...]:
        """Every line so far, and below it what came of it."""
        return tuple(
            text for line in tuple(self.results) for text in (f"LINE {line.number}: {line.text}", f"    {line.result}")
        )

    def run(self, progress: Progress) -> Batch:
        """Carry the lines out; gives itself. What `progress` raises ends it, and leaves the room it is in.

        Raises UsageError where there is no such file.
        """
        self._progress = progress
        text = batch_text(self._path)
        self._of = len(text.splitlines())
        lines = BytesIO(text)
        self._lines = BatchLines(lambda: line.rstrip(b"\r\n") if (line := lines.readline()) else None)
        try:
            while (line := self._lines.command()) is not None:
                self._carry_out(line, self._command)
                self._inputs()
        finally:
            with suppress(BackroomsError):
                self._leave()
        progress(self._of, self._of)
        return self

    def _inputs(self) -> None:
        """The lines of the room that the last command has entered, or was to enter."""
        while self._room is not None and (line := self._lines.input()) is not None:
            if line:
                self._carry_out(line, self._input)
        if passed := self._lines.passed():
            self.results.append(LineResult(passed[0], "", not_executed(passed)))

    def _carry_out(self, line: bytes, act: Callable[[bytes], str]) -> None:
        self._look_up()
        number, text = self._lines.number, line.decode("utf-8", "replace")
        try:
            result = act(line)
        except BackroomsError as error:
            self._look_up()  # a cancelled batch is not a failed line
            self._lines.failed += 1
            result = "  ".join((f"ERROR: {error.code}", *error.details))
        self.results.append(LineResult(number, text, result))

    def _look_up(self) -> None:
        """Tell how far the batch is; raises when it is not wanted any more."""
        self._progress(max(0, self._lines.number - 1), self._of)

    def _input(self, line: bytes) -> str:
        room_id = self._room
        if line == EXIT or room_id is None:
            return self._leave()
        receipt = self._service.submit(room_id, line, source=self._source)
        while True:
            result = self._service.wait(receipt, LOOK_UP_SECONDS)
            if result is not None:
                return _said(result)
            self._look_up()

    def _leave(self) -> str:
        """Leave the room that was entered, if one was. Raises BackroomsError."""
        room_id, self._room = self._room, None
        if room_id is None:
            return ""
        return f"EXITING ROOM  STATE: {self._service.leave(room_id).record.state}"

    def _command(self, line: bytes) -> str:
        command = parse_words(self._lines.words(line))
        act = self._verbs().get(command.verb)
        if act is None:
            raise UsageError(f"BATCH: {command.verb} is not for a batch in the console.")
        return act(command)

    def _verbs(self) -> dict[str, Callable[[Command], str]]:
        return {
            "create": self._create,
            "enter": self._enter,
            "interrupt": self._interrupt,
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
        self._look_up()

    def _create(self, command: Command) -> str:
        view = self._service.create(room_config(command, self._defaults))
        self._lines.last_room = view.record.id
        return f"ROOM CREATED: {view.record.id}"

    def _enter(self, command: Command) -> str:
        view = self._service.enter(self._named(command))
        self._room = view.record.id
        return f"ENTERING ROOM {short(view.record.id)}"

    def _changed(self, verb: Callable[..., object], command: Command) -> str:
        room_id = self._named(command)
        verb(room_id, by=self._operator)
        return f"STATE: {self._service.room(room_id).record.state}"

    def _interrupt(self, command: Command) -> str:
        result = self._service.interrupt(self._named(command), by=self._operator)
        return f"INPUT {result.seq}: {result.outcome}"

    def _destroy(self, command: Command) -> str:
        """Without `--force` the next line confirms it, with the full id."""
        room_id = self._named(command)
        confirmation = room_id if "force" in command.options else (self._lines.next() or b"").decode("utf-8", "replace")
        self._service.destroy(room_id, confirm=confirmation.strip())
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
        self._lines.last_room = report.room_id
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
