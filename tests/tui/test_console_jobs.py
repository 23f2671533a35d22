"""Long verbs from the keyboard: asked, run as jobs, watched, cancelled; over the recorded fleet, whose gate holds them."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fleet import NOW, Fleet, room_id
from seeing import comes, screen_text, sees
from textual import events
from textual.pilot import Pilot

from backrooms_tui.config.loading import load
from backrooms_tui.model.entries import EntryType, MemoryEntry
from backrooms_tui.model.errors import ArchiveInvalid
from backrooms_tui.model.reports import BackupInfo, BackupSpec, ExportSpec
from backrooms_tui.model.states import RoomState
from backrooms_tui.tui.actions import Focus

DAMAGED = ("j",) * 6
"""Keys from the first room to the CORRUPTED one."""


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest_asyncio.fixture
async def pilot(
    fleet: Fleet, console: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pilot[Any]]:
    """A console at 120x40 over the fleet, in an empty directory."""
    place = tmp_path / "files"
    place.mkdir()
    monkeypatch.chdir(place)
    app = console(fleet, operator="ops@h1")
    async with app.run_test(size=(120, 40), notifications=True) as running:
        await sees(running, "END OF OUTPUT")
        yield running
    fleet.gate.set()


def typed(pilot: Pilot[Any], text: str) -> None:
    """Paste: `press` takes some fifty milliseconds a key."""
    pilot.app.post_message(events.Paste(text))


def calls(fleet: Fleet, verb: str) -> list[tuple[object, ...]]:
    return [call for call in fleet.calls if call[0] == verb]


def ledger(pilot: Pilot[Any]) -> str:
    return "\n".join(line.text.plain for line in pilot.app.desk.ledger.lines())


async def command(pilot: Pilot[Any], line: str) -> None:
    await pilot.press(":")
    typed(pilot, line)
    await sees(pilot, line)
    await pilot.press("enter")


async def test_an_export_that_cannot_be_written_is_refused_in_place_and_what_was_typed_is_kept(
    pilot: Pilot[Any], fleet: Fleet, tmp_path: Path
) -> None:
    await pilot.press("x", "right", "down", *"input", "up", "up")
    typed(pilot, str(tmp_path / "nowhere" / "x.csv"))
    await sees(pilot, "nowhere/x.csv")
    await pilot.press("enter")
    await sees(pilot, "there is no directory")
    assert not calls(fleet, "export")
    await pilot.press("ctrl+u")
    typed(pilot, "x.csv")
    await sees(pilot, "--filter input --output x.csv")
    await pilot.press("enter")
    await sees(pilot, "EXPORTED: 1247 entries")
    written = tmp_path / "files" / "x.csv"
    assert calls(fleet, "export") == [("export", room_id(0), ExportSpec("csv", (EntryType.INPUT,)))]
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


async def test_a_file_that_is_there_is_replaced_at_the_second_enter_only(pilot: Pilot[Any], tmp_path: Path) -> None:
    there = tmp_path / "files" / f"{room_id(0)[:8]}.jsonl"
    there.write_text("mine")
    await pilot.press("x", "enter")
    await sees(pilot, "enter AGAIN REPLACES IT")
    assert there.read_text() == "mine"
    await pilot.press("enter")
    await sees(pilot, "EXPORTED")
    assert there.read_text() != "mine"


async def test_a_running_job_shows_how_far_it_is_and_holds_nobody_up(pilot: Pilot[Any], fleet: Fleet) -> None:
    fleet.gate.clear()
    await pilot.press("a", "b", "enter")
    await sees(pilot, "██████░░░░░░  50%")
    await pilot.press("j", "a", "s")
    await comes(pilot, lambda: fleet.records[room_id(1)].state is RoomState.SUSPENDED)
    await pilot.press("J")
    await sees(pilot, "RUNNING")
    fleet.gate.set()
    await sees(pilot, "BACKUP COMPLETE: 14MB -> 6MB (42.9% ratio)")
    await pilot.press("enter")
    await sees(pilot, f"SOURCE: {room_id(0)}")
    await comes(pilot, lambda: pilot.app.long_verbs()._timer is None)
    assert "50%" not in screen_text(pilot.app)


async def test_a_cancelled_job_ends_where_it_can_and_leaves_no_half_file(
    pilot: Pilot[Any], fleet: Fleet, tmp_path: Path
) -> None:
    fleet.gate.clear()
    await pilot.press("x", "enter", "J")
    await sees(pilot, "RUNNING")
    await pilot.press("k", "K")
    await sees(pilot, "EXPORT CANCELLED")
    await sees(pilot, " CANCELLED ")
    assert list((tmp_path / "files").iterdir()) == []


async def test_ctrl_c_cancels_the_newest_job_before_it_leaves(pilot: Pilot[Any], fleet: Fleet) -> None:
    fleet.gate.clear()
    await pilot.press("a", "b", "enter", "j", "a", "m")
    await comes(pilot, lambda: len(calls(fleet, "compact")) == 1)
    await pilot.press("ctrl+c")
    await sees(pilot, "COMPACT CANCELLED")
    assert [job.verb for job in pilot.app.open_jobs()] == ["backup"]
    assert pilot.app.is_running


async def test_leaving_names_the_jobs_it_cancels_and_waits_for_their_half_files(
    pilot: Pilot[Any], fleet: Fleet, tmp_path: Path
) -> None:
    fleet.gate.clear()
    await pilot.press("x", "enter")
    await comes(pilot, lambda: list((tmp_path / "files").iterdir()))
    await pilot.press("q")
    await sees(pilot, "1 JOB IS CANCELLED, LEAVING NO HALF FILE:")
    await sees(pilot, f"export {room_id(0)[:8]}")
    pilot.app.stop_jobs()
    assert list((tmp_path / "files").iterdir()) == []


async def test_a_backup_of_marked_rooms_is_one_job_each_and_takes_the_marks_away(
    pilot: Pilot[Any], fleet: Fleet
) -> None:
    await pilot.press("space", "space", "a", "b", "right", "down", "space", "enter")
    await comes(pilot, lambda: len(calls(fleet, "backup")) == 2)
    spec = BackupSpec("xz", include_config=True)
    assert {call[1:] for call in calls(fleet, "backup")} == {(room_id(0), spec, True), (room_id(1), spec, True)}
    assert not pilot.app.desk.rooms.marks


async def test_a_restore_takes_a_file_that_is_there_and_the_room_appears(
    pilot: Pilot[Any], fleet: Fleet, tmp_path: Path
) -> None:
    (tmp_path / "files" / "one.tar.gz").write_bytes(b"archive")
    await pilot.press("a", "t", "enter")
    await sees(pilot, "PATH: type one.")
    typed(pilot, "/dev/null")
    await sees(pilot, "restore /dev/null")
    await pilot.press("enter")
    await sees(pilot, "is not a file")
    await pilot.press("ctrl+u")
    typed(pilot, "one.tar.gz")
    await sees(pilot, "restore one.tar.gz")
    await pilot.press("enter")
    await sees(pilot, "ROOMS 9")
    await comes(pilot, lambda: "ROOM RESTORED" in ledger(pilot))
    assert calls(fleet, "restore") == [("restore", b"archive")]


async def test_a_refused_job_says_why_and_foreign_words_in_it_are_only_shown(pilot: Pilot[Any], fleet: Fleet) -> None:
    fleet.refusal = ArchiveInvalid("MEMBER: \x1b]0;x\x07 [/] [@click=app.quit]x[/]")
    await pilot.press("a", "m")
    await sees(pilot, "ERROR: ARCHIVE_INVALID  MEMBER: ␛]0;x␇ [/] [@click=app.quit]x[/]")
    await pilot.press("J")
    await sees(pilot, "FAILED")
    await pilot.press("enter")
    await sees(pilot, "REPORT")
    assert not set(screen_text(pilot.app)) & {chr(code) for code in range(0x20) if code != 0x0A}


async def test_a_damaged_room_has_its_own_screen_with_the_focus_and_what_can_be_done(
    pilot: Pilot[Any], fleet: Fleet
) -> None:
    screen = pilot.app.console_screen
    await pilot.press(*DAMAGED)
    await sees(pilot, "CORRUPTION_TYPE")
    for words in ("OFFSET            0x00004A2F", "2026-01-07-0300", "DATA LOSS         9 hours", "a v  RECOVER"):
        await sees(pilot, words)
    await pilot.press("enter")
    await sees(pilot, "ERROR: ROOM_CORRUPTED")
    assert screen.focus_kind() is Focus.DAMAGE
    await pilot.press("slash", "n", "tab", "shift+tab")
    assert screen.focus_kind() is Focus.DAMAGE
    await pilot.press("x", "enter")
    await sees(pilot, "READABLE PART KEPT")
    await pilot.press("escape", "k")
    await comes(pilot, lambda: screen.log_view.display and not screen.damage.display)


async def test_a_room_that_breaks_while_its_output_is_read_hands_the_focus_to_its_damage(
    pilot: Pilot[Any], fleet: Fleet
) -> None:
    from backrooms_tui.model.events import RoomChanged

    screen = pilot.app.console_screen
    await pilot.press("tab")
    assert screen.focus_kind() is Focus.OUTPUT
    damage = fleet.records[room_id(6)].damage
    fleet.records[room_id(0)] = fleet.records[room_id(0)].with_(state=RoomState.CORRUPTED, damage=damage)
    fleet.subscription.tell(RoomChanged(room_id(0), RoomState.CORRUPTED))
    await sees(pilot, "CANNOT BE ENTERED")
    await sees(pilot, "NO BACKUP AVAILABLE")
    assert screen.focus_kind() is Focus.DAMAGE


async def test_recovery_says_what_it_costs_and_is_done_by_r_alone(pilot: Pilot[Any], fleet: Fleet) -> None:
    await pilot.press(*DAMAGED, "a", "v")
    await sees(pilot, "RECOVER FROM BACKUP")
    await sees(pilot, "DATA LOSS")
    await pilot.press("enter", "r", "v")
    assert not calls(fleet, "recover")
    await pilot.press("R")
    await comes(pilot, lambda: "RECOVERY COMPLETE  STATE: ACTIVE  DATA LOSS: 3 hours" in ledger(pilot))
    assert calls(fleet, "recover") == [("recover", room_id(6), "ops@h1", True)]
    await comes(pilot, lambda: pilot.app.console_screen.log_view.display)


async def test_without_a_backup_a_damaged_room_can_only_be_checked_again(pilot: Pilot[Any], fleet: Fleet) -> None:
    fleet.shelf[room_id(6)] = []
    await pilot.press(*DAMAGED)
    await sees(pilot, "MANUAL INTERVENTION REQUIRED")
    await pilot.press("a", "v")
    await sees(pilot, "CHECK AGAIN: recovers")
    await pilot.press("R")
    assert not calls(fleet, "recover")
    await pilot.press("c")
    await sees(pilot, "ERROR: ROOM_CORRUPTED  CORRUPTION_TYPE: CHECKSUM_MISMATCH")
    assert calls(fleet, "recover") == [("recover", room_id(6), "ops@h1", False)]


async def test_the_name_of_a_backup_is_shown_and_not_obeyed(pilot: Pilot[Any], fleet: Fleet) -> None:
    fleet.shelf[room_id(6)] = [BackupInfo(room_id(6), "/b/\x1b[2J[@click=x]y.tar", 1, 1)]
    await pilot.press(*DAMAGED)
    await sees(pilot, "␛[2J[@click=x]y  ")


async def test_two_rooms_are_compared_swapped_and_copied_and_three_are_refused(pilot: Pilot[Any]) -> None:
    copied: list[str] = []
    pilot.app.copy_to_clipboard = copied.append
    await pilot.press("space", "j", "c")
    await sees(pilot, "B newer 20m 0s")
    await pilot.press("tab", "y")
    await sees(pilot, "A newer 20m 0s")
    assert copied[0].startswith(f"COMPARING ROOMS\n===============\n\nROOM A: {room_id(2)}")
    await pilot.press("d")
    await comes(pilot, lambda: "TIMEOUT" not in screen_text(pilot.app))
    await pilot.press("escape", "*", "c")
    await sees(pilot, "8 ROOMS ARE MARKED. TWO CAN BE COMPARED.")


async def test_the_second_room_of_a_comparison_is_picked_by_a_part_of_its_id(pilot: Pilot[Any]) -> None:
    await pilot.press("c", *room_id(3)[:4], "enter")
    await sees(pilot, f"B {room_id(3)[:8]} IDLE")


async def test_the_check_names_the_damage_it_found(pilot: Pilot[Any]) -> None:
    await pilot.press("a", "k")
    await sees(pilot, "DAMAGE FOUND: 1")
    await pilot.press("J", "enter")
    await sees(pilot, "CORRUPTION_TYPE: CHECKSUM_MISMATCH")
    await sees(pilot, f"ROOM: {room_id(6)}")


async def test_the_command_line_runs_what_it_names_and_asks_for_the_rest(pilot: Pilot[Any], fleet: Fleet) -> None:
    await command(pilot, "export --format binary --output ~/one.room")
    await comes(pilot, lambda: Path("~/one.room").expanduser().is_file())
    await command(pilot, "backup --compression zstd")
    await comes(pilot, lambda: calls(fleet, "backup") == [("backup", room_id(0), BackupSpec("zstd"), True)])
    await command(pilot, "restore ~/nothing.tar")
    await sees(pilot, "there is no file")
    await command(pilot, "jobs")
    await sees(pilot, "BACKUP COMPLETE")
    await pilot.press("escape")
    await command(pilot, "export --since yesterday --output x")
    await sees(pilot, "neither seconds since the epoch nor ISO 8601")


async def test_the_configuration_names_the_source_of_each_value(console: Any) -> None:
    settings = load(environ={"HOME": "/nowhere", "ROOM_PERSISTENCE_PASSWORD": "hush", "ROOM_DAEMON_WORKERS": "2"})
    app = console(settings=settings)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await sees(pilot, "END OF OUTPUT")
        await command(pilot, "config")
        await sees(pilot, "ROOM_PERSISTENCE_PASSWORD")
        assert "hush" not in screen_text(app)
        await pilot.press("end")
        await sees(pilot, "ROOM_DAEMON_WORKERS")


async def test_a_recovered_room_shows_the_memory_it_has_now(pilot: Pilot[Any], fleet: Fleet) -> None:
    await pilot.press(*DAMAGED)
    await sees(pilot, "DATA LOSS")
    fleet.entries[room_id(6)] = [MemoryEntry(1, NOW, EntryType.OUTPUT, "what the backup held", {})]
    await pilot.press("a", "v")
    await sees(pilot, "RECOVER FROM BACKUP")
    await pilot.press("R")
    await sees(pilot, "ENTITY: what the backup held")


async def test_a_long_line_of_a_report_is_wrapped_and_nothing_of_it_is_lost(pilot: Pilot[Any], tmp_path: Path) -> None:
    (tmp_path / "files" / "b").write_text(f"create --name '{'x' * 300}'\n")
    await command(pilot, "batch b")
    await comes(pilot, lambda: "BATCH COMPLETE" in ledger(pilot))
    await pilot.press("J", "enter")
    await sees(pilot, "REPORT")
    assert screen_text(pilot.app).count("x") >= 300
