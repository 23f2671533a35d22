"""Several daemons, one Redis: each room is leased to one of them, and nobody else's writes to it get in.

`{prefix}leases` says for each room that is at work which daemon has it, and under which number; `{prefix}daemons` says
for each daemon until when its leases last, by the server's clock alone. One step renews all leases of a daemon,
however many, and when it does not come in time they have all ended together. A lease is taken with the first word that
wants to write to the room, or with the room itself; it is given up when the daemon closes or the room is destroyed.

The number is the fence. A daemon gets one when it joins and a higher one each time it opens the store again; every
batch shows it for every room in it, inside the script that writes. A daemon that stood still and wakes up finds its
number replaced in the rooms that others have taken, and nothing it sends there is written; rooms that nobody wanted
meanwhile are still its own. So time decides only who may take a room, never who may write to it.

What a silent daemon left unfinished (inputs that wait, a removal begun) is taken over by whoever looks next; leases of
its quiet rooms just end. One that closes leaves the leases of rooms in which inputs wait, and is found the same way.

A fleet and a single owner keep each other out by the key that single owners use: a fleet's daemons all renew it.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import RoomLeasedElsewhere, StoreFailed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.value import value

from .redis import Lost, Refused, Server, Word, answered, failed
from .redis_lease_scripts import BEAT, CLAIM, DEPART, HOLD, JOIN, RELEASE
from .redis_owner import FLEET, LEASE_MS, Holder, Lease, read_holder
from .redis_scripts import Script
from .redis_view import Names

_BEATS = 3
"""Renewals in the time of one lease, so that two may fail."""
_PAUSE = 0.5
"""Seconds between two of them at most: a silent daemon is noticed at one."""
_CLAIM = 32, 512
"""Rooms that one claim takes, at least and at most; between them it is a share for each daemon that lives."""
_REMEMBERED = 30 * 24 * 3600
"""Seconds for which a removal is remembered, for daemons that have known the room."""


@value
class Held:
    """A room whose lease has just been taken."""

    record: bytes | None
    """Its index record."""
    cut: bytes | None
    """When its history was last ended or begun anew, as the server wrote it; None: not in living memory."""


class FleetLease(Lease):
    """All leases of one daemon, and the thread that renews them. `take` joins, `leave` departs."""

    def __init__(self, server: Server, names: Names, root: Path, *, seconds: float, address: str | None) -> None:
        super().__init__(server, names.prefix, root)
        host = os.uname().nodename
        self.daemon = f"{host}:{os.getpid()}:{secrets.token_hex(4)}"
        self.token = FLEET
        self.numbered = ""
        """What stands in `{prefix}leases` for a room of ours."""
        self.rooms: set[RoomId] = set()
        """Those that are ours, as far as we know; changed by the writing thread."""
        self.lapsed = self.unclaimed = False
        """Whether all leases had ended before the last renewal; whether some daemon is silent."""
        self.fenced: str | None = None
        """Why there is no fleet any more, once that has been found."""
        self._names = names
        self._milliseconds = int(seconds * 1000)
        self._pause = min(seconds / _BEATS, _PAUSE)
        self._facts = json.dumps({"host": host, "pid": os.getpid(), "since": self._since, "address": address})
        self.text = json.dumps({"host": host, "pid": os.getpid(), "since": self._since, "token": FLEET}).encode()
        self.expiry = max(LEASE_MS, self._milliseconds)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        ours = self._remembered()
        with answered(self._server):
            verdict, *told = self._join("")
            if verdict != b"OK":
                other = read_holder(told[0])
                if other is None or other.host != os.uname().nodename or other.token not in ours:
                    raise self._busy(other)
                verdict, *told = self._join(other.token)  # a single owner that was killed: we hold the lock it held
                if verdict != b"OK":
                    raise self._busy(read_holder(told[0]))
        number, rooms = told
        self.numbered = f"{number.decode()} {self.daemon}"
        self.rooms = {RoomId(room.decode()) for room in rooms}
        self.fenced = None
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat_on, name="leases", daemon=True)
            self._thread.start()

    def _join(self, replaceable: str) -> Any:
        oldest = int(time.time()) - _REMEMBERED
        shared = [self._names.leases, self._names.number, self._names.removed]
        return self._run(JOIN, shared, self.daemon, self._facts, self._milliseconds, oldest, replaceable)

    def hold(self, room_id: RoomId) -> Held:
        """Raises RoomLeasedElsewhere, StoreFailed."""
        shared = [self._names.leases, self._names.index, self._names.removed]
        with answered(self._server):
            verdict, *told = self._run(HOLD, shared, self.daemon, self.numbered, room_id)
        if verdict == b"HELD":
            raise elsewhere(room_id, told[0])
        if verdict != b"OK":
            raise self._ousted(told[0])
        self.rooms.add(room_id)
        return Held(told[0] or None, told[1] or None)

    def claim(self) -> tuple[list[RoomId], bool]:
        """Rooms that have been taken over, and whether there are more. Raises StoreFailed."""
        shared = [self._names.leases, self._names.destroyed]
        with answered(self._server):
            verdict, *told = self._run(CLAIM, shared, self.numbered, self._names.prefix, *_CLAIM)
        if verdict != b"OK":
            raise self._ousted(told[0])
        more, taken = told
        rooms = [RoomId(room.decode()) for room in taken]
        self.rooms.update(rooms)
        return rooms, bool(more)

    def release(self, room_id: RoomId) -> None:
        """A lease that cannot be given up ends by itself."""
        self.rooms.discard(room_id)
        with suppress(Refused, Lost):
            self._server.run(RELEASE, [self._names.leases], [self.numbered, room_id])

    def verify(self) -> list[RoomId]:
        """Rooms that others have taken, or may take at any time; they are ours no longer. Raises StoreFailed."""
        rooms = list(self.rooms)
        if not rooms:
            return []
        with answered(self._server):
            found = self._server.command("HMGET", self._names.leases, *rooms)
        ours = self.numbered.encode()
        lost = [room for room, lease in zip(rooms, found, strict=True) if lease != ours]
        self.rooms.difference_update(lost)
        return lost

    def who(self, room_id: RoomId) -> RoomLeasedElsewhere:
        """The error that names who has a room now."""
        facts = None
        with suppress(Refused, Lost):
            lease = self._server.command("HGET", self._names.leases, room_id) or b""
            facts = self._server.command("HGET", self._names.daemons, lease.partition(b" ")[2])
        return elsewhere(room_id, facts or b"")

    def leave(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with suppress(Refused, Lost):
            self._server.run(
                DEPART,
                [*self.keys, self._names.daemons, self._names.leases, self._names.destroyed],
                [self.daemon, self._names.prefix],
            )

    def _beat_on(self) -> None:
        while not self._stopping.wait(self._pause):
            with suppress(Refused, Lost):  # the next one may succeed; if none does others have the rooms
                verdict, *told = self._run(BEAT, [], self.daemon, self._facts, self._milliseconds)
                if verdict == b"OK":
                    self.lapsed = self.lapsed or bool(told[0])
                    self.unclaimed = self.unclaimed or bool(told[1])
                else:
                    self.fenced = ousted(read_holder(told[0]))

    def _run(self, script: Script, keys: Sequence[str], *words: Word) -> Any:
        return self._server.run(script, [*self.keys, self._names.daemons, *keys], [self.text, self.expiry, *words])

    def _ousted(self, holder: bytes) -> StoreFailed:
        return failed(self._server, ousted(read_holder(holder)))


def ousted(holder: Holder | None) -> str:
    return f"the rooms have another owner: {holder.told() if holder else 'unknown'}"


def elsewhere(room_id: RoomId, told: bytes) -> RoomLeasedElsewhere:
    """The error for a room that has another daemon, of which `told` is what it says of itself."""
    try:
        facts: Any = json.loads(told.partition(b" ")[2])
        host, pid, address = str(facts["host"])[:255], int(facts["pid"]), facts["address"]
    except (ValueError, TypeError, KeyError, RecursionError):  # it has just left, or is no daemon of ours
        return RoomLeasedElsewhere(f"ROOM: {room_id}")
    details = [f"ROOM: {room_id}", f"HELD BY: pid {pid} on {scrub(host)}"]
    if isinstance(address, str):
        details.append(f"ADDRESS: {scrub(address[:255])}")
    return RoomLeasedElsewhere(*details)
