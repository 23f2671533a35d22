"""The first frames of a connection: who comes, what for, and whether it is let in.

The client begins with a map; the owner answers with another, or with an error frame and the end of the connection.
"""

from __future__ import annotations

import os
from typing import Any

from backrooms_tui.model.errors import ConnectionDenied
from backrooms_tui.model.value import as_dict, value

from .values import kind

MAGIC = "backrooms-control"
VERSION = 1

_FIELDS = {
    "magic": "text",
    "version": "int",
    "token": "line?",
    "who": "line",
    "session": "line?",
    "read_only": "bool",
}


@value
class Hello:
    """What a client says of itself."""

    who: str
    """For people: user@host."""
    token: str | None = None
    """Needed over TCP."""
    session: str | None = None
    """The session that the connection is to belong to; None: a new one."""
    read_only: bool = False
    """Whether the new session only looks."""


@value
class Welcome:
    """What the owner answers."""

    session: str
    epoch: str
    """Of this start of the owner: events are numbered within it."""
    version: str
    """Of the owner's program."""
    pid: int
    address: str | None
    """TCP address on which it serves, too."""


_WELCOME = {"session": "line", "epoch": "line", "version": "line", "pid": "int", "address": "line?"}


def said(hello: Hello) -> dict[str, Any]:
    """The client's first message."""
    return {"magic": MAGIC, "version": VERSION, **as_dict(hello)}


def heard(message: Any) -> Hello:
    """Raises ConnectionDenied; fields that are not known are ignored."""
    if type(message) is not dict or message.get("magic") != MAGIC:
        raise ConnectionDenied("REASON: this is a control socket of room.exe")
    if message.get("version") != VERSION:
        raise ConnectionDenied(f"REASON: this owner speaks version {VERSION} of the control protocol")
    fields = _checked(message, _FIELDS)
    return Hello(fields["who"], fields["token"], fields["session"], fields["read_only"])


def answered(message: Any) -> Welcome:
    """What the owner's answer says. Raises ConnectionDenied."""
    fields = _checked(message if type(message) is dict else {}, _WELCOME)
    return Welcome(**fields)


def _checked(message: dict[str, Any], fields: dict[str, str]) -> dict[str, Any]:
    checked = {}
    for name, of in fields.items():
        try:
            checked[name] = kind(of).decode(message.get(name))
        except ValueError:
            raise ConnectionDenied(f"REASON: {name} is not of the kind {of}") from None
    return checked


def new_session_id() -> str:
    return f"s_{os.urandom(8).hex()}"


def new_epoch() -> str:
    return os.urandom(8).hex()


def admit(hello: Hello, *, token: str | None, peer_uid: int | None) -> None:
    """Raise ConnectionDenied unless the client may come in: over a unix socket (`peer_uid`) as the owner's user or
    root, elsewhere with the token.
    """
    if peer_uid is not None:
        if peer_uid not in (0, os.geteuid()):
            raise ConnectionDenied(f"REASON: uid {peer_uid} is not the owner's")
        return
    import hmac

    if token is None or not hmac.compare_digest(token.encode(), (hello.token or "").encode()):
        raise ConnectionDenied("REASON: the token is missing or wrong")
