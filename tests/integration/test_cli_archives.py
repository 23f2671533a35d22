"""Rooms as files, through the real program: export, backup, restore, recover, and what is refused of each."""

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest
from room_exe import HELD, RoomExe

SAID = ["store observation: temperature 23C", "=SUM(A1)", "remember value: kept"]


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


@pytest.fixture
def room_id(room_exe):
    room_id = room_exe.create("--timeout", "9")
    room_exe.say(room_id, *SAID)
    return room_id


def on_files(room_exe):
    """Let the rooms be in the FILESYSTEM backend, where a byte of one room is easily found."""
    room_exe.environ["ROOM_PERSISTENCE_BACKEND"] = "FILESYSTEM"


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_an_export_to_a_file_reports_in_the_seeds_lines(room_exe, room_id):
    path = room_exe.home / "memory.jsonl"
    lines = room_exe.ok("export", room_id, "--format", "jsonl", "--output", str(path))
    count = len(path.read_text().splitlines())
    size = path.stat().st_size
    assert lines == [
        "EXPORTING MEMORY",
        f"ENTRIES: {count}",
        "FORMAT: jsonl",
        "FILTERING: none",
        f"OUTPUT: {path}",
        f"EXPORTED: {count} entries ({size}B)",
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    first = json.loads(path.read_text().splitlines()[0])
    assert first == {"timestamp": first["timestamp"], "type": "INPUT", "content": SAID[0]}


def test_without_a_file_the_data_is_on_stdout_and_the_report_on_stderr(room_exe, room_id):
    ended = room_exe.run("export", room_id, "--filter", "input")
    assert [json.loads(line)["content"] for line in ended.lines] == SAID
    assert ended.status == 0
    assert ended.err.splitlines()[3:5] == ["FILTERING: INPUT", "OUTPUT: -"]


def test_an_export_is_filtered_by_types_and_by_time(room_exe, room_id):
    def kinds(*words):
        return {json.loads(line)["type"] for line in room_exe.run("export", room_id, *words).lines}

    assert kinds("--filter", "input,output", "--filter", "OBSERVATION") == {"INPUT", "OUTPUT", "OBSERVATION"}
    assert kinds("--until", "2020-01-01") == set()
    moments = [json.loads(line)["timestamp"] for line in room_exe.run("export", room_id).lines]
    until = room_exe.run("export", room_id, "--until", str(moments[0]), "--since", str(moments[0])).lines
    assert len(until) == moments.count(moments[0])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--filter", "dream"], "FILTER: 'DREAM' is not one of INPUT|OUTPUT|OBSERVATION|STATE_CHANGE|ERROR."),
        (["--since", "2", "--until", "1"], "TIME: --since is after --until."),
        (["--since", "noon"], "TIME: 'noon' is neither seconds since the epoch nor ISO 8601."),
        (["--format", "xml"], "--format: 'xml' is not one of jsonl|csv|binary|sqlite."),
        (["--output", "/"], "OUTPUT: /: Is a directory"),
        (["--output", "/missing/file"], "OUTPUT: /missing/file: There is no such directory"),
    ],
)
def test_what_cannot_be_exported_is_a_usage_error(room_exe, room_id, words, complaint):
    ended = room_exe.run("export", room_id, *words)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.splitlines()[:2] == ["ERROR: INVALID_USAGE", complaint]


def test_csv_is_safe_in_a_spreadsheet_and_sqlite_has_the_seeds_tables(room_exe, room_id):
    room_exe.ok("export", room_id, "--format", "csv", "--output", "memory.csv")
    assert '"\'=SUM(A1)"' in (room_exe.home / "memory.csv").read_text()
    room_exe.ok("export", room_id, "--format", "sqlite", "--output", "memory.db")
    database = sqlite3.connect(room_exe.home / "memory.db")
    assert database.execute("SELECT id FROM rooms").fetchall() == [(room_id,)]
    assert database.execute("SELECT count(*) FROM memory WHERE type = 0").fetchone() == (len(SAID),)
    database.close()


def test_binary_data_is_not_written_to_a_terminal_and_text_only_filtered(room_exe, room_id):
    with room_exe.terminal("export", room_id, "--format", "binary") as terminal:
        terminal.expect("ERROR: INVALID_USAGE\nOUTPUT: binary data is not for a terminal")
        assert terminal.end() == 2
    room_exe.say(room_id, "drill hostile")
    for form in ("jsonl", "csv"):
        with room_exe.terminal("export", room_id, "--format", form, "--filter", "output") as terminal:
            assert terminal.end() == 0
        assert "Drill: hostile." in terminal.seen
        assert not set(terminal.seen) & {"\x1b", "\x07", "\x9b", "\u202e", "\u200b"}


def test_an_export_that_cannot_be_written_is_an_error_and_leaves_no_file(room_exe, room_id):
    full = room_exe.run("export", room_id, "--output", "/dev/full")
    assert (full.status, full.err) == (1, "ERROR: OUTPUT_FAILED\nOUTPUT: /dev/full: No space left on device\n")
    with Path("/dev/full").open("wb") as sink, room_exe.start("export", room_id, stdout=sink) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.decode().splitlines()[-2:] == ["ERROR: OUTPUT_FAILED", "OUTPUT: -: No space left on device"]


@pytest.mark.parametrize("words", [["version"], ["man"], ["list"], ["--help"]])
def test_what_is_said_and_cannot_be_written_is_an_error(room_exe, words):
    with Path("/dev/full").open("wb") as sink, room_exe.start(*words, stdout=sink) as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"ERROR: OUTPUT_FAILED\nREASON: No space left on device\n")
    if words != ["--help"]:
        redirected = room_exe.run(*words, "--output", "/dev/full")
        assert (redirected.status, redirected.err) == (1, "ERROR: OUTPUT_FAILED\nREASON: No space left on device\n")


def test_a_report_for_programs(room_exe, room_id):
    value = room_exe.run("export", room_id, "--json", "--output", "m.jsonl", "--filter", "error").json
    assert value == {
        "id": room_id,
        "format": "jsonl",
        "filter": ["ERROR"],
        "since": None,
        "until": None,
        "output": "m.jsonl",
        "entries": 0,
        "size": 0,
    }
    wrong = room_exe.run("export", "abcd1234", "--json", "--output", "m.jsonl")
    assert json.loads(wrong.err)["error"]["code"] == "ROOM_NOT_FOUND"


def test_a_backup_and_its_restoration_report_in_the_seeds_lines(room_exe, room_id):
    path = room_exe.home / "room.tar.gz"
    lines = room_exe.ok("backup", room_id, "--output", str(path), "--compression", "gzip")
    assert lines[:4] == ["CREATING BACKUP", f"SOURCE: {room_id}", f"BACKUP: {path}", "COMPRESSION: gzip"]
    assert re.fullmatch(r"SIZE: \d+KB -> \d+(KB|B) \(\d+\.\d% ratio\)", lines[4])
    assert re.fullmatch(r"DURATION: \d+\.\d\ds", lines[5])
    assert lines[6:] == ["BACKUP COMPLETE"]
    room_exe.ok("destroy", room_id, "--force")
    assert room_exe.ok("restore", str(path)) == [
        "RESTORING BACKUP",
        f"SOURCE: {path}",
        "EXTRACTING...",
        "VALIDATING STATE...",
        "STATE VALID",
        f"ROOM RESTORED: {room_id}",
    ]
    assert room_exe.say(room_id, "recall value") == ["ENTITY: kept"]


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd", "none"])
def test_a_rooms_configuration_comes_back_only_if_it_went_along(room_exe, room_id, compression):
    for words, timeout in ((["--include-config"], 9), ([], 30)):
        room_exe.ok("backup", room_id, "--output", "room.backup", "--compression", compression, *words)
        room_exe.ok("destroy", room_id, "--force")
        room_exe.ok("restore", "room.backup")
        assert room_exe.run("inspect", room_id, "--json", "--show-config").json["config"]["timeout"] == timeout


def test_a_binary_export_is_restored_and_one_through_a_pipe_too(room_exe, room_id):
    room_exe.ok("export", room_id, "--format", "binary", "--output", "room.bin")
    room_exe.ok("destroy", room_id, "--force")
    data = (room_exe.home / "room.bin").read_bytes()
    assert room_exe.ok("restore", "-", typed=data)[-1] == f"ROOM RESTORED: {room_id}"
    assert room_exe.say(room_id, "recall value") == ["ENTITY: kept"]


def test_without_a_path_a_backup_goes_onto_the_shelf_which_goes_with_the_room(room_exe, room_id):
    lines = room_exe.ok("backup", room_id)
    path = room_exe.home / lines[2].removeprefix("BACKUP: ")
    assert path.is_file()
    assert "BACKUPS DELETED" in room_exe.ok("destroy", room_id, "--force")
    assert not path.exists()


def test_a_file_that_is_no_archive_is_refused_and_a_room_that_is_there_is_kept(room_exe, room_id):
    (room_exe.home / "noise").write_bytes(os.urandom(5000))
    refused = room_exe.run("restore", "noise")
    assert (refused.status, refused.err.splitlines()[0]) == (1, "ERROR: ARCHIVE_INVALID")
    missing = room_exe.run("restore", "missing")
    assert (missing.status, missing.err) == (
        2,
        "ERROR: INVALID_USAGE\nINPUT: missing: No such file or directory\n",
    )
    assert room_exe.run("restore", "/").status == 2
    room_exe.ok("backup", room_id, "--output", "room.tar.gz")
    there = room_exe.run("restore", "room.tar.gz")
    assert (there.status, there.err.splitlines()[0]) == (1, "ERROR: ROOM_EXISTS")
    assert room_exe.say(room_id, "recall value") == ["ENTITY: kept"]


LOST = b"spoken after the backup"


def damage_files(room_exe):
    """Change a letter of what was said last, wherever the backend's files hold it."""
    for path in sorted(path for path in room_exe.rooms.rglob("*") if path.is_file()):
        at = path.read_bytes().find(LOST)
        if at >= 0:
            flip(path, at)
            return
    pytest.fail("nowhere")


def damage_values(server):
    """The same in the values of a Redis server."""
    client = server.client()
    (memory,) = client.keys("*:memory")
    for n, row in enumerate(client.lrange(memory, 0, -1)):
        if LOST in row:
            client.lset(memory, n, row.replace(LOST, LOST.upper()))
            return
    pytest.fail("nowhere")


@pytest.mark.parametrize("backend", ["LEVELDB", "FILESYSTEM", "SQLITE", "REDIS"])
def test_a_damaged_room_is_walked_from_its_refusal_to_its_recovery(room_exe, backend, request):
    room_exe.environ["ROOM_PERSISTENCE_BACKEND"] = backend
    server = request.getfixturevalue("redis_server") if backend == "REDIS" else None
    if server is not None:
        room_exe.environ["ROOM_PERSISTENCE_HOST"] = server.socket
    room_id = room_exe.create()
    room_exe.say(room_id, "remember value: kept")
    room_exe.ok("backup", room_id)
    room_exe.say(room_id, f"remember other: {LOST.decode()}")
    neighbour = room_exe.create() if server is None else None  # of whom damage_values would have to know
    if server is None:
        damage_files(room_exe)
    else:
        damage_values(server)
    found = room_exe.run("fsck")
    assert (found.status, found.lines[1]) == (1, f"ROOM: {room_id}")
    assert found.lines[-1].endswith(" in 1 room")
    refused = room_exe.run("enter", room_id)
    assert refused.err.splitlines()[0] == "ERROR: ROOM_CORRUPTED"
    assert room_exe.ok("inspect", room_id)[1] == "STATE: CORRUPTED"
    assert room_exe.ok("list", "--state", "corrupted") == ["CORRUPTED ROOMS:", f"  {room_id} (CORRUPTED)"]
    as_it_is = room_exe.run("recover", room_id)
    assert (as_it_is.status, as_it_is.err.splitlines()[0]) == (1, "ERROR: ROOM_CORRUPTED")
    lines = room_exe.ok("recover", room_id, "--from-backup")
    assert lines[:2] == ["ATTEMPTING RECOVERY", "SCANNING BACKUPS..."]
    assert re.fullmatch(r"BACKUP FOUND: \d{4}-\d\d-\d\d-\d{4} \(\d+ (second|minute)s? old\)", lines[2])
    assert lines[3:8] == ["RESTORING...", "STATE VALIDATED", "MEMORY VALIDATED", "RECOVERY COMPLETE", "STATE: ACTIVE"]
    assert lines[8].startswith("DATA LOSS: ")
    assert lines[8] != "DATA LOSS: none"
    assert room_exe.say(room_id, "recall value") == ["ENTITY: kept"]
    if neighbour is not None:
        assert room_exe.say(neighbour, "valid input") == room_exe.say(room_id, "valid input")
    assert room_exe.ok("fsck")[-1] == "NO DAMAGE FOUND"


def test_a_damaged_room_without_a_backup_gets_the_seeds_two_lines(room_exe):
    on_files(room_exe)
    room_id = room_exe.create()
    room_exe.say(room_id, "remember value: kept")
    flip(room_exe.rooms / room_id / "memory.log", -1)
    ended = room_exe.run("recover", room_id, "--from-backup")
    assert (ended.status, ended.err) == (1, "")
    assert ended.lines == ["NO BACKUP AVAILABLE", "MANUAL INTERVENTION REQUIRED"]
    told = json.loads(room_exe.run("recover", room_id, "--from-backup", "--format", "json").err)
    assert told["error"]["code"] == "NO_BACKUP_AVAILABLE"
    as_it_is = room_exe.run("recover", room_id)
    assert (as_it_is.status, as_it_is.err.splitlines()[0]) == (1, "ERROR: ROOM_CORRUPTED")


def test_a_room_that_is_well_needs_no_recovery(room_exe, room_id):
    for words in ([], ["--from-backup"]):
        ended = room_exe.run("recover", room_id, *words)
        assert (ended.status, ended.err.splitlines()[0]) == (1, "ERROR: ILLEGAL_TRANSITION")


def test_what_can_be_read_of_damaged_memory_is_shown_and_exported(room_exe):
    on_files(room_exe)
    room_id = room_exe.create()
    room_exe.say(room_id, *(f"remember key{n}: value{n}" for n in range(40)))
    log = room_exe.rooms / room_id / "memory.log"
    flip(log, log.read_bytes().index(b"remember key20"))
    ended = room_exe.run("inspect", room_id, "--show-memory")
    told = [line for line in ended.lines if " INPUT remember" in line or "ERROR: ROOM_CORRUPTED" in line]
    assert ended.status == 1
    assert sum("ROOM_CORRUPTED" in line for line in told) == 1
    keys = [int(re.search(r"key(\d+)", line)[1]) for line in told if "INPUT" in line]
    assert keys == sorted(keys)
    assert {0, 1, 18, 22, 39} <= set(keys)
    assert 20 not in keys
    exported = room_exe.run("export", room_id, "--output", "left.jsonl", "--filter", "input")
    assert exported.status == 1
    assert exported.err.startswith("ERROR: ROOM_CORRUPTED\n")
    left = [json.loads(line)["content"] for line in (room_exe.home / "left.jsonl").read_text().splitlines()]
    assert left == [f"remember key{n}: value{n}" for n in range(len(left))]
    assert left


def test_compacting_tells_the_seeds_figures(room_exe, room_id):
    room_exe.say(room_id, *("remember poem: " + "roses are red " * 40 for _ in range(300)))
    lines = room_exe.ok("compact", room_id)
    figures = dict(line.split(": ") for line in lines)
    assert list(figures) == [
        "COMPRESSION_STARTED",
        "COMPRESSION_ALGORITHM",
        "COMPRESSION_LEVEL",
        "ENTRIES_BEFORE",
        "ENTRIES_AFTER",
        "SIZE_BEFORE",
        "SIZE_AFTER",
        "COMPRESSION_RATIO",
        "COMPRESSION_DURATION",
    ]
    assert float(figures["COMPRESSION_RATIO"]) > 1.2
    shown = room_exe.ok("stats", room_id)
    (ratio,) = [line for line in shown if "COMPRESSION_RATIO" in line]
    assert re.fullmatch(r"  COMPRESSION_RATIO: \d+\.\d \(zstd\)", ratio)
    value = room_exe.run("compact", room_id, "--format", "json").json
    assert value["id"] == room_id


def test_shared_damage_is_a_finding_of_fsck(room_exe, room_id):
    (room_exe.rooms / "leveldb" / "CURRENT").unlink()
    ended = room_exe.run("fsck")
    assert (ended.status, ended.err) == (1, "")
    assert ended.lines[-2:] == ["CORRUPTION_TYPE: STORE_CORRUPTED", "DAMAGED: THE STORE"]
    assert room_exe.run("fsck", "--format", "json").json["sound"] is False


def test_progress_is_shown_on_a_terminal_and_erased_at_the_end(room_exe, room_id):
    room_exe.say(room_id, "stream 20000 lines")
    with room_exe.terminal("export", room_id, "--output", "m.jsonl") as terminal:
        terminal.expect(r"\rEXPORTING \d+% [\d,]+ of 20,\d+ entries")
        assert terminal.end() == 0
    assert re.search(r"\r\x1b\[KEXPORTED: \d+ entries \(\d+MB\)\n\Z", terminal.seen)


def test_ctrl_c_ends_an_export_without_a_file_or_half_of_one(room_exe, room_id):
    room_exe.say(room_id, "stream 20000 lines")
    (room_exe.home / "m.db").write_text("an older export")
    room_exe.hold("exporting")
    with room_exe.terminal("export", room_id, "--format", "sqlite", "--output", "m.db") as terminal:
        terminal.expect(rf"\rEXPORTING [0-9][0-9]?% .*{HELD}\n")
        terminal.type("\x03")
        terminal.expect(r"\r\x1b\[KINTERRUPTED\n")
        assert terminal.end() == 130
    assert (room_exe.home / "m.db").read_text() == "an older export"
    assert [path.name for path in room_exe.home.glob("*m.db*")] == ["m.db"]
    assert [path.name for path in room_exe.home.glob(".*m.db*")] == []
