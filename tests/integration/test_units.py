"""The units that are shipped: the seed's, verified, exposed to little, and in accord with the program's own places."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conformance.seed_blocks import blocks
from support import ROOT

from backrooms_tui.config.loading import load
from backrooms_tui.config.paths import SYSTEM_CONFIG, SYSTEM_DATA, SYSTEM_USER

SYSTEMD = ROOT / "config/systemd"
SEEDS = blocks()[68].text
EXPOSURE = 20
"""Tenths: what the issue allows."""
DEPARTURES = {"Type": "notify"}
"""Of the service from the seed's: systemd is told when rooms can be entered."""
PRODUCTION = load(config=str(ROOT / "config/production.json"), environ={}, system=Path("/nowhere"))


class Unit(configparser.RawConfigParser):
    """A unit whose settings may be given more than once: the last one, or all of them in one list."""

    def __init__(self, text: str) -> None:
        super().__init__(strict=False, comment_prefixes="#", delimiters="=")
        self.read_string(text)
        self.lines = [line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#")]

    def optionxform(self, optionstr: str) -> str:
        return optionstr

    def all_of(self, name: str) -> list[str]:
        return [given for key, given in self.lines if key == name]


def test_the_service_has_every_line_of_the_seeds_but_the_one_that_is_said_to_differ() -> None:
    ours, seeds = Unit((SYSTEMD / "room.service").read_text()), Unit(SEEDS)
    for section in seeds.sections():
        for name, given in seeds.items(section):
            assert ours[section][name] == DEPARTURES.get(name, given), name


@pytest.mark.parametrize("folder", [".", "user"])
def test_systemd_finds_nothing_wrong_with_the_units(
    folder: str, need_tool: Callable[[str], str], tmp_path: Path
) -> None:
    """With a program that is there in the place of the one that is installed elsewhere."""
    for name in ("room.service", "room.socket"):
        text = (SYSTEMD / folder / name).read_text()
        (tmp_path / name).write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    ended = subprocess.run(
        [need_tool("systemd-analyze"), "verify", "--man=no", *map(str, sorted(tmp_path.glob("room.*")))],
        env={"HOME": "/home/user"},  # a socket's path is short, and that of a test's home is not
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def exposure(unit: Path, program: str) -> tuple[int, str]:
    ended = subprocess.run(
        [program, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_service_is_exposed_to_little_and_the_measure_tells_one_that_is_not(
    need_tool: Callable[[str], str], tmp_path: Path
) -> None:
    program = need_tool("systemd-analyze")
    status, said = exposure(SYSTEMD / "room.service", program)
    assert status == 0, said
    (tmp_path / "room.service").write_text(SEEDS)
    status, said = exposure(tmp_path / "room.service", program)
    assert status != 0, said


def test_the_sockets_are_where_the_configuration_and_the_store_have_them() -> None:
    listening = Unit((SYSTEMD / "room.socket").read_text()).all_of("ListenStream")
    assert listening == [f"{PRODUCTION.persistence.path}/control.sock", PRODUCTION.daemon.bind]
    (of_a_user,) = Unit((SYSTEMD / "user/room.socket").read_text()).all_of("ListenStream")
    assert of_a_user == "%h/.local/share/room.exe/rooms/control.sock"


def test_where_a_manager_starts_the_daemon_no_command_does() -> None:
    assert not PRODUCTION.daemon.enabled


def test_the_service_the_user_and_the_places_are_those_that_the_program_knows() -> None:
    service = Unit((SYSTEMD / "room.service").read_text())["Service"]
    assert (service["User"], service["WorkingDirectory"]) == (SYSTEM_USER, str(SYSTEM_DATA))
    assert f"/var/lib/{service['StateDirectory']}" == str(SYSTEM_DATA)
    assert f"/etc/{service['ConfigurationDirectory']}" == str(SYSTEM_CONFIG.parent)
    _, user, _, _, home, _ = shlex.split((SYSTEMD / "sysusers.d/room.exe.conf").read_text(), comments=True)
    # `u name id gecos home shell`: the words after the kind.
    assert home == str(SYSTEM_DATA)
    assert user == SYSTEM_USER
    made = [line.split() for line in (SYSTEMD / "tmpfiles.d/room.exe.conf").read_text().splitlines() if line[0] != "#"]
    assert {words[1] for words in made} == {str(SYSTEM_DATA), PRODUCTION.persistence.path, str(SYSTEM_CONFIG.parent)}


def test_the_user_unit_forbids_nothing_that_the_system_unit_allows() -> None:
    """What the user's manager restricts is what the system's is known to work with."""
    system, user = (Unit((SYSTEMD / name).read_text()) for name in ("room.service", "user/room.service"))
    for name in ("SystemCallFilter", "RestrictAddressFamilies", "WatchdogSec", "TimeoutStopSec", "KillMode"):
        assert user.all_of(name) == system.all_of(name)
