"""Where settings come from: defaults, files, the environment, flags. Looks whether any but the defaults are given.

Reading them is the work of `layers`, which the usual command, run without any, need not load.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .paths import SYSTEM_CONFIG, user_config
from .settings import Settings

PREFIX = "ROOM_"
"""Of variables that override settings."""


def load(
    *,
    config: str | None = None,
    environ: Mapping[str, str] = os.environ,
    flags: Mapping[str, tuple[str, object]] | None = None,
    system: Path = SYSTEM_CONFIG,
) -> Settings:
    """Give the settings in force. `flags` maps a dotted name to the flag's spelling and its value.

    Raises ConfigInvalid with one line for each mistake. A missing system or user file is no mistake; a missing
    `config` is.
    """
    files = [path for path in dict.fromkeys((system, user_config(environ))) if _may_be_there(path)]
    given = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
    if not (files or config or given or flags):
        return Settings()
    from .layers import layered

    return layered(files, config, given, flags or {})


def _may_be_there(path: Path) -> bool:
    """Also a file that cannot be looked at: reading it says why."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
