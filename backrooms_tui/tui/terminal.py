"""The terminal as it is: whether it can show the console at all, which palette it can show, what its title says.

Nothing here loads Textual, so that a refusal costs nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.ids import short
from backrooms_tui.model.views import RoomView


def require_terminal(environ: Mapping[str, str] = os.environ) -> None:
    """Raise UsageError unless the console can be drawn where the program runs."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("CONSOLE: input and output must be a terminal. room.exe --help lists commands for pipes.")
    if environ.get("TERM", "") in ("", "dumb"):
        raise UsageError("CONSOLE: TERM says that the terminal is dumb. room.exe --help lists commands for it.")


def fitting_theme(environ: Mapping[str, str], wanted: str | None) -> str:
    """Choose a palette: NO_COLOR wins, then what the operator asked for, then what the terminal can show."""
    if environ.get("NO_COLOR"):
        return "mono"
    if wanted is not None:
        return wanted
    depth = environ.get("COLORTERM", "").lower()
    if (
        depth not in ("truecolor", "24bit")
        and "256" not in environ.get("TERM", "")
        and "direct" not in environ.get("TERM", "")
    ):
        return "ansi16"
    # COLORFGBG is "15;0" or "15;default;0": the last number is the background, 7 and 15 are light ones.
    return "light" if environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15") else "dark"


def title_sequence(view: RoomView | None) -> str:
    """The escape sequence of the window title. Only ids and state words go into it, never foreign text."""
    words = "room.exe" if view is None else f"room.exe {short(view.record.id)} {view.record.state.value}"
    return f"\x1b]2;{words}\x07"


SAVE_TITLE, RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"


def operator() -> str:
    """Who acts, as rooms remember it: user@host."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
