"""What a new room's configuration is: what was asked for, over what the settings say."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping

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


def entity_line(default: str, asked: str | None, options: Iterable[str] = ()) -> str:
    """The entity that was asked for (None: the default) with further options `name=value`, as a room keeps it.

    Paths become absolute, because the room outlives the directory that it was made in. Raises UsageError.
    """
    from backrooms_tui.model.runtimes import COMMAND, PYTHON, parse  # 3 ms, for who makes rooms only
    from backrooms_tui.model.value import changed

    runtime = parse(default if asked is None else asked).with_options(options)
    if runtime.kind == PYTHON and (".py" in runtime.target or "/" in runtime.target):
        runtime = changed(runtime, target=_absolute(runtime.target))
    elif runtime.kind == COMMAND:
        program, *words = runtime.argv
        program = _absolute(program) if "/" in program else program
        argv = (program, *(_absolute(word) if _is_there(word) else word for word in words))
        runtime = runtime if argv == runtime.argv else changed(runtime, target=shlex.join(argv))
    return parse(runtime.text).text


def _is_there(word: str) -> bool:
    """Whether a word of a command line is the path of something, as that of a script is."""
    return "/" in word and os.path.exists(os.path.expanduser(word))  # noqa: PTH110, PTH111


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - a class may stand behind the file
