"""Where files are: systemd's directories when it gives them, else the XDG ones of the user.

Pure functions of an environment; nothing is created here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .settings import Settings

NAME = "room.exe"
SYSTEM_CONFIG = Path("/etc", NAME, "config.json")


def _absolute(text: str) -> Path | None:
    """The XDG specification wants relative paths ignored; systemd gives none."""
    path = Path(text)
    return path if path.is_absolute() else None


def _directory(environ: Mapping[str, str], *, systemd: str, xdg: str, fallback: str) -> Path:
    # systemd lists several directories with colons between them: the first is ours, and holds nothing else.
    given = _absolute(environ.get(systemd, "").split(":")[0])
    if given is not None:
        return given
    home = _absolute(environ.get("HOME", "")) or Path.home()
    return (_absolute(environ.get(xdg, "")) or home / fallback) / NAME


def data_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Directory of what must not be lost."""
    return _directory(environ, systemd="STATE_DIRECTORY", xdg="XDG_DATA_HOME", fallback=".local/share")


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Directory of fault files, view state and history: useful, not precious."""
    return _directory(environ, systemd="LOGS_DIRECTORY", xdg="XDG_STATE_HOME", fallback=".local/state")


def user_config(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's, or the service's, configuration file."""
    base = _directory(environ, systemd="CONFIGURATION_DIRECTORY", xdg="XDG_CONFIG_HOME", fallback=".config")
    return base / "config.json"


def store_root(settings: Settings, environ: Mapping[str, str] = os.environ) -> Path:
    """Directory of the rooms: `persistence.path`, or `rooms` in the data directory."""
    if settings.persistence.path is not None:
        return Path(settings.persistence.path).expanduser()
    return data_directory(environ) / "rooms"
