"""What the screen of a console under test shows, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from backrooms_tui.tui.app import BackroomsApp
from backrooms_tui.tui.calls import Lane

PATIENCE = 30.0
"""Seconds that a test waits for what comes in milliseconds; a busy machine may take its time."""


def screen_text(app: BackroomsApp) -> str:
    """What the top screen shows, without trailing spaces."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


async def sees(pilot: Pilot[Any], text: str, *, within: float = PATIENCE) -> None:
    """Wait until the screen shows a text."""
    await comes(pilot, lambda: text in screen_text(pilot.app), within=within, what=text)


async def comes(
    pilot: Pilot[Any], check: Callable[[], object], *, within: float = PATIENCE, what: object = None
) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, f"never came: {what or check}\n{screen_text(pilot.app)}"
        await pilot.pause()


def watched(app: BackroomsApp) -> Callable[[], bool]:
    """Watch a console that does not run yet; gives whether all that it has asked its threads for is on the screen.

    Jobs do not count: a test may hold them.
    """
    run, unanswered = app.console_calls.run, 0

    def counted(work: Any, then: Any, failed: Any, *, lane: Lane = Lane.VERB) -> None:
        nonlocal unanswered

        def answered(tell: Callable[[Any], None], told: Any) -> None:
            nonlocal unanswered
            unanswered -= 1
            tell(told)

        if lane is Lane.LONG:
            run(work, then, failed, lane=lane)
        else:
            unanswered += 1
            run(work, lambda told: answered(then, told), lambda told: answered(failed, told), lane=lane)

    def rested() -> bool:
        desk, log = app.desk, app.console_screen.log_view
        begun, shown = desk.figures.status is not None, desk.tabs.shown
        peeked = desk.rooms.cursor == shown and (shown is None or desk.figures.backups is not None)
        return begun and not unanswered and peeked and (not log.size or log._next() is None)

    app.console_calls.run = counted  # type: ignore[method-assign]
    return rested


async def rests(pilot: Pilot[Any]) -> None:
    """Wait until a console of the fixture `console` has all it asked for: `pause` alone awaits no thread."""
    rested = pilot.app.rested
    await comes(pilot, rested, what="rest")
    await pilot.pause()  # what came lays the screen out, and may ask for more
    await comes(pilot, rested, what="rest")
