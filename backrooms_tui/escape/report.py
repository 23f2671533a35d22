"""The table and its summary, as lines and as values for programs."""

from __future__ import annotations

from typing import Any

from backrooms_tui.model.runtimes import COMMAND_PROFILE, HERMETIC_PROFILE
from backrooms_tui.model.units import format_duration, format_size

from .attempts import BY_DESIGN, DEADLINE, DIED, ESCAPED, HELD, MEANINGS, NOTHING, PROTOCOL
from .suite import Report, Result
from .trying import HUNG

PROFILES = (HERMETIC_PROFILE, COMMAND_PROFILE)
_NAMES = {
    ESCAPED: "ESCAPED",
    HELD: "HELD",
    DIED: "DIED",
    DEADLINE: "DEADLINE",
    PROTOCOL: "PROTOCOL",
    BY_DESIGN: "BY DESIGN",
    HUNG: "HUNG",
}
_ROW = "{:<7}{:<52}{:<10}{:<10}{}"
HEAD = _ROW.format("GROUP", "ATTEMPT", "UNSEALED", *PROFILES)
LEGEND = tuple(f"  {letter:<3}{meaning}" for letter, meaning in MEANINGS.items())


def row_lines(result: Result) -> list[str]:
    """A row of the table, and what is wrong with it below. Brackets: refused unsealed too, so it proves nothing."""
    row = result.row
    cells = [_cell(result, profile) for profile in PROFILES]
    line = _ROW.format(row.group, row.name[:51], result.baseline.outcome, *cells).rstrip()
    return [line, *(f"       ! {trouble}" for trouble in result.troubles)]


def _cell(result: Result, profile: str) -> str:
    if profile not in result.tried:
        return NOTHING
    outcome = result.tried[profile].outcome
    return outcome if result.proves else f"({outcome})"


def summary_lines(report: Report) -> list[str]:
    """What it all came to."""
    lines = [f"ATTEMPTS {report.attempts}  ESCAPED {report.escaped}  IN {format_duration(report.seconds)}"]
    lines.append(
        f"UNSEALED: {report.unsealed(ESCAPED)} ESCAPED, AS {'ROOT' if report.uid == 0 else f'UID {report.uid}'}"
    )
    for profile in PROFILES:
        if profile in report.about.missing:
            lines.append(f"{profile}: NOT TRIED: {report.about.missing[profile]}")
        else:
            counts = (f"{count} {name}" for letter, name in _NAMES.items() if (count := report.count(profile, letter)))
            lines.append(f"{profile}: {', '.join(counts)}")
    lines.append(f"PROVING NOTHING: {sum(not one.proves for one in report.results)}")
    lines += _neighbour(report)
    lines.append(
        f"HOST: MEMORY {format_size(max(0, report.memory))} MORE, DESCRIPTORS {report.descriptors:+d}, "
        f"PROCESSES LEFT {report.processes}"
    )
    lines.append(f"RESULT: {'HELD' if report.held else 'NOT HELD'}")
    return lines


def _neighbour(report: Report) -> list[str]:
    """What the neighbour had to suffer, where it had a right to its calm."""
    rows = [
        (tried.neighbour / max(tried.quiet, 1e-9), tried, one)
        for one in report.results
        for profile, tried in one.tried.items()
        if one.has_calm
    ]
    if report.about.trouble:
        return [f"NEIGHBOUR: {report.about.trouble}"]
    if not rows:
        return []
    factor, tried, one = max(rows, key=lambda row: row[0])
    _, slowest, beside = max(rows, key=lambda row: row[1].worst)
    figures = f"{tried.neighbour * 1000:.1f} ms, QUIET {tried.quiet * 1000:.1f} ms"
    return [
        f"NEIGHBOUR: MEDIAN {factor:.1f}x AT WORST ({figures}: {one.row.group}, {one.row.name})",
        f"NEIGHBOUR: SLOWEST ANSWER {slowest.worst * 1000:.0f} ms ({beside.row.group}, {beside.row.name})",
    ]


def as_value(report: Report) -> dict[str, Any]:
    """The report for programs."""
    return {
        "held": report.held,
        "uid": report.uid,
        "seconds": round(report.seconds, 3),
        "attempts": report.attempts,
        "escaped": report.escaped,
        "profiles": [*report.about.profiles],
        "missing": report.about.missing,
        "seal": [*report.about.seal],
        "command_seal": [*report.about.command_seal],
        "host": {"memory": report.memory, "descriptors": report.descriptors, "processes": report.processes},
        "neighbour": report.about.trouble or None,
        "rows": [_row_value(one) for one in report.results],
    }


def _row_value(one: Result) -> dict[str, Any]:
    return {
        "group": one.row.group,
        "attempt": one.row.name,
        "unsealed": {"outcome": one.baseline.outcome, "detail": one.baseline.detail},
        "proves": one.proves,
        "troubles": [*one.troubles],
        "profiles": {
            profile: {
                "outcome": tried.outcome,
                "expected": sorted(one.row.expected(profile)),
                "fits": tried.fits,
                "detail": tried.detail,
                "after": tried.after or None,
                "quiet_ms": round(tried.quiet * 1000, 3),
                "neighbour_ms": round(tried.neighbour * 1000, 3),
                "neighbour_worst_ms": round(tried.worst * 1000, 3),
            }
            for profile, tried in one.tried.items()
        },
    }
