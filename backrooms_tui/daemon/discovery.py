"""Finding the owner: by the environment, or by what the owner lock of the configured store says.

    found = find(settings)          # None: nobody who serves owns the store
    service = reach(settings, ...)  # a RemoteService, or None

`ROOM_DAEMON` names an owner (a path, or host:port), and then nothing else is tried; `ROOM_DAEMON_TOKEN_FILE` is the
setting `daemon.token_file`. A lock whose socket does not answer is a dead owner's, or one that is starting or ending.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backrooms_tui.config.paths import store_directory, store_root
from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import ConnectionLost
from backrooms_tui.model.value import value

from .places import SOCKET, TOKEN

if TYPE_CHECKING:
    from .client import RemoteService

VARIABLE = "ROOM_DAEMON"


@value
class Found:
    """Where an owner may be reached."""

    address: str
    """Path of a unix socket, or host:port."""
    token: str | None = None
    named: bool = False
    """Whether the operator named it: then it must answer."""


def directory(settings: Settings) -> Path:
    """Of the configured store: its owner lock, control socket and token."""
    return store_directory(store_root(settings), settings.persistence.backend)


def find(settings: Settings, environ: Mapping[str, str] = os.environ) -> Found | None:
    """Where the environment, or else the owner lock, says that an owner may be reached.

    Raises UnsafePath, ConfigInvalid.
    """
    if named := environ.get(VARIABLE):
        return Found(named, None if "/" in named else _token(settings), named=True)
    from backrooms_tui.persistence.owner_lock import LOCK, read_owner

    owner = read_owner(directory(settings) / LOCK)
    return None if owner is None or owner.socket is None else Found(owner.socket)


def reach(
    settings: Settings, *, who: str = "", read_only: bool = False, environ: Mapping[str, str] = os.environ
) -> RemoteService | None:
    """Connect to the owner; None when there is none that serves.

    Raises ConnectionDenied, and ConnectionLost when the owner that the operator named does not answer.
    """
    if not environ.get(VARIABLE):
        usual = str(directory(settings) / SOCKET)
        # Reading the lock takes longer than asking at its usual answer: most owners serve there.
        if os.path.exists(usual) and (service := _asked(Found(usual), who, read_only)) is not None:  # noqa: PTH110
            return service
    found = find(settings, environ)
    return None if found is None else _asked(found, who, read_only)


def _asked(found: Found, who: str, read_only: bool) -> RemoteService | None:
    from .client import connect

    try:
        return connect(found.address, who=who, token=found.token, read_only=read_only)
    except ConnectionLost:
        if found.named:
            raise
        return None


def _token(settings: Settings) -> str | None:
    from .listening import read_token

    if settings.daemon.token_file is not None:
        return read_token(Path(settings.daemon.token_file).expanduser())
    path = directory(settings) / TOKEN
    return read_token(path) if path.exists() else None
