"""Every action of the console in one table: keys, help, footer hints, the ACTIONS menu and `:` names come from it.

An action is known by its id, which never changes; keys can be remapped by id. The handlers are bound to the ids
in `handlers.py`, and a test holds the two together. No destructive verb stands on a bare key.
"""

from __future__ import annotations

from enum import StrEnum

from backrooms_tui.model.value import value


class Focus(StrEnum):
    """What has the focus, as far as keys are concerned. INPUT takes letters as text: only chords act there."""

    ROOMS = "ROOMS"
    OUTPUT = "OUTPUT"
    FIGURES = "FIGURES"
    DAMAGE = "DAMAGE"
    """What stands in the output's place for a room that is CORRUPTED."""
    INPUT = "INPUT"
    LOST = "LOST"
    """Nothing: the keys of the banner while the connection to the owner is lost. They go before those of the panes."""


NAV = frozenset(Focus) - {Focus.INPUT, Focus.LOST}
EVERYWHERE = frozenset(Focus) - {Focus.LOST}
_ROOMS, _OUTPUT, _INPUT = frozenset({Focus.ROOMS}), frozenset({Focus.OUTPUT}), frozenset({Focus.INPUT})
_LOST = frozenset({Focus.LOST})


class Group(StrEnum):
    """Headings of the help, in this order."""

    ROOM = "ROOM"
    OUTPUT = "OUTPUT"
    INPUT = "INPUT"
    MOVE = "MOVE"
    SESSION = "SESSION"


@value
class Action:
    id: str
    keys: tuple[str, ...]
    """Default keys; empty: reached through a menu or the command line only."""
    where: frozenset[Focus]
    group: Group
    help: str
    hint: str = ""
    """Word in the footer; empty: not shown there."""
    menu: str = ""
    """Letter in the ACTIONS menu."""
    fixed: bool = False
    """The input box answers it itself; it cannot be remapped."""


def _move(name: str, keys: tuple[str, ...], text: str) -> Action:
    return Action(f"move.{name}", keys, NAV, Group.MOVE, text)


def _text_key(name: str, keys: tuple[str, ...], text: str, hint: str = "") -> Action:
    return Action(f"input.{name}", keys, _INPUT, Group.INPUT, text, hint, fixed=True)


ACTIONS: tuple[Action, ...] = (
    Action("room.enter", ("enter",), _ROOMS, Group.ROOM, "ENTER ROOM under the cursor", "ENTER ROOM"),
    Action("room.peek", ("p",), NAV, Group.ROOM, "PIN PEEK: keep the room in a tab without entering it", "PEEK"),
    Action("menu.actions", ("a",), NAV, Group.ROOM, "ACTIONS menu", "ACTIONS"),
    Action("room.create", (), NAV, Group.ROOM, "CREATE ROOM", menu="c"),
    Action(
        "room.interrupt",
        ("ctrl+x",),
        EVERYWHERE,
        Group.ROOM,
        "INTERRUPT the input at work",
        "INTERRUPT",
        "i",
    ),
    Action("room.suspend", (), NAV, Group.ROOM, "SUSPEND the room, or the marked ones", menu="s"),
    Action("room.resume", (), NAV, Group.ROOM, "RESUME the room, or the marked ones", menu="r"),
    Action("room.leave", (), NAV, Group.ROOM, "LEAVE the room; it persists", menu="l"),
    Action("room.backup", (), NAV, Group.ROOM, "BACKUP the room, or the marked ones", menu="b"),
    Action("room.restore", (), NAV, Group.ROOM, "RESTORE a room from an archive", menu="t"),
    Action("room.recover", (), NAV, Group.ROOM, "RECOVER a CORRUPTED room", menu="v"),
    Action("room.export", ("x",), NAV, Group.ROOM, "EXPORT memory of the room, or of the marked ones", "EXPORT", "x"),
    Action("room.compact", (), NAV, Group.ROOM, "COMPACT: compress memory now", menu="m"),
    Action("room.compare", ("c",), NAV, Group.ROOM, "COMPARE two rooms: the marked ones, or pick", menu="="),
    Action("room.batch", (), NAV, Group.ROOM, "BATCH: commands from a file", menu="B"),
    Action("room.destroy", (), NAV, Group.ROOM, "DESTROY the room, or the marked ones", menu="D"),
    Action("store.check", (), NAV, Group.ROOM, "CHECK every byte of the store; changes nothing", menu="k"),
    Action(
        "rooms.filter",
        ("/",),
        _ROOMS,
        Group.ROOM,
        "filter the list: words, state: mem:> err:>, ! not, ~ fuzzy",
        "filter",
    ),
    Action("rooms.sort", ("s",), _ROOMS, Group.ROOM, "sort menu", "sort"),
    Action("rooms.mark", ("space",), _ROOMS, Group.ROOM, "mark or unmark the room", "mark"),
    Action("rooms.mark-range", ("V",), _ROOMS, Group.ROOM, "mark from the last marked room to here"),
    Action("rooms.mark-visible", ("*",), _ROOMS, Group.ROOM, "mark every visible room"),
    Action("rooms.clear-marks", ("-",), _ROOMS, Group.ROOM, "clear all marks"),
    Action("figures.next", ("i",), NAV, Group.ROOM, "INSPECT, STATS, CONFIG, MEMORY in turn", "INSPECT"),
    Action("output.detail", ("enter",), _OUTPUT, Group.OUTPUT, "DETAIL of the entry at the top line", "DETAIL"),
    Action("output.search", ("/",), _OUTPUT, Group.OUTPUT, "search", "search"),
    Action("output.next", ("n",), _OUTPUT, Group.OUTPUT, "next match; without a search, next error", "next"),
    Action("output.previous", ("N",), _OUTPUT, Group.OUTPUT, "previous match or error"),
    Action("output.only-matching", ("&",), _OUTPUT, Group.OUTPUT, "show only matching lines"),
    Action("output.next-input", ("]",), _OUTPUT, Group.OUTPUT, "next input"),
    Action("output.previous-input", ("[",), _OUTPUT, Group.OUTPUT, "previous input"),
    Action("output.wrap", ("w",), NAV, Group.OUTPUT, "wrap long lines, or not", "wrap"),
    Action("output.times", ("t",), NAV, Group.OUTPUT, "timestamps: off, time, UTC, relative, latency", "times"),
    Action("output.select", ("v",), _OUTPUT, Group.OUTPUT, "select lines; y copies them"),
    Action("output.copy-line", ("y",), _OUTPUT, Group.OUTPUT, "copy the line as the entity said it", "copy"),
    Action("output.copy-entry", ("Y",), _OUTPUT, Group.OUTPUT, "copy the whole entry"),
    _text_key("send", ("enter",), "SEND", "SEND"),
    _text_key("newline", ("ctrl+j",), "new line", "newline"),
    _text_key("history", ("up", "down"), "history, from the first or last line"),
    _text_key("history-search", ("ctrl+r",), "search the history", "history"),
    _text_key("erase", ("ctrl+w", "ctrl+u", "ctrl+k"), "erase word, to the start, to the end"),
    _text_key("ends", ("ctrl+a", "ctrl+e"), "start and end of the line"),
    _move("up", ("up", "k"), "up"),
    _move("down", ("down", "j"), "down"),
    _move("page-up", ("pgup", "ctrl+u"), "page up"),
    _move("page-down", ("pgdn", "ctrl+d"), "page down"),
    _move("top", ("home", "g"), "first"),
    _move("bottom", ("end", "G"), "last; in the output: FOLLOW"),
    _move("left", ("left", "h"), "scroll left by half a width"),
    _move("right", ("right", "l"), "scroll right by half a width"),
    Action("focus.next", ("tab",), EVERYWHERE, Group.MOVE, "next pane", "pane"),
    Action("focus.previous", ("shift+tab",), EVERYWHERE, Group.MOVE, "previous pane"),
    *(Action(f"tab.{n}", (str(n),), NAV, Group.MOVE, f"room tab {n}") for n in range(1, 10)),
    Action("tab.rooms", ("0",), NAV, Group.MOVE, "ROOMS"),
    Action("back", ("esc",), EVERYWHERE, Group.MOVE, "close, clear the filter, leave the input (draft kept)", "NAV"),
    Action("view.zoom", ("z",), NAV, Group.SESSION, "zoom the output pane", "zoom"),
    Action("command.open", (":",), NAV, Group.SESSION, "command line: what room.exe understands", "command"),
    Action("help.open", ("?",), NAV, Group.SESSION, "this help", "help"),
    Action("ledger.open", ("L",), NAV, Group.SESSION, "NOTICES and the commands that were run"),
    Action("jobs.open", ("J",), NAV, Group.SESSION, "JOBS: what is under way, and what came of the rest"),
    Action("config.open", (), NAV, Group.SESSION, "CONFIGURATION, and where each value came from", menu="o"),
    Action("rooms.refresh", ("R",), NAV, Group.SESSION, "read everything anew and sort again"),
    Action("hints.toggle", ("H",), NAV, Group.SESSION, "show or hide the key hints"),
    Action("screen.redraw", ("ctrl+l",), EVERYWHERE, Group.SESSION, "redraw"),
    Action("console.stop", ("ctrl+z",), EVERYWHERE, Group.SESSION, "back to the shell; fg returns"),
    Action(
        "console.interrupt",
        ("ctrl+c",),
        EVERYWHERE,
        Group.SESSION,
        "copy the selection, clear the draft, interrupt from an empty one, or cancel a job; twice: leave",
    ),
    Action("connection.retry", ("r",), _LOST, Group.SESSION, "CONNECTION LOST: try again now"),
    Action("connection.offline", ("o",), _LOST, Group.SESSION, "CONNECTION LOST: fold the banner, or show it"),
    Action("connection.drafts", ("w",), _LOST, Group.SESSION, "CONNECTION LOST: write the drafts to a file"),
    Action("console.leave", ("q",), NAV, Group.SESSION, "leave the console, or detach from its owner", "LEAVE"),
    Action("console.leave-now", ("ctrl+q",), EVERYWHERE, Group.SESSION, "leave the console, from anywhere"),
)

BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}


def menu_actions() -> tuple[Action, ...]:
    """What the ACTIONS menu offers, in the table's order."""
    return tuple(action for action in ACTIONS if action.menu)
