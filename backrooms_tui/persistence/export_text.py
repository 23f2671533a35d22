"""Exports as text: JSON lines in the seed's form, and CSV that is safe in a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.units import NS, format_time

from .archive_compression import Writer

TYPES = tuple(type_.name for type_ in EntryType)
COLUMNS = ("seq", "timestamp", "type", "content", "metadata")
"""Of CSV. `timestamp` is ISO 8601 in UTC with nanoseconds, `metadata` JSON."""

_OUTPUT = int(EntryType.OUTPUT)
_RUN = frozenset("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")
"""What a cell begins with that a spreadsheet may run (the last four are full-width forms of the first four); and the
apostrophe, so that `plain_cell` can tell.
"""


class _Line(msgspec.Struct, gc=False):
    """One line of JSONL: seed 000, session 8."""

    timestamp: int
    type: str
    content: str


def write_jsonl(chunks: Iterable[list[Any]], sink: Writer) -> int:
    """Give the number of entries written."""
    encode = msgspec.json.Encoder().encode_lines
    count = 0
    for entries in chunks:
        lines = [
            _Line(
                entry.timestamp // NS,
                TYPES[entry.type],
                "ENTITY: " + entry.content if entry.type == _OUTPUT else entry.content,
            )
            for entry in entries
        ]
        sink.write(encode(lines))
        count += len(lines)
    return count


def write_csv(chunks: Iterable[list[Any]], sink: Writer) -> int:
    """With a header row; lines end with CR LF, as RFC 4180 has it. Give the number of entries written.

    Text is always in quotation marks: looking whether it must be, as the csv module does, takes most of the time.
    """
    sink.write(f"{','.join(COLUMNS)}\r\n".encode())
    count = 0
    for entries in chunks:
        lines = [
            f"{entry.seq},{_second(entry.timestamp // NS)}.{entry.timestamp % NS:09d}Z,{TYPES[entry.type]},"
            f'"{_doubled(safe_cell(entry.content))}","{metadata}"\r\n'
            for entry, metadata in zip(entries, _metadata(entries), strict=True)
        ]
        sink.write("".join(lines).encode())
        count += len(entries)
    return count


def _doubled(text: str) -> str:
    """Text as it stands between quotation marks."""
    return text.replace('"', '""')


def _metadata(entries: list[Any]) -> list[str]:
    """The metadata of each as JSON, as it stands between quotation marks. JSON text holds no line feed; of other things
    that may end a line it holds some.
    """
    found = [entry.metadata for entry in entries]
    try:
        lines = msgspec.json.Encoder().encode_lines(found).decode()
    except (ValueError, OverflowError, RecursionError):
        lines = "\n".join(map(as_json, found))
    return _doubled(lines).split("\n")[: len(found)]


def safe_cell(text: str) -> str:
    """Text as a cell that no spreadsheet takes for a formula: an apostrophe stands before what looks like one."""
    return "'" + text if text[:1] in _RUN else text


def plain_cell(cell: str) -> str:
    """The text that `safe_cell` made a cell of."""
    return cell.removeprefix("'")


def as_json(value: Any) -> str:
    """JSON text of a JSON-like value, its integers however large."""
    try:
        return msgspec.json.encode(value).decode()
    except (ValueError, OverflowError, RecursionError):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=64)  # neighbours share it
def _second(second: int) -> str:
    return format_time(second * NS).removesuffix("Z")
