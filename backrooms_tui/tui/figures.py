"""The figures of one room as rows: INSPECT, STATS, CONFIG and MEMORY. Pure functions of what the service said.

Ages are as of the moment in the header, which is that of the last event: nothing on an idle screen moves.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import PurePath

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.limits import INPUT_QUEUE_DEPTH, MAX_INPUT_SIZE, MEMORY_ENTRIES_MAX
from backrooms_tui.model.reports import BackupInfo
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.runtimes import Runtime, parse
from backrooms_tui.model.seals import seal_lines
from backrooms_tui.model.units import NS, format_age, format_size, format_size_short, format_time
from backrooms_tui.model.value import value
from backrooms_tui.model.views import RoomView, ServiceStatus, StoreFacts

from .reading import Figures
from .rows import EMPTY, Row, Run, foreign, ink, row
from .signs import SIGNS, bar, sparkline


class Page(StrEnum):
    """The pages of the figures pane, in the order of `i`."""

    INSPECT = "INSPECT"
    STATS = "STATS"
    CONFIG = "CONFIG"
    MEMORY = "MEMORY"

    def following(self) -> Page:
        pages = list(Page)
        return pages[(pages.index(self) + 1) % len(pages)]


@value
class Subject:
    """Everything the pages may speak of."""

    view: RoomView
    now: int
    """Nanoseconds since the epoch."""
    figures: Figures = Figures()
    latencies: tuple[float, ...] = ()
    """Seconds of the turns seen in this session, oldest first."""


def page_rows(page: Page, subject: Subject, width: int) -> tuple[Row, ...]:
    """Give the rows of a page for a pane `width` cells wide."""
    rows = _PAGES[page](subject, width)
    damaged = subject.view.record.damage is not None
    return (
        (row(ink("state-corrupted", "CORRUPTED"), ink("dim", "  by its last sound record:")), *rows)
        if damaged
        else rows
    )


def state_run(view: RoomView, *, padded: int = 0) -> Run:
    sign = SIGNS[view.record.state]
    return ink(sign.style, sign.word.ljust(padded))


def _label(words: str, width: int = 8) -> Run:
    return ink("dim", words.ljust(width))


def _pairs(*pairs: tuple[str, object]) -> Row:
    """`IN 47  OUT 45  SILENT 2`"""
    runs: list[Run] = []
    for name, figure in pairs:
        runs += [ink("dim", f"{name} "), ink("", f"{figure}  ")]
    return Row(tuple(runs))


def _meter(fraction: float, width: int) -> tuple[Run, Run]:
    drawn = bar(fraction, width)
    return ink("meter", drawn.rstrip("░")), ink("rule", "░" * drawn.count("░"))


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _inspect(subject: Subject, width: int) -> tuple[Row, ...]:
    view = subject.view
    record = view.record
    age = format_age((subject.now - record.created_at) / NS)
    idle = format_age((subject.now - record.last_active) / NS)
    used = record.memory_usage / record.config.memory_limit
    sign = SIGNS[record.state]
    runtime = parse(record.config.entity)
    entity = f"{runtime.kind} {view.entity}" + (f" pid {view.entity_pid}" if view.entity_pid else "")
    rows = [
        row(_label("ID"), ink("", record.id[:32])),
        row(_label(""), ink("", record.id[32:])),
        row(_label("STATE"), ink(sign.style, f"{sign.glyph} {sign.word}"), ink("", f"  {entity}")),
        *_runtime(runtime),
        row(_label("CREATED"), ink("", format_time(record.created_at)), ink("dim", f"  AGE {age}")),
        row(_label("LAST"), ink("", format_time(record.last_active)), ink("dim", f"  {idle}")),
        row(
            _label("MEMORY"),
            ink("", f"{format_size_short(record.memory_usage)} / {format_size_short(record.config.memory_limit)}"),
            ink("dim", f"  {used:.1%}  ENTRIES "),
            ink("", str(record.entries)),
        ),
        row(_label(""), *_meter(used, max(8, min(width - 9, 32)))),
        _pairs(
            ("IN", record.counters.inputs),
            ("OUT", record.counters.outputs),
            ("SILENT", record.counters.silent),
            ("ERR", record.counters.errors),
        ),
        _pairs(("P95", _seconds(record.latencies.percentile(0.95))), ("RATIO", compression_ratio(record))),
        _backup(subject),
        row(
            _label("CREATOR"),
            foreign("", f"{record.creation.user}@{record.creation.host}"),
            ink("dim", f" pid {record.creation.pid}"),
        ),
    ]
    if record.config.name:
        rows.append(row(_label("NAME"), foreign("dim", record.config.name)))
    if record.suspension is not None:
        rows.append(row(_label("BY"), foreign("", f"{record.suspension.by} {format_time(record.suspension.at)}")))
    for one in subject.figures.present:
        looks = row(ink("warn", "  READ-ONLY")) if one.read_only else EMPTY
        rows.append(row(_label("HERE"), foreign("", one.who), foreign("dim", f"  {one.session}")) + looks)
    if record.last_error:
        rows.append(row(_label("ERROR"), foreign("error", record.last_error)))
    return (*rows, *_seal(runtime, subject.figures.status))


def _runtime(runtime: Runtime) -> tuple[Row, ...]:
    """What it runs, the options that were given for it, and the calls of the host that it may make."""
    options = [f"{name}={held}" for name, held in runtime.options]
    found = (("RUNS", runtime.target), ("OPTIONS", "  ".join(options)), ("CALLS", "  ".join(runtime.calls)))
    return tuple(row(_label(label), foreign("", text)) for label, text in found if text)


def compression_ratio(record: RoomRecord) -> str:
    """`2.44 (zstd)`, `1.0 (uncompressed)`"""
    ratio = record.memory_plain / record.memory_usage if record.memory_usage else 1.0
    return f"{ratio:.2f} ({record.config.compression})" if ratio > 1.0 else "1.0 (uncompressed)"


def _backup(subject: Subject) -> Row:
    """The newest on the shelf."""
    backups = subject.figures.backups
    if backups is None:
        return row(_label("BACKUP"), ink("dim", "-"))
    if not backups:
        return row(_label("BACKUP"), ink("dim", "NONE ON THE SHELF"))
    return row(_label("BACKUP"), *backup_runs(backups[0], subject.now))


def backup_runs(backup: BackupInfo, now: int) -> tuple[Run, ...]:
    """`2026-01-08-0300  3h old  187M`"""
    name = PurePath(backup.path).name.split(".", 1)[0]
    age = format_age((now - backup.taken_at) / NS)
    return foreign("", name), ink("dim", f"  {age} old  {format_size_short(backup.size)}")


def _seal(runtime: Runtime, status: ServiceStatus | None) -> tuple[Row, ...]:
    lines = () if status is None else seal_lines(runtime, status)
    if not lines:
        return ()
    return (
        EMPTY,
        row(ink("dim", "SEAL "), ink("", runtime.profile)),
        *(row("  ", foreign("", line)) for line in lines),
    )


def _stats(subject: Subject, width: int) -> tuple[Row, ...]:
    record = subject.view.record
    counters, latencies = record.counters, record.latencies
    recent = list(subject.latencies)
    rows = [
        _pairs(("INPUTS", counters.inputs), ("OUTPUTS", counters.outputs), ("SILENT", counters.silent)),
        _pairs(("ERRORS", counters.errors), ("TIMEOUT", counters.timeouts), ("CRASH", counters.crashes)),
        _pairs(
            ("INVALID", counters.invalid_inputs),
            ("QUEUE", f"{subject.view.queue_depth}/{INPUT_QUEUE_DEPTH}"),
            ("USAGE", f"{record.memory_usage / record.config.memory_limit:.1%}"),
        ),
        _pairs(("ENTRIES", record.entries), ("RATIO", compression_ratio(record))),
        _pairs(
            ("AVG", _seconds(latencies.average)),
            ("P50", _seconds(latencies.percentile(0.5))),
            ("MAX", _seconds(latencies.maximum / NS)),
        ),
        _pairs(
            ("P95", _seconds(latencies.percentile(0.95))),
            ("P99", _seconds(latencies.percentile(0.99))),
            ("s OF", latencies.count),
        ),
        row(
            _label("LATENCY"),
            ink("meter", sparkline(recent, max(8, min(width - 18, 40)))),
            ink("dim", f"  {recent[-1]:.3f}s" if recent else " -"),
        ),
    ]
    facts = subject.figures.facts
    return (*rows, *(_persistence(facts) if facts is not None else ()), _backup(subject))


def _persistence(facts: StoreFacts) -> tuple[Row, ...]:
    flushed = format_time(facts.last_flush) if facts.last_flush else "NEVER"
    return (
        _pairs(("BACKEND", facts.backend), ("DISK", format_size(facts.disk_usage))),
        _pairs(("FLUSH", flushed), ("AVG", f"{facts.flush_average:.3f}s")),
    )


def _config(subject: Subject, width: int) -> tuple[Row, ...]:
    del width
    config = subject.view.record.config
    runtime = parse(config.entity)
    return (
        row(_label("MEMORY", 13), ink("", f"{config.memory_limit} bytes ({format_size(config.memory_limit)})")),
        row(_label("TIMEOUT", 13), ink("", f"{config.timeout:g} s for one input")),
        row(_label("COMPRESSION", 13), ink("", config.compression)),
        row(_label("ENTITY", 13), foreign("", runtime.shown)),
        *(
            row(_label("" if number else "OPTIONS", 13), foreign("", f"{name}={held}"))
            for number, (name, held) in enumerate(runtime.effective)
        ),
        row(_label("NAME", 13), foreign("dim", config.name or "-")),
        row(_label("QUEUE", 13), ink("", f"{INPUT_QUEUE_DEPTH} inputs")),
        row(_label("INPUT", 13), ink("", f"{MAX_INPUT_SIZE} bytes")),
        row(_label("ENTRIES", 13), ink("", f"at most {MEMORY_ENTRIES_MAX:,}")),
        row(_label("VERSION", 13), ink("", f"state {subject.view.record.state_version}")),
    )


def _memory(subject: Subject, width: int) -> tuple[Row, ...]:
    del width
    if not subject.figures.entries:
        return (row(ink("dim", "NO ENTRIES.")),)
    return tuple(_entry(entry) for entry in reversed(subject.figures.entries))


def _entry(entry: MemoryEntry) -> Row:
    first = entry.content.split("\n", 1)[0][:200]
    style = "error" if entry.type.name == "ERROR" else ""
    return row(ink("dim", f"{entry.seq:>5} "), ink("dim", f"{entry.type.name[:6]:<7}"), foreign(style, first))


_PAGES: dict[Page, Callable[[Subject, int], tuple[Row, ...]]] = {
    Page.INSPECT: _inspect,
    Page.STATS: _stats,
    Page.CONFIG: _config,
    Page.MEMORY: _memory,
}
