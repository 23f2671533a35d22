"""Who is in a room: sessions that have entered and not left. Told to everybody, stored nowhere.

Those who came only to look change nothing by it: no room wakes for them, and none stays awake.
"""

from __future__ import annotations

import os
import time
from functools import lru_cache

from backrooms_tui.model.views import Occupant, Visitor

from .room import LiveRoom, user_name


@lru_cache(maxsize=1)
def ourselves() -> Visitor:
    """The owner as a visitor of its own rooms."""
    return Visitor("local", f"{user_name()}@{os.uname().nodename}")


def come(room: LiveRoom, visitor: Visitor, *, read_only: bool) -> None:
    with room.lock:
        room.present = (*room.present, Occupant(visitor.session, visitor.who, read_only, time.time_ns()))


def go(room: LiveRoom, visitor: Visitor) -> None:
    """Count out the session's latest entry; nothing when it has none: nobody is sent away by another."""
    with room.lock:
        for occupant in reversed(room.present):
            if occupant.session == visitor.session:
                room.present = tuple(one for one in room.present if one is not occupant)
                return


def deserted(room: LiveRoom) -> bool:
    """Whether nobody is there who might type."""
    return all(occupant.read_only for occupant in room.present)
