"""The verbs that take their time, as jobs: export, backup, restore, recover, compact, check, batch; and their list.

Each asks what must be asked, starts a job and says what came of it: one line as a notice, the seed's block in the
job's report. Loaded when the first of them is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from textual.timer import Timer

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.model.reports import BackupInfo, Progress, RecoverReport
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import RoomService

from .batch import Batch
from .calls import Lane, ServiceCalls
from .command_line import Command, equivalent
from .desk import Desk
from .dialogs.sheet import Dialog
from .file_work import backup_to, export_to, restore_from
from .job_rows import foot_lines
from .jobs import Cancelled, Job, Jobs
from .orders import BackupOrder, ExportOrder, archive_name, backup_order, export_name, export_order
from .painting import paint_foot
from .results import Result, backed_up, checked, compacted, exported, recovered, restored
from .safe import SafeText
from .screen import ConsoleScreen
from .typed_paths import readable_file

T = TypeVar("T")

DRAWS_PER_SECOND = 4
"""Of running jobs. Without any there is no timer: an idle console writes nothing."""


class LongVerbs:
    """Used on the console's loop only."""

    def __init__(
        self,
        screen: ConsoleScreen,
        desk: Desk,
        service: RoomService,
        calls: ServiceCalls,
        clock: Callable[[], int],
        *,
        operator: str,
        defaults: RoomConfig,
    ) -> None:
        self.jobs = Jobs(calls, clock, self._jobs_changed)
        self._screen = screen
        self._desk = desk
        self._service = service
        self._calls = calls
        self._operator = operator
        self._defaults = defaults
        self._timer: Timer | None = None
        desk.job_lines = lambda width: foot_lines(self.jobs, width)

    def export(self, rooms: Sequence[RoomId], given: Mapping[str, str] | None = None) -> None:
        """EXPORT, asking what goes where."""
        from .dialogs.export import ExportMemory

        if self._some(rooms):
            self._ask(ExportMemory(rooms, given or {}), partial(self._export, rooms))

    def export_as(self, rooms: Sequence[RoomId], given: Mapping[str, str]) -> None:
        """EXPORT as a command line says; what it leaves out is asked. Raises UsageError."""
        if "output" in given:
            self._export(rooms, export_order(given, given["output"]))
        else:
            self.export(rooms, given)

    def backup(self, rooms: Sequence[RoomId]) -> None:
        """BACKUP, asking for the compression and the place."""
        from .dialogs.export import BackUp

        if self._some(rooms):
            self._ask(BackUp(rooms, {}), partial(self._backup, rooms))

    def backup_as(self, rooms: Sequence[RoomId], given: Mapping[str, str]) -> None:
        """BACKUP as a command line says. Raises UsageError."""
        if self._some(rooms):
            self._backup(rooms, backup_order(given))

    def restore(self, path: str | None = None) -> None:
        """RESTORE, asking for the archive unless it is named. Raises UsageError."""
        from .dialogs.files import Restore

        if path is None:
            self._ask(Restore(), self._restore)
        else:
            self._restore(readable_file(path))

    def batch(self, path: str | None = None) -> None:
        """BATCH, asking for the file unless it is named. Raises UsageError."""
        from .dialogs.files import BatchFile

        if path is None:
            self._ask(BatchFile(), self._batch)
        else:
            self._batch(readable_file(path))

    def recover(self, rooms: Sequence[RoomId]) -> None:
        """RECOVER, after what is wrong and what there is to go back to has been shown."""
        if self._some(rooms):
            room_id = rooms[0]
            look = partial(self._service.backups, room_id)
            self._calls.run(look, partial(self._ask_to_recover, room_id), self._desk.refused, lane=Lane.READ)

    def compact(self, rooms: Sequence[RoomId]) -> None:
        """COMPACT: compress memory now."""
        if self._some(rooms):
            for room_id in rooms:
                self._note(Command("compact"), room_id)
                self._start("compact", room_id, partial(self._service.compact, room_id), compacted)
            self._clear_marks()

    def check(self) -> None:
        """CHECK every byte of the store."""
        self._note(Command("check"), None)
        self._start("check", None, self._service.check, checked)

    def list_jobs(self) -> None:
        from .dialogs.jobs import JobsList

        self._screen.app.push_screen(JobsList(self.jobs))

    def _export(self, rooms: Sequence[RoomId], order: ExportOrder) -> None:
        for room_id in rooms:
            path = order.path if len(rooms) == 1 else order.path / export_name(room_id, order.spec.format)
            options = {"format": order.spec.format, "output": str(path)}
            self._note(Command("export", options=options), room_id)
            work = partial(export_to, self._service, room_id, order.spec, path)
            self._start("export", room_id, work, partial(exported, spec=order.spec, path=path))
        self._clear_marks()

    def _backup(self, rooms: Sequence[RoomId], order: BackupOrder) -> None:
        for room_id in rooms:
            path = order.path
            if path is not None and len(rooms) > 1:
                path /= archive_name(room_id, order.spec.compression)
            options = {"compression": order.spec.compression, **({"output": str(path)} if path else {})}
            self._note(Command("backup", options=options), room_id)
            work = partial(backup_to, self._service, room_id, order.spec, path)
            self._start("backup", room_id, work, partial(backed_up, spec=order.spec, path=path))
        self._clear_marks()

    def _restore(self, path: Path) -> None:
        self._note(Command("restore", words=(str(path),)), None)
        self._start("restore", None, partial(restore_from, self._service, path), lambda report: restored(report, path))

    def _ask_to_recover(self, room_id: RoomId, backups: Sequence[BackupInfo]) -> None:
        from .dialogs.recover import Recover

        view = self._desk.rooms.view(room_id)
        if view is not None:
            self._ask(Recover(view, backups, self._desk.now), partial(self._recover, room_id))

    def _recover(self, room_id: RoomId, from_backup: bool) -> None:
        self._note(Command("recover", options={"from-backup": ""} if from_backup else {}), room_id)

        def work(progress: Progress) -> RecoverReport:
            return self._service.recover(room_id, by=self._operator, from_backup=from_backup, progress=progress)

        self._start("recover", room_id, work, recovered)

    def _batch(self, path: Path) -> None:
        self._note(Command("batch", words=(str(path),)), None)
        batch = Batch(self._service, path, operator=self._operator, defaults=self._defaults)
        job = self._start("batch", None, batch.run, lambda run: Result(run.summary(), ()))
        job.report = batch.report

    def _start(
        self, verb: str, room_id: RoomId | None, work: Callable[[Progress], T], result: Callable[[T], Result]
    ) -> Job:
        def then(job: Job, value: T) -> str:
            told = result(value)
            if told.block:
                job.report = lambda: told.block
            self._desk.note(SafeText.of(told.line), room_id=room_id)
            return told.line

        return self.jobs.start(verb, room_id, work, then, self._failed)

    def _failed(self, job: Job, error: BackroomsError) -> None:
        if isinstance(error, Cancelled):
            self._desk.say(f"{job.verb.upper()} CANCELLED", severity="WARN", room_id=job.room_id)
            return
        report, job.report = job.report, lambda: (*report(), f"ERROR: {error.code}", *error.details)
        text = SafeText.of("  ".join((f"ERROR: {error.code}", *error.details)))
        self._desk.note(text, severity="ERROR", room_id=job.room_id)

    def _jobs_changed(self) -> None:
        """Draw the jobs as long as one runs, and once when it has ended."""
        if self.jobs.open and self._timer is None:
            self._timer = self._screen.set_interval(1 / DRAWS_PER_SECOND, self._draw, name="jobs")
        elif not self.jobs.open and self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._desk.figures_soon()
        self._draw()

    def _draw(self) -> None:
        from .dialogs.jobs import JobsList

        paint_foot(self._screen, self._desk)
        top = self._screen.app.screen
        if isinstance(top, JobsList):
            top.redraw()

    def _ask(self, dialog: Dialog[T], then: Callable[[T], None]) -> None:
        """Show a dialog; `then` follows when it is not given up."""

        def answered(answer: T | None) -> None:
            if answer is not None:
                then(answer)

        self._screen.app.push_screen(dialog, answered)

    def _some(self, rooms: Sequence[RoomId]) -> bool:
        if not rooms:
            self._desk.say("NO ROOM IS MEANT.")
        return bool(rooms)

    def _note(self, command: Command, room_id: RoomId | None) -> None:
        """Put the command that does the same into the ledger."""
        words = equivalent(command, f"{short(room_id)}..." if room_id else None)
        self._desk.note(SafeText.of(f"$ {words}"), severity="VERB", room_id=room_id)

    def _clear_marks(self) -> None:
        self._desk.rooms.clear_marks()
        self._desk.list_changed()
