"""What is bounded over all rooms together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backrooms_tui.config.settings import LimitSettings, PersistenceSettings, Settings
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import open_service


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_inputs_are_worked_on_at_once_than_the_settings_say(
    tmp_path: Path, until: Callable[..., object], most: int
) -> None:
    limits = LimitSettings(concurrent_inputs=most)
    service = open_service(Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms")), limits=limits))
    try:
        busy, other = (service.create(RoomConfig()).record.id for _ in range(2))
        for room_id in (busy, other):
            service.await_entity(room_id, timeout=30)
        service.submit(busy, b"long running operation", source="test", timeout=100)
        until(lambda: service.room(busy).running is not None)
        short = service.submit(other, b"valid input", source="test")
        if most == 1:
            assert service.wait(short, timeout=0.5) is None
            service.interrupt(busy, by="test")
        assert service.wait(short, timeout=30) is not None
        assert (service.room(busy).running is None) is (most == 1)
    finally:
        service.close()
