"""What becomes of the rooms when the operator leaves: said before, in a question, and after, on the shell.

Without a daemon this console is the owner: its entities stop with it, the rooms keep what they remember.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from backrooms_tui.model.ids import short
from backrooms_tui.model.views import RoomView, ServiceStatus

from .rows import Row, ink, row

if TYPE_CHECKING:
    from .dialogs.confirm import Confirm
    from .jobs import Job


def leave_dialog(views: Iterable[RoomView], status: ServiceStatus | None, jobs: Sequence[Job]) -> Confirm:
    """Ask, saying what will happen; dismissed with True when the operator leaves."""
    from .dialogs.confirm import Confirm

    plan = (*_plan(list(views), status), *_cancelled(jobs))
    return Confirm(row(ink("title", "LEAVE THE CONSOLE")), plan, key="y", verb="LEAVE")


def _cancelled(jobs: Sequence[Job]) -> tuple[Row, ...]:
    if not jobs:
        return ()
    words = ", ".join(f"{job.verb} {short(job.room_id)}" if job.room_id else job.verb for job in jobs)
    return (
        row(
            ink("warn", f"  {len(jobs)} {'JOB IS' if len(jobs) == 1 else 'JOBS ARE'} CANCELLED, LEAVING NO HALF FILE:")
        ),
        row(ink("", f"  {words}")),
    )


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
