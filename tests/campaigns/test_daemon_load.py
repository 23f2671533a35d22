"""64 inputs at once, from 64 connections, for as long as it takes to trust it: no error, and nothing out of order."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from daemon_exe import DaemonExe
from room_exe import RoomExe

from backrooms_tui.daemon.client import RemoteService, connect
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(600)]

SECONDS = 60.0 if os.environ.get("ROOM_CAMPAIGN") == "long" else 5.0
CLIENTS, ROOMS_EACH = 8, 8
WAIT_SECONDS = 60.0


class Load:
    def __init__(self) -> None:
        self.answered = 0
        self.errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._start = threading.Barrier(CLIENTS * ROOMS_EACH)

    def work(self, service: RemoteService, room: RoomId) -> None:
        """Count in one room until time is up."""
        try:
            self._start.wait(WAIT_SECONDS)
            count, until = 0, time.monotonic() + SECONDS
            while time.monotonic() < until:
                count += 1
                receipt = service.submit(room, b"increment counter", source="load")
                result = service.wait(receipt, WAIT_SECONDS)
                assert result is not None, "no answer"
                assert [entry.content for entry in result.entries] == [f"Counter: {count}"]
            with self._lock:
                self.answered += count
        except BaseException as error:
            self.errors.append(error)


def test_64_inputs_at_once_for_a_while_without_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load = Load()
    with DaemonExe(RoomExe(tmp_path)) as daemon:
        clients = [connect(daemon.socket) for _ in range(CLIENTS)]
        threads = []
        for client in clients:
            for _ in range(ROOMS_EACH):
                room = client.create(RoomConfig()).record.id
                client.wait(client.submit(room, b"initialize counter at 0", source="load"), WAIT_SECONDS)
                threads.append(threading.Thread(target=load.work, args=(client, room)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS + WAIT_SECONDS)
        for client in clients:
            client.close()
        with closing(connect(daemon.socket)) as service:
            counters = [view.record.counters for view in service.rooms()]
        status, seconds = daemon.end()
        log = [line for line in daemon.log() if line["level"] in ("ERROR", "WARN")]
    with capsys.disabled():
        print(f"\n64 inputs at once: {load.answered} answered in {SECONDS:.0f} s, {len(load.errors)} errors")
    assert (load.errors, log) == ([], [])
    assert sum(counter.errors for counter in counters) == 0
    assert sum(counter.inputs for counter in counters) == load.answered + CLIENTS * ROOMS_EACH
    assert (status, seconds < 30) == (0, True)
    assert load.answered >= 64
