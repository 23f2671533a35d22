"""A room's memory as a Redis list: rows found by their timestamps, never by a remembered place.

A list knows no keys. The key of a row is the timestamp inside its record, and rows stand in its order, so a script
finds a place by halving (twenty looks into a million rows, one round trip) and gives some rows from there. Its looks
are not checked against checksums; the row it lands at and the one before it are, here, and a row that misled it is
not asked again. A row that is damaged has no timestamp to be named by: it is named by its place.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from backrooms_tui.model.entries import Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Damage

from .damage import DamageFound
from .records import ENTRY, HEADER, Damaged, frame, unframe
from .redis import Server
from .redis_scripts import WALK
from .segments import bodies_of, entry_count, is_segment, tail_of

_FIRST, _MOST, _GROWTH = 4, 256, 4
"""Rows asked for at first, at most, and how many times more each time."""
_BYTES = 1 << 20
"""An answer larger than this makes the next one smaller."""
_LIARS = 16
"""Misleading rows that a search goes around; with more of them it lands among damage, and tells that."""
_LARGEST = (1 << 64) - 1
_WIDTHS = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
"""Bytes of a number after msgpack's mark for it."""

TailedRow = tuple[Tail, bytes]
"""The tail the room had with a row, and the row's record."""


class MemoryList:
    def __init__(self, server: Server, name: str, room_id: RoomId) -> None:
        self.name = name
        self._server = server
        self._room_id = room_id

    def up(self, start: int) -> Iterator[TailedRow]:
        """Rows at and above a timestamp. Raises DamageFound, Refused, Lost."""
        last = Tail()
        for rows in self._chunks(start, "up"):
            compacted = True  # since the chunk before: some of the first row may have been given already
            for tail, record in rows:
                if compacted and is_segment(record) and tail.seq - entry_count(record) < last.seq:
                    yield from [row for row in self.entries_of(record) if row[0].seq > last.seq]
                else:
                    yield tail, record
                last, compacted = tail, False

    def down(self, stop: int) -> Iterator[TailedRow]:
        """Rows below a timestamp, from the last one downwards. Raises DamageFound, Refused, Lost."""
        for rows in self._chunks(stop, "down"):
            yield from rows

    def place_of(self, timestamp: int) -> int | None:
        """Where the row with exactly this timestamp stands. Raises Refused, Lost."""
        at, first, rows = self._fetch(timestamp, "up", 1)
        with suppress(Damaged, IndexError):
            if _tail(self._room_id, rows[at - first]).timestamp == timestamp:
                return at
        return None

    def entries_of(self, record: bytes) -> list[TailedRow]:
        """A row as one row for each of its entries."""
        return [(entry_tail(body), frame(ENTRY, self._room_id, body)) for body in bodies_of(self._room_id, record)]

    def _chunks(self, timestamp: int, way: str) -> Iterator[Iterator[TailedRow]]:
        """Rows from one place on, as many as were fetched at a time. Each must be read to its end."""
        count, near = _FIRST, -1
        while True:
            at, first, rows = self._fetch(timestamp, way, count, near)
            places = range(at, first + len(rows)) if way == "up" else range(at - 1, first - 1, -1)
            outer = at - 1 if way == "up" else at
            if first <= outer < first + len(rows):  # a damaged one may be what was asked for
                self._checked(outer, rows[outer - first])
            given: list[Tail] = []
            yield self._rows(places, first, rows, given)
            if len(places) < count:
                return
            timestamp = given[-1].timestamp + (way == "up")
            near = places[-1] + (way == "up")
            count = max(1, count // _GROWTH) if sum(map(len, rows)) > _BYTES else min(count * _GROWTH, _MOST)

    def _rows(self, places: range, first: int, rows: Sequence[bytes], given: list[Tail]) -> Iterator[TailedRow]:
        for place in places:
            record = rows[place - first]
            given.append(self._checked(place, record))
            yield given[-1], record

    def _checked(self, place: int, record: bytes) -> Tail:
        try:
            return _tail(self._room_id, record)
        except Damaged as error:
            raise DamageFound(Damage(error.type, f"{self.name}[{place}]", error.offset, time.time_ns())) from None

    def _fetch(self, timestamp: int, way: str, count: int, near: int = -1) -> tuple[int, int, list[bytes]]:
        """The first place at or above a timestamp, and some rows with the place of their first: those from there
        upwards or those below it, each with the neighbour on the other side.
        """
        stamp = b"" if timestamp > _LARGEST else max(timestamp, 0).to_bytes(8, "big")
        avoid: set[int] = set()
        while True:
            at, first, rows = self._server.run(WALK, [self.name], [stamp, way, count, near, *avoid])
            liars = self._liars(at, first, rows) - avoid if stamp else set()
            if not liars or len(avoid) >= _LIARS:
                return at, first, rows
            avoid |= liars

    def _liars(self, at: int, first: int, rows: Sequence[bytes]) -> set[int]:
        """Which of the two rows beside a place are damaged, so that what they say must not have led there."""
        liars = set()
        for place in (at - 1, at):
            if first <= place < first + len(rows):
                try:
                    _tail(self._room_id, rows[place - first])
                except Damaged:
                    liars.add(place)
        return liars


def _tail(room_id: RoomId, record: bytes) -> Tail:
    """`tail_of` for what is called for every row that is read: a whole entry is not taken apart, only its ends.
    Raises Damaged.
    """
    return tail_of(room_id, record) if is_segment(record) else entry_tail(unframe(ENTRY, room_id, record))


def entry_tail(body: bytes) -> Tail:
    """The tail with an entry whose checksum has been found right."""
    try:
        at, seq = _number(body, 1)
        _, timestamp = _number(body, at)
    except (KeyError, IndexError):  # a checksum can be made for anything
        raise Damaged("CHECKSUM_MISMATCH", HEADER) from None
    return Tail(seq, timestamp, int.from_bytes(body[-4:], "big"))


def _number(body: bytes, at: int) -> tuple[int, int]:
    """Where the plain number at a byte of a msgpack array ends, and the number."""
    first = body[at]
    end = at + 1 + (0 if first < 0x80 else _WIDTHS[first])
    return end, int.from_bytes(body[at + 1 : end], "big") if first >= 0x80 else first
