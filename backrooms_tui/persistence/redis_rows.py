"""The rows of the REDIS backend: one script for each batch, so one round trip, and wholly or not at all.

A batch shows the token of the lease and, for each index record that it replaces, how that one begins. One that is sent
again, comes late or comes from somebody who does not know what was written last is refused by the server, and so is
memory that does not go on where the list ends. A batch without an answer is not sent again: the handle is poisoned, a
new token is taken, which bars whatever is still under way, and what is there then is what was written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import ConfigInvalid, RoomLeasedElsewhere, StoreClosed, StoreFailed
from backrooms_tui.model.ids import ID_LENGTH, RoomId
from backrooms_tui.model.room import Damage

from . import keys
from .gate import Gate
from .records import HEADER
from .redis import Lost, Refused, Server, Word, answered, failed
from .redis_memory import MemoryList
from .redis_owner import Lease, examine, read_holder
from .redis_scripts import BATCH, PROBE, USAGE
from .redis_view import FixedView, Names, View, split

_RENEWAL = 3.0
"""Seconds after which an owner that writes nothing renews its lease."""
_SCAN = 1000
_PREFIX = re.compile(r"[!-~]{1,128}")


class RedisBatch:
    """See `rows.Batch`. Memory rows are put in rising order, and only above what is there."""

    def __init__(self) -> None:
        self.changes: dict[bytes, bytes | None] = {}
        self.memory: dict[RoomId, dict[int, bytes]] = {}
        self.runs: list[tuple[RoomId, int, int, int, bytes]] = []
        """Stored rows that become one or none: room, first and last timestamp, how many, what they become."""
        self.swept: list[RoomId] = []

    def put(self, key: bytes, value: bytes) -> None:
        kind, room_id, number = split(key)
        if kind == "memory":
            self.memory.setdefault(room_id, {})[int(number)] = value
        else:
            self.changes[key] = value

    def delete(self, key: bytes) -> None:
        kind, room_id, number = split(key)
        if kind == "memory":
            self.replace(room_id, [int(number)], None)
        else:
            self.changes[key] = None

    def replace(self, room_id: RoomId, timestamps: Sequence[int], value: bytes | None) -> None:
        """Rows of this same batch may be among them."""
        fresh = self.memory.setdefault(room_id, {})
        stored = [timestamp for timestamp in timestamps if timestamp not in fresh]
        for timestamp in timestamps:
            fresh.pop(timestamp, None)
        last = timestamps[-1]
        becomes = value if value is not None and stored and stored[-1] == last else None
        if stored:
            self.runs.append((room_id, stored[0], stored[-1], len(stored), becomes or b""))
        if value is not None and becomes is None:
            fresh[last] = value

    @property
    def grows(self) -> bool:
        """Whether a full server is to refuse it. What makes rooms smaller or removes them must pass there."""
        if self.runs or self.swept:
            return False
        put = [key for key, value in self.changes.items() if value is not None]
        return any(self.memory.values()) or any(not key.startswith(keys.DESTROYED) for key in put)


class RedisRows:
    """See `Rows`."""

    backend = "REDIS"

    def __init__(self, root: Path, server: Server, prefix: str) -> None:
        """Become the owner of the rooms whose keys begin with `prefix`; `server` is this store's from now on.

        Raises ConfigInvalid, StoreBusy, StoreFailed, UnsafePath; then nothing is held.
        """
        self._settle(server, prefix)
        self._lease = Lease(server, prefix, root)
        self._begin()

    def _settle(self, server: Server, prefix: str) -> None:
        if not _PREFIX.fullmatch(prefix):
            raise ConfigInvalid("PERSISTENCE.KEY_PREFIX: must be 1 to 128 printable ASCII characters without spaces.")
        self.gate = Gate()
        self.warnings: tuple[str, ...] = ()
        self._server = server
        self._names = Names(prefix)
        self._heads: dict[str, bytes] = {}
        """How each room's index record begins (its header, with the checksum) as last acknowledged."""
        self._renewed = 0.0
        self._rewrite_due = False
        self.place = f"redis {server.address} db {server.db} {prefix}*"

    def _begin(self) -> None:
        try:
            self._open(full_refuses=False)
        except BaseException:
            self._server.disconnect()
            raise

    def _open(self, *, full_refuses: bool) -> None:
        self.warnings = examine(self._server)
        self._lease.take()
        try:
            with answered(self._server):
                probes = [f"{self._names.prefix}probe:{n}" for n in range(4)]
                self._server.run(PROBE, probes, [int(full_refuses)])
                self._heads = self._stored_heads()
        except BaseException:
            if not full_refuses:
                self._lease.leave()
            raise
        self._renewed = time.monotonic()

    def _stored_heads(self) -> dict[str, bytes]:
        try:
            answer = self._server.command("HGETALL", self._names.index)
        except Refused as error:
            if error.code != "WRONGTYPE":
                raise
            return {}  # readers will tell
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return {field.decode("latin-1"): value[:HEADER] for field, value in pairs}

    @contextmanager
    def reading(self) -> Iterator[View]:
        with self.gate.passing():
            yield View(self._server, self._names)

    @contextmanager
    def fixed(self, room_id: RoomId, *, proven: bool = False) -> Iterator[FixedView]:  # noqa: ARG002 - a server checks nothing
        with self.gate.passing():
            yield FixedView(self._server, self._names, room_id)

    def batch(self, *, sync: bool) -> RedisBatch:  # noqa: ARG002 - the server knows no difference
        self.gate.check()
        return RedisBatch()

    def replace(self, batch: RedisBatch, room_id: RoomId, timestamps: Sequence[int], value: bytes | None) -> None:
        batch.replace(room_id, timestamps, value)

    def write(self, batch: RedisBatch) -> None:
        operations = self._operations(batch)
        try:
            reason = self._send(operations, grows=batch.grows)
        except RoomLeasedElsewhere:  # the server has looked, and written nothing
            raise
        except BaseException as error:
            self.poison(f"REASON: {error}")
            if isinstance(error, Refused | Lost):
                raise failed(self._server, str(error)) from None
            raise
        if reason is not None:
            self.poison(f"REASON: {reason}")
            raise failed(self._server, reason)
        for room_id, head in operations.heads_after.items():
            if head:
                self._heads[room_id] = head
            else:
                self._heads.pop(room_id, None)

    def _operations(self, batch: RedisBatch) -> Operations:
        operations = Operations(self._names, self._heads)
        operations.add(batch)
        return operations

    def _send(self, operations: Operations, *, grows: bool) -> str | None:
        """Give why the server's script refused a batch, if it did. Raises Refused, Lost."""
        lease = self._lease
        verdict, *where = self._server.run(
            BATCH,
            [
                *lease.keys,
                self._names.index,
                self._names.destroyed,
                self._names.leases,
                self._names.removed,
                *operations.keys,
            ],
            [lease.token, lease.text, lease.expiry, int(grows), lease.numbered, *operations.arguments],
        )
        if verdict == b"OK":
            self._renewed = time.monotonic()
            return None
        if verdict == b"FENCED":
            holder = read_holder(where[0])
            return f"the rooms have another owner: {holder.told() if holder else 'unknown'}"
        told = keys.printable(where[0])
        if verdict == b"LEASED":
            raise self._refusal(RoomId(told))
        if verdict == b"TYPE":
            return f"{told} holds another kind of value"
        return f"{told} is not as it was left"

    def _refusal(self, room_id: RoomId) -> RoomLeasedElsewhere:
        """For a room that is not ours to write to."""
        return RoomLeasedElsewhere(f"ROOM: {room_id}")

    def keep(self) -> None:
        self._rewrite()
        if self.gate.barred or time.monotonic() - self._renewed < _RENEWAL:
            return
        token = self._lease.token
        with suppress(Refused, Lost):  # a server that is away is met by the next write
            reason = self._send(Operations(self._names, {}), grows=False)
            if reason is not None and token == self._lease.token:
                self.poison(f"REASON: {reason}")

    def sweep(self, room_id: RoomId, *, erase: bool) -> None:
        batch = self.batch(sync=True)
        batch.swept.append(room_id)
        batch.delete(keys.destroyed(room_id))
        self.write(batch)
        if erase:
            self._rewrite_due = True
            self._rewrite()

    def _rewrite(self) -> None:
        """Ask for a new append-only file: the old one holds what has been removed. Asked again while one is being
        written that was begun before.
        """
        if self._rewrite_due:
            with suppress(Lost):
                try:
                    self._server.command("BGREWRITEAOF")
                except Refused as error:
                    self._rewrite_due = "in progress" in str(error)
                else:
                    self._rewrite_due = False

    def poison(self, reason: str) -> None:
        self.gate.bar(StoreFailed, f"REDIS: {self._server.address}", reason)

    def reopen(self) -> None:
        if self.gate.closed:
            raise StoreClosed
        self.poison("THE STORE IS BEING OPENED AGAIN")
        self._server.disconnect()
        self._open(full_refuses=True)
        self.gate.open()

    def cuts(self) -> dict[RoomId, bytes]:
        """Rooms whose history was ended or begun anew in living memory, each with when."""
        with answered(self._server):
            told = self._server.command("HGETALL", self._names.removed)
        return {RoomId(room.decode()): at for room, at in zip(told[::2], told[1::2], strict=True)}

    def locate(self, key: bytes, offset: int) -> tuple[str, int]:
        kind, room_id, number = split(key)
        name = self._names.shown(key)
        if kind == "memory" and number:
            with suppress(Refused, Lost):
                place = MemoryList(self._server, name, room_id).place_of(int(number))
                return name if place is None else f"{name}[{place}]", offset
        return name, offset

    def inspect(self) -> Iterator[Damage]:
        """Keys that begin with our prefix and are no room's."""
        with self.reading(), answered(self._server):
            prefix = self._names.prefix
            pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
            cursor: Any = b"0"
            while True:
                cursor, found = self._server.command("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN)
                if found:
                    yield from self._nobodys(found)
                if cursor == b"0":
                    return

    def _nobodys(self, found: Sequence[bytes]) -> Iterator[Damage]:
        rooms = {*self._server.command("HKEYS", self._names.index)}
        rooms.update(self._server.command("SMEMBERS", self._names.destroyed))
        ours = {*self._lease.keys, *self._names.shared}
        for name in map(keys.printable, found):
            room_id, _, kind = name.removeprefix(self._names.prefix).partition(":")
            known = len(room_id) == ID_LENGTH and room_id.encode() in rooms and kind in Names.KINDS
            if not known and name not in ours and not name.startswith(f"{self._names.prefix}probe:"):
                yield Damage("STATE_UNREADABLE", name, 0, time.time_ns())

    def disk_usage(self) -> int:
        """Bytes that the rooms take in the server's memory, as it estimates them."""
        self.gate.check()
        with answered(self._server):
            return int(self._server.run(USAGE, [self._names.index, self._names.destroyed], [self._names.prefix]))

    def close(self) -> None:
        if not self.gate.closed:
            self.gate.bar(StoreClosed)
            self.gate.drain()
            self._lease.leave()
        self._server.disconnect()


class Operations:
    """A batch in the words of the script."""

    def __init__(self, names: Names, heads: dict[str, bytes]) -> None:
        self.keys: list[str] = []
        self.arguments: list[Word] = []
        self.heads_after: dict[str, bytes] = {}
        self._names = names
        self._heads = heads
        self._numbers: dict[str, int] = {}

    def add(self, batch: RedisBatch) -> None:
        for room_id in batch.swept:
            for kind in Names.KINDS:
                self.say("s", self._number(room_id, kind))
        for key, value in batch.changes.items():
            self._change(key, value)
        for room_id, first, last, count, becomes in batch.runs:
            ends = (first.to_bytes(8, "big"), last.to_bytes(8, "big"))
            self.say("R", self._number(room_id, "memory"), count, *ends, becomes)
        for room_id, rows in batch.memory.items():
            if rows:
                self.say("M", self._number(room_id, "memory"), len(rows), *rows.values())

    def _change(self, key: bytes, value: bytes | None) -> None:
        kind, room_id, number = split(key)
        if kind == "index":
            guard = self._heads.get(room_id, b"")
            self.heads_after[room_id] = value[:HEADER] if value else b""
            self._put_or_remove("I", value, room_id, guard)
        elif kind == "destroyed":
            self.say("x" if value is None else "X", room_id)
        elif kind == "queue":
            self._put_or_remove("Q", value, self._number(room_id, kind), number)
        else:
            self._put_or_remove("S", value, self._number(room_id, kind))

    def _put_or_remove(self, word: str, value: bytes | None, *where: Word) -> None:
        if value is None:
            self.say(word.lower(), *where)
        else:
            self.say(word, *where, value)

    def say(self, *words: Word) -> None:
        self.arguments += words

    def _number(self, room_id: str, kind: str) -> int:
        """The number by which an operation names a key; the first six are everybody's."""
        name = self._names.of(room_id, kind)
        if name not in self._numbers:
            self.keys.append(name)
            self._numbers[name] = len(self.keys) + 6
        return self._numbers[name]
