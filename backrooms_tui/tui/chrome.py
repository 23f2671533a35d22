"""The lines around the panes as rows: header, tabs, hints, the foot of the room list. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from backrooms_tui.model.ids import short
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.units import NS, format_size_short, format_time
from backrooms_tui.model.views import Occupant, RoomView, ServiceStatus, StoreFacts

from .actions import ACTIONS, Focus
from .attachment import Attachment
from .keymap import Keymap
from .log.view import LogStatus
from .notices import NoticeLine
from .rooms_model import RoomsModel
from .rows import EMPTY, Row, Run, ends, foreign, ink, row
from .signs import SIGNS, sparkline
from .tabs import Tab

HINT_ORDER = {
    Focus.ROOMS: ("room.enter", "menu.actions", "rooms.filter", "rooms.mark", "figures.next", "rooms.sort"),
    Focus.OUTPUT: ("output.search", "output.next", "output.wrap", "output.times", "output.copy-line", "view.zoom"),
    Focus.FIGURES: ("figures.next", "menu.actions"),
    Focus.DAMAGE: ("menu.actions", "room.export", "figures.next"),
    Focus.INPUT: ("back", "input.send", "input.newline", "input.history-search"),
}
"""Hints by use in each focus; those that do not fit go from the right."""
FOOT_ALONE = 3
"""Lines of the foot that a small screen keeps."""
_ALWAYS = ("focus.next", "command.open")


def clock(at: int) -> str:
    """`14:09:47Z`"""
    return format_time(at)[11:]


def counts(states: Counter[RoomState]) -> list[Run]:
    """`●3 ○3 =1 !1`"""
    return [
        ink(SIGNS[state].style, f"{SIGNS[state].glyph}{states[state]}") if index % 2 else ink("", " ")
        for state in RoomState
        if states[state]
        for index in range(2)
    ]


def header_row(
    width: int,
    *,
    rooms: RoomsModel,
    memory: int,
    status: ServiceStatus | None,
    facts: StoreFacts | None,
    attachment: Attachment,
    now: int,
) -> Row:
    """The first line of the screen; the store's place goes first when it is narrow."""
    wide = width >= 100
    left = row(ink("title", " BACKROOMS TERMINAL" if wide else " BACKROOMS"))
    if wide and status is not None:
        left += row(ink("dim", f"  room.exe {status.version}"))
    if facts is not None and wide:
        left += row(ink("dim", f"  {facts.backend}"))
    if status is not None and not status.durable:
        left += row(ink("", "  "), ink("warn", "NOT DURABLE"))
    left += _attached(attachment, wide=wide)
    left += Row((ink("", f"  ROOMS {rooms.total} "), *counts(rooms.states())))
    right = row(ink("dim", f"MEM {format_size_short(memory)}  "), ink("", f"{clock(now)} " if now else ""))
    return ends(left, right, width)


def _attached(attachment: Attachment, *, wide: bool) -> Row:
    """How the rooms are reached, when they are another's; and whether this console may change them."""
    runs: list[Run] = []
    if attachment.outage is not None:
        runs += [ink("", "  "), ink("error", "OFFLINE")]
    elif attachment.remote:
        runs += [ink("", "  "), ink("good", "CONNECTED")]
        if wide:
            where = "" if "/" in attachment.address else f" {attachment.address}"
            runs.append(foreign("dim", f"{where} {attachment.session[:10]}"))
    if attachment.read_only:
        runs += [ink("", "  "), ink("warn", "READ-ONLY")]
    return Row(tuple(runs))


def present_row(others: Sequence[Occupant]) -> Row:
    """`HERE ops@h2, ann@h1 READ-ONLY`: who else is in the room."""
    runs: list[Run] = []
    for one in others:
        runs += [ink("dim", ", " if runs else "HERE "), foreign("accent", one.who or one.session)]
        runs += [ink("warn", " READ-ONLY")] if one.read_only else []
    return Row(tuple(runs))


def tab_title(tabs: Sequence[Tab], shown: RoomView | None, views: Iterable[RoomView | None], width: int) -> Row:
    """Tabs in the output's top rule, the shown room's word written out; a passing peek says that it is one."""
    parts: list[Run] = []
    for number, (tab, view) in enumerate(zip(tabs, views, strict=True), 1):
        if parts:
            parts.append(ink("rule", " │ "))
        parts += _tab(number, tab, view, current=shown is not None and shown.record.id == tab.room_id)
    if shown is not None and all(tab.room_id != shown.record.id for tab in tabs):
        parts += [ink("rule", " │ ")] if parts else []
        parts += [ink("dim", "PEEK "), ink("title", short(shown.record.id)), *_sign(shown, word=True)]
    title = Row(tuple(parts)) if parts else row(ink("dim", "OUTPUT"))
    return title if title.cell_len <= width else title.fit(width)


def _tab(number: int, tab: Tab, view: RoomView | None, *, current: bool) -> list[Run]:
    runs = [ink("dim", f"{number} "), ink("title" if current else "", short(tab.room_id))]
    if view is not None:
        runs += _sign(view, word=current)
    if current and not tab.entered:
        runs.append(ink("dim", " PINNED PEEK"))
    if tab.unread:
        runs.append(ink("accent", f" +{tab.unread}"))
    return runs


def _sign(view: RoomView, *, word: bool) -> list[Run]:
    sign = SIGNS[view.record.state]
    return [ink("", " "), ink(sign.style, f"{sign.glyph} {sign.word}" if word else sign.glyph)]


def hints_row(width: int, focus: Focus, keymap: Keymap, leave: str = "LEAVE", *, busy: bool = False) -> Row:
    """Key hints of a focus, generated from the action table; what does not fit goes from the right. `leave` is what
    leaving does; `busy`: the shown room's entity is at work, and can be interrupted.
    """
    table = {action.id: action for action in ACTIONS}
    always = () if focus is Focus.INPUT else _ALWAYS
    last = _ends_of_hints(keymap, leave) if always else EMPTY
    left = row(ink("strong", " INPUT " if focus is Focus.INPUT else " NAV "))
    for action_id in (*(("room.interrupt",) if busy else ()), *HINT_ORDER[focus], *always):
        key, hint = _first(keymap, action_id), table[action_id].hint
        if not key or not hint:
            continue
        more = left + row(" ", ink("key", key), ink("dim", f" {hint} "))
        if more.cell_len + last.cell_len > width:
            break
        left = more
    return ends(left, last, width)


def _ends_of_hints(keymap: Keymap, leave: str) -> Row:
    """What must never be squeezed out: how to get help, and how to leave."""
    help_key, leave_key = _first(keymap, "help.open"), _first(keymap, "console.leave")
    return row(ink("key", help_key), ink("dim", " help  "), ink("key", leave_key), ink("dim", f" {leave} "))


def _first(keymap: Keymap, action_id: str) -> str:
    keys = keymap.keys(action_id)
    return keys[0] if keys else ""


def notice_row(line: NoticeLine | None) -> Row:
    """`14:09:33Z c2f9e7b3 CORRUPTED CHECKSUM_MISMATCH`"""
    if line is None:
        return EMPTY
    style = {"ERROR": "error", "WARN": "warn"}.get(line.severity, "")
    room = [ink("dim", f"{short(line.room_id)} ")] if line.room_id else []
    return Row((ink("dim", f" {clock(line.at)} "), *room, (style, line.text)))


def foot_rows(
    width: int,
    height: int,
    *,
    rooms: RoomsModel,
    latencies: Sequence[float],
    jobs: Sequence[Row],
    notices: Sequence[NoticeLine],
) -> tuple[Row, ...]:
    """What stands under the room list: the filter, the marks, the states, the recent turns, jobs, the last notices.

    Where there is no room for more, the newest job stands beside the marks.
    """
    marks = _marks_row(rooms)
    if jobs and height <= FOOT_ALONE:
        marks = ends(marks, jobs[-1], width)
    rows = [row(ink("rule", "─" * width)), _filter_row(width, rooms), marks]
    if height > FOOT_ALONE:
        states = rooms.states()
        words = [f"{state} {states[state]}" for state in RoomState if state is not RoomState.TERMINATED]
        recent = list(latencies)
        line = sparkline(recent, max(8, width - 20))
        rows += [
            row(ink("dim", " STATE    "), ink("", "  ".join(words[:2]))),
            row(ink("dim", "          "), ink("", "  ".join(words[2:]))),
            row(
                ink("dim", " LATENCY  "),
                ink("meter", line),
                ink("" if recent else "dim", f" {recent[-1]:.3f}s" if recent else "-"),
            ),
        ]
        rows += jobs[-max(1, height - len(rows)) :]
        last = list(notices)[len(rows) - height :] if len(rows) < height else []
        rows += [notice_row(line) for line in reversed(last)]
    return tuple(rows[:height])


def _filter_row(width: int, rooms: RoomsModel) -> Row:
    hidden = row(ink("dim", f"{rooms.hidden} HIDDEN "))
    if not rooms.filter:
        return ends(row(ink("dim", " FILTER   / type to narrow")), hidden, width)
    return ends(row(ink("dim", " FILTER   "), foreign("accent", rooms.filter.text)), hidden, width)


def _marks_row(rooms: RoomsModel) -> Row:
    marked = len(rooms.marks)
    hidden = f" ({rooms.marks_hidden} HIDDEN)" if rooms.marks_hidden else ""
    return row(ink("dim", " MARKS    "), ink("marked" if marked else "dim", f"{marked} MARKED{hidden}"))


def log_foot_row(width: int, status: LogStatus) -> Row:
    """`1188/1247  WRAP on  TS utc  ERR 3` and, at the right, the search or what became of it."""
    left = row(
        ink("dim", " ENTRIES "),
        ink("", f"{status.position}/{status.total}"),
        ink("dim", f"  WRAP {'on' if status.wrap else 'off'}  TS {status.stamps.value}  ERR "),
        ink("error" if status.errors else "dim", str(status.errors)),
    )
    return ends(left, _search_row(status), width)


def _search_row(status: LogStatus) -> Row:
    if status.message is not None:
        return row(foreign("warn", status.message), " ")
    if status.selecting:
        return row(ink("accent", "SELECTING  y COPIES "))
    if status.query is not None:
        sign = "&" if status.only_matching else "/"
        return row(ink("dim", f"{sign} "), foreign("accent", status.query), " ")
    return EMPTY


def age_ns(now: int, then: int) -> float:
    """Seconds between two times in nanoseconds, never negative."""
    return max(0.0, (now - then) / NS)
