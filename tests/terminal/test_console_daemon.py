"""Real consoles on a real daemon: killed under them and started again, shared, served by one of them, left."""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from daemon_program import DaemonProgram
from pty_program import PROGRAM, PtyProgram, eventually, room_exe, stray_bytes

KILLS = 50 if os.environ.get("ROOM_CAMPAIGN") else 3

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(180)]


@pytest.fixture
def room(daemon: DaemonProgram, home: Path) -> str:
    made = room_exe(home, "create", "--timeout", "300")  # a turn that is looked at lasts as long as that
    found = re.search(rb"[0-9a-f]{64}", made.stdout)
    assert found is not None, made.stderr
    return found.group().decode()


def enter(console: PtyProgram) -> None:
    console.send("\r")
    console.sees("B / 65536")


def memory(home: Path, room: str) -> list[dict[str, str]]:
    """All entries of a room, as an export has them."""
    exported = room_exe(home, "export", room, "--format", "jsonl", "--output", str(home / "memory.jsonl"))
    assert exported.returncode == 0, exported.stderr
    return [json.loads(line) for line in (home / "memory.jsonl").read_text().splitlines()]


def answered(console: PtyProgram, asked: str) -> list[str]:
    """The lines of the log from an input on; empty until its answer stands below it."""
    lines = [line for line in console.text().split("\n") if " > remember" in line or " | ENTITY:" in line]
    place = next((number for number, line in enumerate(lines) if f"> {asked}" in line), len(lines))
    return lines[place:] if any("ENTITY: Stored." in line for line in lines[place:]) else []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_a_daemon_killed_under_a_console_comes_back_without_a_line_doubled_or_lost(
    daemon: DaemonProgram, home: Path, room: str, size: tuple[int, int]
) -> None:
    said: list[str] = []
    with PtyProgram(home, size=size) as console:
        console.sees("CONNECTED")
        enter(console)
        for number in range(1, KILLS + 1):
            said.append(f"remember w{number}: {number}")
            console.send(f"{said[-1]}\r")
            eventually(lambda: answered(console, said[-1]))
            console.send("half of it")
            console.sees("10 B / 65536")
            daemon.kill()
            console.sees("CONNECTION LOST")
            console.sees(f"> {said[-1]}")
            console.send("\r")
            console.sees("CONNECTION LOST. DRAFT KEPT.")
            console.sees("UNSENT INPUT KEPT: 1 draft")
            daemon.start()
            eventually(lambda: "CONNECTED" in console.text().split("\n")[0], within=60)
            console.send("\x15")
            console.sees(" 0 B / 65536")
        console.falls_silent(1.5)  # the log is read anew from another daemon's store
        eventually(lambda: [console.text().count(f"> {line}") for line in said[-3:]] == [1, 1, 1])
        eventually(lambda: len(answered(console, said[-3])) == 6)
        console.send("\x11")
        assert console.wait() == 0
        eventually(lambda: stray_bytes(bytes(console.written)) == [])
    entries = memory(home, room)
    assert [entry["content"] for entry in entries if entry["type"] == "INPUT"] == said
    assert [entry["content"] for entry in entries if entry["type"] == "OUTPUT"] == ["ENTITY: Stored."] * KILLS


@pytest.mark.timeout(900)
def test_an_input_sent_in_the_moment_of_a_kill_is_in_the_room_once(
    daemon: DaemonProgram, home: Path, room: str
) -> None:
    dice, said = random.Random(5), []
    with PtyProgram(home) as console:
        console.sees("CONNECTED")
        enter(console)
        for number in range(1, KILLS + 1):
            said.append(f"remember w{number}: {number}")
            console.send(f"{said[-1]}\r")
            time.sleep(dice.uniform(0, 0.03))  # the moment is what is tested
            daemon.kill()
            console.sees("CONNECTION LOST ━")
            daemon.start()
            eventually(lambda: "CONNECTED" in console.text().split("\n")[0], within=60)
            if "DRAFT KEPT" in console.text():  # the loss was known before the enter: nothing was sent
                console.send("\r")
            eventually(lambda: answered(console, said[-1]))
        console.send("\x11")
        assert console.wait() == 0
    entries = memory(home, room)
    assert [entry["content"] for entry in entries if entry["type"] == "INPUT"] == said
    assert [entry["content"] for entry in entries if entry["type"] == "OUTPUT"] == ["ENTITY: Stored."] * KILLS


def test_an_idle_console_on_a_daemon_writes_nothing(room: str, home: Path) -> None:
    with PtyProgram(home) as console:
        console.sees("CONNECTED")
        enter(console)
        console.falls_silent(1.5)
        console.falls_silent(10.0)


def test_detaching_asks_nothing_and_stops_nothing(room: str, home: Path) -> None:
    with PtyProgram(home) as console, PtyProgram(home) as other:
        console.sees("q DETACH")
        enter(console)
        other.sees("q DETACH")
        enter(other)
        other.send("long running operation\r")
        other.sees("Starting operation...")
        console.sees("HERE ")
        console.send("\x1b")
        console.sees("q DETACH")
        console.send("q")
        assert console.wait() == 0
        eventually(lambda: b"DETACHED. 1 ROOM ACTIVE." in console.written.rpartition(b"\x1b[?1049l")[2])
        other.sees("ENTITY PROCESSING")


def test_a_console_without_a_daemon_serves_its_rooms_and_says_whom_it_cuts_off(home: Path) -> None:
    with ExitStack() as stack:
        owner = stack.enter_context(PtyProgram(home))
        owner.sees("NO ROOMS EXIST.")
        guest = stack.enter_context(PtyProgram(home, size=(80, 24)))
        guest.sees("CONNECTED")
        assert room_exe(home, "create").returncode == 0
        owner.sees("ROOMS 1")
        guest.sees("ROOMS 1")
        enter(guest)
        guest.send("remember value: 42\r")
        owner.sees("ENTITY: Stored.")
        owner.sees("HERE ")
        owner.send("\x1a")
        owner.sees("ctrl+z WOULD STOP THEM")
        owner.send("q")
        owner.sees("1 OTHER SESSION USES THESE ROOMS AND IS CUT OFF.")
        owner.send("y")
        assert owner.wait() == 0
        eventually(lambda: b"1 ROOM KEPT. 1 SESSION CUT OFF." in bytes(owner.written))
        guest.sees("CONNECTION LOST")
        guest.sees("ENTITY: Stored.")
        with PtyProgram(home) as successor:
            successor.sees("ENTITY: Stored.")
            guest.sees("CONNECTED AGAIN", within=60)  # the longest pause between two tries is thirty seconds
            guest.send("recall value\r")
            guest.sees("ENTITY: 42")
            successor.sees("ENTITY: 42")


def test_a_console_that_only_looks_changes_nothing_and_says_so(room: str, home: Path) -> None:
    with PtyProgram(home, "--readonly") as console:
        console.sees("READ-ONLY")
        console.send(":create\r")
        console.sees("ERROR: READ_ONLY")
        enter(console)
        console.send("anything\r")
        console.sees("READ-ONLY. DRAFT KEPT.")
        shown = json.loads(room_exe(home, "list", "--format", "json").stdout)
        assert len(shown) == 1
        assert memory(home, room) == []


def test_it_works_in_screen_and_goes_on_when_screen_is_detached(
    room: str, home: Path, need_tool: Callable[[str], str]
) -> None:
    screen, sockets = need_tool("screen"), home / "screens"
    sockets.mkdir(mode=0o700)
    environ = {"SCREENDIR": str(sockets)}
    begin = (screen, "-U", "-c", "/dev/null", "-S", "room", *PROGRAM)
    try:
        with PtyProgram(home, program=begin, **environ) as window:
            window.sees("CONNECTED")
            enter(window)
            window.send("remember value: 42\r")
            window.sees("ENTITY: Stored.")
        with PtyProgram(home, program=(screen, "-U", "-d", "-r", "room"), size=(80, 24), **environ) as window:
            # Of what screen draws after a change of size pyte understands too little to look at it there.
            eventually(lambda: b"ENTITY: Stored." in window.written)
            window.send("recall value\r")
            eventually(lambda: [entry["content"] for entry in memory(home, room)][2:] == ["recall value", "ENTITY: 42"])
            window.send("\x11")
            assert window.wait() == 0
    finally:
        with PtyProgram(home, program=(screen, "-S", "room", "-X", "quit"), **environ) as quitting:
            quitting.wait()
