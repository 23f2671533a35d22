"""Memory rows by columns: some timestamps, and as many records.

What looks at a million rows does so a few dozen at a time, with functions mapped over columns; a pair for each row,
made here and taken apart there, took a quarter of the time. Who wants pairs gets them from `ColumnarRows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from .damage import DamageFound
from .store import MemoryRow

_BITE = 64
"""Rows gathered from pairs at a time."""


class Columns(NamedTuple):
    """Consecutive rows, at least one where nothing else is said."""

    places: list[int]
    """Timestamps."""
    records: list[bytes]

    def cut(self, start: int, end: int) -> Columns:
        return Columns(self.places[start:end], self.records[start:end])


class ColumnarRows:
    """Rows that come in bites, for whom they are good enough, and one by one for everybody else."""

    def __init__(self, bites: Iterable[Columns]) -> None:
        self.bites = iter(bites)
        self._rows = chain.from_iterable(zip(*bite, strict=True) for bite in self.bites)

    def __iter__(self) -> Iterator[MemoryRow]:
        return self

    def __next__(self) -> MemoryRow:
        return next(self._rows)


def bites_of(rows: Iterable[MemoryRow]) -> Iterator[Columns]:
    """Rows in bites, some empty. What comes before damage is given before that is raised."""
    return rows.bites if isinstance(rows, ColumnarRows) else _gathered(iter(rows))


def _gathered(rows: Iterator[MemoryRow]) -> Iterator[Columns]:
    while True:
        bite: list[MemoryRow] = []
        try:
            bite.extend(islice(rows, _BITE))
        except DamageFound:
            yield _columns(bite)  # what came before the damage stays in the list
            raise
        if not bite:
            return
        yield _columns(bite)


def _columns(rows: list[MemoryRow]) -> Columns:
    return Columns([place for place, _ in rows], [record for _, record in rows])
