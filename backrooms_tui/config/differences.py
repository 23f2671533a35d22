"""What changes from one configuration to another, in words that may be shown and logged."""

from __future__ import annotations

from operator import attrgetter
from urllib.parse import urlsplit, urlunsplit

from .settings import Settings
from .values import HIDDEN, schema


def differences(before: Settings, after: Settings) -> dict[str, str]:
    """Settings that are not the same, by name: `daemon.workers: 4 -> 8`. Passwords are not shown."""
    found = {}
    for name in schema():
        get = attrgetter(name)
        old, new = get(before), get(after)
        if old != new:
            shown = f"{without_credentials(old)} -> {without_credentials(new)}"
            found[name] = f"{name}: {'***' if name in HIDDEN else shown}"
    return found


def without_credentials(held: object) -> object:
    """An address without the name and password in it; anything else as it is."""
    if not (isinstance(held, str) and "://" in held):
        return held
    parts = urlsplit(held)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
