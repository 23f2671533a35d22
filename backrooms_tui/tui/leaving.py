"""What becomes of the rooms when the operator leaves: said before, in a question, and after, on the shell.

An owning console stops its entities, and whoever has joined it loses the owner; rooms keep what they remember. One
that has joined an owner detaches, and nothing stops.
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


def leave_dialog(
    views: Iterable[RoomView], status: ServiceStatus | None, jobs: Sequence[Job], *, guests: int = 0
) -> Confirm:
    """Ask the owner, saying what will happen; dismissed with True when the operator leaves. `guests` are sessions."""
    from .dialogs.confirm import Confirm

    plan = (*_plan(list(views), status), *_forsaken(guests), *_cancelled(jobs))
    return Confirm(row(ink("title", "LEAVE THE CONSOLE")), plan, key="y", verb="LEAVE")


def detach_dialog(jobs: Sequence[Job]) -> Confirm:
    """Ask because jobs are under way; otherwise detaching harms nothing and needs no question."""
    from .dialogs.confirm import Confirm

    plan = (row("  ROOMS GO ON WITHOUT THIS CONSOLE."), *_cancelled(jobs))
    return Confirm(row(ink("title", "DETACH")), plan, key="y", verb="DETACH")


def _forsaken(guests: int) -> tuple[Row, ...]:
    if not guests:
        return ()
    return (
        row(ink("warn", f"  {_count(guests, 'OTHER SESSION USES', 'OTHER SESSIONS USE')} THESE ROOMS AND IS CUT OFF.")),
    )


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


def exit_line(rooms: int, entities: int, *, durable: bool, guests: int = 0) -> str:
    """The owner's line on the shell once the service is closed."""
    if not durable:
        return f"CONSOLE CLOSED. NOTHING WAS STORED: {_rooms(rooms)} GONE."
    lost = f" {_count(guests, 'SESSION', 'SESSIONS')} CUT OFF." if guests else ""
    return f"CONSOLE CLOSED. {_count(entities, 'ENTITY', 'ENTITIES')} STOPPED. {_rooms(rooms)} KEPT.{lost}"


def detached_line(active: int | None) -> str:
    """The line on the shell of one who was joined to an owner; None: it did not answer any more."""
    return "DETACHED. THE OWNER DOES NOT ANSWER." if active is None else f"DETACHED. {_rooms(active)} ACTIVE."


def _rooms(count: int) -> str:
    return _count(count, "ROOM", "ROOMS")


def _count(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
