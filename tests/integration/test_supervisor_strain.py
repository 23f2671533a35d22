"""What the escape suite has found in the owner: an input that nobody asked an entity for again, results that grew."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.entries import Outcome
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import OwnerService
from backrooms_tui.supervisor.calls import MAX_ASKED
from backrooms_tui.supervisor.room import RESULT_CHARACTERS_KEPT

SAYS_MUCH = """
from backrooms_tui.entity.base import Entity

class Talker(Entity):
    def on_input(self, text):
        for _ in range(20):
            self.output("x" * 10_000)
"""
CALLS_WITHOUT_END = """
import os
from backrooms_tui.entity.base import Entity

class Caller(Entity):
    def on_input(self, text):
        for number in range(70_000):
            os.write(3, b'{"type":"call","id":"%d","name":"model","args":{}}\\n' % number)
"""


@pytest.fixture
def service(tmp_path: Path, open_service_on) -> OwnerService:
    return open_service_on(Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms"))))


def test_an_input_is_answered_though_the_zygote_dies_with_its_entity_unmade(service: OwnerService) -> None:
    first = service.create(RoomConfig()).record.id
    service.await_entity(first, 30)
    zygote = service._engine.host.zygote_pid  # type: ignore[attr-defined]
    os.kill(zygote, signal.SIGSTOP)
    try:
        room = service.create(RoomConfig()).record.id
        receipt = service.submit(room, b"hello", source="test")
    finally:
        os.kill(zygote, signal.SIGKILL)
    result = service.wait(receipt, 30)
    assert result is not None
    assert result.outcome in (Outcome.OUTPUT, Outcome.SILENT)


def test_a_large_result_is_put_together_from_memory_and_not_kept(service: OwnerService, tmp_path: Path) -> None:
    source = tmp_path / "talker.py"
    source.write_text(SAYS_MUCH)
    room = service.create(RoomConfig(entity=f"python:{source}")).record.id
    receipt = service.submit(room, b"speak", source="test")
    result = service.wait(receipt, 30)
    assert result is not None
    assert sum(len(entry.content) for entry in result.entries) == 200_000 > RESULT_CHARACTERS_KEPT
    kept = service._registry.loaded(room).results  # type: ignore[attr-defined]
    assert receipt.seq not in kept
    assert service.wait(receipt, 30) == result


def test_calls_without_end_are_a_violation_though_each_of_them_is_refused(
    service: OwnerService, tmp_path: Path
) -> None:
    source = tmp_path / "caller.py"
    source.write_text(CALLS_WITHOUT_END)
    room = service.create(RoomConfig(entity=f"python:{source}")).record.id
    result = service.wait(service.submit(room, b"go", source="test"), 30)
    assert result is not None
    assert result.outcome == Outcome.VIOLATION
    assert f"more than {MAX_ASKED} for one input" in result.entries[-1].content
