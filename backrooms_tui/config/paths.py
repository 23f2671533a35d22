"""Where files are: systemd's directories when it gives them, else the XDG ones of the user, else the system's own.

A system user (without a home that is there, or called `room` as in seed 000's deployment) has its rooms in
/var/lib/room.exe. Functions of an environment and of what homes there are; nothing is created here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from pwd import getpwuid

from .settings import Settings

NAME = "room.exe"
SYSTEM_CONFIG = Path("/etc", NAME, "config.json")
SYSTEM_DATA = Path("/var/lib", NAME)
SYSTEM_USER = "room"
"""Of seed 000's systemd unit and container; the latter gives it a home."""


def _absolute(text: str) -> Path | None:
    """The XDG specification wants relative paths ignored; systemd gives none."""
    path = Path(text)
    return path if path.is_absolute() else None


def _directory(environ: Mapping[str, str], *, systemd: str, xdg: str, fallback: str, system: Path) -> Path:
    # systemd lists several directories with colons between them: the first is ours, and holds nothing else.
    given = _absolute(environ.get(systemd, "").split(":")[0])
    if given is not None:
        return given
    base = _absolute(environ.get(xdg, ""))
    if base is not None:
        return base / NAME
    home = _home(environ)
    return system if home is None else home / fallback / NAME


def _home(environ: Mapping[str, str]) -> Path | None:
    """The home of a person; None for a system user."""
    try:
        user = getpwuid(os.getuid())
        name, known = user.pw_name, user.pw_dir
    except KeyError:
        name, known = "", ""
    home = _absolute(environ.get("HOME", "")) or _absolute(known)
    if home is None or name == SYSTEM_USER or home in (Path("/"), SYSTEM_DATA):
        return None
    return home if home.is_dir() else None


def data_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Directory of what must not be lost."""
    return _directory(
        environ, systemd="STATE_DIRECTORY", xdg="XDG_DATA_HOME", fallback=".local/share", system=SYSTEM_DATA
    )


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Directory of fault files, view state and history: useful, not precious."""
    return _directory(
        environ, systemd="LOGS_DIRECTORY", xdg="XDG_STATE_HOME", fallback=".local/state", system=SYSTEM_DATA / "state"
    )


def user_config(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's, or the service's, configuration file."""
    base = _directory(
        environ,
        systemd="CONFIGURATION_DIRECTORY",
        xdg="XDG_CONFIG_HOME",
        fallback=".config",
        system=SYSTEM_CONFIG.parent,
    )
    return base / "config.json"


def store_root(settings: Settings, environ: Mapping[str, str] = os.environ) -> Path:
    """Directory of the rooms: `persistence.path`, or `rooms` in the data directory."""
    if settings.persistence.path is not None:
        return Path(settings.persistence.path).expanduser()
    return data_directory(environ) / "rooms"


def store_directory(root: Path, backend: str) -> Path:
    """The directory of a store: its lock, its witness, its control socket.

    Seed 000 gives SQLITE a file, `rooms.db`: what stands beside the database is then in `rooms.db.d`.
    """
    return root.with_name(f"{root.name}.d") if backend == "SQLITE" and root.suffix == ".db" else root
