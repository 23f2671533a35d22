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

from backrooms_tui.config.paths import store_root
from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import ConnectionLost
from backrooms_tui.model.value import value

if TYPE_CHECKING:
    from .client import RemoteService

VARIABLE = "ROOM_DAEMON"


@value
class Found:
    address: str
    """Path of a unix socket, or host:port."""
    token: str | None
    named: bool
    """Whether the operator named it: then it must answer."""


def directory(settings: Settings) -> Path:
    """Of the configured store: its owner lock, control socket and token."""
    from backrooms_tui.persistence.owner_lock import store_directory

    return store_directory(store_root(settings), settings.persistence.backend)


def find(settings: Settings, environ: Mapping[str, str] = os.environ) -> Found | None:
    """Where an owner may be reached. Raises UnsafePath, ConfigInvalid."""
    named = environ.get(VARIABLE)
    if named:
        return Found(named, None if "/" in named else _token(settings), named=True)
    from backrooms_tui.persistence.owner_lock import LOCK, read_owner

    owner = read_owner(directory(settings) / LOCK)
    if owner is None or owner.socket is None:
        return None
    return Found(owner.socket, None, named=False)


def reach(
    settings: Settings, *, who: str = "", read_only: bool = False, environ: Mapping[str, str] = os.environ
) -> RemoteService | None:
    """Connect to the owner; None when there is none that serves.

    Raises ConnectionDenied, and ConnectionLost when the owner that the operator named does not answer.
    """
    found = find(settings, environ)
    if found is None:
        return None
    from .client import connect

    try:
        return connect(found.address, who=who, token=found.token, read_only=read_only)
    except ConnectionLost:
        if found.named:
            raise
        return None


def _token(settings: Settings) -> str | None:
    from .listening import TOKEN, read_token

    if settings.daemon.token_file is not None:
        return read_token(Path(settings.daemon.token_file).expanduser())
    path = directory(settings) / TOKEN
    return read_token(path) if path.exists() else None
