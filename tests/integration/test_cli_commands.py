"""Commands through the real program: outputs, formats, statuses and refusals."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from room_exe import PROGRAM, RoomExe

from backrooms_tui import __version__


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


def test_version_tells_version_commit_build_and_python(room_exe):
    version, *facts = room_exe.ok("version")
    assert version == f"room.exe version {__version__}"
    assert [fact.split(":")[0] for fact in facts] == ["commit", "build", "python"]
    assert json.loads("\n".join(room_exe.ok("version", "--format", "json")))["version"] == __version__


def test_without_a_command_and_a_terminal_the_usage_is_shown(room_exe):
    ended = room_exe.run()
    assert ended.status == 2
    assert ended.lines[0] == "USAGE: room.exe [COMMAND] [OPTIONS]"


def test_help_is_a_success(room_exe):
    assert room_exe.ok("--help")[0] == "USAGE: room.exe [COMMAND] [OPTIONS]"
    assert room_exe.ok("enter", "--help")[0] == "USAGE: room.exe enter <room_id> [OPTIONS]"


def test_init_counts_the_rooms(room_exe):
    room_exe.create()
    assert room_exe.ok("init") == [
        "INITIALIZING ROOM SYSTEM",
        "LOADING PERSISTENCE LAYER",
        "SCANNING EXISTING ROOMS: 1 FOUND",
        "READY",
    ]


def test_without_persistence_the_seeds_warning_is_shown_and_nothing_is_written(room_exe):
    ended = room_exe.run("--no-persist", "--verbose", "init")
    assert ended.err == "WARNING: Persistence disabled. All state will be lost on exit.\n"
    assert ended.lines == ["INITIALIZING ROOM SYSTEM (development mode)", "READY"]
    assert not room_exe.rooms.exists()


def test_a_room_is_created_with_what_was_asked_for(room_exe):
    lines = room_exe.ok("create", "--memory-limit", "256M", "--timeout", "60", "--compression", "lz4")
    assert re.fullmatch("ROOM CREATED: [0-9a-f]{64}", lines[0])
    assert lines[1:] == [
        "CONFIG: memory_limit=268435456 timeout=60 compression=lz4",
        "STATE: ACTIVE",
        "ENTITY: INITIALIZED",
    ]
    room_id = lines[0].split()[-1]
    shown = room_exe.ok("inspect", room_id, "--show-config")
    assert "CONFIG: memory_limit=268435456 timeout=60 compression=lz4 entity=reference name=None" in shown


def test_a_rooms_defaults_come_from_the_configuration(room_exe):
    config = room_exe.home / "config.json"
    config.write_text('{"limits": {"entity_timeout": 7, "max_room_memory": 33554432}}')
    config.chmod(0o600)
    room_id = room_exe.create("--config", str(config))
    value = room_exe.run("inspect", room_id, "--show-config", "--json").json
    assert (value["config"]["timeout"], value["memory_capacity"]) == (7, 33_554_432)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["create", "--memory-limit", "1G"], "INVALID_USAGE"),
        (["create", "--memory-limit", "lots"], "INVALID_USAGE"),
        (["create", "--timeout", "0"], "INVALID_USAGE"),
        (["create", "--timeout", "nan"], "INVALID_USAGE"),
        (["create", "--name", "bell\x07"], "INVALID_USAGE"),
        (["list", "--limit", "0"], "INVALID_USAGE"),
        (["enter", "xyz"], "INVALID_ROOM_ID"),
        (["enter", "abcd", "--timeout", "-1"], "INVALID_USAGE"),
        (["enter", "abcd", "--input", "/missing/file"], "INVALID_USAGE"),
        (["list", "--output", "/missing/file"], "INVALID_USAGE"),
        (["list", "--config", "/missing/file"], "CONFIG_INVALID"),
        (["\udcff\udcfe"], "INVALID_USAGE"),
        (["\x1b]0;title\x07"], "INVALID_USAGE"),
    ],
)
def test_wrong_words_are_one_error_with_status_2_and_make_no_store(room_exe, words, code):
    ended = room_exe.run(*words)
    assert (ended.status, ended.out) == (2, "")
    first, *details = ended.err.splitlines()
    assert first == f"ERROR: {code}"
    assert all(detail.isprintable() for detail in details)


@pytest.mark.parametrize("verb", ["enter", "inspect", "stats", "suspend", "resume", "destroy"])
def test_a_room_that_is_not_there_is_refused_in_text_and_json(room_exe, verb):
    ended = room_exe.run(verb, "abcd1234...")
    assert (ended.status, ended.out, ended.err) == (1, "", "ERROR: ROOM_NOT_FOUND\nROOM: abcd1234\n")
    error = json.loads(room_exe.run(verb, "abcd1234", "--format", "json").err)
    assert error == {"error": {"code": "ROOM_NOT_FOUND", "message": "ROOM: abcd1234", "details": ["ROOM: abcd1234"]}}


def test_a_mistake_in_the_words_is_told_in_json_too(room_exe):
    assert json.loads(room_exe.run("create", "--format=json", "--bogus").err)["error"]["code"] == "INVALID_USAGE"


def test_any_unambiguous_prefix_names_a_room_with_or_without_dots(room_exe):
    room_id = room_exe.create()
    for handle in (room_id, room_id[:4], f"{room_id[:8]}...", room_id[:12].upper()):
        assert f"ID: {room_id}" in room_exe.ok("stats", handle)


def test_a_name_is_metadata_and_never_a_handle(room_exe):
    room_exe.create("--name", "abcdef")
    assert room_exe.run("inspect", "abcdef").err.startswith("ERROR: ROOM_NOT_FOUND")


def test_a_list_in_json_jsonl_and_table(room_exe):
    ids = [room_exe.create("--name", f"room {n}") for n in range(2)]
    assert [room["id"] for room in room_exe.run("list", "--format", "json").json] == ids
    lines = room_exe.ok("--format", "jsonl", "list")
    assert [json.loads(line)["name"] for line in lines] == ["room 0", "room 1"]
    assert room_exe.ok("list", "--format", "table")[1].endswith("room 0")
    assert room_exe.ok("list", "--sort", "created", "--limit", "1")[1].startswith(f"1. {ids[1][:8]}... (ACTIVE, ")


def test_an_inspection_in_text_and_json_with_memory_and_configuration(room_exe):
    room_id = room_exe.create()
    room_exe.say(room_id, "remember poem: one", "noise")
    value = room_exe.run("inspect", room_id, "--json", "--show-memory", "--show-config").json
    assert (value["id"], value["state"], value["total_inputs"], value["total_outputs"]) == (room_id, "IDLE", 2, 1)
    assert [(entry["type"], entry["content"]) for entry in value["memory"]][:3] == [
        ("INPUT", "remember poem: one"),
        ("OUTPUT", "Stored."),
        ("INPUT", "noise"),
    ]
    text = room_exe.ok("inspect", room_id, "--show-memory")
    assert text[:2] == ["ROOM INSPECTION", "STATE: IDLE"]
    assert any(line.endswith("] OUTPUT Stored.") for line in text)


def test_statistics_are_true_figures(room_exe):
    room_id = room_exe.create()
    room_exe.run("enter", room_id, typed=b"valid input\nnoise\nvalid input\n\xff\xfe\n")
    value = room_exe.run("stats", room_id, "--format", "json").json
    assert value["input_output"]["total_inputs"] == 3
    assert value["input_output"]["total_outputs"] == 2
    assert value["input_output"]["silent_responses"] == 1
    assert value["errors"] == {"total": 1, "timeout": 0, "crash": 0, "invalid_input": 1}
    assert 0 < value["input_output"]["p50_latency"] <= value["input_output"]["max_latency"] * 1.05
    assert value["memory"]["usage"] > 0
    assert value["persistence"]["backend"] == "LEVELDB"
    assert value["persistence"]["disk_usage"] > 0
    assert "  BACKEND: LEVELDB" in room_exe.ok("stats", room_id)


def test_output_goes_to_a_private_file_when_asked(room_exe):
    room_id = room_exe.create()
    path = room_exe.home / "rooms.txt"
    assert room_exe.ok("list", "--output", str(path)) == []
    assert path.read_text() == f"ACTIVE ROOMS:\n  {room_id} (ACTIVE)\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_owner_is_refused_with_status_3_and_told_who_holds_the_store(room_exe):
    room_id = room_exe.create()
    with room_exe.start("enter", room_id) as holder:
        assert holder.stdout.readline() == b"ENTERING ROOM\n"
        refused = room_exe.run("list")
        holder.communicate(b"exit\n", timeout=60)
    assert refused.status == 3
    code, *details = refused.err.splitlines()
    assert code == "ERROR: STORE_BUSY"
    assert any(str(holder.pid) in detail for detail in details)


def test_everything_on_disk_is_the_owners_only_whatever_the_umask(room_exe):
    subprocess.run(
        ["/bin/sh", "-c", 'umask 000; exec "$@"', "sh", *PROGRAM, "create"],
        env=room_exe.environ,
        cwd=room_exe.home,
        check=True,
        capture_output=True,
        timeout=60,
    )
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in [room_exe.rooms, *room_exe.rooms.rglob("*")]}
    assert modes == {True: 0o700, False: 0o600}


def test_a_reader_that_goes_away_ends_the_command_quietly(room_exe):
    for _ in range(3):
        room_exe.create()
    with room_exe.start("list", stdin=subprocess.DEVNULL) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) in (0, 141)


def test_an_unexpected_exception_becomes_a_fault_file_and_one_error(room_exe):
    """The boundary of the program, with a command that is made to fail as none should."""
    probe = (
        "import sys; sys.argv = ['room.exe', 'list'];"
        "from backrooms_tui.cli import listing; listing.list = lambda shell: 1 / 0;"
        "from backrooms_tui.__main__ import main; sys.exit(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", probe],
        check=False,
        env=room_exe.environ,
        cwd=room_exe.home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    code, fault = ended.stderr.splitlines()
    assert (ended.returncode, code) == (1, "ERROR: INTERNAL_ERROR")
    path = Path(fault.removeprefix("FAULT: "))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "ZeroDivisionError" in path.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_session_quietly_with_the_status_of_the_signal(room_exe, number):
    room_id = room_exe.create()
    with room_exe.start("enter", room_id) as process:
        process.stdin.write(b"remember value: kept\nlong running operation\n")
        process.stdin.flush()
        seen = [process.stdout.readline() for _ in range(3)]
        assert seen[-1] == b"ENTITY: Starting operation...\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, b"")
    assert "kept" in "\n".join(room_exe.ok("inspect", room_id, "--show-memory"))


@pytest.mark.parametrize(
    ("closed", "words", "ended"),
    [
        (">&-", ["list"], (1, "", "ERROR: OUTPUT_FAILED\nREASON: Bad file descriptor\n")),
        ("2>&-", ["inspect", "zz"], (2, "", "")),
        ("<&-", ["batch"], (0, "BATCH COMPLETE: 0 commands executed\n", "")),
        ("<&- >&- 2>&-", ["create"], (1, "", "")),
    ],
)
def test_a_closed_stream_is_refused_or_empty_and_nothing_is_written_into_the_store(room_exe, closed, words, ended):
    room_exe.create()
    program = room_exe.program
    room_exe.program = ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', *program]
    found = room_exe.run(*words)
    assert (found.status, found.out, found.err) == ended
    room_exe.program = program
    assert room_exe.ok("fsck")[-1] == "NO DAMAGE FOUND"
    assert not (room_exe.home / ".local/state").exists()
