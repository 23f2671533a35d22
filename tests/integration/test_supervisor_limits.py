"""What is bounded over all rooms together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backrooms_tui.config.settings import LimitSettings, PersistenceSettings, Settings
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import open_service


@pytest.mark.parametrize(("most", "waits"), [(1, True), (2, False)])
def test_no_more_inputs_are_worked_on_at_once_than_the_settings_say(
    tmp_path: Path, until: Callable[..., object], most: int, waits: bool
) -> None:
    limits = LimitSettings(concurrent_inputs=most)
    service = open_service(Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms")), limits=limits))
    try:
        busy, other = (service.create(RoomConfig()).record.id for _ in range(2))
        for room_id in (busy, other):
            service.await_entity(room_id, timeout=30)
        long = service.submit(busy, b"work for 1 seconds", source="test")
        until(lambda: service.room(busy).running is not None)
        assert service.wait(service.submit(other, b"valid input", source="test"), timeout=30) is not None
        assert (service.wait(long, timeout=0) is not None) is waits
        assert service.wait(long, timeout=30) is not None
    finally:
        service.close()
