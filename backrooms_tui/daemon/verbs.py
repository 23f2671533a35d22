"""The verbs of the control protocol: one table, read by both sides and by docs/DAEMON_PROTOCOL.md.

Each is a method of `RoomService` with its arguments in order; `listing` alone is not: the id and the state of every
room, for who wants no more. Kinds are those of `values`. A session that was opened
to look only is refused every verb that changes something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backrooms_tui.model.errors import BackroomsError, ProtocolBroken
from backrooms_tui.model.value import value

from .values import Malformed, kind

DOWN = "down"
UP = "up"


@value
class Verb:
    arguments: str
    """Names and kinds, separated by spaces."""
    answer: str
    """Kind of the answer."""
    changes: bool = False
    """Whether a session that only looks is refused."""
    long: bool = False
    """Whether `progress` frames come before the answer."""
    data: str | None = None
    """DOWN: `data` frames come before the answer; UP: the client sends `data` frames and `end` after its request."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(argument.partition(":")[0] for argument in self.arguments.split())

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(argument.partition(":")[2] for argument in self.arguments.split())


VERBS = {
    "resolve": Verb("handle:line", "room"),
    "rooms": Verb("", "[RoomView]"),
    "listing": Verb("", "[[text]]"),
    "room": Verb("room_id:room", "RoomView"),
    "create": Verb("config:RoomConfig", "RoomView", changes=True),
    "await_entity": Verb("room_id:room timeout:seconds?", "RoomView", changes=True),
    "enter": Verb("room_id:room read_only:bool", "RoomView"),
    "leave": Verb("room_id:room", "RoomView"),
    "presence": Verb("room_id:room", "[Occupant]"),
    "submit": Verb("room_id:room data:bytes source:line request_id:line? timeout:seconds?", "Receipt", changes=True),
    "wait": Verb("receipt:Receipt timeout:seconds?", "TurnResult?"),
    "read": Verb("room_id:room after:time? before:time? limit:count", "[MemoryEntry]"),
    "interrupt": Verb("room_id:room by:line", "TurnResult", changes=True),
    "suspend": Verb("room_id:room by:line", "RoomView", changes=True),
    "resume": Verb("room_id:room by:line", "RoomView", changes=True),
    "destroy": Verb("room_id:room confirm:line", "nil", changes=True),
    "export": Verb("room_id:room spec:ExportSpec", "ExportReport", long=True, data=DOWN),
    "backup": Verb("room_id:room spec:BackupSpec to_client:bool", "BackupReport", changes=True, long=True, data=DOWN),
    "backups": Verb("room_id:room?", "[BackupInfo]"),
    "restore": Verb("", "RestoreReport", changes=True, long=True, data=UP),
    "recover": Verb("room_id:room by:line from_backup:bool", "RecoverReport", changes=True, long=True),
    "compact": Verb("room_id:room", "CompressionReport", changes=True, long=True),
    "check": Verb("", "CheckReport", long=True),
    "store_facts": Verb("", "StoreFacts"),
    "status": Verb("", "ServiceStatus"),
    "subscribe": Verb("rooms:[room]? epoch:line? after:time?", "nil"),
}


def packed_arguments(name: str, arguments: Sequence[Any]) -> list[Any]:
    """Arguments as they cross the wire; TypeError for what is not in the table."""
    kinds = VERBS[name].kinds
    return [kind(one).encode(argument) for one, argument in zip(kinds, arguments, strict=True)]


def taken_arguments(name: str, arguments: list[Any]) -> dict[str, Any]:
    """Arguments by name as they are handed to the service. Raises ProtocolBroken."""
    verb = VERBS[name]
    if len(arguments) != len(verb.kinds):
        raise ProtocolBroken(f"VERB: {name} takes {len(verb.kinds)} arguments.")
    taken = {}
    for label, one, argument in zip(verb.names, verb.kinds, arguments, strict=True):
        try:
            taken[label] = kind(one).decode(argument)
        except (Malformed, RecursionError):
            raise ProtocolBroken(f"VERB: {name}", f"ARGUMENT: {label} is not of the kind {one}.") from None
    return taken


def packed_error(error: BackroomsError) -> list[Any]:
    """An error as it crosses the wire: code and complete lines."""
    return [error.code, [*error.details]]


def taken_error(plain: Any) -> BackroomsError:
    """The error again, of the class that has its code. Raises Malformed."""
    if type(plain) is not list or len(plain) != 2:
        raise Malformed
    code, details = plain
    if type(code) is not str or type(details) is not list or not {str}.issuperset(map(type, details)):
        raise Malformed
    cls = _classes().get(code)
    return BackroomsError(*details, code=code) if cls is None else cls(*details)


def _classes() -> dict[str, type[BackroomsError]]:
    """Error classes by code; of two with one code the more general."""
    classes: dict[str, type[BackroomsError]] = {}
    waiting = [BackroomsError]
    for cls in waiting:
        classes.setdefault(cls.code, cls)
        waiting.extend(cls.__subclasses__())
    return classes
