"""Things to look at that are no jobs: two rooms beside each other, and the configuration in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.model.views import RoomView

from .desk import Desk
from .dialogs.compare import Compare, PickRoom
from .dialogs.sheet import TextSheet
from .rows import ink, row
from .screen import ConsoleScreen


def compare_rooms(screen: ConsoleScreen, desk: Desk, rooms: Sequence[RoomId]) -> None:
    """COMPARE two rooms; of one, the other is picked. Raises UsageError for more."""
    views = [view for room_id in rooms if (view := desk.rooms.view(room_id)) is not None]
    if len(views) > 2:
        raise UsageError(f"COMPARE: {len(views)} ROOMS ARE MARKED. TWO CAN BE COMPARED.")
    others = [view for view in desk.rooms.views() if view not in views]
    if len(views) == 2:
        _show(screen, desk, *views)
    elif not views or not others:
        raise UsageError("COMPARE: THERE ARE NO TWO ROOMS.")
    else:
        picked = _picked(screen, desk, views[0])
        screen.app.push_screen(PickRoom(f"COMPARE {short(views[0].record.id)} WITH", others), picked)


def comparable(desk: Desk, targets: Sequence[RoomId]) -> Sequence[RoomId]:
    """One marked room means itself and the one under the cursor."""
    cursor = desk.rooms.cursor
    if desk.rooms.marks and len(targets) == 1 and cursor is not None and cursor not in targets:
        return (*targets, cursor)
    return targets


def _picked(screen: ConsoleScreen, desk: Desk, first: RoomView) -> Callable[[RoomView | None], None]:
    def then(second: RoomView | None) -> None:
        if second is not None:
            _show(screen, desk, first, second)

    return then


def _show(screen: ConsoleScreen, desk: Desk, a: RoomView, b: RoomView) -> None:
    def copy(text: str) -> None:
        screen.app.copy_to_clipboard(text)
        desk.say(f"COPIED {len(text)} B VIA OSC 52 (UNVERIFIED)")

    screen.app.push_screen(Compare(a, b, desk.now, copy))


def show_settings(screen: ConsoleScreen, desk: Desk, settings: Settings) -> None:
    """The configuration, with the source of each value."""
    from .settings_rows import settings_rows

    facts = desk.figures.facts
    title = row(ink("title", "CONFIGURATION"))
    note = row(ink("dim", "read only   esc close"))
    screen.app.push_screen(TextSheet(title, settings_rows(settings, facts.path if facts is not None else None), note))
