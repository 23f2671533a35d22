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
from .records import ENTRY, Damaged, decode_entry, frame
from .redis import Server
from .redis_scripts import WALK
from .segments import bodies_of, entry_count, is_segment, tail_of
from .store import MemoryRow

_FIRST, _MOST, _GROWTH = 4, 256, 4
"""Rows asked for at first, at most, and how many times more each time."""
_BYTES = 1 << 20
"""An answer larger than this makes the next one smaller."""
_LIARS = 16
"""Misleading rows that a search goes around; with more of them it lands among damage, and tells that."""
_LARGEST = (1 << 64) - 1


class MemoryList:
    def __init__(self, server: Server, name: str, room_id: RoomId) -> None:
        self.name = name
        self._server = server
        self._room_id = room_id

    def up(self, start: int) -> Iterator[MemoryRow]:
        """Rows at and above a timestamp. Raises DamageFound, Refused, Lost."""
        last = Tail()
        for rows in self._chunks(start, "up"):
            compacted = True  # since the chunk before: some of the first row may have been given already
            for tail, record in rows:
                if compacted and is_segment(record) and tail.seq - entry_count(record) < last.seq:
                    yield from [row for row in self.entries_of(record) if row[0] > last.timestamp]
                else:
                    yield tail.timestamp, record
                last, compacted = tail, False

    def down(self, stop: int) -> Iterator[MemoryRow]:
        """Rows below a timestamp, from the last one downwards. Raises DamageFound, Refused, Lost."""
        for rows in self._chunks(stop, "down"):
            for tail, record in rows:
                yield tail.timestamp, record

    def place_of(self, timestamp: int) -> int | None:
        """Where the row with exactly this timestamp stands. Raises Refused, Lost."""
        at, first, rows = self._fetch(timestamp, "up", 1)
        with suppress(Damaged, IndexError):
            if tail_of(self._room_id, rows[at - first]).timestamp == timestamp:
                return at
        return None

    def entries_of(self, record: bytes) -> list[MemoryRow]:
        """A row as one row for each of its entries."""
        if not is_segment(record):
            return [(tail_of(self._room_id, record).timestamp, record)]
        bodies = bodies_of(self._room_id, record)
        return [(decode_entry(body)[0].timestamp, frame(ENTRY, self._room_id, body)) for body in bodies]

    def _chunks(self, timestamp: int, way: str) -> Iterator[Iterator[tuple[Tail, bytes]]]:
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

    def _rows(
        self, places: range, first: int, rows: Sequence[bytes], given: list[Tail]
    ) -> Iterator[tuple[Tail, bytes]]:
        for place in places:
            record = rows[place - first]
            given.append(self._checked(place, record))
            yield given[-1], record

    def _checked(self, place: int, record: bytes) -> Tail:
        try:
            return tail_of(self._room_id, record)
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
                    tail_of(self._room_id, rows[place - first])
                except Damaged:
                    liars.add(place)
        return liars
