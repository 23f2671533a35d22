"""`list`. Alone in its module: it is held to six times the cost of an empty interpreter, for 1,024 rooms."""

from __future__ import annotations

import time

from backrooms_tui.model.errors import UsageError

from .render import chosen, list_lines, room_value, table_lines
from .shell import Shell


def list(shell: Shell) -> int:  # noqa: A001 - named as the command
    """All rooms, or those asked for."""
    options = shell.options
    limit = None if options.limit is None else _count(options.limit)
    views = chosen(shell.rooms(), state=options.state, sort=options.sort, limit=limit)
    if shell.format == "table":
        shell.say(*table_lines(views, now=time.time_ns()))
    else:
        shell.say(*list_lines(views, state=options.state, sort=options.sort, now=time.time_ns()))
    if not shell.as_text:
        shell.emit([room_value(view) for view in views])
    return 0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise UsageError(f"LIMIT: {text[:40]!r} is not a positive whole number.")
    return int(text)
