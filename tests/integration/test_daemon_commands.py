"""Commands and their daemon: who owns the rooms, who is a client, and what is said when it goes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest
from daemon_exe import DaemonExe
from ports import kept_port
from room_exe import RoomExe
from support import eventually

from backrooms_tui.daemon.client import connect
from backrooms_tui.model.errors import ConnectionLost

SESSION = "s_[0-9a-f]{16}"
PATIENT = """
import sys
from backrooms_tui.__main__ import main
from backrooms_tui.cli import session
session.CATCH_UP_SECONDS = 60.0
sys.exit(main())
"""
"""The program, but that a session waits for others' turns, however slow the machine is, before it shows its own."""


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


@pytest.fixture
def daemon(room_exe):
    with DaemonExe(room_exe) as daemon:
        yield daemon


@pytest.fixture
def address():
    """Where nobody listens, and where a daemon can be told to."""
    with kept_port() as port:
        yield f"127.0.0.1:{port}"


def owner_of(room_exe):
    """What the owner lock says."""
    return json.loads((room_exe.rooms / "owner.lock").read_text())


# The daemon.


def test_it_starts_with_the_seeds_lines(room_exe, address):
    with DaemonExe(room_exe, "--bind", address, "--workers", "4") as daemon:
        assert daemon.lines == [
            "STARTING DAEMON MODE",
            f"BIND_ADDRESS: {address}",
            "WORKER_THREADS: 4",
            f"PERSISTENCE: {room_exe.rooms}",
            "READY",
        ]
        assert owner_of(room_exe)["pid"] == daemon.pid


def test_on_a_terminal_it_shows_the_seeds_lines_and_no_log(room_exe):
    with room_exe.terminal("daemon", "--bind", "127.0.0.1:0") as terminal:
        terminal.expect(r"\ASTARTING DAEMON MODE\nBIND_ADDRESS: \S+\nWORKER_THREADS: 4\nPERSISTENCE: \S+\nREADY\n\Z")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert terminal.seen.removesuffix("^C").endswith("READY\n")


def test_a_second_owner_is_refused_with_status_3(room_exe, daemon):
    refused = room_exe.run("daemon", "--bind", "127.0.0.1:0")
    assert (refused.status, refused.lines) == (3, ["STARTING DAEMON MODE"])
    assert "ERROR: STORE_BUSY\nHELD BY: pid " + str(daemon.pid) in refused.err


@pytest.mark.parametrize(
    "words", [("--bind", "nowhere"), ("--bind", "0.0.0.0:0"), ("--workers", "0"), ("--token-file", "missing")]
)
def test_what_it_cannot_do_is_refused_before_it_owns_anything(room_exe, words):
    refused = room_exe.run("daemon", *words)
    assert refused.status == 2
    assert "READY" not in refused.out
    assert "ERROR: " in refused.err
    assert room_exe.ok("list") == ["NO ROOMS"]


def test_metrics_and_health_are_on_its_port_and_on_their_own(room_exe, address):
    room_exe.environ |= {"ROOM_METRICS_ENABLED": "true", "ROOM_METRICS_BIND": address}
    with DaemonExe(room_exe) as daemon:
        room_exe.create()
        for place in (daemon.address, address):
            assert "\nroom_total 1\n" in got(place, "/metrics")
            assert '{"status": "ok"' in got(place, "/health")


def got(address, path):
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with client.makefile("rb") as answer:
            return answer.read().decode()


# Commands are its clients.


def test_every_command_goes_through_the_owner_and_says_what_it_says_without_one(room_exe, daemon):
    first = room_exe.create("--name", "first")
    assert room_exe.say(first, "initialize counter at 1", "increment counter") == [
        "ENTITY: Counter initialized.",
        "ENTITY: Counter: 2",
    ]
    second = room_exe.create()
    assert [line.split()[0] for line in room_exe.ok("list")[1:]] == [first, second]
    assert f"ID: {first}" in room_exe.ok("inspect", first)
    assert room_exe.ok("stats", first)[0] == "ROOM STATISTICS"
    assert room_exe.ok("compare", first, second)[-1] == "ROOMS ARE ISOLATED"
    assert room_exe.ok("suspend", second)[-1] == "STATE: SUSPENDED"
    assert room_exe.ok("resume", second)[-1] == "STATE: ACTIVE"
    exported = room_exe.home / "memory.jsonl"
    room_exe.ok("export", first, "--format", "jsonl", "--output", str(exported))
    assert '"content":"ENTITY: Counter: 2"' in exported.read_text()
    archive = room_exe.home / "room.tar.gz"
    room_exe.ok("backup", first, "--output", str(archive))
    room_exe.ok("compact", first)
    room_exe.ok("destroy", first, "--force")
    room_exe.ok("restore", str(archive))
    assert room_exe.say(first, "what is counter value") == ["ENTITY: Counter: 2"]
    assert room_exe.ok("fsck")[-1] == "NO DAMAGE FOUND"
    batch = room_exe.ok("batch", typed="create\nenter {LAST_ROOM_ID}\nvalid input\nexit\n")
    assert batch[-1] == "BATCH COMPLETE: 4 commands executed"
    assert owner_of(room_exe)["pid"] == daemon.pid
    assert not [line for line in daemon.log() if line["level"] in ("ERROR", "WARN")]


def test_leaving_a_room_leaves_its_entity_alive(room_exe, daemon):
    room = room_exe.create()
    room_exe.say(room, "initialize counter at 1")
    with closing(connect(daemon.socket)) as service:
        pid = service.room(room).entity_pid
        room_exe.say(room, "increment counter")
        assert pid is not None
        assert service.room(room).entity_pid == pid


def test_without_persistence_no_daemon_is_asked(room_exe, daemon):
    room_exe.create()
    ended = room_exe.run("list", "--no-persist")
    assert ended.lines == ["NO ROOMS"]
    assert room_exe.run("connect", "--no-persist").status == 2


def test_three_sessions_of_two_kinds_in_one_room_see_one_order(room_exe, daemon):
    room = room_exe.create()
    room_exe.say(room, "initialize counter at 0")
    room_exe.program = [sys.executable, "-c", PATIENT]
    with ExitStack() as stack:
        sessions = [stack.enter_context(room_exe.start("enter", room)) for _ in range(2)]
        sessions.append(stack.enter_context(room_exe.start("connect")))
        sessions[2].stdin.write(f"enter {room}\n".encode())
        for session in sessions:
            session.stdin.flush()
            while session.stdout.readline() != b"ENTERING ROOM\n":
                pass
        for session in sessions:
            session.stdin.write(b"increment counter\n" * 20)
            session.stdin.flush()
        heard = [heard_up_to(session, 60) for session in sessions]
        for session in sessions:
            session.communicate(b"exit\n", timeout=60)
    assert heard == [[*range(1, 61)]] * 3


def heard_up_to(session, last):
    counts = []
    while counts[-1:] != [last]:
        line = session.stdout.readline().decode()
        assert line.startswith("ENTITY: Counter: "), line
        counts.append(int(line.rpartition(" ")[2]))
    return counts


def test_who_only_looks_is_seen_as_such_and_wakes_no_room(room_exe, daemon):
    room = room_exe.create()
    room_exe.say(room, "valid input")
    with closing(connect(daemon.socket)) as service, room_exe.start("enter", room, "--readonly") as looker:
        assert looker.stdout.readline() == b"ENTERING ROOM\n"
        assert looker.stdout.readline() == b"ENTITY: Acknowledged.\n"
        (occupant,) = service.presence(room)
        assert occupant.read_only
        assert re.fullmatch(SESSION, occupant.session)
        assert service.room(room).record.state.value == "IDLE"
        looker.communicate(b"exit\n", timeout=60)
        assert service.presence(room) == ()


# Where nobody serves.


def test_an_owner_that_serves_nobody_is_told_as_such(room_exe):
    room = room_exe.create()
    with room_exe.start("enter", room) as holder:
        assert holder.stdout.readline() == b"ENTERING ROOM\n"
        refused = room_exe.run("list")
        holder.communicate(b"exit\n", timeout=60)
    assert refused.status == 3
    assert refused.err.splitlines()[::2] == ["ERROR: STORE_BUSY", refused.err.splitlines()[2]]
    assert refused.err.splitlines()[-1] == "IT SERVES NO CLIENTS"


def test_the_socket_of_a_killed_daemon_is_in_nobodys_way(room_exe, daemon):
    room = room_exe.create()
    daemon.kill()
    assert room in room_exe.ok("list")[1]
    with DaemonExe(room_exe):
        assert room in room_exe.ok("list")[1]


# Daemons that commands start.


@pytest.fixture
def started(room_exe):
    """Settings with which commands start a daemon; it is ended afterwards."""
    room_exe.environ |= {"ROOM_DAEMON_ENABLED": "true", "ROOM_DAEMON_BIND": "127.0.0.1:0"}
    yield room_exe
    pid = owner_of(room_exe)["pid"]
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not (room_exe.rooms / "owner.lock").read_text(), within=30)


def test_where_it_is_enabled_the_first_command_starts_one_that_outlives_it(started):
    room = started.create()
    owner = owner_of(started)
    assert os.getsid(owner["pid"]) == owner["pid"]
    assert room in started.ok("list")[1]
    assert owner_of(started) == owner
    log = started.home / ".local/state/room.exe/daemon.log"
    assert log.stat().st_mode & 0o777 == 0o600
    eventually(lambda: '"ready"' in log.read_text())


def test_commands_that_come_at_once_start_one_daemon(started, address):
    started.environ["ROOM_DAEMON_BIND"] = address  # which two cannot have
    at_once = [started.start("create") for _ in range(4)]
    for command in at_once:
        with command:
            out, err = command.communicate(timeout=60)
            assert (command.returncode, err) == (0, b""), out
    assert len(started.ok("list")) == 5
    owner = owner_of(started)["pid"]
    sessions = subprocess.run(["ps", "-eo", "sid,args"], capture_output=True, text=True, check=True).stdout
    mine = [line for line in sessions.splitlines() if line.split()[0] == str(owner)]
    assert any("daemon" in line for line in mine)


def test_a_daemon_that_cannot_start_is_told_by_what_it_said(room_exe):
    room_exe.environ |= {"ROOM_DAEMON_ENABLED": "true", "ROOM_DAEMON_BIND": "0.0.0.0:0"}
    refused = room_exe.run("list")
    assert refused.status == 1
    assert refused.err.startswith("ERROR: DAEMON_NOT_STARTED\nSTATUS: 2\n")
    assert "daemon.token_file" in refused.err


# Sessions.


def test_session_9_by_letter(room_exe, daemon):
    room = room_exe.create()
    with room_exe.terminal("connect") as terminal:
        session = terminal.expect(
            rf"\ACONNECTING TO DAEMON: {daemon.address}\nCONNECTED\nSESSION_ID: ({SESSION})\n> \Z"
        )[1]
        terminal.type("create\n")
        terminal.expect(r"ROOM CREATED: [0-9a-f]{64}\nSTATE: ACTIVE\nENTITY: INITIALIZED\n> \Z")
        terminal.type("room.exe create\n")
        terminal.expect(r"ROOM CREATED: [0-9a-f]{64}\nSTATE: ACTIVE\nENTITY: INITIALIZED\n> \Z")
        terminal.type(f"enter {room}\n")
        terminal.expect(r"\nENTERING ROOM\n> \Z")
        terminal.type("system check\n")
        # The prompt comes back before an answer that takes its time, and makes way for it.
        terminal.expect(rf"\n(> \r\x1b\[K)?ENTITY: Operational\. Daemon mode\. Session: {session}\.\n> \Z")
        terminal.type("exit\n")
        terminal.expect(r"\nEXITING ROOM\nROOM STATE: IDLE\n> \Z")
        terminal.type("disconnect\n")
        terminal.expect(r"\nDISCONNECTING FROM DAEMON\nSESSION CLOSED\n\Z")
        assert terminal.end() == 0
    assert len(room_exe.ok("list")) == 4


@pytest.mark.parametrize(("key", "status"), [("\x04", 0), ("\x03", 130)], ids=["Ctrl-D", "Ctrl-C"])
def test_a_session_ends_with_a_key_too_and_in_a_room_the_key_leaves_the_room(room_exe, daemon, key, status):
    room = room_exe.create()
    with room_exe.terminal("connect") as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type(f"enter {room}\n")
        terminal.expect(r"\nENTERING ROOM\n> \Z")
        terminal.type(key)
        terminal.expect(r"EXITING ROOM\nROOM STATE: IDLE\n> \Z")
        terminal.type(key)
        terminal.expect(r"DISCONNECTING FROM DAEMON\nSESSION CLOSED\n\Z")
        assert terminal.end() == status


def test_each_client_has_a_session_of_its_own(room_exe, daemon):
    sessions = {room_exe.ok("connect")[2] for _ in range(3)}
    assert len(sessions) == 3
    assert all(re.fullmatch(f"SESSION_ID: {SESSION}", line) for line in sessions)


def test_what_fails_in_a_session_is_told_and_the_session_goes_on(room_exe, daemon):
    typed = "bogus\nenter\ncreate 'half\ndaemon\nmigrate --to SQLITE\nlist --config x\n\nlist\n"
    ended = room_exe.run("connect", typed=typed)
    assert ended.status == 1
    assert ended.err.count("ERROR: INVALID_USAGE") == 6
    assert ended.lines[3:] == ["NO ROOMS", "DISCONNECTING FROM DAEMON", "SESSION CLOSED"]


def test_help_and_confirmation_work_in_a_session(room_exe, daemon):
    room = room_exe.create()
    typed = f"help\ndestroy --help\ndestroy {room}\n{room}\nlist\n"
    lines = room_exe.ok("connect", typed=typed)
    assert "USAGE: room.exe [COMMAND] [OPTIONS]" in lines
    assert "USAGE: room.exe destroy <room_id> [OPTIONS]" in lines
    assert "ROOM TERMINATED" in lines
    assert lines[-3] == "NO ROOMS"


def test_a_read_only_session_changes_nothing(room_exe, daemon):
    room = room_exe.create()
    ended = room_exe.run("connect", "--readonly", typed=f"create\nenter {room}\nvalid input\nexit\nsuspend {room}\n")
    assert ended.status == 1
    assert ended.err.count("ERROR: READ_ONLY") == 2
    assert "ERROR: ROOM_READ_ONLY" in ended.lines
    assert room_exe.ok("list")[1:] == [f"  {room} (ACTIVE)"]


def test_by_address_the_token_lets_in(room_exe, daemon):
    lines = room_exe.ok("connect", daemon.address)
    assert lines[:2] == [f"CONNECTING TO DAEMON: {daemon.address}", "CONNECTED"]
    wrong = room_exe.home / "wrong"
    wrong.write_text("f" * 32)
    wrong.chmod(0o600)
    refused = room_exe.run("connect", daemon.address, "--token-file", str(wrong))
    assert (refused.status, refused.err.splitlines()[0]) == (1, "ERROR: CONNECTION_DENIED")
    room_exe.environ["ROOM_DAEMON"] = daemon.address
    assert room_exe.ok("list") == ["NO ROOMS"]


def test_where_no_daemon_is_connecting_says_so(room_exe, address):
    for words in ((), (address,)):
        refused = room_exe.run("connect", *words)
        assert refused.status == 1
        assert refused.lines[0].startswith("CONNECTING TO DAEMON: 127.0.0.1:")
        assert refused.err.startswith("ERROR: CONNECTION_LOST\n")


# The daemon goes.


def test_clients_of_a_killed_daemon_say_so_once_with_status_1(room_exe, daemon):
    room = room_exe.create("--timeout", "60")
    with ExitStack() as stack:
        waits = stack.enter_context(room_exe.start("enter", room))
        reads = stack.enter_context(room_exe.start("enter", room))
        for client in (waits, reads):
            assert client.stdout.readline() == b"ENTERING ROOM\n"
        waits.stdin.write(b"long running operation\n")
        waits.stdin.flush()
        for client in (waits, reads):
            assert client.stdout.readline() == b"ENTITY: Starting operation...\n"
        daemon.kill()
        for client in (waits, reads):
            assert client.wait(60) == 1
            err = client.stderr.read().decode()
            assert err.startswith("ERROR: CONNECTION_LOST\n")
            assert err.count("ERROR") == 1, err


def test_a_client_in_the_background_of_a_shell_is_deaf_to_ctrl_c_and_not_to_the_end_of_its_daemon(room_exe, daemon):
    room = room_exe.create()
    with room_exe.start("enter", room, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) as client:
        assert client.stdout.readline() == b"ENTERING ROOM\n"
        client.send_signal(signal.SIGINT)
        client.stdin.write(b"initialize counter at 0\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"ENTITY: Counter initialized.\n"
        daemon.kill()
        assert client.wait(60) == 1
        assert client.stderr.read().startswith(b"ERROR: CONNECTION_LOST\n")


def test_a_batch_ends_where_its_daemon_does(room_exe, daemon):
    with room_exe.start("batch") as batch:
        batch.stdin.write(b"create\nenter {LAST_ROOM_ID}\nlong running operation\nexit\ncreate\nlist\n")
        batch.stdin.flush()
        while batch.stdout.readline() != b"ENTITY: Starting operation...\n":
            pass
        daemon.kill()
        out, err = batch.communicate(timeout=60)
    assert batch.returncode == 1
    assert err.decode().count("ERROR: CONNECTION_LOST") == 1
    assert out.endswith(b"BATCH STOPPED: 3 commands executed (1 failed)\n")


def test_who_sits_at_a_prompt_is_told_at_once_that_the_daemon_is_gone(room_exe, daemon):
    room = room_exe.create()
    with room_exe.terminal("connect") as terminal:
        terminal.expect(r"\n> \Z")
        terminal.type(f"enter {room}\n")
        terminal.expect(r"ENTERING ROOM\n> \Z")
        daemon.kill()
        terminal.expect(r"ERROR: CONNECTION_LOST\n")
        assert terminal.end() == 1


def test_a_retry_after_the_daemons_death_doubles_nothing(room_exe, daemon):
    room = room_exe.create()
    with closing(connect(daemon.socket)) as service:
        first = service.submit(room, b"initialize counter at 1", source="test", request_id="one")
        daemon.kill()
        with pytest.raises(ConnectionLost):
            service.submit(room, b"increment counter", source="test", request_id="two")
    with DaemonExe(room_exe) as again, closing(connect(again.socket)) as service:
        assert service.submit(room, b"initialize counter at 1", source="test", request_id="one").seq == first.seq
        receipts = [service.submit(room, b"increment counter", source="test", request_id="two") for _ in range(3)]
        assert len({receipt.seq for receipt in receipts}) == 1
        assert service.wait(receipts[0], 60).outcome == "OUTPUT"
    assert room_exe.say(room, "what is counter value") == ["ENTITY: Counter: 2"]


def test_a_terminated_client_leaves_its_rooms(room_exe, daemon):
    room = room_exe.create()
    with room_exe.start("enter", room) as client, closing(connect(daemon.socket)) as service:
        assert client.stdout.readline() == b"ENTERING ROOM\n"
        assert [occupant.read_only for occupant in service.presence(room)] == [False]
        client.terminate()
        assert client.wait(60) == 143
        eventually(lambda: not service.presence(room))
