"""The rows of a REDIS store that several daemons share: `RedisRows` in which each batch shows its rooms' leases."""

from __future__ import annotations

from pathlib import Path

from backrooms_tui.model.errors import RoomLeasedElsewhere
from backrooms_tui.model.ids import RoomId

from .records import HEADER
from .redis import Server, answered
from .redis_leases import FleetLease, Held
from .redis_rows import Operations, RedisBatch, RedisRows
from .redis_view import split


class FleetRows(RedisRows):
    """See `Rows`. What takes or gives up leases is called by the writing thread."""

    def __init__(self, root: Path, server: Server, prefix: str, *, seconds: float, address: str | None) -> None:
        """Join the daemons that share the rooms whose keys begin with `prefix`; leases last for `seconds`, and
        `address` is where clients reach this daemon. Raises what `RedisRows` raises.
        """
        self._settle(server, prefix)
        self._lease = self.leases = FleetLease(self._server, self._names, root, seconds=seconds, address=address)
        self.lost: list[RoomId] = []
        """Rooms that turned out to be somebody else's when they were written to."""
        self._begin()

    def holds(self, room_id: RoomId) -> bool:
        return room_id in self.leases.rooms

    def hold(self, room_id: RoomId) -> Held:
        self.gate.check()
        held = self.leases.hold(room_id)
        self._heads[room_id] = (held.record or b"")[:HEADER]
        return held

    def claim(self) -> dict[RoomId, bytes | None]:
        """Some rooms in which silent daemons left work, each with its index record; what they left elsewhere is free
        from then on.
        """
        self.gate.check()
        rooms, self.leases.unclaimed = self.leases.claim()
        found = self._stored_records(rooms)
        self._heads.update({room: (record or b"")[:HEADER] for room, record in found.items()})
        return found

    def verify(self) -> list[RoomId]:
        """Rooms that turn out not to be ours any more, after leases have ended."""
        self.gate.check()
        self.leases.lapsed = False
        return self.leases.verify()

    def release(self, room_id: RoomId) -> None:
        self._heads.pop(room_id, None)
        self.leases.release(room_id)

    def cut(self, room_id: RoomId) -> None:
        """Note, for daemons that have known it, that a room's history begins anew."""
        with answered(self._server):
            self._server.command("HSET", self._names.removed, room_id, self._server.command("TIME")[0])

    def keep(self) -> None:
        self._rewrite()
        if self.leases.fenced is not None and not self.gate.barred:
            self.poison(f"REASON: {self.leases.fenced}")

    def _operations(self, batch: RedisBatch) -> Operations:
        operations = Operations(self._names, self._heads)
        rooms = {split(key)[1] for key in batch.changes}
        rooms.update(batch.memory, batch.swept, (run[0] for run in batch.runs))
        for room_id in rooms:
            operations.say("L" if self.holds(room_id) else "N", room_id)
        operations.add(batch)
        return operations

    def _send(self, operations: Operations, *, grows: bool) -> str | None:
        reason = super()._send(operations, grows=grows)
        if reason is None:
            self.leases.rooms.update(map(RoomId, operations.heads_after))
        return reason

    def _refusal(self, room_id: RoomId) -> RoomLeasedElsewhere:
        if self.holds(room_id):
            self.leases.rooms.discard(room_id)
            self.lost.append(room_id)
        return self.leases.who(room_id)

    def _stored_heads(self) -> dict[str, bytes]:
        """Only of rooms that are ours: the others' change."""
        found = self._stored_records(list(self.leases.rooms))
        return {room: record[:HEADER] for room, record in found.items() if record}

    def _stored_records(self, rooms: list[RoomId]) -> dict[RoomId, bytes | None]:
        if not rooms:
            return {}
        with answered(self._server):
            return dict(zip(rooms, self._server.command("HMGET", self._names.index, *rooms), strict=True))
