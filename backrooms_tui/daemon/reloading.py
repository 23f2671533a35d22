"""What SIGHUP changes: which settings an owner at work can take over, and which have to wait for its next start.

Those that only clients read (what rooms are created with when nothing is asked for) are in force wherever they are
read, so there is nothing to do for them here.
"""

from __future__ import annotations

from backrooms_tui.config.settings import DaemonSettings, Settings
from backrooms_tui.model.value import changed

WATCHED = ("logging.", "tracing.")
"""Taken over, and told, by `observability.Watch`."""
LIVE = frozenset(
    {
        "daemon.max_connections",
        "daemon.connection_timeout",
        "daemon.token_file",
        "metrics.enabled",
        "metrics.bind",
        "metrics.path",
    }
)
OF_CLIENTS = frozenset(
    {
        "daemon.enabled",
        "entity.default",
        "limits.entity_timeout",
        "limits.max_room_memory",
        "persistence.compression",
    }
)


def in_force(before: Settings, after: Settings) -> Settings:
    """The settings that hold after a reload: the new ones where they can change, the old ones elsewhere."""
    old, new = before.daemon, after.daemon
    daemon: DaemonSettings = changed(
        old,
        enabled=new.enabled,
        token_file=new.token_file,
        max_connections=new.max_connections,
        connection_timeout=new.connection_timeout,
    )
    limits = changed(
        before.limits,
        entity_timeout=after.limits.entity_timeout,
        max_room_memory=after.limits.max_room_memory,
    )
    persistence = changed(before.persistence, compression=after.persistence.compression)
    merged: Settings = changed(
        after,
        daemon=daemon,
        limits=limits,
        persistence=persistence,
        entity=changed(before.entity, default=after.entity.default),
        model=before.model,  # answers that are being given came from there; only the key is read for each call
    )
    return merged
