"""`list`, `inspect`, `stats`: what is known of rooms. Nothing here changes one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.states import RoomState
from backrooms_tui.service import RoomService

from .render import (
    chosen,
    config_line,
    config_value,
    entry_lines,
    entry_value,
    inspect_lines,
    list_lines,
    room_value,
    table_lines,
)
from .shell import Shell
from .statistics import stats_lines, stats_value

PAGE = 512
"""Entries read at once for a memory dump; a room is never loaded whole."""


def list(shell: Shell) -> int:  # noqa: A001 - named as the command
    """All rooms, or those asked for."""
    options = shell.options
    limit = None if options.limit is None else _count(options.limit)
    with shell.service() as service:
        views = chosen(service.rooms(), state=options.state, sort=options.sort, limit=limit)
    if shell.format == "table":
        shell.say(*table_lines(views, now=time.time_ns()))
    else:
        shell.say(*list_lines(views, state=options.state, sort=options.sort, now=time.time_ns()))
    shell.emit([room_value(view) for view in views])
    return 0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise UsageError(f"LIMIT: {text[:40]!r} is not a positive whole number.")
    return int(text)


def inspect(shell: Shell) -> int:
    """A room's metadata, and if asked for its configuration and memory."""
    options = shell.options
    with shell.service() as service:
        room_id = service.resolve(options.room_id)
        view = service.room(room_id)
        shell.say(*inspect_lines(view))
        # Entities of the one runtime there is are of the product's own version.
        value = room_value(view) | {"entity_version": service.status().version}
        if options.show_config:
            shell.say(config_line(config_value(view.record.config)))
            value["config"] = config_value(view.record.config)
        healthy = view.record.state is not RoomState.CORRUPTED
        if healthy and (seal := service.status().seal):
            shell.say("SEAL:", *(f"  {line}" for line in seal))
            value["seal"] = [*seal]
        if options.show_memory:
            shell.say("MEMORY:")
            memory = []
            for entry in _memory(service, room_id):
                shell.say(*(f"  {line}" for line in entry_lines(entry)))
                if not shell.as_text:
                    memory.append(entry_value(entry))
            value["memory"] = memory
        shell.emit(value)
    return 0


def _memory(service: RoomService, room_id: RoomId) -> Iterator[MemoryEntry]:
    """All entries, oldest first. Raises RoomCorrupted where damage is met, after all that lies before it."""
    after = 0
    while page := service.read(room_id, after=after, limit=PAGE):
        yield from page
        after = page[-1].timestamp


def stats(shell: Shell) -> int:
    """A room's statistics."""
    with shell.service() as service:
        view = service.room(service.resolve(shell.options.room_id))
        facts = service.store_facts()
        now = time.time_ns()
        shell.say(*stats_lines(view, facts, now=now))
        shell.emit(stats_value(view, facts, now=now))
    return 0
