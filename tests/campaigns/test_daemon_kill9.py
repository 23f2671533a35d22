"""kill -9 of the daemon, again and again, with clients attached: nothing acknowledged is lost, doubled, reordered.

The daemon is the installed program; the clients are threads of this process that work on while there is a daemon and,
when it is gone, look for the next one and send again, with the same request ids, what they were not told of. While
nobody owns the rooms an independent reader of the files compares them with what the clients were told.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from collections import deque
from contextlib import closing
from pathlib import Path

import pytest
from daemon_exe import DaemonExe
from offline_reader import read_store
from room_exe import RoomExe
from support import eventually
from test_kill9 import EARLY, ROOMS, Told, check

from backrooms_tui.daemon.client import RemoteService, connect
from backrooms_tui.model.errors import ConnectionLost
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.views import Receipt

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800), pytest.mark.xdist_group("kill9")]

KILLS = 50 if os.environ.get("ROOM_CAMPAIGN") == "long" else int(os.environ.get("ROOM_KILLS", "10"))
IN_FLIGHT = 2
WAIT_SECONDS = 60.0
EACH = 25
"""Acknowledgements between two kills, but for early ones."""


class Clients:
    """One client for each room, each with a connection of its own."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self.told = Told()
        self.errors: list[BaseException] = []
        self.lost = 0
        """Times that a client lost its daemon."""
        self._lock = threading.Lock()
        self._working = 0
        self._over = False
        self._threads: list[threading.Thread] = []

    def start(self, rooms: list[str]) -> None:
        self._threads = [threading.Thread(target=self._run, args=(room,)) for room in rooms]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over = True
        for thread in self._threads:
            thread.join(WAIT_SECONDS)

    def at_work(self) -> bool:
        """Whether every client has a daemon to lose."""
        return self._working == len(self._threads)

    def quiet(self) -> bool:
        """Whether every client knows that its daemon is gone."""
        return self._working == 0

    def _run(self, room: str) -> None:
        try:
            while not self._over:
                try:
                    service = connect(self.socket)
                except ConnectionLost:
                    time.sleep(0.01)
                    continue
                with closing(service):
                    self._work(service, room)
        except BaseException as error:
            self.errors.append(error)

    def _work(self, service: RemoteService, room: str) -> None:
        with self._lock:
            self._working += 1
            unknown = [request for of, request in self.told.unknown() if of == room]
        try:
            waiting: deque[Receipt] = deque(self._submit(service, room, request) for request in unknown)
            while not self._over:
                while len(waiting) < IN_FLIGHT:
                    waiting.append(self._submit(service, room, uuid.uuid4().hex))
                receipt = waiting.popleft()
                result = service.wait(receipt, timeout=WAIT_SECONDS)
                assert result is not None, f"{room} {receipt.seq}: no answer"
                self._say("DONE", room, receipt.seq, result.outcome, result.entries[0].content)
        except ConnectionLost:
            with self._lock:
                self.lost += 1
        finally:
            with self._lock:
                self._working -= 1

    def _submit(self, service: RemoteService, room: str, request: str) -> Receipt:
        self._say("SUB", room, request)
        receipt = service.submit(room, b"increment counter", source="campaign", request_id=request)  # type: ignore[arg-type]
        self._say("ACK", room, request, receipt.seq)
        return receipt

    def _say(self, *words: object) -> None:
        with self._lock:
            self.told.hear(" ".join(map(str, words)))


def made_rooms(daemon: DaemonExe) -> list[str]:
    with closing(connect(daemon.socket)) as service:
        rooms = [service.create(RoomConfig()).record.id for _ in range(ROOMS)]
        for room in rooms:
            service.wait(service.submit(room, b"initialize counter at 0", source="campaign"), WAIT_SECONDS)
    return [*rooms]


def test_kill9_of_the_daemon_with_clients_attached_loses_doubles_and_reorders_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("ROOM_SEED", str(random.randrange(1 << 32))))
    chance = random.Random(seed)
    room_exe = RoomExe(tmp_path)
    clients = Clients(str(room_exe.rooms / "control.sock"))
    loaded = early_kills = 0
    try:
        for n in range(KILLS):
            with DaemonExe(room_exe) as daemon:
                if n == 0:
                    clients.start(made_rooms(daemon))
                early = n > 0 and chance.random() < EARLY
                early_kills += early
                acknowledged, done = len(clients.told.acknowledged), len(clients.told.done)
                if not early:
                    eventually(lambda told=acknowledged: len(clients.told.acknowledged) >= told + EACH, within=60)
                    eventually(lambda done=done: len(clients.told.done) >= done + ROOMS, within=60)
                    eventually(clients.at_work, within=60)
                time.sleep(chance.uniform(0.0, 0.3))
                daemon.send(signal.SIGKILL)
                daemon.process.wait()
            eventually(clients.quiet, within=30)
            assert clients.errors == []
            loaded += clients.told.in_flight() > 0
            check(clients.told, read_store(room_exe.rooms, tmp_path / "copy", "LEVELDB", ""))
    finally:
        clients.stop()
    told = clients.told
    with capsys.disabled():
        print(
            f"\nkill -9 of the daemon: seed {seed}, {KILLS} kills ({early_kills} early), {loaded} with input in flight, "
            f"{clients.lost} connections lost by {ROOMS} clients, {len(told.acknowledged)} acknowledged, "
            f"{len(told.done)} done, 0 lost, 0 doubled, 0 reordered"
        )
    assert loaded >= KILLS - early_kills
    assert clients.lost >= ROOMS * (KILLS - early_kills)
    assert len(told.acknowledged) >= EACH * (KILLS - early_kills)
