"""What keys do to real rooms: a console over the real service; nothing is stored but where files are the matter."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from seeing import comes, screen_text, sees
from textual import events
from textual.pilot import Pilot

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.service import RoomService, open_service
from backrooms_tui.tui import console_actions
from backrooms_tui.tui.app import BackroomsApp
from backrooms_tui.tui.dialogs import destroy


@pytest.fixture
def service() -> Iterator[RoomService]:
    opened = open_service(Settings(), persist=False)
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def pilot(service: RoomService) -> AsyncIterator[Pilot[Any]]:
    """A console at 120x40 over three rooms, loaded."""
    for number in range(3):
        service.create(RoomConfig(name=f"room {number}"))
    app = BackroomsApp(service, operator="ops@h1")
    async with app.run_test(size=(120, 40), notifications=True) as running:
        await sees(running, "ROOMS 3")
        await comes(running, lambda: app.desk.tabs.shown is not None)
        yield running
    app.stop_threads()


def desk(pilot: Pilot[Any]) -> Any:
    return pilot.app.desk


def state(pilot: Pilot[Any], row: int = 0) -> RoomState:
    room_id = desk(pilot).rooms.visible[row]
    return desk(pilot).rooms.view(room_id).record.state


async def type_and_send(pilot: Pilot[Any], text: str) -> None:
    pilot.app.console_screen.input_box.editor.insert(text)
    await pilot.press("enter")


async def test_a_room_is_created_entered_and_answers_while_it_is_watched(pilot: Pilot[Any]) -> None:
    await pilot.press("a", "c", "enter")
    await sees(pilot, "ROOM CREATED")  # the list may hear of it before, and the cursor goes to it now
    await sees(pilot, "ROOMS 4")
    await pilot.press("enter")
    await sees(pilot, "B / 65536")
    await type_and_send(pilot, "remember value: 42")
    await sees(pilot, "ENTITY: Stored.")
    await type_and_send(pilot, "recall value")
    await sees(pilot, "ENTITY: 42")
    await type_and_send(pilot, "irrelevant noise")
    await sees(pilot, "NO OUTPUT (silence is valid)")
    await comes(pilot, lambda: "IN 3  OUT 2  SILENT 1" in screen_text(pilot.app))


async def test_looking_at_a_room_changes_nothing_in_it(pilot: Pilot[Any], service: RoomService) -> None:
    await pilot.press("j", "j", "k", "p", "tab", "0", "1")
    await sees(pilot, "PINNED PEEK")
    assert all(view.occupants == 0 and view.record.tail.seq == 0 for view in service.rooms())
    assert pilot.app.console_screen.input_box is None


async def test_exit_leaves_the_room_and_is_not_heard_by_its_entity(pilot: Pilot[Any], service: RoomService) -> None:
    await pilot.press("enter")
    await sees(pilot, "B / 65536")
    await type_and_send(pilot, "exit")
    await sees(pilot, "LEFT. ROOM STATE: IDLE")
    assert service.rooms()[0].record.counters.inputs == 0
    await comes(pilot, lambda: state(pilot) is RoomState.IDLE)


async def test_suspend_and_resume_are_two_keys_and_the_refusal_is_in_the_seeds_words(pilot: Pilot[Any]) -> None:
    await pilot.press("a", "s")
    await comes(pilot, lambda: state(pilot) is RoomState.SUSPENDED)
    await pilot.press("enter")
    await sees(pilot, "ERROR: ROOM_SUSPENDED")
    await pilot.press("a", "r")
    await comes(pilot, lambda: state(pilot) is RoomState.ACTIVE)


async def test_an_input_to_a_suspended_room_is_refused_and_its_draft_kept(
    pilot: Pilot[Any], service: RoomService
) -> None:
    await pilot.press("enter")
    await sees(pilot, "B / 65536")
    service.suspend(service.rooms()[0].record.id, by="ops@h2")
    await type_and_send(pilot, "are you there")
    await sees(pilot, "ROOM_SUSPENDED")
    await comes(pilot, lambda: pilot.app.console_screen.input_box.text == "are you there")


async def test_verbs_of_several_rooms_show_a_plan_and_end_in_a_ledger(pilot: Pilot[Any]) -> None:
    await pilot.press("space", "j", "V", "a", "s")
    await sees(pilot, "SUSPEND 3 ROOMS")
    assert {state(pilot, row) for row in range(3)} == {RoomState.ACTIVE}
    await pilot.press("y")
    await comes(pilot, lambda: {state(pilot, row) for row in range(3)} == {RoomState.SUSPENDED})
    await comes(pilot, lambda: sum("SUSPEND: SUSPENDED" in line.text.plain for line in desk(pilot).ledger.lines()) == 3)
    assert sum("$ room.exe suspend" in line.text.plain for line in desk(pilot).ledger.lines()) == 3


async def test_enter_paste_and_half_an_id_destroy_nothing_and_f_destroys_once_armed(
    pilot: Pilot[Any], service: RoomService
) -> None:
    target = desk(pilot).rooms.cursor
    await pilot.press("a", "D")
    await sees(pilot, "NOT ARMED")
    pilot.app.post_message(events.Paste(target[-8:]))
    await sees(pilot, "PASTE IS REFUSED")
    await pilot.press("enter", "F", *target[-8:-1], "F", "enter")
    await sees(pilot, "NOT ARMED")
    assert len(service.rooms()) == 3
    await pilot.press(target[-1])
    await sees(pilot, "ARMED. F DESTROYS.")
    await pilot.press("enter")
    assert len(service.rooms()) == 3
    await pilot.press("F")
    await sees(pilot, "ROOM TERMINATED")
    await sees(pilot, "ROOMS 2")
    assert target not in {view.record.id for view in service.rooms()}


async def test_the_countdown_of_several_rooms_is_stopped_by_any_key(
    pilot: Pilot[Any], service: RoomService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destroy, "COUNTDOWN_SECONDS", 600)
    await pilot.press("*", "a", "D")
    await sees(pilot, "DESTROY 3 ROOMS DESTROY 3 ROOMS")
    await pilot.press(*"DESTROY 3 ROOMS", "F")
    await sees(pilot, "NOT ARMED")
    await pilot.press(*" DESTROY 3 ROOMS")
    await sees(pilot, "ARMED. F DESTROYS.")
    await pilot.press("F")
    await sees(pilot, "ANY KEY STOPS IT")
    await pilot.press("x")
    await sees(pilot, "NOTHING WAS DESTROYED")
    assert len(service.rooms()) == 3


async def test_the_command_line_understands_room_exe(pilot: Pilot[Any], service: RoomService) -> None:
    await pilot.press(":", *"create --memory-limit 64M --name four", "enter")
    await sees(pilot, "ROOM CREATED")
    await sees(pilot, "ROOMS 4")
    assert service.rooms()[-1].record.config.memory_limit == 64 * 1024 * 1024
    await pilot.press(":", *"evict x", "enter")
    await sees(pilot, "INVALID_USAGE")
    await pilot.press("escape", ":", *"suspend ffff", "enter")
    await sees(pilot, "ERROR: ROOM_NOT_FOUND")


async def test_a_filter_narrows_while_it_is_typed_and_esc_takes_it_back(pilot: Pilot[Any]) -> None:
    await pilot.press("slash", *"state:idle")
    await sees(pilot, "3 HIDDEN")
    await pilot.press("escape")
    await sees(pilot, "0 HIDDEN")
    await pilot.press("slash", *"!state:idle", "enter", "escape")
    await sees(pilot, "0 HIDDEN")


async def test_a_room_created_elsewhere_appears_and_the_cursor_stays(pilot: Pilot[Any], service: RoomService) -> None:
    await pilot.press("j")
    cursor = desk(pilot).rooms.cursor
    service.create(RoomConfig())
    await sees(pilot, "ROOMS 4")
    assert desk(pilot).rooms.cursor == cursor


async def test_a_room_destroyed_elsewhere_goes_with_its_tab(pilot: Pilot[Any], service: RoomService) -> None:
    await pilot.press("enter")
    await sees(pilot, "B / 65536")
    room_id = desk(pilot).tabs.shown
    service.destroy(room_id, confirm=room_id)
    await sees(pilot, "ROOMS 2")
    await comes(pilot, lambda: len(desk(pilot).tabs) == 0 and not pilot.app.console_screen.input_box.display)


async def test_what_came_in_another_tab_is_counted_there(pilot: Pilot[Any], service: RoomService) -> None:
    await pilot.press("p", "j", "p")
    await sees(pilot, "2 ")
    first = next(iter(desk(pilot).tabs)).room_id
    service.submit(first, b"system status", source="elsewhere")
    await sees(pilot, "+1")


async def test_letters_are_text_while_the_input_has_the_focus(pilot: Pilot[Any]) -> None:
    await pilot.press("enter")
    await sees(pilot, "B / 65536")
    await pilot.press("q", "a", "D", "question_mark", "1", "colon")
    await comes(pilot, lambda: pilot.app.console_screen.input_box.text == "qaD?1:")
    await pilot.press("escape", "0")
    assert pilot.app.console_screen.browser.has_focus


async def test_the_first_ctrl_c_clears_the_draft_and_never_leaves(pilot: Pilot[Any]) -> None:
    await pilot.press("enter")
    await sees(pilot, "B / 65536")
    pilot.app.console_screen.input_box.editor.insert("half a thought")
    await pilot.press("ctrl+c")
    await comes(pilot, lambda: pilot.app.console_screen.input_box.text == "")
    await pilot.press("ctrl+c", "ctrl+c")
    assert pilot.app.is_running


async def test_a_second_ctrl_c_at_once_leaves(pilot: Pilot[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_actions, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    await pilot.press("ctrl+c")
    await sees(pilot, "ctrl+c AGAIN LEAVES")
    await pilot.press("ctrl+c")
    assert pilot.app.return_value == 0


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[RoomService]:
    """A service that stores, for what needs files: archives and their shelf."""
    opened = open_service(Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms"))))
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def keeper(stored: RoomService, tmp_path: Path) -> AsyncIterator[Pilot[Any]]:
    """A console over one stored room that remembers something."""
    room_id = stored.create(RoomConfig()).record.id
    stored.wait(stored.submit(room_id, b"remember value: 42", source="test"))
    app = BackroomsApp(stored, operator="ops@h1")
    async with app.run_test(size=(120, 40), notifications=True) as running:
        await sees(running, "ENTITY: Stored.")
        yield running
    app.stop_jobs()
    app.stop_threads()


async def command(pilot: Pilot[Any], line: str) -> None:
    await pilot.press(":")
    pilot.app.post_message(events.Paste(line))
    await sees(pilot, line[-40:])
    await pilot.press("enter")


def told(pilot: Pilot[Any], words: str) -> bool:
    return any(words in line.text.plain for line in desk(pilot).ledger.lines())


async def test_a_room_that_was_backed_up_and_destroyed_comes_back_with_what_it_remembered(
    keeper: Pilot[Any], stored: RoomService, tmp_path: Path
) -> None:
    room_id = desk(keeper).tabs.shown
    await command(keeper, f"backup --output {tmp_path}/one.tar.gz")
    await comes(keeper, lambda: told(keeper, "BACKUP COMPLETE"))
    stored.destroy(room_id, confirm=room_id)
    await sees(keeper, "NO ROOMS EXIST.")
    await command(keeper, f"restore {tmp_path}/one.tar.gz")
    await comes(keeper, lambda: told(keeper, "ROOM RESTORED"))
    await sees(keeper, "ENTITY: Stored.")
    await keeper.press("enter")
    await sees(keeper, "B / 65536")
    await type_and_send(keeper, "recall value")
    await sees(keeper, "ENTITY: 42")


async def test_a_backup_on_the_shelf_is_shown_beside_the_room(keeper: Pilot[Any]) -> None:
    await sees(keeper, "BACKUP  NONE ON THE SHELF")
    await keeper.press("a", "b", "enter")
    await comes(keeper, lambda: re.search(r"BACKUP  \S+  \d+s old  [\d.]+K ", screen_text(keeper.app)))


async def test_an_export_holds_what_the_room_remembers(keeper: Pilot[Any], tmp_path: Path) -> None:
    await command(keeper, f"export --filter output --output {tmp_path}/memory.jsonl")
    await comes(keeper, lambda: told(keeper, "EXPORTED: 1 entries"))
    assert '"content":"ENTITY: Stored."' in (tmp_path / "memory.jsonl").read_text()


async def test_a_file_that_is_no_archive_is_refused_and_says_why(keeper: Pilot[Any], tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear room")
    await command(keeper, f"restore {tmp_path}/letter.txt")
    await sees(keeper, "ERROR: ARCHIVE_INVALID")
    await sees(keeper, "ROOMS 1")


async def test_the_store_is_checked_and_a_room_compacted_while_the_console_goes_on(keeper: Pilot[Any]) -> None:
    await keeper.press("a", "k", "a", "m")
    await comes(keeper, lambda: told(keeper, "EVERY BYTE IS SOUND"))
    await comes(keeper, lambda: told(keeper, "COMPRESSION"))


async def test_a_batch_states_a_result_for_every_line_and_goes_on_after_a_failed_one(
    pilot: Pilot[Any], service: RoomService, tmp_path: Path
) -> None:
    (tmp_path / "rooms.batch").write_text(
        "# two rooms\n"
        "create --memory-limit 128M\n"
        "enter {LAST_ROOM_ID}\n"
        "remember key1: value1\n"
        "recall key1\n"
        "exit\n"
        "evict everybody\n"
        "enter ffff\n"
        "hello\n"
        "exit\n"
        "suspend {LAST_ROOM_ID}\n"
        "destroy {LAST_ROOM_ID}\n"
    )
    await command(pilot, f"batch {tmp_path}/rooms.batch")
    await comes(pilot, lambda: told(pilot, "BATCH COMPLETE: 9 commands executed (3 failed)"))
    await pilot.press("J", "enter")
    for words in ("LINE 4: remember key1: value1", "ENTITY: Stored.", "ENTITY: value1", "EXITING ROOM"):
        await sees(pilot, words)
    await pilot.press("end")
    for words in (
        "ERROR: ROOM_NOT_FOUND",
        "NOT EXECUTED, NOR THE LINES UP TO 10",
        "STATE: SUSPENDED",
        "CONFIRMATION_MISMATCH",
    ):
        await sees(pilot, words)
    assert [view.record.state for view in service.rooms()].count(RoomState.SUSPENDED) == 1


async def test_a_batch_that_is_cancelled_leaves_the_room_it_is_in(
    pilot: Pilot[Any], service: RoomService, tmp_path: Path
) -> None:
    (tmp_path / "long.batch").write_text(
        "create\nenter {LAST_ROOM_ID}\nlong running operation\nlong running operation\n"
    )
    await command(pilot, f"batch {tmp_path}/long.batch")
    await comes(pilot, lambda: any(view.running is not None for view in service.rooms()))
    await pilot.press("ctrl+c")
    await comes(pilot, lambda: told(pilot, "BATCH CANCELLED"))
    assert all(view.occupants == 0 for view in service.rooms())
