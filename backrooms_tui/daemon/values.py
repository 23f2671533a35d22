"""Values on the wire: the closed table of what may cross it, and how each becomes plain msgpack and back.

A value is the array of its fields in the order written here; an enumeration is its value. Nothing else can be sent or
taken, every field's type is checked on arrival, and what arrives makes instances of these classes only. Kinds are
named in a small language of their own, which is also that of docs/DAEMON_PROTOCOL.md: `text`, `int?` (or nil),
`[MemoryEntry]` (an array). Classes are looked up when they are first met: listing rooms loads no reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from backrooms_tui.model.limits import MAX_TIMEOUT

MODULES = {
    "entries": "Tail MemoryEntry EntryType",
    "latency": "Latencies",
    "states": "RoomState",
    "room": "RoomConfig Creation Counters Suspension Damage RoomRecord",
    "views": "Occupant RunningTurn RoomView Receipt TurnResult StoreFacts ServiceStatus",
    "reports": "ExportSpec ExportReport BackupSpec BackupInfo BackupReport RestoreReport RecoverReport "
    "CompressionReport Finding CheckReport",
    "events": "InputAccepted TurnStarted Said Saying TurnEnded EntriesAdded RoomChanged RoomCreated RoomDestroyed "
    "Notice Lagged",
}
ENUMERATIONS = {"RoomState": "text", "EntryType": "int"}
FIELDS = {
    "Tail": "seq:int timestamp:int chain:int",
    "Latencies": "count:int total:int maximum:int buckets:pairs",
    "MemoryEntry": "seq:int timestamp:int type:EntryType content:text metadata:map",
    "RoomConfig": "memory_limit:int timeout:real compression:text entity:text name:text?",
    "Creation": "pid:int user:text host:text",
    "Counters": "inputs:int outputs:int silent:int errors:int timeouts:int crashes:int invalid_inputs:int",
    "Suspension": "at:int by:text",
    "Damage": "type:text where:text offset:int detected_at:int",
    "RoomRecord": "id:room state:RoomState config:RoomConfig creation:Creation created_at:int last_active:int "
    "last_input_at:int? tail:Tail head:Tail memory_usage:int memory_plain:int counters:Counters latencies:Latencies "
    "queued:int state_version:int last_error:text? suspension:Suspension? damage:Damage?",
    "RunningTurn": "seq:int started_at:int timeout:real waits_for:text?",
    "RoomView": "record:RoomRecord queue_depth:int running:RunningTurn? entity:text entity_pid:int? occupants:int",
    "Occupant": "session:text who:text read_only:bool since:int",
    "Receipt": "room_id:room seq:int timestamp:int position:int",
    "TurnResult": "seq:int outcome:text entries:[MemoryEntry] latency:real",
    "StoreFacts": "backend:text path:text? last_flush:int? flush_average:real disk_usage:int",
    "ServiceStatus": "version:text pid:int started_at:int durable:bool read_only_because:text? live_entities:int "
    "seal:[text] warnings:[text] epoch:text address:text? session:text? connections:int "
    "command_seal:[text]",
    "ExportSpec": "format:text types:[EntryType] since:int? until:int?",
    "ExportReport": "entries:int size:int",
    "BackupSpec": "compression:text include_config:bool",
    "BackupInfo": "room_id:room path:text taken_at:int size:int",
    "BackupReport": "room_id:room path:text? entries:int plain_size:int size:int seconds:real",
    "RestoreReport": "room_id:room entries:int state:RoomState",
    "RecoverReport": "room_id:room state:RoomState backup:BackupInfo? entries:int lost_entries:int? lost_seconds:real",
    "CompressionReport": "started_at:int algorithm:text level:int entries_before:int entries_after:int "
    "size_before:int size_after:int seconds:real",
    "Finding": "room_id:room? damage:Damage",
    "CheckReport": "rooms:int entries:int size:int findings:[Finding] seconds:real",
    "InputAccepted": "room_id:room entry:MemoryEntry queue_depth:int",
    "TurnStarted": "room_id:room seq:int attempt:int at:int timeout:real",
    "Said": "room_id:room seq:int attempt:int n:int at:int text:text observation:bool",
    "Saying": "room_id:room seq:int attempt:int n:int at:int text:text",
    "TurnEnded": "room_id:room seq:int outcome:text entries:[MemoryEntry] latency:real queue_depth:int",
    "EntriesAdded": "room_id:room entries:[MemoryEntry]",
    "RoomChanged": "room_id:room state:RoomState",
    "RoomCreated": "room_id:room",
    "RoomDestroyed": "room_id:room",
    "Notice": "at:int severity:text room_id:room? text:text",
    "Lagged": "missed:int",
}
EVENTS = frozenset(MODULES["events"].split())

_HEX = frozenset("0123456789abcdef")
_LONGEST_LINE = 256
_COMBINATIONS = 1024
"""Of field types and of small values that one kind remembers."""


class Malformed(ValueError):
    """What arrived is not of the kind that belongs there."""


class Kind:
    """How values of one kind cross the wire: `encode` makes them plain, `decode` checks and makes them again."""

    plain: frozenset[type]
    """Types that msgpack may give for it."""

    def __init__(self, *plain: type, check: Callable[[Any], object] | None = None) -> None:
        self.plain = frozenset(plain)
        self._check = check
        self.as_it_is = check is None
        """Whether a plain value of the right type needs nothing more."""

    def encode(self, value: Any) -> Any:
        return value

    def decode(self, plain: Any) -> Any:
        if type(plain) not in self.plain or (self._check is not None and not self._check(plain)):
            raise Malformed
        return plain


class _Optional(Kind):
    def __init__(self, inner: Kind) -> None:
        super().__init__(*inner.plain, type(None))
        self._inner = inner
        self.as_it_is = inner.as_it_is

    def encode(self, value: Any) -> Any:
        return None if value is None else self._inner.encode(value)

    def decode(self, plain: Any) -> Any:
        return None if plain is None else self._inner.decode(plain)


class _Array(Kind):
    def __init__(self, inner: Kind) -> None:
        super().__init__(list)
        self._inner = inner
        self.as_it_is = False

    def encode(self, value: Any) -> Any:
        return [*map(self._inner.encode, value)]

    def decode(self, plain: Any) -> Any:
        if type(plain) is not list:
            raise Malformed
        return tuple(map(self._inner.decode, plain))


class _Enumeration(Kind):
    def __init__(self, cls: Any) -> None:
        self._members = {member.value: member for member in cls}
        super().__init__(*{type(value) for value in self._members})
        self.as_it_is = False

    def encode(self, value: Any) -> Any:
        return value.value

    def decode(self, plain: Any) -> Any:
        if type(plain) not in self.plain or plain not in self._members:
            raise Malformed
        return self._members[plain]


class _Pairs(Kind):
    """A dictionary of whole numbers, as an array: key, value, key, value."""

    def __init__(self) -> None:
        super().__init__(list)
        self.as_it_is = False

    def encode(self, value: Any) -> Any:
        return [number for pair in value.items() for number in pair]

    def decode(self, plain: Any) -> Any:
        if type(plain) is not list or len(plain) % 2 or not {int}.issuperset(map(type, plain)):
            raise Malformed
        return dict(zip(plain[::2], plain[1::2], strict=True))


class _Value(Kind):
    """A class of the table. Types are looked at together: one look at each combination that ever came."""

    def __init__(self, cls: Any, fields: list[Kind]) -> None:
        super().__init__(list)
        self.as_it_is = False
        self._cls = cls
        self._types = [field.plain for field in fields]
        self._fitting: set[tuple[type, ...]] = set()
        self._nested = [(at, field) for at, field in enumerate(fields) if not field.as_it_is]
        self._made: dict[object, Any] | None = None if self._nested else {}
        """Small values that came before: the rooms of a list share most of theirs."""

    def encode(self, value: Any) -> Any:
        if type(value) is not self._cls:
            raise TypeError(f"{type(value).__name__} is not a {self._cls.__name__}")
        fields = [*self._cls.__values__(value)]
        for at, field in self._nested:
            fields[at] = field.encode(fields[at])
        return fields

    def decode(self, plain: Any) -> Any:
        if type(plain) is not list:
            raise Malformed
        types = tuple(map(type, plain))
        if types not in self._fitting:
            self._look(types)
        if self._made is not None:
            return self._remembered(types, plain)
        for at, field in self._nested:
            plain[at] = field.decode(plain[at])
        return self._cls(*plain)

    def _look(self, types: tuple[type, ...]) -> None:
        if len(types) != len(self._types) or any(
            found not in allowed for found, allowed in zip(types, self._types, strict=True)
        ):
            raise Malformed
        self._fitting.add(types)

    def _remembered(self, types: tuple[type, ...], plain: list[Any]) -> Any:
        key = (types, *plain)  # with the types: 30 and 30.0 are equal and not the same
        made: dict[object, Any] = self._made  # type: ignore[assignment]
        value = made.get(key)
        if value is None:
            value = self._cls(*plain)
            if all(type(item) is not str or len(item) <= _LONGEST_LINE for item in plain):
                if len(made) >= _COMBINATIONS:
                    made.clear()
                made[key] = value
        return value


class _Event(Kind):
    """One of several classes: an array of the class's name and the value."""

    def __init__(self) -> None:
        super().__init__(list)
        self.as_it_is = False

    def encode(self, value: Any) -> Any:
        name = type(value).__name__
        return [name, kind(name).encode(value)]

    def decode(self, plain: Any) -> Any:
        if type(plain) is not list or len(plain) != 2 or type(plain[0]) is not str or plain[0] not in EVENTS:
            raise Malformed
        return kind(plain[0]).decode(plain[1])


def _json_like(value: Any) -> bool:
    found = type(value)
    if found is dict:
        return all(type(key) is str and _json_like(item) for key, item in value.items())
    if found is list:
        return all(map(_json_like, value))
    return found in (str, int, float, bool, type(None))


def _room(text: str) -> bool:
    return len(text) == 64 and _HEX.issuperset(text)


def _line(text: str) -> bool:
    return len(text) <= _LONGEST_LINE and text.isprintable()


BASIC = {
    "text": Kind(str),
    "line": Kind(str, check=_line),
    "room": Kind(str, check=_room),
    "int": Kind(int),
    "count": Kind(int, check=lambda number: 0 < number <= 1_000_000),
    "time": Kind(int, check=lambda number: 0 <= number < 1 << 63),
    "real": Kind(float, int),
    "seconds": Kind(float, int, check=lambda number: math.isfinite(number) and 0 <= number <= MAX_TIMEOUT),
    "bool": Kind(bool),
    "bytes": Kind(bytes),
    "nil": Kind(type(None)),
    "map": Kind(dict, check=_json_like),
    "pairs": _Pairs(),
    "Event": _Event(),
}
"""`line` is printable text of at most 256 characters, `room` a full id, `count` 1..1,000,000, `time` nanoseconds since
the epoch, `seconds` at most a day, `pairs` an array of whole numbers: key, value, key, value.
"""


@lru_cache(maxsize=256)
def kind(name: str) -> Kind:
    """The kind that a name of the table means. Raises KeyError."""
    if name in BASIC:
        return BASIC[name]
    if name.endswith("?"):
        return _Optional(kind(name[:-1]))
    if name.startswith("["):
        return _Array(kind(name[1:-1]))
    cls = _class(name)
    if name in ENUMERATIONS:
        return _Enumeration(cls)
    return _Value(cls, [kind(field.partition(":")[2]) for field in FIELDS[name].split()])


def _class(name: str) -> Any:
    for module, names in MODULES.items():
        if name in names.split():
            return getattr(import_module(f"backrooms_tui.model.{module}"), name)
    raise KeyError(name)
