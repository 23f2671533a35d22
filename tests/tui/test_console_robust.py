"""Sizes, storms, foreign bytes and our own tables: what must hold whatever happens."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from fleet import NOW, Fleet, record, room_id
from seeing import comes, rests, screen_text, sees
from textual import events
from textual.app import App
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from backrooms_tui.model.entries import EntryType, MemoryEntry
from backrooms_tui.model.events import Notice, RoomChanged, TurnStarted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import changed
from backrooms_tui.model.views import RoomView, RunningTurn
from backrooms_tui.tui.actions import ACTIONS, Focus
from backrooms_tui.tui.app import BackroomsApp
from backrooms_tui.tui.dialogs.compare import Compare, PickRoom
from backrooms_tui.tui.dialogs.export import BackUp, ExportMemory
from backrooms_tui.tui.dialogs.files import Restore
from backrooms_tui.tui.dialogs.form import Form
from backrooms_tui.tui.dialogs.jobs import JobsList
from backrooms_tui.tui.dialogs.recover import Recover
from backrooms_tui.tui.dialogs.sheet import Dialog, Sheet
from backrooms_tui.tui.screen import ConsoleScreen
from backrooms_tui.tui.widgets.browser import RoomBrowser
from backrooms_tui.tui.widgets.frame import Frame, Rule
from backrooms_tui.tui.widgets.pane import Pane, RowsPane
from backrooms_tui.tui.widgets.prompt import Prompt

SIZES = [(1, 1), (20, 5), (59, 15), (60, 16), (80, 24), (120, 40), (200, 50), (300, 100)]
HOSTILE = (
    "[INFO]",
    "[/]",
    "[b",
    "[@click=app.quit]x[/]",
    "\x1b]0;title\x07\x1b]52;c;aGk=\x07\x1bP1$r\x1b\\\x1b_apc\x1b\\",
    "".join(map(chr, range(256))),
    "\u202e\u2066\u200b\ufeff\U000e0041",
)


def test_every_action_has_a_handler_and_every_handler_an_action(console: Any) -> None:
    assert set(console().router._table) == {action.id for action in ACTIONS if not action.fixed}


@pytest.mark.parametrize("size", SIZES)
async def test_any_size_is_drawn(console: Any, size: tuple[int, int]) -> None:
    app = console()
    async with app.run_test(size=size, notifications=True) as pilot:
        await comes(pilot, lambda: app.desk.rooms.total)
        await pilot.press("j", "tab", "i", "escape", "question_mark", "escape", "a", "c", "escape", "0")
        await pilot.press("x", "escape", "J", "escape", "a", "o", "escape", "c", "enter", "escape")
        assert app.is_running


async def test_a_storm_of_sizes_leaves_a_whole_screen(console: Any) -> None:
    app, dice = console(), random.Random(7)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "END OF OUTPUT")
        await pilot.press("enter")
        for _ in range(40):
            await pilot.resize_terminal(dice.randint(1, 300), dice.randint(1, 100))
        await pilot.resize_terminal(120, 40)
        await sees(pilot, "INSPECT")
        await sees(pilot, "B / 65536")


async def test_foreign_text_is_shown_as_it_is_and_obeyed_by_nobody(console: Any) -> None:
    one = record(0, RoomState.ACTIVE, 10, 1, 0, 0)
    one = one.with_(config=RoomConfig(name=HOSTILE[3]), last_error="\x1b[2J[/]")
    fleet = Fleet([one])
    fleet.entries[one.id] = [
        MemoryEntry(seq, NOW + seq, EntryType.OUTPUT, text, {"input": 1}) for seq, text in enumerate(HOSTILE, 1)
    ]
    app = console(fleet)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "ENTITY: [@click=app.quit]x[/]")
        fleet.subscription.tell(Notice(NOW, "WARN", one.id, "[/] \x1b]0;x\x07 [@click=app.quit]x[/]"))
        await sees(pilot, "[/] ␛]0;x")
        await pilot.press("i", "i", "i")
        await sees(pilot, "[@click=app.quit]x[/]")
        await pilot.press("L")
        await sees(pilot, "LEDGER")
        await pilot.press("escape", "tab", "home", "enter")
        await sees(pilot, "ENTRY")
        assert not set(screen_text(app)) & {chr(code) for code in range(0x20) if code != 0x0A}
        assert app.is_running


async def test_a_key_right_after_a_move_means_the_room_under_the_cursor(console: Any) -> None:
    app = console()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "END OF OUTPUT")
        for key in ("j", "tab"):
            app.post_message(events.Key(key, None))
        await comes(pilot, lambda: app.console_screen.focus_kind() is Focus.OUTPUT)
        assert app.desk.tabs.shown == room_id(1)
        await pilot.press("0")
        for key in ("p", "j", "p"):
            app.post_message(events.Key(key, None))
        await comes(pilot, lambda: len(app.desk.tabs) == 2)


async def test_a_pane_that_is_shown_has_its_title_also_when_the_layout_comes_late(console: Any) -> None:
    app = console()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await rests(pilot)
        await pilot.press("G", "k")
        await rests(pilot)
        await comes(pilot, lambda: not app.desk._figures_timer_set)  # which would draw everything once more
        await rests(pilot)
        app.console_screen.call_after_refresh = lambda told, *given: told(*given)
        await pilot.press("tab")
        await sees(pilot, f"PEEK {room_id(6)[:8]}")


async def test_a_line_that_is_typed_keeps_its_keys_when_a_room_has_been_made_meanwhile(console: Any) -> None:
    fleet, answer = Fleet(), threading.Event()
    create = fleet.create

    def slow(config: RoomConfig) -> RoomView:
        made = create(config)
        assert answer.wait(60)
        return made

    fleet.create = slow  # type: ignore[method-assign]
    app = console(fleet)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "END OF OUTPUT")
        await pilot.press("a", "c", "enter")
        await sees(pilot, "ROOMS 9")
        await pilot.press(":", *"crea")
        answer.set()
        await comes(pilot, lambda: app.desk.rooms.cursor == next(reversed(fleet.records)))
        await pilot.press(*"te --na")
        await sees(pilot, ":create --na")


async def test_a_turn_that_begins_while_its_room_is_being_read_is_not_forgotten(console: Any) -> None:
    fleet, reading, answer = Fleet(), threading.Event(), threading.Event()
    one, room = next(iter(fleet.records)), fleet.room

    def slow(of: RoomId) -> RoomView:
        view = room(of)
        if reading.is_set():
            return changed(view, running=RunningTurn(48, NOW, 30.0))
        reading.set()
        assert answer.wait(60)
        return view

    app = console(fleet)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await rests(pilot)
        fleet.room = slow  # type: ignore[method-assign]
        fleet.subscription.tell(RoomChanged(one, RoomState.ACTIVE))
        await comes(pilot, reading.is_set)
        fleet.subscription.tell(TurnStarted(one, 48, 1, NOW, 30.0))
        await sees(pilot, "ctrl+x INTERRUPT")
        answer.set()
        await rests(pilot)
        assert app.desk.rooms.view(one).running is not None


async def test_a_thousand_rooms_that_all_change_keep_the_cursor_on_its_room(console: Any) -> None:
    records = [record(number, RoomState.IDLE, 1000 * number, number, 0, 0) for number in range(1024)]
    unique = {one.id: one for one in records}
    fleet = Fleet(list(unique.values()))
    app = console(fleet)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await comes(pilot, lambda: app.desk.rooms.total == len(unique))
        await pilot.press("end", "pageup")
        cursor = app.desk.rooms.cursor
        for one in unique.values():
            fleet.records[one.id] = one.with_(memory_usage=5)
            fleet.subscription.tell(RoomChanged(one.id, RoomState.IDLE))
        await comes(pilot, lambda: all(view.record.memory_usage == 5 for view in app.desk.rooms.views()))
        assert app.desk.rooms.cursor == cursor
        assert f"{cursor[:8]}" in screen_text(app)


async def test_the_last_consoles_tabs_come_back_as_peeks(console: Any) -> None:
    first = console()
    async with first.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "END OF OUTPUT")
        await pilot.press("enter")
        await sees(pilot, "B / 65536")
        await pilot.press("escape", "0", "s", "m", "j")
    fleet = Fleet()
    second = console(fleet, view=first.last_view())
    async with second.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, f"1 {room_id(0)[:8]}")
        await sees(pilot, "SORT memory")
        assert not [call for call in fleet.calls if call[0] == "enter"]
        assert second.desk.rooms.cursor == first.desk.rooms.cursor


INTENDED = {
    BackroomsApp: {
        "ENABLE_COMMAND_PALETTE",
        "AUTO_FOCUS",
        "get_default_screen",
        "get_theme",
        "on_event",
        "_handle_exception",
    },
    ConsoleScreen: {"compose", "COMPONENT_CLASSES", "Arranged", "FocusMoved"},
    Dialog: {"compose", "COMPONENT_CLASSES"},
    Frame: {"compose"},
    Pane: {"ALLOW_SELECT", "render_line", "notify_style_update"},
}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(BackroomsApp, App), (ConsoleScreen, Screen)]
    + [
        (one, ModalScreen)
        for one in (Dialog, Form, ExportMemory, BackUp, Restore, Recover, Compare, PickRoom, JobsList)
    ]
    + [(one, Widget) for one in (Pane, RowsPane, RoomBrowser, Rule, Frame, Prompt, Sheet)],
)
def test_no_name_of_ours_is_one_of_textuals_by_accident(ours: type, theirs: type) -> None:
    allowed = set().union(*(names for base, names in INTENDED.items() if issubclass(ours, base)))
    own = {name for name in vars(ours) if not name.startswith(("__", "on_"))}
    taken = {
        name
        for name in own & set(dir(theirs))
        if not name.startswith(
            (
                "_css",
                "_inherit",
                "_merged",
                "_computes",
                "_reactives",
                "_decorated",
                "_bindings",
                "_get_default",
                "_component",
                "_selector",
            )
        )
    }
    assert taken - allowed - {"can_focus", "can_focus_children", "handler_name", "namespace", "_orig"} == set()
