"""What the documents tell an operator to type is what the program understands, and the recoveries do recover."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from deployment_docs import blocks, commands
from room_exe import RoomExe
from support import ROOT

from backrooms_tui.cli.commands import PROGRAM
from backrooms_tui.cli.parsing import command_named, parse, split
from backrooms_tui.config.paths import store_root
from backrooms_tui.config.settings import Settings
from backrooms_tui.model import errors
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.opening import open_store

DOCUMENTS = ("DEPLOYMENT.md", "TROUBLESHOOTING.md", "../README.md")
ROOM = "a3f7c8d2..."
"""What stands for a room in the documents."""


def typed(document: str) -> list[list[str]]:
    """The words after `room.exe` of every command line that has it, whatever stands before."""
    found = []
    for line in commands(document):
        words = shlex.split(line)
        for index, word in enumerate(words):
            if word == PROGRAM:
                found.append(words[index + 1 :])
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_documented_command_is_one_that_the_program_understands(document: str) -> None:
    lines = typed(document)
    assert len(lines) > 5
    for words in lines:
        name, rest = split(words)
        assert name is not None, words
        parse(command_named(name), rest)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_shipped(document: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    named = {word for word in text.replace("`", " ").replace(")", " ").split() if word.startswith("config/")}
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_error_that_an_operator_meets_in_the_table_is_one_of_ours() -> None:
    text = (ROOT / "docs/TROUBLESHOOTING.md").read_text()
    known = {cls.code for cls in vars(errors).values() if isinstance(cls, type) and hasattr(cls, "code")}
    of_entries = {"ENTITY_TIMEOUT", "ENTITY_CRASHED", "OUTPUT_SIZE_EXCEEDED"}  # what a room remembers of a turn
    codes = set(re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE)) | set(re.findall(r"ERROR: ([A-Z_]+)", text))
    assert len(codes) > 10
    assert codes - known - of_entries - {"CODE"} == set()


@pytest.fixture
def room_exe(tmp_path: Path) -> RoomExe:
    home = tmp_path / "operator"
    home.mkdir(mode=0o700)
    return RoomExe(home)


def damage(room_exe: RoomExe, room_id: str) -> None:
    """Flip a bit of the entity's state."""
    store = open_store(store_root(Settings(), room_exe.environ), backend="LEVELDB")
    try:
        key = keys.state(room_id)
        with store._rows.reading() as view:
            stored = bytearray(view.get(key))
        stored[-1] ^= 1
        batch = store._rows.batch(sync=True)
        batch.put(key, bytes(stored))
        store._rows.write(batch)
    finally:
        store.close()


def play(room_exe: RoomExe, section: str, block: int, room_id: str) -> list[str]:
    """Type the commands of a block, with the room's id in its place; gives all that was said."""
    said = []
    for line in commands("TROUBLESHOOTING.md", section, block):
        said += room_exe.ok(*shlex.split(line.replace(ROOM, room_id))[1:])
    return said


FAILS = "Room fails to load"


def test_a_damaged_room_fails_as_the_section_shows_and_its_backup_takes_its_place(room_exe: RoomExe) -> None:
    room_id = room_exe.create()
    room_exe.say(room_id, "remember value: kept")
    room_exe.ok("backup", room_id)
    damage(room_exe, room_id)
    refused = room_exe.run("enter", room_id)
    assert refused.err.splitlines()[:2] == blocks("TROUBLESHOOTING.md", FAILS)[0]
    assert "RECOVERY COMPLETE" in play(room_exe, FAILS, 1, room_id)
    assert room_exe.say(room_id, "recall value") == ["ENTITY: kept"]


def test_a_room_whose_bytes_come_back_is_recovered_without_a_backup(room_exe: RoomExe) -> None:
    room_id = room_exe.create()
    room_exe.say(room_id, "remember value: kept")
    damage(room_exe, room_id)
    assert room_exe.run("enter", room_id).err.startswith("ERROR: ROOM_CORRUPTED")
    assert room_exe.run("recover", room_id).status == 1
    damage(room_exe, room_id)  # the same bit, back
    play(room_exe, FAILS, 2, room_id)
    assert room_exe.say(room_id, "recall value") == ["ENTITY: kept"]


def test_without_a_backup_what_can_be_read_is_kept_and_typed_again(room_exe: RoomExe) -> None:
    room_id = room_exe.create()
    room_exe.say(room_id, "remember value: kept")
    damage(room_exe, room_id)
    assert room_exe.run("enter", room_id).status == 1
    said = play(room_exe, FAILS, 3, room_id)
    assert any("remember value: kept" in line for line in said)
    kept = [json.loads(line)["content"] for line in (room_exe.home / "inputs.jsonl").read_text().splitlines()]
    assert kept == ["remember value: kept"]
    fresh = next(line for line in said if line.startswith("ROOM CREATED: ")).removeprefix("ROOM CREATED: ")
    (room_exe.home / "inputs.txt").write_text("\n".join(kept) + "\n")
    (line,) = commands("TROUBLESHOOTING.md", FAILS, 4)
    room_exe.ok(*shlex.split(line.replace("b9e4d1a7...", fresh))[1:])
    assert room_exe.say(fresh, "recall value") == ["ENTITY: kept"]


def test_a_full_room_is_looked_at_compressed_and_saved_and_its_backup_is_put_back(room_exe: RoomExe) -> None:
    room_id = room_exe.create()
    room_exe.say(room_id, *(f"remember value: {number}" for number in range(20)))
    said = play(room_exe, "High memory usage", 0, room_id)
    assert any(line.strip().startswith("UTILIZATION") for line in said)
    assert any(line.startswith("COMPRESSION_RATIO") for line in said)
    play(room_exe, "High memory usage", 1, room_id)
    room_exe.ok("destroy", room_id, "--force")
    play(room_exe, "The store does not open", 0, room_id)
    assert room_exe.say(room_id, "recall value") == ["ENTITY: 19"]


README = ("../README.md", "Put any program in a room")
ANSWERS = {
    "command:bc -q": ("2^64", "18446744073709551616"),
    "command:sqlite3": ("select 6*7;", "42"),
    "command:jq -c .items": ('{"items": [1, 2]}', "[1,2]"),
    "python:docs/entities/counter.py": ("hello", "1: hello"),
    "command:sh docs/entities/diary.sh": ("hello", "page 1: hello"),
    "llm:scripted/echo": ("hello", "hello"),
}


def test_every_room_of_the_readme_is_made_and_answers(room_exe: RoomExe, need_tool: Callable[[str], str]) -> None:
    for tool in ("bc", "sqlite3", "jq"):
        need_tool(tool)
    lines = [shlex.split(line)[1:] for line in commands(*README)]
    made = [words for words in lines if words[0] == "create"]
    assert {words[words.index("--entity") + 1] for words in made} == set(ANSWERS)
    for words in made:
        typed, answer = ANSWERS[words[words.index("--entity") + 1]]
        room_id = room_exe.create(*(word.replace("docs/", f"{ROOT}/docs/") for word in words[1:]))
        assert answer in room_exe.say(room_id, typed)[0], words
    for words in [words for words in lines if words[0] != "create"]:
        ended = room_exe.run(words[0], room_id)
        assert (ended.status, ended.err.split("\n")[0]) in [(0, ""), (1, "ERROR: NOTHING_RUNS")]


def test_the_commands_for_a_first_look_and_for_a_report_work_on_any_store(room_exe: RoomExe) -> None:
    room_exe.create()
    for section in ("First look", "Reporting a defect"):
        for line in commands("TROUBLESHOOTING.md", section, 0):
            ended = room_exe.run(*shlex.split(line)[1:])
            assert (ended.status, ended.err) == (0, ""), line


def test_a_witness_that_is_gone_is_accepted_by_the_file_that_the_table_names(room_exe: RoomExe) -> None:
    room_id = room_exe.create()
    (room_exe.rooms / "witness").unlink()
    assert room_exe.run("list").err.startswith("ERROR: STORE_CORRUPTED")
    (room_exe.rooms / "witness.accept").touch(mode=0o600)
    assert room_id[:8] in "\n".join(room_exe.ok("list"))


def test_the_shell_words_of_the_documents_are_whole() -> None:
    for document in DOCUMENTS:
        for line in commands(document):
            checked = subprocess.run(["/bin/bash", "-nc", line], capture_output=True, text=True, check=False)
            assert checked.returncode == 0, (line, checked.stderr)
