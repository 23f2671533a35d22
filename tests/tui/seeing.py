"""What the screen of a console under test shows, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from backrooms_tui.tui.app import BackroomsApp


def screen_text(app: BackroomsApp) -> str:
    """What the top screen shows, without trailing spaces."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


async def sees(pilot: Pilot[Any], text: str, *, within: float = 5.0) -> None:
    """Wait until the screen shows a text."""
    deadline = time.monotonic() + within
    while text not in screen_text(pilot.app):
        assert time.monotonic() < deadline, f"{text!r} never came:\n{screen_text(pilot.app)}"
        await pilot.pause()


async def comes(pilot: Pilot[Any], check: Callable[[], object], *, within: float = 5.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, f"never: {check}\n{screen_text(pilot.app)}"
        await pilot.pause()
