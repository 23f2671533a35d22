"""The real console on a real pseudo-terminal: silence, sizes, signals, foreign bytes."""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pty_program import PtyProgram, eventually, room_exe, stray_bytes

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]

HOSTILE = "\x1b]52;c;aGk=\x07\x1b]0;owned\x07\x1bP1$r\x1b\\\x1b_apc\x1b\\\x1b[2J\x9b31m\x90x\x9c\x07\x08\x0e\x7f\u202e\u2066\u200b[/][@click=app.quit]x[/]"


@pytest.fixture
def room(home: Path) -> str:
    """A room that has answered once, in a store that is free again."""
    made = room_exe(home, "create", "--format", "json")
    assert made.returncode == 0, made.stderr
    found = re.search(rb"[0-9a-f]{64}", made.stdout)
    assert found is not None
    room_exe(home, "enter", found.group().decode(), stdin=b"system status\n")
    return found.group().decode()


@pytest.fixture
def console(home: Path, room: str) -> Iterator[PtyProgram]:
    with PtyProgram(home) as program:
        program.sees("END OF OUTPUT")
        yield program


def enter(console: PtyProgram) -> None:
    console.send("\r")
    console.sees("B / 65536")


def test_an_idle_console_with_the_cursor_in_the_input_writes_nothing_for_ten_seconds(console: PtyProgram) -> None:
    enter(console)
    console.falls_silent(1.5)
    console.falls_silent(10.0)


def test_what_an_entity_says_reaches_no_terminal_as_a_command(home: Path, room: str) -> None:
    lines = f"remember value: {HOSTILE}\nrecall value\n".encode()
    assert room_exe(home, "enter", room, stdin=lines).returncode == 0
    with PtyProgram(home) as console:
        console.sees("[@click=app.quit]x[/]")
        enter(console)
        console.send("recall value\r")
        eventually(lambda: console.text().count("[@click=app.quit]x[/]") >= 3)
        console.send("\t")
        console.send("iii")
        console.sees("MEMORY ")
        console.send("\x11")
        console.wait()
        eventually(lambda: stray_bytes(bytes(console.written)) == [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_terminal_as_it_was_and_the_draft_kept(
    console: PtyProgram, home: Path, number: signal.Signals
) -> None:
    enter(console)
    console.send("half a thought")
    console.sees("14 B / 65536")
    console.signal(number)
    assert console.wait() == 128 + number
    eventually(console.restored)
    with PtyProgram(home) as again:
        again.sees("PINNED PEEK")
        enter(again)
        again.sees("half a thought")


def test_a_terminal_that_goes_away_ends_it_and_frees_the_store(console: PtyProgram, home: Path) -> None:
    enter(console)
    console.send("remember value: 7\r")
    console.sees("Stored.")
    console.hang_up()
    console.wait()
    listed = room_exe(home, "list")
    assert listed.returncode == 0, listed.stderr
    assert console.process.returncode in (0, 128 + signal.SIGHUP)


def test_ctrl_z_gives_the_shell_back_and_fg_draws_the_screen_again(console: PtyProgram) -> None:
    console.send("\x1a")
    stopped = eventually(lambda: os.waitid(os.P_PID, console.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT))
    assert stopped is not None
    eventually(console.restored)
    drawn = console.mark()
    console.signal(signal.SIGCONT)
    eventually(lambda: b"END OF OUTPUT" in console.written[drawn:])
    console.send("qy")
    assert console.wait() == 0
    eventually(console.restored)


def test_a_terminal_without_a_size_is_drawn_once_and_its_loss_ends_the_console(home: Path, room: str) -> None:
    with PtyProgram(home, size=(80, 25), rows_and_columns=(0, 0)) as console:
        console.sees("0 MARKED")
        console.falls_silent(1.5)
        console.hang_up()
        console.wait()


def test_a_storm_of_sizes_leaves_it_drawing(console: PtyProgram) -> None:
    dice = random.Random(11)
    for _ in range(100):
        console.resize(dice.randint(1, 300), dice.randint(1, 100))
        console.signal(signal.SIGWINCH)
    console.resize(58, 14)
    console.signal(signal.SIGWINCH)
    console.sees("TERMINAL TOO SMALL 58x14. NEED 60x16.")
    console.resize(80, 24)
    console.signal(signal.SIGWINCH)
    console.sees("P95")
    console.send("qy")
    assert console.wait() == 0


def test_without_colours_no_colour_is_written(home: Path, room: str) -> None:
    with PtyProgram(home, NO_COLOR="1") as console:
        console.sees("END OF OUTPUT")
        console.send("a")
        console.sees("SUSPEND")
        console.send("\x11")
        console.wait()
        styles = {
            style for one in re.findall(rb"\x1b\[([0-9;]*)m", console.written) for style in one.split(b";") if style
        }
        assert styles <= {b"%d" % style for style in (*range(10), *range(21, 30), 39, 49)}


def test_leaving_says_what_became_of_the_rooms(console: PtyProgram) -> None:
    console.send("q")
    console.sees("ENTITIES WILL STOP. ROOMS KEEP THEIR MEMORY.")
    console.send("y")
    assert console.wait() == 0
    eventually(lambda: b"1 ROOM KEPT." in bytes(console.written).rpartition(b"\x1b[?1049l")[2])


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_is_refused_in_one_line(home: Path, term: str) -> None:
    with PtyProgram(home, TERM=term) as program:
        assert program.wait() == 2
        eventually(lambda: b"ERROR: INVALID_USAGE" in program.written)
        assert b"\x1b" not in program.written
        assert b"Traceback" not in program.written


def test_a_store_held_by_one_who_serves_nobody_is_refused_and_it_is_told_who_has_it(home: Path, room: str) -> None:
    with PtyProgram(home, "enter", room) as holder:
        holder.sees("ENTERING ROOM")
        with PtyProgram(home) as console:
            assert console.wait() == 3
            eventually(lambda: f"HELD BY: pid {holder.process.pid}".encode() in console.written)


def test_keys_that_arrive_together_mean_what_they_would_one_by_one(console: PtyProgram) -> None:
    console.send(":create --name ahead\r")
    console.sees("ROOM CREATED")  # the list may hear of it before, and the cursor goes to it now
    console.sees("ROOMS 2")
    console.send("i/state:act\r")
    console.sees("state:act")
    console.send("\x1b")
    eventually(lambda: "type to narrow" in console.text())
    console.send("\rremember value: qaDj\rrecall value\r")
    console.sees("ENTITY: qaDj")
    assert "ROOMS 2" in console.text()


def test_a_job_draws_while_it_runs_and_the_console_is_silent_again_after_it(console: PtyProgram, home: Path) -> None:
    console.send("x")
    console.sees("WRITES")
    console.send(f"\t\t\t\t{home}/memory.jsonl\r")
    console.sees("EXPORTED: 2 entries")
    assert (home / "memory.jsonl").read_bytes().count(b"\n") == 2
    console.send("ab")
    console.sees("BACKUP ")
    console.send("\r")
    console.sees("BACKUP COMPLETE")
    console.sees("s old")
    console.falls_silent(1.5)
    console.send("J\r")
    console.sees("SOURCE: ")
    console.send("\x11")
    console.wait()
    eventually(lambda: stray_bytes(bytes(console.written)) == [])


def test_a_room_is_made_with_the_entity_that_is_configured(home: Path) -> None:
    with PtyProgram(home, ROOM_ENTITY_DEFAULT="llm:scripted/echo") as console:
        console.sees("NO ROOMS EXIST")
        console.send("ac\r")
        console.sees("ROOM CREATED")
        console.sees("RUNS    scripted/echo")
        console.send("\r")
        console.sees("B / 65536")
        console.send("hello there\r")
        console.sees("ENTITY: hello there")
