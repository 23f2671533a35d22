"""A CORRUPTED room as rows: what is wrong, what is known still, what there is to go back to, what can be done.

It stands in the place of the output, because there is nothing to follow in a room that cannot be entered.
"""

from __future__ import annotations

from collections.abc import Sequence

from backrooms_tui.model.reports import BackupInfo
from backrooms_tui.model.room import Damage
from backrooms_tui.model.units import NS, format_size_short, format_span, format_time
from backrooms_tui.model.views import RoomView

from .figures import backup_runs
from .rows import EMPTY, Row, Run, foreign, ink, row

_LABEL = 18
_LISTED = 5


def corrupted_rows(view: RoomView, backups: Sequence[BackupInfo] | None, now: int, width: int) -> tuple[Row, ...]:
    """The whole screen. `backups` is None while nobody has looked on the shelf."""
    shelf = (
        (row(_label("BACKUPS"), ink("dim", "...")),)
        if backups is None
        else (*backup_rows(backups, now), loss_row(view, backups))
    )
    return (
        row(ink("state-corrupted", "CORRUPTED"), ink("dim", "  CANNOT BE ENTERED")),
        EMPTY,
        *facts_rows(view, width),
        EMPTY,
        *shelf,
        EMPTY,
        *_key_rows(recoverable=bool(backups)),
    )


def facts_rows(view: RoomView, width: int) -> tuple[Row, ...]:
    """What is wrong, and what the room's record still says."""
    record, damage = view.record, view.record.damage
    return (
        *(_damage_rows(damage, width) if damage is not None else ()),
        row(_label("LAST ACTIVE"), ink("", format_time(record.last_active))),
        row(
            _label("MEMORY"),
            ink("", f"{record.entries} entries, {format_size_short(record.memory_usage)}"),
            ink("dim", "  by its last sound record"),
        ),
    )


def backup_rows(backups: Sequence[BackupInfo], now: int) -> tuple[Row, ...]:
    """The backups there are, newest first."""
    if not backups:
        return (row(_label("BACKUPS"), ink("warn", "NO BACKUP AVAILABLE")),)
    listed = [
        row(_label("BACKUPS" if place == 0 else ""), *backup_runs(backup, now))
        for place, backup in enumerate(backups[:_LISTED])
    ]
    more = len(backups) - _LISTED
    return (*listed, row(_label(""), ink("dim", f"and {more} older"))) if more > 0 else tuple(listed)


def loss_row(view: RoomView, backups: Sequence[BackupInfo]) -> Row:
    """What going back to the newest backup would cost, as far as times can say it."""
    if not backups:
        return row(_label(""), ink("", "MANUAL INTERVENTION REQUIRED"))
    lost = (view.record.last_active - backups[0].taken_at) / NS
    words = f"{format_span(lost)}, if the newest is valid" if lost > 0 else "none, if the newest is valid"
    return row(_label("DATA LOSS"), ink("warn" if lost > 0 else "", words))


def _damage_rows(damage: Damage, width: int) -> tuple[Row, ...]:
    room = max(16, width - _LABEL)
    where = [damage.where[at : at + room] for at in range(0, len(damage.where), room)][:4] or [""]
    return (
        row(_label("CORRUPTION_TYPE"), foreign("error", damage.type)),
        *(row(_label("WHERE" if not place else ""), foreign("", part)) for place, part in enumerate(where)),
        row(_label("OFFSET"), ink("", f"0x{damage.offset:08X}")),
        row(_label("DETECTED"), ink("", format_time(damage.detected_at))),
    )


def _key_rows(*, recoverable: bool) -> tuple[Row, ...]:
    words = "RECOVER FROM BACKUP, OR CHECK AGAIN" if recoverable else "CHECK AGAIN"
    return (
        row(ink("key", "a v"), ink("", f"  {words}")),
        row(ink("key", "x  "), ink("", "  EXPORT WHAT CAN BE READ")),
        row(ink("key", "i  "), ink("", "  INSPECT")),
        row(ink("key", "a D"), ink("", "  DESTROY")),
    )


def _label(words: str) -> Run:
    return ink("dim", words.ljust(_LABEL))
