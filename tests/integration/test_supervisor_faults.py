"""A mistake of ours in the owner's threads is told to `on_fault`, and keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.model.errors import EntityInitFailed
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import open_service


def test_whoever_waits_for_an_entity_learns_that_starting_it_failed_in_an_unforeseen_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., object]
) -> None:
    def spawn(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(ZygoteHost, "spawn", spawn)
    faults: list[BaseException] = []
    settings = Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms")))
    service = open_service(settings, on_fault=faults.append)
    try:
        room_id = service.create(RoomConfig()).record.id
        with pytest.raises(EntityInitFailed):
            service.await_entity(room_id, timeout=30)
        until(lambda: faults)
        assert [type(fault) for fault in faults] == [ZeroDivisionError]
    finally:
        service.close()
