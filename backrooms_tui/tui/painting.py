"""Fills the screen's panes from the desk's state; what has not changed is not written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backrooms_tui.model.ids import short
from backrooms_tui.model.views import RoomView

from . import chrome
from .figures import page_rows
from .rows import EMPTY, ink, row
from .screen import ConsoleScreen
from .widgets.pane import Painter

if TYPE_CHECKING:
    from .desk import Desk


def paint_header(screen: ConsoleScreen, desk: Desk) -> None:
    """The first line, and the room list's title."""
    memory = sum(view.record.memory_usage for view in desk.rooms.views())
    screen.header.draw(
        lambda size: (
            chrome.header_row(
                size.width,
                rooms=desk.rooms,
                memory=memory,
                status=desk.figures.status,
                facts=desk.figures.facts,
                attachment=desk.attachment,
                now=desk.now,
            ),
        )
    )
    order = f"SORT {desk.rooms.order.name} {'^' if desk.rooms.reversed else 'v'}"
    screen.rooms_frame.top.show(row(ink("title", f"ROOMS {desk.rooms.total}")), row(ink("dim", order)))


def paint_foot(screen: ConsoleScreen, desk: Desk) -> None:
    """What stands under the room list."""
    latencies, notices = desk.recent(desk.tabs.shown), desk.ledger.lines()
    screen.foot.draw(
        lambda size: chrome.foot_rows(
            size.width,
            size.height,
            rooms=desk.rooms,
            latencies=latencies,
            jobs=desk.job_lines(size.width if size.height > chrome.FOOT_ALONE else size.width // 2),
            notices=notices,
        )
    )


def paint_output(screen: ConsoleScreen, desk: Desk) -> None:
    """The tabs above the log, the status below it, and the damage of a room that has no log to show."""
    shown, status = desk.shown, screen.log_view.status()
    damaged = shown is not None and shown.record.damage is not None
    follow = "FOLLOW" if status.follow else f"HELD +{status.new} NEW"
    right = row(ink("dim" if status.follow else "accent", follow)) if shown else EMPTY
    if damaged:
        right = row(ink("error", "CANNOT BE ENTERED"))
    tabs = list(desk.tabs)
    views = [desk.rooms.view(tab.room_id) for tab in tabs]
    width = screen.output_frame.size.width - right.cell_len - 8
    screen.output_frame.top.show(chrome.tab_title(tabs, shown, views, width), right)
    screen.output_frame.bottom.show(chrome.present_row(desk.others()) if shown else EMPTY)
    screen.log_foot.draw(lambda size: (chrome.log_foot_row(size.width, status) if shown and not damaged else EMPTY,))
    screen.show_damage(_damage_painter(shown, desk) if shown is not None and damaged else None)


def _damage_painter(view: RoomView, desk: Desk) -> Painter:
    from .corrupted import corrupted_rows

    backups, now = desk.figures.backups, desk.now
    return lambda size: corrupted_rows(view, backups, now, size.width)


def paint_figures(screen: ConsoleScreen, desk: Desk) -> None:
    """The page of figures of the shown room."""
    pane, subject = screen.figures, desk.subject()
    title = row(ink("title", desk.page.value))
    if subject is not None:
        title += row(ink("dim", f" {short(subject.view.record.id)}"))
    screen.figures_frame.top.show(title, row(ink("dim", "i next")))
    page = desk.page
    pane.draw(
        lambda size: (
            page_rows(page, subject, max(20, size.width)) if subject else (row(ink("dim", "NO ROOM IS SHOWN.")),)
        )
    )
