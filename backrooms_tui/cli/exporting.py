"""`export`: a room's memory for other programs."""

from __future__ import annotations

import sys

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.export_words import export_spec
from backrooms_tui.model.reports import ExportReport, ExportSpec
from backrooms_tui.model.units import format_size_whole, format_time

from .files import STDIO, require_place, written
from .progress import progress
from .shell import Shell

TEXT_FORMATS = ("jsonl", "csv")


def export(shell: Shell) -> int:
    """Write a room's memory to a file, or to stdout; then the report goes to stderr."""
    options = shell.options
    spec = export_spec(options.format, ",".join(options.filter or ()), options.since, options.until)
    path: str | None = options.output
    require_place(path)
    to_terminal = path in (None, STDIO) and sys.stdout.isatty()
    if path in (None, STDIO):
        if to_terminal and spec.format not in TEXT_FORMATS:
            raise UsageError(f"OUTPUT: {spec.format} data is not for a terminal; give --output <path>.")
        shell.speak_aside()
    with shell.service() as service:
        room_id = service.resolve(options.room_id)
        shell.say("EXPORTING MEMORY", f"ENTRIES: {service.room(room_id).record.entries}", f"FORMAT: {spec.format}")
        shell.say(f"FILTERING: {_filtering(spec)}", f"OUTPUT: {path or STDIO}")
        with progress("EXPORTING", quiet=to_terminal) as told, written(path, json_text=spec.format == "jsonl") as sink:
            report = service.export(room_id, spec, sink, told)
        shell.say(f"EXPORTED: {report.entries} entries ({format_size_whole(report.size)})")
        shell.emit(_value(room_id, spec, path, report))
    return 0


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
