"""What can be read of the rooms on a Redis server: their newest state, or one room at one moment.

The names of the seed: `{prefix}{id}:state`, `:config`, `:metadata` are records, `:memory` is a list of records. Ours:
`:queue` is a hash, and `{prefix}index` and `{prefix}destroyed` stand for all rooms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord

from . import keys
from .records import Damaged
from .redis import Lost, Refused, Server, failed
from .redis_memory import MemoryList, TailedRow
from .room_records import decode_room
from .rows import Row
from .segments import entry_count

_RECORDS = 256
"""Index records asked for at once."""
_END = 1 << 64
"""Above every timestamp."""


class Names:
    """Where rows stand: the Redis key for each key of `keys.py`."""

    KINDS = ("state", "config", "metadata", "memory", "queue")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.index = f"{prefix}index"
        self.destroyed = f"{prefix}destroyed"
        self.leases = f"{prefix}leases"
        self.daemons = f"{prefix}daemons"
        self.number = f"{prefix}number"
        self.removed = f"{prefix}removed"

    @property
    def shared(self) -> frozenset[str]:
        """Keys that are no room's."""
        return frozenset((self.index, self.destroyed, self.leases, self.daemons, self.number, self.removed))

    def of(self, room_id: str, kind: str) -> str:
        return f"{self.prefix}{room_id}:{kind}"

    def shown(self, key: bytes) -> str:
        """The Redis key for people, with the field that a row is in it."""
        place, room_id, number = split(key)
        if place in ("index", "destroyed"):
            name = self.index if place == "index" else self.destroyed
            return f"{name}[{room_id}]" if room_id else name
        name = self.of(room_id, place)
        return f"{name}[{number}]" if place == "queue" and number else name


def split(key: bytes) -> tuple[str, RoomId, str]:
    """Kind of a row, its room, and the field in a queue or the digits of a timestamp, where the key has one."""
    first, _, rest = keys.printable(key)[1:].partition("/")
    if first != "room":
        return first, RoomId(rest), ""
    room_id, _, rest = rest.partition("/")
    kind, _, number = rest.partition("/")
    return kind, RoomId(room_id), number.lstrip("0") or number[:1]


class View:
    """See `rows.View`."""

    def __init__(self, server: Server, names: Names) -> None:
        self._server = server
        self._names = names

    def get(self, key: bytes) -> bytes | None:
        kind, room_id, number = split(key)
        with reads(self._server):
            if kind == "index":
                found = self._server.command("HGET", self._names.index, room_id)
            elif kind == "queue":
                found = self._server.command("HGET", self._names.of(room_id, kind), number)
            else:
                found = self._server.command("GET", self._names.of(room_id, kind))
        return None if found is None else bytes(found)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False, include_stop: bool = False) -> Iterator[Row]:
        kind, room_id, _ = split(start)
        if kind == "memory":
            low = keys.number(start) or 0
            high = keys.number(stop)
            yield from self._memory(room_id, low, _END if high is None else high + include_stop, reverse=reverse)
            return
        with reads(self._server):
            rows = self._index() if kind == "index" else self._small(kind, room_id)
            for key, value in sorted(rows, reverse=reverse):
                if start <= key < stop or (include_stop and key == stop):
                    yield key, value

    def _memory(self, room_id: RoomId, low: int, high: int, *, reverse: bool) -> Iterator[Row]:
        memory = MemoryList(self._server, self._names.of(room_id, "memory"), room_id)
        with reads(self._server):
            for tail, record in memory.down(high) if reverse else memory.up(low):
                if not low <= tail.timestamp < high:
                    return
                yield keys.memory(room_id, tail.timestamp), record

    def _index(self) -> Iterator[Row]:
        """In any order; one that goes meanwhile may be there or not."""
        fields = self._server.command("HKEYS", self._names.index)
        for n in range(0, len(fields), _RECORDS):
            some = fields[n : n + _RECORDS]
            for field, value in zip(some, self._server.command("HMGET", self._names.index, *some), strict=True):
                if value is not None:
                    yield keys.INDEX + field, value

    def _small(self, kind: str, room_id: RoomId) -> Iterator[Row]:
        if kind == "destroyed":
            return (
                (keys.DESTROYED + member, b"") for member in self._server.command("SMEMBERS", self._names.destroyed)
            )
        return queue_rows(room_id, self._server.command("HGETALL", self._names.of(room_id, kind)))


class FixedView(View):
    """One room as it was when this was made: its small records were read at one moment, its memory is read as it is
    by then, up to where it ended at that moment.
    """

    def __init__(self, server: Server, names: Names, room_id: RoomId) -> None:
        super().__init__(server, names)
        self._room_id = room_id
        small = [("GET", names.of(room_id, kind)) for kind in ("state", "config", "metadata")]
        with reads(server):
            index, state, config, metadata, queue = server.commands(
                [("HGET", names.index, room_id), *small, ("HGETALL", names.of(room_id, "queue"))], together=True
            )
        self._values = {
            keys.index(room_id): index,
            keys.state(room_id): state,
            keys.config(room_id): config,
            keys.metadata(room_id): metadata,
        }
        self._queue = queue
        self._record: RoomRecord | None = None
        """None where it is damaged: then nothing says where memory ended."""
        with suppress(Damaged):
            self._record = decode_room(room_id, index) if isinstance(index, bytes) else None

    def get(self, key: bytes) -> bytes | None:
        found = _sound(self._values.get(key))
        return None if found is None else bytes(found)

    def _small(self, kind: str, room_id: RoomId) -> Iterator[Row]:
        if kind != "queue":
            return super()._small(kind, room_id)
        return queue_rows(room_id, _sound(self._queue))

    def _memory(self, room_id: RoomId, low: int, high: int, *, reverse: bool) -> Iterator[Row]:
        if self._record is None:
            yield from super()._memory(room_id, low, high, reverse=reverse)
            return
        memory = MemoryList(self._server, self._names.of(room_id, "memory"), room_id)
        with reads(self._server):
            for tail, record in self._down(memory, high) if reverse else self._up(memory, low):
                if not low <= tail.timestamp < high:
                    return
                yield keys.memory(room_id, tail.timestamp), record

    def _up(self, memory: MemoryList, low: int) -> Iterator[TailedRow]:
        assert self._record is not None
        end, last = self._record.tail, self._record.head.seq if low == 0 else None
        for row in self._until(memory, memory.up(low), end.timestamp):
            if last is not None and row[0].seq - entry_count(row[1]) != last:
                self._require_unmoved()
            last = row[0].seq
            yield row
        if last is not None and last < end.seq:
            self._require_unmoved()

    def _down(self, memory: MemoryList, high: int) -> Iterator[TailedRow]:
        assert self._record is not None
        end = self._record.tail.timestamp
        if high > end:
            newest = next(memory.up(end), None)
            if newest is None:
                self._require_unmoved()
            else:
                yield from reversed([*self._until(memory, iter([newest]), end)])
        yield from memory.down(min(high, end))

    @staticmethod
    def _until(memory: MemoryList, rows: Iterator[TailedRow], end: int) -> Iterator[TailedRow]:
        """Rows up to a timestamp. One that ends above it has been written since: of a segment the beginning counts."""
        for row in rows:
            if row[0].timestamp > end:
                yield from [entry for entry in memory.entries_of(row[1]) if entry[0].timestamp <= end]
                return
            yield row

    def _require_unmoved(self) -> None:
        """Tell what looks like damage from a room that has been removed or truncated in the meantime."""
        assert self._record is not None
        now = super().get(keys.index(self._room_id))
        with suppress(Damaged):
            if now is None or decode_room(self._room_id, now).head != self._record.head:
                raise failed(self._server, "the room was removed or truncated while it was being read")


def queue_rows(room_id: RoomId, answer: Sequence[bytes]) -> Iterator[Row]:
    """The rows of a queue from a hash; a field that is no number makes a key that no queued input has."""
    prefix = keys.queue_prefix(room_id)
    pairs: Iterable[tuple[bytes, bytes]] = zip(answer[::2], answer[1::2], strict=True)
    return ((prefix + (field.zfill(20) if field.isdigit() else field), value) for field, value in pairs)


@contextmanager
def reads(server: Server) -> Iterator[None]:
    """Raises Damaged for a key that holds another kind of value, StoreFailed for all else."""
    try:
        yield
    except Refused as error:
        raise wrong(server, str(error)) from None
    except Lost as error:
        raise failed(server, str(error)) from None


def wrong(server: Server, reason: str) -> Damaged | StoreFailed:
    if reason.startswith("WRONGTYPE"):
        return Damaged("CHECKSUM_MISMATCH", 0, f"REASON: {reason}")
    return failed(server, reason)


def _sound(answer: Any) -> Any:
    """An answer from among several. Raises Damaged when it is the server's refusal."""
    if isinstance(answer, Exception):
        raise Damaged("CHECKSUM_MISMATCH", 0, f"REASON: {answer}")
    return answer
