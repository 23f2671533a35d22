"""What a new room's configuration is: what was asked for, over what the settings say."""

from __future__ import annotations

from collections.abc import Mapping

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.room import RoomConfig

from .settings import Settings


def room_config(settings: Settings, given: Mapping[str, object]) -> RoomConfig:
    """`given` holds fields of RoomConfig; the others have the settings' values. Raises UsageError."""
    defaults: dict[str, object] = {
        "memory_limit": settings.limits.max_room_memory,
        "timeout": settings.limits.entity_timeout,
        "entity": settings.entity.default,
        "compression": settings.persistence.compression,
    }
    config = RoomConfig(**(defaults | dict(given))).validated()  # type: ignore[arg-type]
    if config.memory_limit > settings.limits.max_room_memory:
        raise UsageError(
            f"MEMORY_LIMIT: {config.memory_limit} is above the configured {settings.limits.max_room_memory} bytes."
        )
    return config
