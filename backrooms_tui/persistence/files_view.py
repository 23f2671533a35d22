"""Reading and collecting changes of the FILESYSTEM engine: rooms by the keys of `keys.py`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.scrub import scrub

from . import keys
from .files_changes import ENTRY, INDEX, MARK, QUEUE, STATE, Change, name_of
from .files_room import FOREVER, Room, Still
from .rows import Row

_T = TypeVar("_T")


class Taking(Protocol):
    def __call__(self, room_id: RoomId, *, state: bool = False, log: bool = False) -> Still | None: ...


class Batch:
    def __init__(self, *, sync: bool) -> None:
        self.sync = sync
        self.changes: list[Change] = []

    def put(self, key: bytes, value: bytes) -> None:
        kind, room_id, number = name_of(key)
        self.changes.append(Change(kind, room_id, number, value))

    def delete(self, key: bytes) -> None:
        kind, room_id, number = name_of(key)
        self.changes.append(Change(kind, room_id, number, None))


class View:
    """What can be read: with `held` one room as it is there, else the newest of each."""

    def __init__(self, rooms: dict[RoomId, Room], still: Taking, held: Still | None = None) -> None:
        self._rooms = rooms
        self._take = still
        self._held = held

    def get(self, key: bytes) -> bytes | None:
        kind, room_id, number = name_of(key)
        with reads():
            still = self._still(room_id, state=kind in (STATE, QUEUE), log=kind == ENTRY)
            return None if still is None else still.get(kind, number)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False, include_stop: bool = False) -> Iterator[Row]:
        prefix = start[: start.rindex(b"/") + 1]
        with reads():
            if prefix in (keys.INDEX, keys.DESTROYED):
                yield from _directed(self._shared(prefix, start, stop), reverse=reverse)
                return
            kind, room_id, first = name_of(start)
            end = name_of(stop).number + include_stop if stop.startswith(prefix) else FOREVER
            still = self._still(room_id, state=kind == QUEUE, log=kind == ENTRY)
            if still is None:
                return
            if kind == ENTRY:
                rows = still.rows(first, end, reverse=reverse)
            else:
                rows = _directed(_within(still.queue(), first, end), reverse=reverse)
            for number, value in rows:
                yield b"%s%020d" % (prefix, number), value

    def _shared(self, prefix: bytes, start: bytes, stop: bytes) -> Iterator[Row]:
        kind = INDEX if prefix == keys.INDEX else MARK
        for room_id in sorted(self._rooms):
            key = prefix + room_id.encode()
            room = self._rooms.get(room_id)
            if room is not None and start <= key < stop and (value := room.shared(kind)) is not None:
                yield key, value

    def _still(self, room_id: RoomId, *, state: bool = False, log: bool = False) -> Still | None:
        if self._held is not None:
            return self._held
        return self._take(room_id, state=state, log=log)


def _directed(rows: Iterator[_T], *, reverse: bool) -> Iterator[_T]:
    return reversed(list(rows)) if reverse else rows


def _within(queue: dict[int, bytes], first: int, end: int) -> Iterator[tuple[int, bytes]]:
    return ((number, value) for number, value in queue.items() if first <= number < end)


@contextmanager
def reads() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFailed(reason(error)) from None


def reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"REASON: {error.strerror or type(error).__name__}"
    return f"REASON: {scrub(str(error)) or type(error).__name__}"
