"""One log line: `2026-01-08T12:35:02.104Z [DEBUG] entity processed input bytes=42`, or the same as a JSON object.

Whatever stands in a line, it is one line of printable ASCII: control bytes, quotes and everything beyond ASCII are
escaped as JSON escapes them, in both shapes. A terminal acts on none of it and a reader of logs gets it back exactly.

Fields have the seed's names. `id` and `room` hold a room's id, cut to eight characters in text and `room_id` in JSON;
`duration` holds seconds, `duration_ms` in JSON; `timestamp` holds seconds since the epoch, `at` in JSON. What is named
`room_id` or `duration_ms` is for JSON alone, because the seed's text has it not.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from enum import IntEnum

from backrooms_tui.model.ids import short

_BARE = re.compile(r"[!#-<>-\[\]-~]+")
"""Values that text shows without quotes: printable ASCII without space, quote, equals sign, backslash."""
_JSON_ONLY = ("room_id", "duration_ms")
_ROOMS = ("id", "room")
LONGEST = 2_000
"""Characters of one value; more is cut. An entity may send lines of a mebibyte."""

Fields = Mapping[str, object]


class Level(IntEnum):
    """The seed's five, the gravest first: a line is written when its level is at most the log's."""

    ERROR = 0
    WARN = 1
    INFO = 2
    DEBUG = 3
    TRACE = 4


def as_text(at: int, level: Level, message: str, fields: Fields) -> str:
    """`at` in nanoseconds since the epoch. Without a newline."""
    shown = "".join(f" {name}={value}" for name, value in _text_fields(fields))
    return f"{timestamp(at)} [{level.name}] {escaped(message)}{shown}"


def as_json(at: int, level: Level, message: str, fields: Fields) -> str:
    line = {"timestamp": timestamp(at), "level": level.name, "message": _cut(message), **dict(_json_fields(fields))}
    return json.dumps(line, default=str).replace("\x7f", "\\u007f")


def timestamp(at: int) -> str:
    seconds, rest = divmod(at, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000_000:03}Z"


def _text_fields(fields: Fields) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if value is None or name in _JSON_ONLY:
            continue
        if name in _ROOMS:
            yield name, f"{short(str(value))}..."
        elif name == "duration" and isinstance(value, int | float):
            yield name, f"{value:.3f}s"
        elif name == "timestamp" and isinstance(value, int | float):
            yield name, f"{value:.3f}"
        elif isinstance(value, str):
            yield name, value if _BARE.fullmatch(value) and len(value) <= LONGEST else f'"{escaped(value)}"'
        else:
            yield name, escaped(json.dumps(value, default=str))


def _json_fields(fields: Fields) -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        if value is None:
            continue
        if name in _ROOMS:
            yield "room_id", value
        elif name == "duration" and isinstance(value, int | float):
            yield "duration_ms", milliseconds(value)
        elif name == "timestamp" and isinstance(value, int | float):
            yield "at", round(value, 3)
        else:
            yield name, _cut(value) if isinstance(value, str) else value


def milliseconds(seconds: float) -> int | float:
    """As the seed shows them: whole, where nothing below a millisecond would be lost that matters."""
    value = seconds * 1000
    return round(value) if value >= 100 else round(value, 3)


def escaped(text: str) -> str:
    """Without a character that a terminal acts on, or that ends a line or a quotation."""
    return json.dumps(_cut(text))[1:-1].replace("\x7f", "\\u007f")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text) - LONGEST} characters more)"
