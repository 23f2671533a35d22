"""Memory entries: what a room remembers, append-only (seed 000, Memory Model)."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from backrooms_tui.model.value import made, value


class EntryType(IntEnum):
    """Types in the seed's order; the numbers are on disk and never change."""

    INPUT = 0
    OUTPUT = 1
    OBSERVATION = 2
    STATE_CHANGE = 3
    ERROR = 4


@value
class Draft:
    """An entry that has not been given its place in a room yet."""

    type: EntryType
    content: str
    """Valid UTF-8 text, stored as it came: control characters are filtered where they meet a terminal."""
    metadata: dict[str, Any] = made(factory=dict)
    """JSON-like values. Keys in use: see `Meta`."""


@value
class MemoryEntry:
    """One remembered thing."""

    seq: int
    """Dense from 1 in each room."""
    timestamp: int
    """Nanoseconds since the epoch, strictly rising inside a room: the entry's id and cursor everywhere."""
    type: EntryType
    content: str
    metadata: dict[str, Any]


@value
class Tail:
    """Where a room's memory ends. A room without entries has `Tail(0, 0, 0)`."""

    seq: int = 0
    timestamp: int = 0
    chain: int = 0
    """Running checksum over every entry so far, 32 bits."""


class Meta:
    """Names of metadata keys that we write ourselves."""

    REQUEST_ID = "request_id"
    """INPUT: the client's own id of the submission; a repeated one is answered with the first receipt."""
    SOURCE = "source"
    """INPUT: who sent it, as text."""
    SESSION = "session"
    """INPUT: the client's session that sent it; not there when the owner itself did."""
    INPUT = "input"
    """Everything a turn produced: sequence number of the INPUT it belongs to."""
    LATENCY = "latency_ns"
    """Last entry of a turn: nanoseconds from the entity's start on it to its end."""
    OUTCOME = "outcome"
    """Last entry of a turn: an `Outcome` value."""
    EVENT = "event"
    """STATE_CHANGE: what happened, one lower-case word."""
    BY = "by"
    """STATE_CHANGE: user@host whose verb it was."""
    CODE = "code"
    """ERROR: the error code."""
    DATA = "data"
    """OBSERVATION: the entity's structured value."""
    CALL = "call"
    """STATE_CHANGE `call`: the host's answer to a call of the entity (see supervisor.calls)."""


class Outcome:
    """How a turn ended."""

    OUTPUT = "OUTPUT"
    SILENT = "SILENT"
    TIMEOUT = "TIMEOUT"
    CRASH = "CRASH"
    FAILED = "FAILED"
    """The entity said so itself; it lives on, its state is as before the input."""
    VIOLATION = "VIOLATION"
    """The entity broke the protocol or a bound and was killed."""
    INTERRUPTED = "INTERRUPTED"
    """An operator ended it; what it said so far is kept."""
    LOST = "LOST"
    """The host died twice while the input ran; its text is kept, its work is not."""
