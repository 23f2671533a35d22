"""Every screen as it looks, on a frozen clock, over a recorded fleet. The text grids are what to review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fleet import Fleet
from seeing import comes, rests, sees
from textual.pilot import Pilot

from backrooms_tui.model.errors import ArchiveInvalid

LARGE, SMALL, HUGE = (120, 40), (80, 24), (200, 50)
END = "END OF OUTPUT"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dialogs show where a relative path leads."""
    monkeypatch.chdir("/")


def steps(*keys: str, first: str = END, then: str | None = None) -> Callable[[Pilot[Any]], Any]:
    """Wait for the first full screen, press keys one by one, wait for what they bring."""

    async def run(pilot: Pilot[Any]) -> None:
        await sees(pilot, first)
        await rests(pilot)
        for key in keys:
            await pilot.press(key)
            await rests(pilot)
        if then is not None:
            await sees(pilot, then)

    return run


@pytest.mark.parametrize(
    ("size", "keys", "first", "then"),
    [
        pytest.param(LARGE, (), END, "SORT created", id="home-120x40"),
        pytest.param(SMALL, (), "P95", "SORT created", id="home-80x24"),
        pytest.param(HUGE, (), END, "SORT created", id="home-200x50"),
        pytest.param(SMALL, ("tab",), "P95", END, id="output-80x24"),
        pytest.param(LARGE, ("enter",), END, "B / 65536", id="entered-120x40"),
        pytest.param(SMALL, ("enter",), "P95", "B / 65536", id="entered-80x24"),
        pytest.param(LARGE, ("a",), END, "CREATE ROOM", id="actions"),
        pytest.param(LARGE, ("a", "c"), END, "MEMORY LIMIT", id="create"),
        pytest.param(LARGE, ("a", "D"), END, "NOT ARMED", id="destroy"),
        pytest.param(LARGE, ("space", "space", "a", "D"), END, "DESTROY 2 ROOMS", id="destroy-several"),
        pytest.param(LARGE, ("space", "space", "a", "s"), END, "SUSPEND 2 ROOMS", id="suspend-plan"),
        pytest.param(LARGE, ("s",), END, "SORT BY", id="sort"),
        pytest.param(SMALL, ("question_mark",), "P95", "narrow", id="help-80x24"),
        pytest.param(
            LARGE, (":", *"create --memory-limit 256M"), END, "$ room.exe create --memory-limit 256M", id="command"
        ),
        pytest.param(LARGE, ("/", *"state:idle"), END, "5 HIDDEN", id="filter"),
        pytest.param(SMALL, ("i",), "P95", "INSPECT", id="inspect-80x24"),
        pytest.param(LARGE, ("i",), END, "INVALID", id="stats"),
        pytest.param(LARGE, ("i", "i"), END, "COMPRESSION", id="config"),
        pytest.param(LARGE, ("i", "i", "i"), END, "OUTPUT [WARN]", id="memory"),
        pytest.param(LARGE, ("j",) * 6, END, "DATA LOSS", id="corrupted"),
        pytest.param(SMALL, (*("j",) * 6, "tab"), "P95", "DATA LOSS", id="corrupted-80x24"),
        pytest.param(LARGE, ("x",), END, "WRITES", id="export"),
        pytest.param(SMALL, ("x",), "P95", "WRITES", id="export-80x24"),
        pytest.param(LARGE, ("space", "space", "a", "b"), END, "BACKUP 2 ROOMS", id="backup-several"),
        pytest.param(SMALL, ("a", "t"), "P95", "RESTORE FROM BACKUP", id="restore-80x24"),
        pytest.param(LARGE, ("a", "B"), END, "BATCH FROM FILE", id="batch"),
        pytest.param(LARGE, (*("j",) * 6, "a", "v"), END, "CHECK AGAIN:", id="recover"),
        pytest.param(SMALL, (*("j",) * 6, "a", "v"), "P95", "CHECK AGAIN:", id="recover-80x24"),
        pytest.param(LARGE, ("space", "j", "c"), END, "ROOMS ARE ISOLATED", id="compare"),
        pytest.param(SMALL, ("space", "j", "c"), "P95", "DELTA", id="compare-80x24"),
        pytest.param(LARGE, ("c",), END, "type to narrow", id="compare-pick"),
        pytest.param(LARGE, ("a", "o"), END, "persistence.backend", id="settings"),
        pytest.param(SMALL, ("a", "o"), "P95", "persistence.backend", id="settings-80x24"),
        pytest.param(SMALL, ("a",), "P95", "CREATE ROOM", id="actions-80x24"),
        pytest.param(LARGE, ("J",), END, "NO JOBS", id="jobs-none"),
        pytest.param(LARGE, ("q",), END, "ROOMS KEEP THEIR MEMORY", id="leave"),
        pytest.param(LARGE, ("p", "j", "p", "L"), END, "LEDGER", id="ledger"),
        pytest.param((58, 14), (), "NEED 60x16", None, id="too-small"),
    ],
)
def test_screen(
    console: Any, picture: Any, size: tuple[int, int], keys: tuple[str, ...], first: str, then: str | None
) -> None:
    picture(console(), size, steps(*keys, first=first, then=then))


@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["120x40", "80x24"])
def test_jobs_that_run_and_have_ended(console: Any, picture: Any, size: tuple[int, int]) -> None:
    """A cancelled compression, a failed check and a backup that waits at its middle."""
    fleet = Fleet()
    app = console(fleet)

    async def run(pilot: Pilot[Any]) -> None:
        await rests(pilot)
        fleet.refusal = ArchiveInvalid("MEMBER: checksums.json")
        await pilot.press("a", "k")
        await sees(pilot, "ERROR: ARCHIVE_INVALID")
        fleet.refusal = None
        fleet.gate.clear()
        await pilot.press("a", "m")
        await comes(pilot, lambda: app.open_jobs() and app.open_jobs()[0].done)
        await pilot.press("ctrl+c")
        await sees(pilot, "COMPACT CANCELLED")
        await pilot.press("a", "b", "enter")
        await sees(pilot, "50%")
        await pilot.press("J")
        await sees(pilot, "RUNNING")

    picture(app, size, run)
    fleet.gate.set()


def test_an_empty_store_is_mostly_empty_space(console: Any, picture: Any) -> None:
    picture(console(Fleet([])), LARGE, steps(first="NO ROOMS EXIST."))


def test_a_store_that_refuses_writes_says_so_across_the_screen(console: Any, picture: Any) -> None:
    fleet = Fleet()
    fleet.read_only = "STORE_FAILED no space left on device"
    picture(console(fleet), LARGE, steps(first="STORE READ-ONLY"))


@pytest.mark.parametrize("palette", ["light", "ansi16", "mono"])
def test_palette(console: Any, picture: Any, palette: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "light": {"TERM": "xterm-256color", "COLORFGBG": "0;15"},
        "ansi16": {"TERM": "xterm"},
        "mono": {"TERM": "xterm-256color", "NO_COLOR": "1"},
    }[palette]
    if "NO_COLOR" in environ:
        monkeypatch.setenv("NO_COLOR", "1")
    picture(console(environ=environ), LARGE, steps("j", "j", "j"))
