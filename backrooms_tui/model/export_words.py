"""What is to be exported, read from the words of a command or a dialog."""

from __future__ import annotations

from .entries import EntryType
from .errors import UsageError
from .formats import EXPORT_FORMATS
from .reports import ExportSpec
from .units import parse_time


def export_spec(format_: str | None, types: str, since: str | None, until: str | None) -> ExportSpec:
    """A bound that names a whole second, or a day, means all of it. Raises UsageError."""
    after = None if since is None else parse_time(since)
    before = None if until is None else parse_time(until, end=True)
    if after is not None and before is not None and after > before:
        raise UsageError("TIME: --since is after --until.")
    return ExportSpec(format_ or EXPORT_FORMATS[0], entry_types(types), after, before).validated()


def entry_types(text: str) -> tuple[EntryType, ...]:
    """`input,error` as types in their own order, each once; nothing means all. Raises UsageError."""
    names = {word.upper().replace("-", "_") for word in text.replace(",", " ").split()}
    known = EntryType.__members__
    for name in sorted(names - known.keys()):
        raise UsageError(f"FILTER: {name[:40]!r} is not one of {'|'.join(known)}.")
    return tuple(known[name] for name in known if name in names)
