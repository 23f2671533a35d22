"""How a room's state is shown: glyph, word and style name together, because no single one of them is enough.

Colour alone would lie: to a deuteranope a plain green ACTIVE and a plain red CORRUPTED differ by 8 delta-E.
"""

from __future__ import annotations

from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import value


@value
class Sign:
    """The three signals of one state."""

    glyph: str
    ascii: str
    """For terminals that draw ambiguous characters two cells wide."""
    word: str
    style: str
    """Name of the component class; colours live in `styles/`."""


SIGNS: dict[RoomState, Sign] = {
    RoomState.ACTIVE: Sign("●", "*", "ACTIVE", "state-active"),
    RoomState.IDLE: Sign("○", "o", "IDLE", "state-idle"),
    RoomState.SUSPENDED: Sign("=", "=", "SUSPENDED", "state-suspended"),
    RoomState.CORRUPTED: Sign("!", "!", "CORRUPTED", "state-corrupted"),
    RoomState.TERMINATED: Sign("×", "x", "TERMINATED", "state-terminated"),
}

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: list[float], width: int) -> str:
    """Draw the last `width` values in block elements, on a scale from zero to the largest of them."""
    shown = values[-width:]
    top = max(shown, default=0.0)
    if top <= 0:
        return "▁" * len(shown)
    return "".join(_BLOCKS[min(len(_BLOCKS) - 1, int(value / top * len(_BLOCKS)))] for value in shown)


def bar(fraction: float, width: int) -> str:
    """Draw a part of a whole: `██░░░░`. Anything above nothing shows at least one full cell."""
    filled = min(width, max(int(fraction * width), 1 if fraction > 0 else 0))
    return "█" * filled + "░" * (width - filled)
