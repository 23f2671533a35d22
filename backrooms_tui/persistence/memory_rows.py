"""The rows of --no-persist, in plain memory. Nothing in it outlives the process.

Also the smallest engine there is: what the others do with files, tables and servers is done here with a dictionary.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backrooms_tui.model.errors import StoreClosed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage

from . import keys
from .gate import Gate
from .rows import Row, after


class _Batch:
    def __init__(self) -> None:
        self.changes: list[tuple[bytes, bytes | None]] = []

    def put(self, key: bytes, value: bytes) -> None:
        self.changes.append((key, value))

    def delete(self, key: bytes) -> None:
        self.changes.append((key, None))


class _View:
    """The newest state, or with `keys_then` that of a moment: values are never changed in place."""

    def __init__(self, rows: MemoryRows) -> None:
        self._rows = rows

    def get(self, key: bytes) -> bytes | None:
        return self._rows.values.get(key)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False, include_stop: bool = False) -> Iterator[Row]:
        with self._rows.lock:
            order = self._rows.order
            end = (bisect_right if include_stop else bisect_left)(order, stop)
            wanted = order[bisect_left(order, start) : end]
        for key in reversed(wanted) if reverse else wanted:
            if (value := self._rows.values.get(key)) is not None:
                yield key, value


class MemoryRows:
    """See `Rows`. Not durable: `sync` means nothing here."""

    backend = "MEMORY"
    place = "memory"
    warnings: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.gate = Gate()
        self.lock = threading.Lock()
        self.values: dict[bytes, bytes] = {}
        self.order: list[bytes] = []

    @contextmanager
    def reading(self) -> Iterator[_View]:
        with self.gate.passing():
            yield _View(self)

    @contextmanager
    def fixed(self, room_id: RoomId, *, proven: bool = False) -> Iterator[_View]:  # noqa: ARG002 - nothing is below
        with self.gate.passing():
            still = MemoryRows()
            with self.lock:
                start = bisect_left(self.order, keys.room(room_id))
                still.order = [
                    keys.index(room_id),
                    *self.order[start : bisect_left(self.order, after(keys.room(room_id)))],
                ]
                still.values = {key: self.values[key] for key in still.order if key in self.values}
            yield _View(still)

    def batch(self, *, sync: bool) -> _Batch:  # noqa: ARG002 - the contract's
        self.gate.check()
        return _Batch()

    def replace(self, batch: _Batch, room_id: RoomId, timestamps: Sequence[int], value: bytes | None) -> None:
        for timestamp in timestamps:
            batch.delete(keys.memory(room_id, timestamp))
        if value is not None:
            batch.put(keys.memory(room_id, timestamps[-1]), value)

    def write(self, batch: _Batch) -> None:
        with self.lock:
            for key, value in batch.changes:
                if value is None:
                    if self.values.pop(key, None) is not None:
                        del self.order[bisect_left(self.order, key)]
                    continue
                if key not in self.values:
                    insort(self.order, key)
                self.values[key] = value

    def sweep(self, room_id: RoomId, *, erase: bool) -> None:  # noqa: ARG002 - nothing stays behind here
        batch = self.batch(sync=True)
        with self.reading() as view:
            for key, _ in view.scan(keys.room(room_id), after(keys.room(room_id))):
                batch.delete(key)
        batch.delete(keys.destroyed(room_id))
        self.write(batch)

    def poison(self, reason: str) -> None:
        raise AssertionError(reason)  # no write ever fails

    def reopen(self) -> None:
        self.gate.check()

    def locate(self, key: bytes, offset: int) -> tuple[str, int]:
        return keys.printable(key), offset

    def inspect(self) -> Iterator[Damage]:
        return iter(())

    def disk_usage(self) -> int:
        self.gate.check()
        return 0

    def keep(self) -> None: ...

    def close(self) -> None:
        self.gate.bar(StoreClosed)
        self.gate.drain()
