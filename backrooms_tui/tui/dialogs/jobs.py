"""JOBS: what is under way, with a key to end it, and what came of the rest."""

from __future__ import annotations

from textual import events

from backrooms_tui.tui.job_rows import fact_rows, job_rows
from backrooms_tui.tui.jobs import Job, Jobs
from backrooms_tui.tui.rows import EMPTY, Row, ink, row, wrapped

from .sheet import Dialog, TextSheet


class Report(TextSheet):
    """What came of one job, in full."""

    def __init__(self, job: Job) -> None:
        super().__init__(row(ink("title", "REPORT")), (), row(ink("dim", "esc close")))
        self._job = job

    def rows(self, width: int) -> tuple[Row, ...]:
        return (*fact_rows(self._job), *(one for line in self._job.report() for one in wrapped(line, width)))


class JobsList(Dialog[None]):
    """Drawn anew by whoever watches the jobs. `K` and not `k` cancels: `k` is up everywhere else."""

    title_row = row(ink("title", "JOBS"))
    note_row = row(ink("dim", "enter REPORT   K CANCEL   esc close"))

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self._jobs = jobs
        self._at = 0

    @property
    def chosen(self) -> Job | None:
        jobs = tuple(self._jobs)[::-1]
        return jobs[min(self._at, len(jobs) - 1)] if jobs else None

    def rows(self, width: int) -> tuple[Row, ...]:
        return (EMPTY, *job_rows(self._jobs, self.chosen, width), EMPTY)

    def press(self, key: str, event: events.Key) -> bool:
        step = {"up": -1, "k": -1, "down": 1, "j": 1}.get(key)
        if step is not None:
            self._at = min(max(0, self._at + step), max(0, len(self._jobs) - 1))
            self.reveal(1 + 2 * self._at, 2)
        elif key == "K" and self.chosen is not None:
            self.chosen.cancel()
        elif key == "enter" and self.chosen is not None:
            self.app.push_screen(Report(self.chosen))
            return True
        elif key in ("q", "J"):
            self.dismiss(None)
            return True
        else:
            return super().press(key, event)
        self.redraw()
        return True
