"""Daemons that share their rooms on one Redis server, each with a directory of its own, and words to ask them."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from redis_server import RedisServer

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.views import TurnResult
from backrooms_tui.persistence.redis_lease_scripts import BEAT
from backrooms_tui.service import OwnerService, open_service

LEASE = 60.0
"""Seconds: no daemon that lives loses a room, however long the machine pauses; where one is to, `lapse` sees to it."""


class Daemons:
    """`daemon("a")` opens one, or opens its directory again; all are closed at the end."""

    def __init__(self, server: RedisServer, place: Path) -> None:
        self.server = server
        self.place = place
        self.faults: list[BaseException] = []
        self._open: list[OwnerService] = []

    def settings(self, name: str, *, fleet: bool = True, **changes: object) -> Settings:
        persistence = {"backend": "REDIS", "host": self.server.socket, "fleet": fleet, "lease": LEASE}
        return Settings(persistence=PersistenceSettings(path=str(self.place / name), **{**persistence, **changes}))

    def daemon(self, name: str, **changes: object) -> OwnerService:
        service = open_service(
            self.settings(name, **changes), address=f"{name}.example:9000", on_fault=self.faults.append
        )
        self._open.append(service)
        service.resume_pending()
        return service

    def alone(self, name: str) -> OwnerService:
        """An owner that is no daemon. It takes rooms as it finds them."""
        if not (self.place / name).exists():
            (self.place / name).mkdir(mode=0o700)
            (self.place / name / "witness.accept").touch(mode=0o600)
        self._open.append(open_service(self.settings(name), on_fault=self.faults.append))
        return self._open[-1]

    def close(self) -> None:
        for service in self._open:
            with suppress(StoreFailed):
                service.close()


def make_room(service: OwnerService) -> RoomId:
    return service.create(RoomConfig()).record.id


def ask(service: OwnerService, room: RoomId, text: str, **options: object) -> str:
    """What the room answers."""
    result = service.wait(service.submit(room, text.encode(), source="test", **options), timeout=30)  # type: ignore[arg-type]
    assert result is not None
    return said(result)


def said(result: TurnResult) -> str:
    return "\n".join(entry.content for entry in result.entries if entry.type is EntryType.OUTPUT)


def inputs(service: OwnerService, room: RoomId) -> list[str]:
    return [entry.content for entry in service.read(room, limit=1000) if entry.type is EntryType.INPUT]


def outputs(service: OwnerService, room: RoomId) -> list[str]:
    return [entry.content for entry in service.read(room, limit=1000) if entry.type is EntryType.OUTPUT]


def silence(service: OwnerService) -> None:
    """Have a daemon renew its leases no more, as if it stood still; its threads go on, as if it had just woken up."""
    leases = service._store._rows.leases  # type: ignore[attr-defined]
    leases._stopping.set()
    leases._thread.join()


def lapse(service: OwnerService, seconds: float = 0.01) -> None:
    """Have a daemon be silent, and its leases end after so many seconds by the server's clock."""
    silence(service)
    leases = service._store._rows.leases  # type: ignore[attr-defined]
    leases._run(BEAT, [], leases.daemon, leases._facts, int(seconds * 1000))


def wake(service: OwnerService) -> None:
    leases = service._store._rows.leases  # type: ignore[attr-defined]
    leases._stopping.clear()
    leases._thread = threading.Thread(target=leases._beat_on, name="leases", daemon=True)
    leases._thread.start()
