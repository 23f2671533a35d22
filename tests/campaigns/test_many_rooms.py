"""A thousand rooms, a few dozen at work at once, and never more entities than the settings allow."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from backrooms_tui.config.settings import EntitySettings, PersistenceSettings, Settings
from backrooms_tui.model.entries import Outcome
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import open_service

LONG = os.environ.get("ROOM_CAMPAIGN") == "long"
pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900 if LONG else 300)]

ROOMS, AT_WORK, LIVE = (1024, 64, 128) if LONG else (256, 16, 32)
ROUNDS = 3


def test_rooms_far_beyond_the_cap_are_all_answered_from_what_they_committed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    persistence = PersistenceSettings(path=str(tmp_path / "rooms"))
    faults: list[BaseException] = []
    service = open_service(
        Settings(persistence=persistence, entity=EntitySettings(live_processes=LIVE)), on_fault=faults.append
    )
    wrong: list[object] = []
    try:
        rooms = [service.create(RoomConfig()).record.id for _ in range(ROOMS)]
        burst = [service.submit(room, b"initialize counter at 0", source="campaign") for room in rooms]
        most = 0
        for receipt in burst:
            most = max(most, service.status().live_entities)
            result = service.wait(receipt, timeout=120)
            assert result is not None
            assert result.outcome == Outcome.OUTPUT

        def work(mine: Sequence[RoomId]) -> None:
            for number in range(1, ROUNDS + 1):
                for room in mine:
                    result = service.wait(service.submit(room, b"increment counter", source="campaign"), timeout=120)
                    if result is None or result.entries[0].content != f"Counter: {number}":
                        wrong.append(result)

        began = time.monotonic()
        workers = [threading.Thread(target=work, args=(rooms[n::AT_WORK],)) for n in range(AT_WORK)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            most = max(most, service.status().live_entities)
            workers[0].join(0.01)
            workers = [worker for worker in workers if worker.is_alive()] or workers[:1]
        seconds = time.monotonic() - began
        with capsys.disabled():
            print(
                f"\n{ROOMS} rooms, {AT_WORK} at work: {ROUNDS * ROOMS} inputs, most of them to cold rooms, in "
                f"{seconds:.1f} s; {most} entities at the most, {LIVE} allowed"
            )
        assert wrong == []
        assert LIVE // 2 <= most <= LIVE
    finally:
        service.close()
    assert faults == []
