"""Jobs, orders and typed paths: the long verbs' parts that need no screen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.errors import BackroomsError, NoBackup, UsageError
from backrooms_tui.model.reports import BackupSpec, ExportSpec, Progress
from backrooms_tui.model.units import NS
from backrooms_tui.tui.calls import Outcome, ServiceCalls
from backrooms_tui.tui.job_rows import foot_lines, job_rows
from backrooms_tui.tui.jobs import MAX_ENDED, Job, Jobs, Stage
from backrooms_tui.tui.orders import backup_order, export_order
from backrooms_tui.tui.typed_paths import readable_file, typed_path, writable_file

START = 1_000 * NS


class Calls(ServiceCalls):
    """Lanes that run a call when the test says so; what it told follows at once."""

    def __init__(self) -> None:
        super().__init__(Outcome.tell, lambda error: BackroomsError(str(error)))
        self.waiting: list[Callable[[], None]] = []

    def run(self, work, then, failed, *, lane=None) -> None:
        def go() -> None:
            try:
                value = work()
            except BackroomsError as error:
                failed(error)
            else:
                then(value)

        self.waiting.append(go)

    def go(self) -> None:
        self.waiting.pop(0)()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(calls: Calls, clock: Clock) -> Jobs:
    return Jobs(calls, clock, lambda: None)


def start(jobs: Jobs, work: Callable[[Progress], str], failures: list[str] | None = None) -> Job:
    told = [] if failures is None else failures
    return jobs.start("export", None, work, lambda _job, value: value, lambda _job, error: told.append(error.code))


def test_a_job_waits_runs_and_keeps_what_came_of_it(jobs: Jobs, calls: Calls, clock: Clock) -> None:
    def work(progress: Progress) -> str:
        clock.now += 2 * NS
        progress(50, 200)
        assert (job.stage, job.fraction(), job.rate(), job.left()) == (Stage.RUNNING, 0.25, 25.0, 6.0)
        return "47 entries \x1b[2J"

    job = start(jobs, work)
    assert job.stage is Stage.WAITING
    assert jobs.open == (job,)
    calls.go()
    assert (job.stage, job.line.plain, job.seconds()) == (Stage.DONE, "47 entries ␛[2J", 2.0)
    assert jobs.open == ()


def test_a_cancelled_job_ends_at_its_next_look_up_and_one_that_waits_never_begins(jobs: Jobs, calls: Calls) -> None:
    steps: list[str] = []
    failures: list[str] = []

    def work(progress: Progress) -> str:
        steps.append("begun")
        running.cancel()
        assert running.stage is Stage.CANCELLING
        progress(1, 2)
        steps.append("went on")
        return ""

    running, waiting = start(jobs, work, failures), start(jobs, work, failures)
    waiting.cancel()
    calls.go()
    calls.go()
    assert steps == ["begun"]
    assert (running.stage, waiting.stage) == (Stage.CANCELLED, Stage.CANCELLED)
    assert failures == ["CANCELLED", "CANCELLED"]


def test_a_failed_job_keeps_the_refusal(jobs: Jobs, calls: Calls) -> None:
    def work(_progress: Progress) -> str:
        raise NoBackup("MANUAL INTERVENTION REQUIRED")

    job = start(jobs, work)
    calls.go()
    assert (job.stage, job.line.plain) == (Stage.FAILED, "NO_BACKUP_AVAILABLE  MANUAL INTERVENTION REQUIRED")


def test_the_newest_job_that_is_not_cancelled_yet_is_cancelled_first(jobs: Jobs) -> None:
    first, second = start(jobs, lambda _: ""), start(jobs, lambda _: "")
    assert [jobs.cancel_newest(), jobs.cancel_newest(), jobs.cancel_newest()] == [second, first, None]


def test_ended_jobs_are_kept_up_to_a_bound_and_open_ones_always(jobs: Jobs, calls: Calls) -> None:
    held = start(jobs, lambda _: "")
    kept = calls.waiting.pop()
    for _ in range(MAX_ENDED + 5):
        start(jobs, lambda _: "")
        calls.go()
    start(jobs, lambda _: "")
    assert held in tuple(jobs)
    assert len(jobs) == MAX_ENDED + 2
    kept()


def test_rows_of_jobs_fit_any_width_and_say_how_far_they_are(jobs: Jobs, calls: Calls, clock: Clock) -> None:
    def work(progress: Progress) -> str:
        clock.now += 10 * NS
        progress(64, 100)
        assert [line.plain.rstrip() for line in foot_lines(jobs, 42)] == [" export  -        ███████░░░░░  64%  0:06"]
        progress(512, 0)
        assert "512" in job_rows(jobs, None, 74)[1].plain
        return "done"

    start(jobs, work)
    calls.go()
    assert foot_lines(jobs, 42) == ()
    assert "done" in job_rows(jobs, None, 74)[1].plain


def test_an_export_is_ordered_in_words() -> None:
    given = {"format": "csv", "filter": "input, State-Change", "since": "1704715920", "until": "2024-01-09"}
    spec = ExportSpec("csv", (EntryType.INPUT, EntryType.STATE_CHANGE), 1_704_715_920 * NS, 1_704_844_800 * NS - 1)
    assert export_order(given, "/x").spec == spec
    assert export_order({}, "/x").spec == ExportSpec()


@pytest.mark.parametrize(
    "given", [{"format": "xml"}, {"filter": "thoughts"}, {"since": "soon"}, {"since": "20", "until": "10"}]
)
def test_an_export_that_makes_no_sense_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        export_order(given, "/x")


def test_a_backup_goes_onto_the_shelf_unless_a_path_is_named() -> None:
    assert backup_order({}).path is None
    order = backup_order({"compression": "zstd", "include-config": "", "output": "/x"})
    assert (order.spec, order.path) == (BackupSpec("zstd", include_config=True), Path("/x"))
    with pytest.raises(UsageError):
        backup_order({"compression": "brotli"})


def test_a_typed_path_is_made_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/op")
    monkeypatch.chdir(tmp_path)
    assert typed_path(" ~/a b ") == Path("/home/op/a b")
    assert typed_path("x") == tmp_path / "x"


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "~nobody-of-that-name/x"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        typed_path(text)


def test_only_files_that_are_there_are_read_and_only_directories_that_are_there_are_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for refused in (pipe, tmp_path, tmp_path / "nothing", "/dev/null", f"{tmp_path}/{'x' * 300}"):
        with pytest.raises(UsageError):
            readable_file(str(refused))
    for refused in (pipe, tmp_path, tmp_path / "no" / "x", "/dev/full"):
        with pytest.raises(UsageError):
            writable_file(str(refused))
    assert writable_file(str(tmp_path / "new")) == (tmp_path / "new", False)
    (tmp_path / "new").touch()
    assert writable_file(str(tmp_path / "new")) == (tmp_path / "new", True)
    assert readable_file(str(tmp_path / "new")) == tmp_path / "new"
