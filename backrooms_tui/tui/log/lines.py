"""Memory entries as display lines, each named by where it stands in memory and never by an index.

A line's `look` decides its gutter: an entity can say whatever it likes, its lines stand behind `|`. What is shown
of one line is capped at 4 KiB and of one entry at 2,000 lines; the rest is counted, and copied when asked for.
"""

from __future__ import annotations

import json
from enum import Enum

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.events import Said
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.units import format_size
from backrooms_tui.model.value import value

LINE_CAP = 4096
"""Characters shown of one line."""
ENTRY_CAP = 2000
"""Lines shown of one entry; 64 KiB of newlines are 65,536 lines."""
SILENCE = "NO OUTPUT (silence is valid)"
ENTITY = "ENTITY: "
OBSERVED = "OBSERVATION: "

Key = tuple[int, int, int]
"""(timestamp, 0 for a durable entry or 1 + n for the n-th thing said in a running turn, line within the entry)."""


class Look(Enum):
    """What a line is, and so its gutter and its component class `log--...`."""

    INPUT = "input"
    ENTITY = "entity"
    OBSERVATION = "observation"
    ROOM = "room"
    SILENCE = "silence"
    ERROR = "error"

    @property
    def gutter(self) -> str:
        if self is Look.INPUT:
            return ">"
        return "|" if self in (Look.ENTITY, Look.OBSERVATION) else "#"


@value
class Line:
    """One logical line of the log; wrapping it gives rows."""

    key: Key
    look: Look
    text: str
    """Scrubbed, capped, with its prefix (`ENTITY: `)."""
    seq: int = 0
    """Sequence number of the entry; 0 while it is not durable."""
    input: int = 0
    """Sequence number of the INPUT it belongs to, or is; 0 for none."""
    indent: int = 0
    """Cells by which continuation rows are set in."""

    @property
    def timestamp(self) -> int:
        return self.key[0]

    @property
    def provisional(self) -> bool:
        return self.key[1] > 0


def capped(text: str) -> str:
    """Scrub one foreign line, cutting it at LINE_CAP with the size of what is left out."""
    if len(text) <= LINE_CAP:
        return scrub(text)
    return _cut(text[:LINE_CAP], len(text[LINE_CAP:].encode("utf-8", "surrogatepass")))


def _cut(text: str, left_out: int) -> str:
    return f"{scrub(text)} … +{format_size(left_out)}"


def _shown(text: str) -> list[str]:
    parts = text.split("\n", ENTRY_CAP)
    if len(parts) <= ENTRY_CAP:
        return [capped(part.removesuffix("\r")) for part in parts]
    hidden = parts.pop().count("\n") + 1
    return [*(capped(part.removesuffix("\r")) for part in parts), f"… +{hidden:,} LINES"]


def _error_text(entry: MemoryEntry) -> str:
    if entry.content.startswith("ERROR:"):
        return entry.content
    return f"ERROR: {entry.metadata.get(Meta.CODE, 'UNKNOWN')}\n{entry.content}".rstrip("\n")


def _observation_text(entry: MemoryEntry) -> str:
    data = entry.metadata.get(Meta.DATA)
    if data is None:
        return entry.content
    return f"{entry.content} {json.dumps(data, ensure_ascii=False, default=str)}"


def _form(entry: MemoryEntry) -> tuple[Look, str, str]:
    """Look, prefix of the first line, text."""
    if entry.type is EntryType.INPUT:
        return Look.INPUT, "", entry.content
    if entry.type is EntryType.OUTPUT:
        return Look.ENTITY, ENTITY, entry.content
    if entry.type is EntryType.OBSERVATION:
        return Look.OBSERVATION, OBSERVED, _observation_text(entry)
    if entry.type is EntryType.ERROR:
        return Look.ERROR, "", _error_text(entry)
    if entry.metadata.get(Meta.OUTCOME) == Outcome.SILENT:
        return Look.SILENCE, "", SILENCE
    return Look.ROOM, "", entry.content


def _lines(stamp: tuple[int, int], look: Look, prefix: str, text: str, *, seq: int, asked: int) -> list[Line]:
    """Every line of an entity's entry carries the prefix: the seed's multi-line answers do."""
    indent = len(prefix)
    if "\n" not in text:
        return [Line((*stamp, 0), look, prefix + capped(text.removesuffix("\r")), seq, asked, indent)]
    return [
        Line((*stamp, i), look, prefix + shown, seq=seq, input=asked, indent=indent)
        for i, shown in enumerate(_shown(text))
    ]


def lines_of(entry: MemoryEntry) -> list[Line]:
    """Give the display lines of a durable entry; at least one."""
    look, prefix, text = _form(entry)
    asked = entry.seq if entry.type is EntryType.INPUT else answered(entry)
    return _lines((entry.timestamp, 0), look, prefix, text, seq=entry.seq, asked=asked)


def lines_said(said: Said, at: int) -> list[Line]:
    """Give the lines of something said and not yet durable; `at` orders it among the other lines."""
    look, prefix = (Look.OBSERVATION, OBSERVED) if said.observation else (Look.ENTITY, ENTITY)
    return _lines((at, 1 + said.n), look, prefix, said.text, seq=0, asked=said.seq)


def line_saying(text: str, left_out: int, key: Key, asked: int) -> Line:
    """Give the line that has no end yet; `text` is at most LINE_CAP characters of it, `left_out` counts other bytes."""
    shown = _cut(text, left_out) if left_out else scrub(text)
    return Line(key, Look.ENTITY, ENTITY + shown, input=asked, indent=len(ENTITY))


def answered(entry: MemoryEntry) -> int:
    """Give the sequence number of the INPUT that the entry is an answer to; 0 when it is none."""
    asked = entry.metadata.get(Meta.INPUT, 0)
    return asked if isinstance(asked, int) else 0


def logical_text(entry: MemoryEntry) -> str:
    """Give an entry's whole text as it is copied: uncapped, its own line breaks and tabs, nothing a terminal obeys.

    A clipboard is pasted into terminals, where a stored ESC could end the bracketed paste.
    """
    _, prefix, text = _form(entry)
    return "\n".join(prefix + _pasteable(line) for line in text.split("\n"))


def _pasteable(line: str) -> str:
    return "\t".join(scrub(part) for part in line.removesuffix("\r").split("\t"))
