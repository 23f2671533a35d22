"""The wheel, installed in an empty environment, holds everything the program needs and draws its first frame."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pyte
import pytest
from support import ROOT, eventually

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(300), pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh environment that holds the wheel and its declared dependencies, nothing else."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=True)
    subprocess.run([place / "bin/pip", "install", "-q", str(wheel)], check=True, capture_output=True)
    return place / "bin"


def test_wheel_carries_styles_and_configuration(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (("styles", "_styles"), ("config", "_config")):
        shipped = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
        assert shipped
        assert {f"backrooms_tui/{inside}/{name}" for name in shipped} <= names
    assert not any(name.startswith(("tests/", "snapshots/")) for name in names)


def test_both_scripts_are_the_same_program(installed: Path) -> None:
    answers = {
        subprocess.run([installed / name, "version"], check=True, capture_output=True, text=True).stdout
        for name in ("backrooms", "room.exe")
    }
    (answer,) = answers
    assert answer.startswith("room.exe version ")


def test_first_frame_of_the_installed_console_shows_the_empty_floor(installed: Path, tmp_path: Path) -> None:
    screen = pyte.Screen(120, 40)
    stream = pyte.ByteStream(screen)
    leader, follower = os.openpty()
    os.set_blocking(leader, False)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TERM": "xterm-256color",
        "COLUMNS": "120",
        "LINES": "40",
        "LANG": "C.UTF-8",
    }
    program = subprocess.Popen(
        [installed / "backrooms"], stdin=follower, stdout=follower, stderr=follower, env=environment, cwd=tmp_path
    )
    os.close(follower)

    def drawn() -> bool:
        try:
            stream.feed(os.read(leader, 65536))
        except (BlockingIOError, OSError):
            pass
        return "NO ROOMS EXIST" in "\n".join(screen.display)

    try:
        eventually(drawn, within=30)
    finally:
        program.terminate()
        eventually(lambda: drawn() or program.poll() is not None, within=10)
        eventually(lambda: (drawn(), program.poll() is not None)[1], within=10)
        os.close(leader)
    assert program.returncode == 128 + signal.SIGTERM
