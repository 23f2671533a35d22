"""A console joined to an owner: who is there, what is lost with the connection (nothing), what only looking means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fleet import NOW, Fleet
from seeing import comes, rests, screen_text, sees
from served import Served
from severed import Severed
from textual.pilot import Pilot

from backrooms_tui.daemon.client import connect
from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.errors import ConnectionLost
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.units import NS
from backrooms_tui.model.views import Occupant
from backrooms_tui.tui.app import BackroomsApp
from backrooms_tui.tui.attachment import Attachment, Outage

SOON = 0.05
"""Seconds between tries."""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    served.room()
    yield served
    served.close()
    assert served.faults == []


@pytest.fixture
def way(owner: Served, tmp_path: Path) -> Iterator[Severed]:
    severed = Severed(tmp_path / "way.sock", owner.path)
    yield severed
    severed.cut()


@pytest.fixture
def joined(way: Severed, tmp_path: Path) -> Iterator[Callable[..., BackroomsApp]]:
    """Make consoles that have joined the owner over the way that can be cut."""
    made: list[BackroomsApp] = []

    def make(*, read_only: bool = False) -> BackroomsApp:
        dial = partial(connect, way.path, who="ops@h1", read_only=read_only)
        attachment = Attachment(dial(), dial, read_only=read_only, delay=lambda _attempt: SOON)
        made.append(BackroomsApp(attachment, operator="ops@h1", drafts=tmp_path / "state" / "drafts.json"))
        return made[-1]

    yield make
    for app in made:
        app.stop_threads()
        app.attachment.close()


@pytest_asyncio.fixture
async def pilot(joined: Callable[..., BackroomsApp]) -> AsyncIterator[Pilot[Any]]:
    async with joined().run_test(size=(120, 40), notifications=True) as running:
        await sees(running, "CONNECTED s_")
        await sees(running, "END OF OUTPUT")
        yield running


async def enter(pilot: Pilot[Any]) -> None:
    await pilot.press("enter")
    await sees(pilot, "B / 65536")


async def send(pilot: Pilot[Any], text: str) -> None:
    pilot.app.console_screen.input_box.editor.insert(text)
    await pilot.press("enter")


def room_of(owner: Served) -> RoomId:
    return owner.service.rooms()[0].record.id


def at_rest(owner: Served) -> bool:
    """Whether nothing runs or waits: an input that comes now is not marked as QUEUED."""
    view = owner.service.room(room_of(owner))
    return view.running is None and view.record.queued == 0


def inputs(owner: Served) -> list[str]:
    return [one.content for one in owner.service.read(room_of(owner)) if one.type is EntryType.INPUT]


async def test_what_is_said_in_a_room_is_seen_by_every_console_and_client_in_it(
    pilot: Pilot[Any], owner: Served
) -> None:
    other = owner.connect(who="ann@h2")
    await enter(pilot)
    other.enter(room_of(owner))
    await sees(pilot, "HERE ann@h2")
    other.submit(room_of(owner), b"remember value: 42", source="ann")
    await sees(pilot, "ENTITY: Stored.")
    await send(pilot, "recall value")
    await sees(pilot, "ENTITY: 42")
    assert {one.who for one in other.presence(room_of(owner))} == {"ops@h1", "ann@h2"}
    other.leave(room_of(owner))
    watcher = owner.connect(who="eve@h3", read_only=True)
    watcher.enter(room_of(owner))
    await sees(pilot, "HERE eve@h3 READ-ONLY")
    watcher.close()
    await comes(pilot, lambda: "eve@h3" not in screen_text(pilot.app))


async def test_a_lost_connection_leaves_the_screen_readable_and_comes_back_by_itself(
    pilot: Pilot[Any], owner: Served, way: Severed
) -> None:
    await enter(pilot)
    for number in range(30):
        await send(pilot, f"remember k{number}: {number}")
        await comes(pilot, lambda number=number: len(inputs(owner)) == number + 1 and at_rest(owner))
    session = pilot.app.attachment.session
    way.cut()
    await sees(pilot, "CONNECTION LOST")
    await sees(pilot, f"SESSION {session} WILL BE REPLACED")
    await sees(pilot, "OFFLINE")
    await send(pilot, "typed meanwhile")
    await sees(pilot, "CONNECTION LOST. DRAFT KEPT.")
    await sees(pilot, "UNSENT INPUT KEPT: 1 draft")
    await pilot.press("escape", "home")
    await sees(pilot, "> remember k0: 0")
    await pilot.press("o")
    await sees(pilot, "OFFLINE SINCE")
    assert "CONNECTION LOST ━" not in screen_text(pilot.app)
    await pilot.press("o")
    await sees(pilot, "DISPLAYED STATE IS")
    await comes(pilot, lambda: "OWNER" in screen_text(pilot.app))
    owner.service.submit(room_of(owner), b"recall k7", source="ann")
    way.mend()
    await pilot.press("r")  # or by itself, which is as soon
    await sees(pilot, "CONNECTED AGAIN")
    assert pilot.app.attachment.session != session
    assert "> remember k0: 0" in screen_text(pilot.app)
    await comes(pilot, lambda: [one.who for one in owner.service.presence(room_of(owner))] == ["ops@h1"])
    await pilot.press("end")
    await sees(pilot, "> recall k7")
    await sees(pilot, "ENTITY: 7")
    document = pilot.app.console_screen.log_view._reader.document
    await comes(pilot, lambda: at_rest(owner) and len(document.window.lines) == len(owner.service.read(room_of(owner))))
    assert [line.seq for line in document.window.lines] == [entry.seq for entry in owner.service.read(room_of(owner))]
    await pilot.press("tab", "enter")
    await comes(pilot, lambda: inputs(owner)[-1] == "typed meanwhile")


@pytest.mark.parametrize(
    ("broken", "words"), [("mute", "INPUT HAD ARRIVED"), ("deaf", "HAD NOT ARRIVED AND WAS SENT AGAIN")]
)
async def test_an_input_that_nobody_answered_is_in_the_room_once_when_the_connection_is_back(
    pilot: Pilot[Any], owner: Served, way: Severed, broken: str, words: str
) -> None:
    await enter(pilot)
    setattr(way, broken, True)
    await send(pilot, "remember value: 42")
    if broken == "mute":
        await comes(pilot, lambda: inputs(owner))
    else:
        await comes(pilot, lambda: pilot.app.console_screen.input_box.text == "")
    way.cut()
    await sees(pilot, "1 sent (outcome unknown)")
    await sees(pilot, "OUTCOME UNKNOWN: remember value: 42")
    assert inputs(owner) == (["remember value: 42"] if broken == "mute" else [])
    way.mend()
    await sees(pilot, words)
    await sees(pilot, "ENTITY: Stored.")
    assert inputs(owner) == ["remember value: 42"]
    assert screen_text(pilot.app).count("> remember value: 42") == 1


@pytest.mark.parametrize("broken", ["mute", "deaf"])
async def test_an_input_in_doubt_is_looked_for_by_the_next_console(
    joined: Callable[..., BackroomsApp], owner: Served, way: Severed, broken: str
) -> None:
    first = joined()
    async with first.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "END OF OUTPUT")
        await enter(pilot)
        setattr(way, broken, True)
        await send(pilot, "remember value: 42")
        await comes(pilot, lambda: broken == "deaf" or inputs(owner))
        way.cut()
        await sees(pilot, "1 sent (outcome unknown)")
        await pilot.press("escape", "q")
    first.console_screen.save_drafts()
    first.stop_threads()
    way.mend()
    second = joined()
    async with second.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "END OF OUTPUT")
        await enter(pilot)
        arrived = broken == "mute"
        await sees(pilot, "HAD ARRIVED: seq=1" if arrived else "HAD NOT ARRIVED. IT IS A DRAFT AGAIN")
        assert second.console_screen.input_box.text == ("" if arrived else "remember value: 42")
        assert second.console_screen.input_box.drafts.in_doubt(room_of(owner)) == {}


async def test_a_console_that_only_looks_refuses_verbs_before_they_are_sent(
    joined: Callable[..., BackroomsApp], owner: Served
) -> None:
    async with joined(read_only=True).run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "READ-ONLY")
        await sees(pilot, "END OF OUTPUT")
        await pilot.press("a")
        await sees(pilot, "CREATE ROOM   READ-ONLY")
        await pilot.press("escape", ":", *"create", "enter")
        await sees(pilot, "THIS CONSOLE ONLY LOOKS")
        await pilot.press("a", "s", "escape")
        await enter(pilot)
        await send(pilot, "anything")
        await sees(pilot, "READ-ONLY. DRAFT KEPT.")
        views = owner.service.rooms()
        assert [(view.record.tail.seq, view.entity, view.occupants) for view in views] == [(0, "COLD", 1)]
        assert owner.service.presence(room_of(owner))[0].read_only


async def test_drafts_can_be_written_to_a_file_while_there_is_no_connection(
    pilot: Pilot[Any], way: Severed, tmp_path: Path
) -> None:
    await enter(pilot)
    pilot.app.console_screen.input_box.editor.insert("an hour of work")
    way.cut()
    await sees(pilot, "CONNECTION LOST")
    await pilot.press("escape", "w")
    await sees(pilot, "DRAFTS WRITTEN")
    written = [*(tmp_path / "state").glob("drafts-*.txt")]
    assert [("an hour of work" in path.read_text(), path.stat().st_mode & 0o777) for path in written] == [(True, 0o600)]


async def test_a_room_that_was_destroyed_meanwhile_is_gone_when_the_connection_is_back(
    pilot: Pilot[Any], owner: Served, way: Severed
) -> None:
    await enter(pilot)
    way.cut()
    await sees(pilot, "CONNECTION LOST")
    owner.service.create(RoomConfig(name="another"))
    owner.service.destroy(room_of(owner), confirm=room_of(owner))
    way.mend()
    await sees(pilot, "CONNECTED AGAIN")
    await comes(pilot, lambda: len(pilot.app.desk.tabs) == 0 and pilot.app.desk.rooms.total == 1)
    assert screen_text(pilot.app).count("━ INPUT") == 0


def outage() -> Outage:
    error = ConnectionLost("OWNER: 127.0.0.1:9000", "REASON: Connection reset by peer")
    return Outage(NOW - 5 * NS, error, None, 3, NOW + 4 * NS, 12.0, "s_8a3f9c2e1b7d4f6a")


async def test_the_banner_is_drawn_at_any_size(console: Callable[..., BackroomsApp]) -> None:
    app = console()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "END OF OUTPUT")
        app.attachment.outage = outage()
        app.attachment.changed()
        for width, height in [(1, 1), (20, 5), (59, 15), (60, 16), (80, 24), (200, 50), (300, 100), (120, 40)]:
            await pilot.resize_terminal(width, height)
            await pilot.press("o", "tab", "o")
        await sees(pilot, "RETRY 3 in 4s")
        app.attachment.outage = None
        app.attachment.changed()
        await comes(pilot, lambda: "CONNECTION LOST ━" not in screen_text(app))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_the_banner(console: Any, picture: Callable[..., None], size: tuple[int, int]) -> None:
    fleet = Fleet()
    fleet.present = (Occupant("s_1f2e3d4c5b6a7988", "ann@h2", True, NOW), Occupant("local", "ops@h1", False, NOW))
    attachment = Attachment(fleet)
    app = console(attachment)

    async def lose(pilot: Pilot[Any]) -> None:
        await comes(pilot, lambda: app.desk.figures.present)
        await rests(pilot)
        attachment.outage = outage()
        attachment.changed()
        await sees(pilot, "RETRY 3 in 4s")

    picture(app, size, lose)
