"""Looking after an installation through the real program: migrate, doctor, config, completion, man, speed of nothing."""

import json
import re
import shutil
import signal
import subprocess

import pytest
from room_exe import HELD, PROGRAM, RoomExe
from support import ROOT

from backrooms_tui.cli import completing, manual
from backrooms_tui.cli.commands import COMMANDS, GLOBAL_OPTIONS
from backrooms_tui.config.values import schema


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


def use(room_exe, backend, path):
    room_exe.environ |= {"ROOM_PERSISTENCE_BACKEND": backend, "ROOM_PERSISTENCE_PATH": str(path)}


def test_a_store_goes_through_every_local_backend_and_back_unchanged(room_exe):
    ids = [room_exe.create("--timeout", "7"), room_exe.create()]
    room_exe.say(ids[0], "remember value: kept", "initialize counter at 4", *["increment counter"] * 300)
    room_exe.ok("compact", ids[0])
    room_exe.ok("suspend", ids[1])
    before = room_exe.run("inspect", ids[0], "--json", "--show-memory", "--show-config").json
    for backend in ("SQLITE", "FILESYSTEM", "LEVELDB"):
        target = room_exe.home / backend
        lines = room_exe.ok("migrate", "--to", backend, "--path", str(target))
        assert lines[0] == "MIGRATING STORE"
        assert lines[3] == "ROOMS: 2"
        assert re.fullmatch(r"VERIFIED: \d+ rows \(\d+(B|KB)\)", lines[4])
        use(room_exe, backend, target)
        assert room_exe.run("inspect", ids[0], "--json", "--show-memory", "--show-config").json == before
        assert room_exe.ok("fsck")[-1] == "NO DAMAGE FOUND"
    assert room_exe.say(ids[0], "recall value", "increment counter") == ["ENTITY: kept", "ENTITY: Counter: 305"]
    assert room_exe.ok("list")[2] == f"  {ids[1]} (SUSPENDED)"


def test_without_a_path_the_copy_lies_beside_the_store_which_stays_as_it_is(room_exe):
    room_id = room_exe.create()
    lines = room_exe.ok("migrate", "--to", "filesystem")
    target = room_exe.rooms.with_name("rooms-filesystem")
    assert f"TARGET: {target}" in lines
    assert lines[-1] == f"USE: ROOM_PERSISTENCE_BACKEND=FILESYSTEM ROOM_PERSISTENCE_PATH={target}"
    assert room_exe.ok("list")[1] == f"  {room_id} (ACTIVE)"
    again = room_exe.run("migrate", "--to", "FILESYSTEM")
    assert (again.status, again.err) == (2, f"ERROR: INVALID_USAGE\nPATH: {target}: there are rooms already.\n")


@pytest.mark.parametrize("words", [[], ["--to", "MYSQL"], ["--to", "LEVELDB", "--path", "{store}"], ["--no-persist"]])
def test_what_cannot_be_migrated_is_a_usage_error(room_exe, words):
    room_exe.create()
    words = [word.format(store=room_exe.rooms) for word in words]
    ended = room_exe.run("migrate", *words)
    assert (ended.status, ended.err.splitlines()[0]) == (2, "ERROR: INVALID_USAGE")


def test_a_corrupted_room_is_not_left_behind_in_silence(room_exe):
    use(room_exe, "FILESYSTEM", room_exe.home / "rooms")
    room_id = room_exe.create()
    state = room_exe.home / "rooms" / room_id / "state.bin"
    state.write_bytes(state.read_bytes()[:-1])
    ended = room_exe.run("migrate", "--to", "SQLITE", "--path", str(room_exe.home / "copy"))
    assert (ended.status, ended.err.splitlines()[:2]) == (1, ["ERROR: ROOM_CORRUPTED", f"ROOM: {room_id}"])


@pytest.mark.parametrize("backend", ["SQLITE", "FILESYSTEM", "LEVELDB"])
def test_ctrl_c_ends_a_migration_and_says_what_to_do_with_the_target(room_exe, backend):
    room_id = room_exe.create()
    room_exe.say(room_id, "stream 3000 lines")
    program = room_exe.program
    room_exe.hold("migrating")
    with room_exe.start("migrate", "--to", backend, "--path", "copy") as process:
        while (line := process.stdout.readline()) != f"{HELD}\n".encode():
            assert line, "it has ended"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"INTERRUPTED\n")
    assert out.endswith(b"TARGET INCOMPLETE: REMOVE IT BEFORE TRYING AGAIN\n")
    shutil.rmtree(room_exe.home / "copy")
    room_exe.program = program
    assert "MIGRATION COMPLETE" in room_exe.ok("migrate", "--to", backend, "--path", "copy")


def test_the_doctor_finds_nothing_wrong_here_and_changes_nothing(room_exe):
    ended = room_exe.run("doctor")
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines[0] == "EXAMINING ENVIRONMENT"
    assert all(re.match("(OK  |WARN) [A-Z]", line) for line in ended.lines[1:-1])
    assert re.fullmatch(r"RESULT: \d+ OK, \d+ WARN, 0 FAIL", ended.lines[-1])
    assert f"OK   STORE: {room_exe.rooms} (not made yet)" in ended.lines
    assert "OK   SEAL NETWORK: SEALED" in ended.out
    assert not (room_exe.home / ".local").exists()


def test_the_doctor_names_what_will_not_do_and_who_owns_the_store(room_exe):
    room_id = room_exe.create()
    with room_exe.start("enter", room_id) as holder:
        assert holder.stdout.readline() == b"ENTERING ROOM\n"
        lines = room_exe.run("doctor").lines
        holder.communicate(b"exit\n", timeout=60)
    assert any(line.startswith(f"OK   OWNER: pid {holder.pid} ") for line in lines)
    room_exe.environ |= {"ROOM_LIMITS_MAX_ROOMS": "many", "LANG": "C", "LC_ALL": "POSIX"}
    room_exe.rooms.chmod(0o777)
    ended = room_exe.run("doctor", "--format", "json")
    failed = {check["name"] for check in ended.json["checks"] if check["level"] == "FAIL"}
    assert (ended.status, failed) == (1, {"CONFIGURATION", "STORE"})


def test_the_configuration_is_shown_with_its_sources_and_without_its_passwords(room_exe):
    config = room_exe.home / ".config/room.exe/config.json"
    config.parent.mkdir(parents=True)
    model = {"base_url": "https://ann:secret@models.example/v1"}
    config.write_text(json.dumps({"persistence": {"password": "secret"}, "limits": {"max_rooms": 5}, "model": model}))
    config.chmod(0o600)
    room_exe.environ["ROOM_LOGGING_LEVEL"] = "warn"
    lines = [re.sub(" +", " ", line) for line in room_exe.ok("config", "show", "--verbose")]
    assert f' persistence.password = "***" ({config})' in lines
    assert f' model.base_url = "https://models.example/v1" ({config})' in lines
    assert f" limits.max_rooms = 5 ({config})" in lines
    assert ' logging.level = "DEBUG" (--verbose)' in lines
    assert " daemon.workers = 4 (default)" in lines
    assert f"STORE: {room_exe.rooms}" in lines
    value = room_exe.run("config", "show", "--format", "json").json
    assert [setting["name"] for setting in value["settings"]] == list(schema())
    assert "secret" not in json.dumps(value)
    assert not room_exe.rooms.exists()


def test_the_schema_is_printed_as_it_is_shipped(room_exe):
    assert room_exe.run("config", "schema").json == json.loads((ROOT / "config/schema.json").read_text())


def test_the_manual_page_in_the_documents_is_the_one_that_is_printed(room_exe):
    assert "\n".join(room_exe.ok("man")) + "\n" == (ROOT / "docs/room.exe.1").read_text()


def test_the_manual_names_every_command_and_option_and_troff_has_nothing_against_it(need_tool):
    page = "\n".join(manual.page())
    ended = subprocess.run(
        [need_tool("groff"), "-man", "-ww", "-Tutf8", "-P-c"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stderr == ""
    shown = re.sub("\x1b\\[[0-9;]*m|.\b", "", ended.stdout)
    for command in COMMANDS.values():
        assert command.usage in shown
        assert f"$ room.exe {command.example}" in shown
        assert all(option.flag in shown for option in command.options)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_one_that_its_shell_reads(room_exe, shell, need_tool):
    script = room_exe.run("completion", shell).out
    assert all(command in script for command in COMMANDS)
    assert all(option.flag.lstrip("-") in script for option in GLOBAL_OPTIONS)
    if shutil.which(shell) is None and shell != "bash":
        pytest.skip(f"{shell} is not installed")
    subprocess.run([need_tool(shell), "-n"], input=script, text=True, check=True, capture_output=True, timeout=60)


def completed(room_exe, *words):
    """What bash offers for the last of the words."""
    (room_exe.home / "room.exe").write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} "$@"\n')
    (room_exe.home / "room.exe").chmod(0o700)
    probe = "\n".join(
        [
            *completing.bash(),
            f"COMP_WORDS=(room.exe {' '.join(map(repr, words))})",
            f"COMP_CWORD={len(words)}",
            "_room_exe",
        ]
    )
    return subprocess.run(
        ["bash", "-c", probe + '\nprintf "%s\\n" "${COMPREPLY[@]}"'],
        env=room_exe.environ | {"PATH": f"{room_exe.home}:{room_exe.environ['PATH']}"},
        cwd=room_exe.home,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()


def test_bash_completes_commands_options_values_files_and_rooms(room_exe):
    room_id = room_exe.create()
    (room_exe.home / "room.tar.gz").touch()
    assert completed(room_exe, "re") == ["resume", "recover", "restore"]
    assert completed(room_exe, "export", room_id, "--fo") == ["--format"]
    assert completed(room_exe, "export", room_id, "--format", "s") == ["sqlite"]
    assert completed(room_exe, "list", "--format", "t") == ["text", "table"]
    assert completed(room_exe, "restore", "room.t") == ["room.tar.gz"]
    assert completed(room_exe, "stats", room_id[:6]) == [room_id]
    assert completed(room_exe, "config", "s") == ["show", "schema"]


def test_a_server_that_would_forget_is_told_once_by_every_command_that_opens_the_store(room_exe, idle_redis):
    idle_redis.start(appendonly="no", requirepass="hush-hush")
    room_exe.environ |= {
        "ROOM_PERSISTENCE_BACKEND": "REDIS",
        "ROOM_PERSISTENCE_HOST": idle_redis.socket,
        "ROOM_PERSISTENCE_PASSWORD": "hush-hush",
    }
    copy = ("migrate", "--to", "SQLITE", "--path", str(room_exe.home / "copy"))
    for words in (("create",), ("list",), ("fsck",), copy):
        ended = room_exe.run(*words)
        (warning,) = ended.err.splitlines()
        assert (ended.status, warning.partition(";")[0]) == (0, "WARN: REDIS DOES NOT PERSIST: appendonly is no")
    shown = room_exe.ok("config", "show", "--format", "json")
    assert "hush" not in "".join(shown)
    assert any('"***"' in line for line in shown)
