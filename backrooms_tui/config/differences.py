"""What changes from one configuration to another, in words that may be shown and logged."""

from __future__ import annotations

from operator import attrgetter

from .settings import Settings
from .values import HIDDEN, schema, without_credentials


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
