"""What a backend's engine does: keep rows under the keys of `keys.py`, atomically and honestly.

`RowStore` builds a `RoomStore` on it and holds all that is the same for every backend: admission, damage, the witness,
destruction, segments. An engine knows where its rows stand (a LevelDB key, a line of `memory.log`, an SQL row, an
element of a Redis list) and nothing of what they mean, except as far as its layout shows it to people.

Ranges that are ever scanned: `/index/`, `/destroyed/`, one room's queue, one room's memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage

from .gate import Gate

Row = tuple[bytes, bytes]
"""A key and its value."""


class View(Protocol):
    """What can be read: the newest state, or a fixed one. Damage that the engine itself meets raises `Damaged` (then
    it is in the value that was asked for) or `DamageFound` (when it knows better where); a system that does not let it
    read raises StoreFailed.
    """

    def get(self, key: bytes) -> bytes | None: ...

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False, include_stop: bool = False) -> Iterator[Row]:
        """Rows from `start` up to `stop` in order of their keys; with `reverse` from the last one downwards.

        A generator: what it holds is let go when it is closed or forgotten. Reads no further than it is asked to.
        """
        ...


class Batch(Protocol):
    """Writes that happen together, in this order; the last word on a key counts. Of the engine that made it."""

    def put(self, key: bytes, value: bytes) -> None: ...

    def delete(self, key: bytes) -> None: ...


class Rows(Protocol):
    """One open database. Reads may run in any thread; writes, `reopen` and `close` in one at a time."""

    backend: str
    place: str
    """Where it is, for people: a path or an address."""
    gate: Gate
    """Barred while poisoned and when closed; every read passes it."""
    warnings: tuple[str, ...]
    """Lines for people: where acknowledged rooms are less safe than they think. Known anew at each opening."""

    def reading(self) -> AbstractContextManager[View]:
        """The newest state. Raises StoreFailed while poisoned, StoreClosed."""
        ...

    def fixed(self, room_id: RoomId, *, proven: bool = False) -> AbstractContextManager[View]:
        """One room at one moment, whatever is written meanwhile; memory above the record's tail may show newer rows.

        With `proven` the machinery below is to check what it can, too: rows in a place whose checksum is wrong raise,
        or are missing. Raises like `reading`.
        """
        ...

    def batch(self, *, sync: bool) -> Batch:
        """An empty batch, for one `write`. With `sync` it is to be durable when that returns, together with all
        that was written before. Raises StoreFailed while poisoned, StoreClosed.
        """
        ...

    def replace(self, batch: Any, room_id: RoomId, timestamps: Sequence[int], value: bytes | None) -> None:
        """Have a room's consecutive memory rows, at rising timestamps, be one row at the last of them, or none."""
        ...

    def write(self, batch: Any) -> None:
        """Write a batch atomically, once. Whatever goes wrong poisons the handle and, but for signals, is StoreFailed:
        nothing may be acknowledged after a failed write until `reopen` has shown what is there.
        """
        ...

    def sweep(self, room_id: RoomId, *, erase: bool) -> None:
        """Remove all rows of a room but its index row, then its mark of destruction, durably; with `erase` also the
        bytes, where the engine would keep them for a while. Bytes that cannot be read are no obstacle.
        """
        ...

    def poison(self, reason: str) -> None:
        """Refuse everything from now on, until `reopen`."""
        ...

    def reopen(self) -> None:
        """Close, open again, and prove with a durable write that writing works. Raises StoreFailed, StoreCorrupted;
        the handle is then still poisoned.
        """
        ...

    def locate(self, key: bytes, offset: int) -> tuple[str, int]:
        """Where an operator finds byte `offset` of the value under `key`: a file or key, and the byte within that."""
        ...

    def inspect(self) -> Iterator[Damage]:
        """Look at every byte that no room's rows show: the engine's own structures, files that are nobody's."""
        ...

    def disk_usage(self) -> int:
        """Bytes."""
        ...

    def keep(self) -> None:
        """Called about once a second in the life of a long owner, in any thread: what has to be renewed is renewed
        here. Never raises; what it finds wrong poisons the handle.
        """
        ...

    def close(self) -> None:
        """Idempotent; waits for readers."""
        ...


def after(prefix: bytes) -> bytes:
    """The first key after all that start with `prefix`."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


def prefixed(view: View, prefix: bytes) -> Iterator[Row]:
    return view.scan(prefix, after(prefix))


def first(rows: Iterable[Row]) -> Row | None:
    """The first row of a scan, if it has one; the scan is over."""
    return next(iter(rows), None)
