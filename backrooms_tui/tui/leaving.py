"""What becomes of the rooms when the operator leaves: said before, in a question, and after, on the shell.

Without a daemon this console is the owner: its entities stop with it, the rooms keep what they remember.
"""

from __future__ import annotations

from collections.abc import Iterable

from backrooms_tui.model.views import RoomView, ServiceStatus

from .dialogs.confirm import Confirm
from .rows import Row, ink, row


def leave_dialog(views: Iterable[RoomView], status: ServiceStatus | None) -> Confirm:
    """Ask, saying what will happen; dismissed with True when the operator leaves."""
    return Confirm(row(ink("title", "LEAVE THE CONSOLE")), _plan(list(views), status), key="y", verb="LEAVE")


def _plan(views: list[RoomView], status: ServiceStatus | None) -> tuple[Row, ...]:
    if status is not None and not status.durable:
        return (row(ink("error", f"  NOTHING IS STORED. {_rooms(len(views))} WILL BE GONE.")),)
    busy = sum(view.running is not None for view in views)
    waiting = sum(view.record.queued for view in views)
    rows = [row("  ENTITIES WILL STOP. ROOMS KEEP THEIR MEMORY.")]
    if waiting:
        rows.append(row(ink("warn", f"  {busy} AT WORK. {waiting} INPUTS STAY QUEUED AND RUN AT THE NEXT START.")))
    return tuple(rows)


def exit_line(rooms: int, entities: int, *, durable: bool) -> str:
    """The line on the shell once the service is closed."""
    if not durable:
        return f"CONSOLE CLOSED. NOTHING WAS STORED: {_rooms(rooms)} GONE."
    stopped = f"{entities} {'ENTITY' if entities == 1 else 'ENTITIES'} STOPPED"
    return f"CONSOLE CLOSED. {stopped}. {_rooms(rooms)} KEPT."


def _rooms(count: int) -> str:
    return f"{count} {'ROOM' if count == 1 else 'ROOMS'}"
