"""Jobs as rows: the lines under the room list while something runs, and the JOBS list."""

from __future__ import annotations

from collections.abc import Iterable

from backrooms_tui.model.ids import short
from backrooms_tui.model.units import format_duration, format_size_short, format_time

from .jobs import Job, Stage
from .rows import EMPTY, Row, Run, blank, ends, ink, row
from .safe import SafeText
from .signs import bar

_BAR = 12
_STYLES = {Stage.DONE: "good", Stage.FAILED: "error", Stage.CANCELLED: "warn", Stage.CANCELLING: "warn"}


def foot_lines(jobs: Iterable[Job], width: int) -> tuple[Row, ...]:
    """`backup  b9e4d1a7  ████████░░░░  64% 0:02`, one for each job that runs."""
    return tuple(
        ends(row(f" {job.verb:<8}", ink("dim", f"{_room(job):<9}")) + Row(_meter(job)), row(_time(job), " "), width)
        for job in jobs
        if job.open
    )


def job_rows(jobs: Iterable[Job], chosen: Job | None, width: int) -> tuple[Row, ...]:
    """The list, newest first: two lines for each job, the second for what comes of it."""
    rows = [line for job in reversed(tuple(jobs)) for line in _pair(job, width, here=job is chosen)]
    return tuple(rows) or (row(ink("dim", "NO JOBS. EXPORTS, BACKUPS AND OTHER LONG VERBS STAND HERE.")),)


def fact_rows(job: Job) -> tuple[Row, ...]:
    """What heads a job's report."""
    started = format_time(job.started_at) if job.started_at is not None else "-"
    return (
        row(ink("dim", "JOB      "), ink("", f"{job.number} {job.verb} {_room(job)}")),
        row(ink("dim", "STATE    "), ink(_STYLES.get(job.stage, ""), job.stage.value)),
        row(ink("dim", "STARTED  "), ink("", started), ink("dim", f"  for {job.seconds():.1f}s")),
        EMPTY,
    )


def _pair(job: Job, width: int, *, here: bool) -> tuple[Row, Row]:
    mark = ink("accent", "> ") if here else ink("", "  ")
    head = row(mark, ink("strong", f"{job.verb:<8} "), ink("dim", f"{_room(job):<10}"))
    head += row(ink(_STYLES.get(job.stage, ""), f"{job.stage.value:<11}"))
    under = "cursor" if here else ""
    if job.open:
        below = Row((("", blank(4)), *_meter(job), ink("dim", _pace(job))), under)
        return Row(head.runs, under), below
    took = row(ink("dim", f"{job.seconds():.1f}s "))
    return Row(ends(head, took, width).runs, under), Row((("", blank(4)), ("", job.line)), under)


def _meter(job: Job) -> tuple[Run, ...]:
    fraction = job.fraction()
    if fraction is None:
        return (ink("rule", "░" * _BAR), ink("dim", f" {_amount(job.done)}" if job.done else ""))
    drawn = bar(fraction, _BAR)
    full = drawn.rstrip("░")
    return ink("meter", full), ink("rule", drawn[len(full) :]), ink("", f" {fraction:4.0%}")


def _pace(job: Job) -> str:
    """`  12.3K/s  0:02 left`, as far as it can be said."""
    rate, left = job.rate(), _time(job)
    return (f"  {_amount(int(rate))}/s" if rate >= 1 else "") + (f"  {left} left" if left else "")


def _time(job: Job) -> str:
    left = job.left()
    if left is None:
        return ""
    minutes, seconds = divmod(int(left + 0.5), 60)
    return f"{minutes}:{seconds:02d}" if minutes < 100 else format_duration(left)


def _amount(number: int) -> str:
    """Entries or bytes, whatever the verb counts, in a few cells."""
    return format_size_short(number)


def _room(job: Job) -> str:
    return short(job.room_id) if job.room_id is not None else "-"


def waiting_line(jobs: Iterable[Job]) -> SafeText:
    """`backup b9e4d1a7, check -`"""
    return SafeText.ours(", ".join(f"{job.verb} {_room(job)}" for job in jobs))
