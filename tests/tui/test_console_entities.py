"""Rooms that hold other things than the reference entity: how they are made, shown, heard while they speak, stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fleet import NOW, Fleet, record
from seeing import comes, rests, screen_text, sees
from served import Served
from textual.pilot import Pilot

from backrooms_tui.daemon.client import connect
from backrooms_tui.model.entries import EntryType, Outcome
from backrooms_tui.model.events import Saying, TurnStarted
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.units import NS
from backrooms_tui.tui.app import BackroomsApp
from backrooms_tui.tui.attachment import Attachment

LARGE, SMALL = (120, 40), (80, 24)
SEAL = (
    "FILESYSTEM: READ-ONLY (contents of system directories; names elsewhere observable)",
    "NETWORK: SEALED (seccomp, landlock 7)",
    "PROCESS: SEALED (no children, no threads)",
    "MEMORY: WATCHED",
    "TIME: VISIBLE",
)

TALKER = """
import select
from backrooms_tui.entity.base import Entity, Interrupted

class Talker(Entity):
    "Says its input; `forever` it says on, and is silent until it is interrupted."
    def on_input(self, text):
        try:
            self._part(text)
            if text == "forever":
                self._part(" and on")
                self._part(" and on")
            while text == "forever":
                select.poll().poll(20)
        except Interrupted:
            pass
        self._send({"type": "output", "text": "."})

    def _part(self, text):
        self._send({"type": "output", "text": text, "more": True})
"""


def put(fleet: Fleet, entity: str) -> None:
    """Have the first room of the fleet hold this."""
    one = record(0, RoomState.ACTIVE, 14 * 1024 * 1024, 2, 3, 3)
    fleet.records[one.id] = one.with_(config=RoomConfig(entity=entity))


@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["120x40", "80x24"])
def test_the_create_dialog_takes_any_program(console: Any, picture: Any, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await rests(pilot)
        await pilot.press("a", "c", *("down",) * 4, "c", "down", *"bc -q", "down", *"mode=exit")
        await sees(pilot, "--entity-option mode=exit")

    picture(console(), size, run)


def test_a_room_of_a_command_shows_its_options_and_the_seal_of_its_own_profile(console: Any, picture: Any) -> None:
    fleet = Fleet()
    fleet.command_seal = SEAL
    put(fleet, "command?children=yes&marker=--:sh -c 'while read a; do echo $a; echo --; done'")

    async def run(pilot: Pilot[Any]) -> None:
        await rests(pilot)
        await pilot.press("tab", "tab", "G")
        await sees(pilot, "CHILDREN ALLOWED")

    picture(console(fleet), LARGE, run)


def test_a_line_stands_on_the_screen_while_it_is_said(console: Any, picture: Any) -> None:
    fleet = Fleet()
    put(fleet, "llm?tools=clock:scripted/story")
    one = next(iter(fleet.records))

    async def run(pilot: Pilot[Any]) -> None:
        await rests(pilot)
        fleet.subscription.tell(TurnStarted(one, 48, 1, NOW, 30.0))
        for text in ("The hum of the lights ", "\x1b[31mnever ", "quite stops, and the"):
            fleet.subscription.tell(Saying(one, 48, 1, 0, NOW + NS, text))
        await sees(pilot, "quite stops, and")
        await sees(pilot, "ctrl+x INTERRUPT")

    picture(console(fleet), LARGE, run)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Served]:
    """An owner of one room whose entity speaks in parts of lines."""
    (tmp_path / "talker.py").write_text(TALKER)
    served = Served(tmp_path)
    served.room(entity=f"python:{tmp_path}/talker.py")
    yield served
    served.close()
    assert served.faults == []


@pytest.fixture(params=["owner", "joined"])
def app(request: pytest.FixtureRequest, owner: Served) -> Iterator[BackroomsApp]:
    """A console that owns the rooms, and one that has joined their owner."""
    service: Any = owner.service
    if request.param == "joined":
        dial = partial(connect, owner.path, who="ops@h1")
        service = Attachment(dial(), dial)
    made = BackroomsApp(service, operator="ops@h1")
    yield made
    made.stop_threads()
    if request.param == "joined":
        made.attachment.close()


@pytest_asyncio.fixture
async def pilot(app: BackroomsApp) -> AsyncIterator[Pilot[Any]]:
    async with app.run_test(size=LARGE, notifications=True) as running:
        await sees(running, "END OF OUTPUT")
        await running.press("enter")
        await sees(running, "B / 65536")
        yield running


async def ask(pilot: Pilot[Any], text: str) -> None:
    pilot.app.console_screen.input_box.editor.insert(text)
    await pilot.press("enter")


@pytest.mark.parametrize("key", ["ctrl+x", "ctrl+c"])
async def test_what_is_being_said_is_seen_and_ended_by_a_key(pilot: Pilot[Any], owner: Served, key: str) -> None:
    assert "ctrl+x INTERRUPT" not in screen_text(pilot.app)
    await ask(pilot, "forever")
    await sees(pilot, "| ENTITY: forever and on and on")
    await sees(pilot, "ctrl+x INTERRUPT")
    await sees(pilot, "0/16")
    await pilot.press(key)
    await sees(pilot, "# INTERRUPTED")
    await comes(pilot, lambda: "ctrl+x INTERRUPT" not in screen_text(pilot.app))
    room_id = owner.service.rooms()[0].record.id
    (said,) = [one for one in owner.service.read(room_id) if one.type is EntryType.OUTPUT]
    assert said.content.startswith("forever and on and on")
    assert owner.service.read(room_id)[-1].metadata["outcome"] == Outcome.INTERRUPTED
    await ask(pilot, "once")
    await sees(pilot, "| ENTITY: once.")
    assert screen_text(pilot.app).count("ENTITY: once") == 1


async def test_where_nothing_runs_there_is_nothing_to_interrupt(pilot: Pilot[Any]) -> None:
    await pilot.press("ctrl+x")
    await sees(pilot, "ERROR: NOTHING_RUNS")
    await pilot.press("escape", ":", *"interrupt", "enter")
    await comes(pilot, lambda: _told(pilot, "ERROR: NOTHING_RUNS") == 2)
    await pilot.press("a")
    await sees(pilot, "NOTHING RUNS")


def _told(pilot: Pilot[Any], words: str) -> int:
    return sum(words in line.text.plain for line in pilot.app.desk.ledger.lines())


async def test_a_room_is_made_in_the_dialog_and_what_cannot_be_is_refused_there(
    pilot: Pilot[Any], owner: Served, tmp_path: Path
) -> None:
    await pilot.press("escape", "0", "a", "c", *("down",) * 4, "p", "down")
    await sees(pilot, "ENTITY: python of what?")
    await pilot.press(*f"{tmp_path}/talker.py", "down", *"mode=exit", "enter")
    await sees(pilot, "'mode' is not one of python: model, tools")
    await pilot.press(*("backspace",) * 9, "enter")
    await sees(pilot, "ROOMS 2")
    assert owner.service.rooms()[-1].record.config.entity == f"python:{tmp_path}/talker.py"


async def test_the_command_line_makes_a_room_of_any_kind(pilot: Pilot[Any], owner: Served) -> None:
    await pilot.press("escape", ":", *"create --entity reference --name two", "enter")
    await sees(pilot, "ROOMS 2")
    await pilot.press(":", *"create --entity bash", "enter")
    await sees(pilot, "'bash' is not one of reference")
