"""What commands load: starting fast is a promise, and heavy libraries stay out of every command."""

import json
import subprocess
import sys

import pytest
from room_exe import RoomExe

HEAVY = {"textual", "rich", "msgspec", "asyncio", "logging", "pydantic", "backrooms_tui.tui"}
PROBE = """
import json, sys
sys.argv = ["room.exe", *json.loads(sys.argv[1])]
from backrooms_tui.__main__ import main
status = main()
print("\\n" + json.dumps([status, sorted(sys.modules)]))
"""


def loaded(room_exe, *words):
    """Run a command in a fresh interpreter; gives the modules it loaded."""
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(words)],
        env=room_exe.environ,
        cwd=room_exe.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    status, modules = json.loads(ended.stdout.splitlines()[-1])
    assert status in (0, 2), ended.stdout
    return set(modules)


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ["version"],
        ["--help"],
        [],
        ["init"],
        ["list"],
        ["list", "--format", "table"],
        ["create"],
        ["list", "--bogus"],
        ["config", "show"],
        ["man"],
        ["completion", "bash"],
    ],
    ids=" ".join,
)
def test_no_command_loads_a_heavy_library(room_exe, words):
    assert loaded(room_exe, *words) & HEAVY == set()


def test_a_list_loads_nothing_that_drives_rooms(room_exe):
    modules = loaded(room_exe, "list")
    assert not {module for module in modules if module.startswith(("backrooms_tui.supervisor", "backrooms_tui.entity"))}
    assert modules & {"argparse", "dataclasses", "inspect", "traceback", "socket", "hashlib"} == set()


@pytest.mark.parametrize("verb", ["enter", "inspect", "stats", "suspend", "resume", "destroy"])
def test_no_verb_on_a_room_loads_a_heavy_library(room_exe, verb):
    room_id = room_exe.create()
    if verb == "resume":
        room_exe.ok("suspend", room_id)
    words = [verb, room_id] + (["--force"] if verb == "destroy" else [])
    assert loaded(room_exe, *words) & HEAVY == set()


def test_version_loads_no_more_than_an_interpreter_has_anyway(room_exe):
    unwanted = {"argparse", "dataclasses", "typing", "pathlib", "json", "re", "plyvel", "backrooms_tui.model.room"}
    bare = set(
        json.loads(
            subprocess.check_output([sys.executable, "-c", "import json, sys; print(json.dumps(sorted(sys.modules)))"])
        )
    )
    assert (loaded(room_exe, "version") - bare) & unwanted == set()


def test_help_and_mistakes_open_no_store(room_exe):
    for words in (["--help"], ["create", "--help"], ["create", "--bogus"]):
        assert "plyvel" not in loaded(room_exe, *words)
    assert not room_exe.rooms.exists()
