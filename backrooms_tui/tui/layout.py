"""Which panes a terminal of a given size has room for."""

from __future__ import annotations

from enum import StrEnum

MIN_WIDTH, MIN_HEIGHT = 60, 16


class Layout(StrEnum):
    """The values are the classes that the stylesheet knows."""

    TOO_SMALL = "too-small"
    NARROW = "narrow"
    """One pane at a time: ROOMS, or OUTPUT and INPUT; figures as an overlay."""
    WIDE = "wide"
    """Rooms and figures left, output and input right."""
    HUGE = "huge"
    """A third column for the figures."""


def choose(width: int, height: int) -> Layout:
    """Give the layout for a terminal of `width` x `height` cells."""
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return Layout.TOO_SMALL
    if width < 100 or height < 30:
        return Layout.NARROW
    return Layout.HUGE if width >= 180 and height >= 40 else Layout.WIDE


def room_columns(width: int) -> tuple[str, ...]:
    """Name the columns of the room list that `width` cells hold; they go in the order P95, ERR, USE, Q, LAST."""
    columns = ["id", "state", "mem", "last", "queue", "use", "err", "p95"]
    needed = {"id": 10, "state": 11, "mem": 7, "last": 6, "queue": 4, "use": 6, "err": 5, "p95": 8}
    while sum(needed[name] for name in columns) > width and len(columns) > 2:
        columns.pop()
    order = ("id", "state", "mem", "use", "last", "queue", "err", "p95")
    return tuple(name for name in order if name in columns)
