"""`export`: a room's memory for other programs."""

from __future__ import annotations

import sys

from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.reports import ExportReport, ExportSpec
from backrooms_tui.model.units import format_size_whole, format_time, parse_time

from .files import STDIO, require_place, written
from .progress import progress
from .shell import Shell

TEXT_FORMATS = ("jsonl", "csv")


def export(shell: Shell) -> int:
    """Write a room's memory to a file, or to stdout; then the report goes to stderr."""
    spec = export_spec(shell)
    path: str | None = shell.options.output
    require_place(path)
    to_terminal = path in (None, STDIO) and sys.stdout.isatty()
    if path in (None, STDIO):
        if to_terminal and spec.format not in TEXT_FORMATS:
            raise UsageError(f"OUTPUT: {spec.format} data is not for a terminal; give --output <path>.")
        shell.speak_aside()
    with shell.service() as service:
        room_id = service.resolve(shell.options.room_id)
        shell.say("EXPORTING MEMORY", f"ENTRIES: {service.room(room_id).record.entries}", f"FORMAT: {spec.format}")
        shell.say(f"FILTERING: {_filtering(spec)}", f"OUTPUT: {path or STDIO}")
        with progress("EXPORTING", quiet=to_terminal) as told, written(path, json_text=spec.format == "jsonl") as sink:
            report = service.export(room_id, spec, sink, told)
        shell.say(f"EXPORTED: {report.entries} entries ({format_size_whole(report.size)})")
        shell.emit(_value(room_id, spec, path, report))
    return 0


def export_spec(shell: Shell) -> ExportSpec:
    """What the options ask for. Raises UsageError."""
    options = shell.options
    since = None if options.since is None else parse_time(options.since)
    until = None if options.until is None else parse_time(options.until, end=True)
    if since is not None and until is not None and since > until:
        raise UsageError("TIME: --since is after --until.")
    return ExportSpec(options.format or "jsonl", _types(options.filter or ()), since, until)


def _types(words: list[str] | tuple[()]) -> tuple[EntryType, ...]:
    """`--filter input,output --filter error`: the types in their own order, each once."""
    names = {name.strip().upper() for word in words for name in word.split(",")}
    known = EntryType.__members__
    for name in sorted(names - known.keys()):
        raise UsageError(f"FILTER: {name[:40]!r} is not one of {'|'.join(known)}.")
    return tuple(known[name] for name in known if name in names)


def _filtering(spec: ExportSpec) -> str:
    parts = [",".join(type_.name for type_ in spec.types)] if spec.types else []
    bounds = (("since", spec.since), ("until", spec.until))
    parts += [f"{name}={format_time(at)}" for name, at in bounds if at is not None]
    return " ".join(parts) or "none"


def _value(room_id: str, spec: ExportSpec, path: str | None, report: ExportReport) -> dict[str, object]:
    return {
        "id": room_id,
        "format": spec.format,
        "filter": [type_.name for type_ in spec.types],
        "since": spec.since,
        "until": spec.until,
        "output": path or STDIO,
        "entries": report.entries,
        "size": report.size,
    }
