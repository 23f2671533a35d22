"""`list`. Alone in its module: it is held to six times the cost of an empty interpreter, for 1,024 rooms."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from backrooms_tui.model.errors import UsageError

from .shell import Shell


def list(shell: Shell) -> int:  # noqa: A001 - named as the command
    """All rooms, or those asked for."""
    options = shell.options
    limit = None if options.limit is None else _count(options.limit)
    if shell.format == "text" and options.sort is None:
        shell.say(*plain_lines(shell.listing(), state=options.state, limit=limit))
        return 0
    from .render import chosen, room_value, sorted_lines, table_lines

    views = chosen(shell.rooms(), state=options.state, sort=options.sort, limit=limit)
    if shell.format == "table":
        shell.say(*table_lines(views, now=time.time_ns()))
    elif shell.as_text:
        shell.say(*sorted_lines(views, state=options.state, sort=options.sort, now=time.time_ns()))
    else:
        shell.emit([room_value(view) for view in views])
    return 0


def plain_lines(rooms: Iterable[tuple[str, str]], *, state: str | None, limit: int | None) -> Sequence[str]:
    """The seed's list of full ids, from ids and states."""
    wanted = None if state is None else state.upper()
    lines = [f"  {room_id} ({found})" for room_id, found in rooms if wanted in (None, found)][:limit]
    return [f"{wanted or 'ACTIVE'} ROOMS:", *lines] if lines else ["NO ROOMS"]


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise UsageError(f"LIMIT: {text[:40]!r} is not a positive whole number.")
    return int(text)
