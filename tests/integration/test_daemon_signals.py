"""What signals make the daemon do: seed 000, "Process Signals", and what an operator relies on beside it."""

from __future__ import annotations

import json
import os
import random
import re
import select
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from daemon_exe import DaemonExe
from ports import kept_port
from room_exe import RoomExe
from support import eventually

from backrooms_tui.daemon.client import connect
from backrooms_tui.model.errors import ConnectionLost

MOST_SECONDS = 20.0
"""What an end may take here: ten where nothing else is at work."""
STORM = 1_000
PATIENT = """
import sys
from backrooms_tui.daemon import running
from backrooms_tui.__main__ import main
running.SETTLE_SECONDS = 90.0
sys.exit(main())
"""


@pytest.fixture
def room_exe(tmp_path):
    return RoomExe(tmp_path)


@pytest.fixture
def configuration(room_exe):
    """The user's configuration file."""
    path = room_exe.home / ".config/room.exe/config.json"
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text("{}")
    path.chmod(0o600)
    return path


@pytest.fixture
def daemon(room_exe):
    with DaemonExe(room_exe) as daemon:
        yield daemon


@pytest.fixture
def patient(room_exe):
    """A daemon that waits for running inputs for so long that its end shows whether it has."""
    program, room_exe.program = room_exe.program, [sys.executable, "-c", PATIENT]
    with DaemonExe(room_exe) as daemon:
        room_exe.program = program
        yield daemon


class Load:
    """Clients that increment counters until the owner goes; `acknowledged` is what each was told."""

    def __init__(self, daemon, rooms):
        self.acknowledged = {room: [] for room in rooms}
        self.failures = []
        self._socket = daemon.socket
        self._threads = [threading.Thread(target=self._work, args=(room,)) for room in rooms]
        for thread in self._threads:
            thread.start()
        eventually(lambda: all(len(told) > 2 for told in self.acknowledged.values()), within=30)

    def join(self):
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        assert self.failures == []

    def _work(self, room):
        try:
            with closing(connect(self._socket)) as service:
                while True:
                    receipt = service.submit(room, b"increment counter", source="load")
                    self.acknowledged[room].append(receipt.seq)
                    service.wait(receipt)
        except ConnectionLost:
            pass
        except Exception as error:
            self.failures.append(error)


def counting_rooms(room_exe, count):
    rooms = [room_exe.create() for _ in range(count)]
    for room in rooms:
        room_exe.say(room, "initialize counter at 0")
    return rooms


def check_kept(daemon, load):
    """Every acknowledged input is in memory, once, and has been worked on once and in order."""
    with closing(connect(daemon.socket)) as service:
        for room, told in load.acknowledged.items():
            eventually(lambda room=room: at_rest(service.room(room)), within=30)
            entries = service.read(room, limit=1000)
            first = entries[0].seq
            page = entries
            while first > 1:
                page = service.read(room, before=page[0].timestamp, limit=1000)
                entries, first = [*page, *entries], page[0].seq
            inputs = {entry.seq for entry in entries if entry.type.name == "INPUT"}
            assert set(told) <= inputs
            counts = [int(e.content.split()[1]) for e in entries if e.content.startswith("Counter: ")]
            assert counts == list(range(1, len(counts) + 1))
            assert len(counts) >= len(told)


def at_rest(view):
    return view.running is None and not view.record.queued


# TERM.


def test_term_lets_the_running_input_end_and_its_client_hear_it(room_exe, patient):
    room = room_exe.create()
    heard = []
    with closing(connect(patient.socket)) as service:
        receipt = service.submit(room, b"work for 2 seconds", source="test")
        waiting = threading.Thread(target=lambda: heard.append(service.wait(receipt, 60)))
        waiting.start()
        eventually(lambda: service.status().connections == 2)  # one of which is who waits
        patient.send(signal.SIGTERM)
        waiting.join(60)
    assert [entry.content for entry in heard[0].entries] == ["Worked for 2 seconds."]
    assert patient.process.wait(60) == 0


def test_term_gives_an_input_that_would_take_too_long_back_to_its_queue(room_exe, daemon):
    room = room_exe.create("--timeout", "100")
    with closing(connect(daemon.socket)) as service:
        receipt = service.submit(room, b"work for 60 seconds", source="test")
        queued = service.submit(room, b"initialize counter at 7", source="test")
        eventually(lambda: service.room(room).running)
        status, seconds = daemon.end()
        assert (status, seconds < MOST_SECONDS) == (0, True), seconds
        with pytest.raises(ConnectionLost):
            service.wait(queued)
    with DaemonExe(room_exe) as again, closing(connect(again.socket)) as service:
        assert service.room(room).record.queued == 2
        assert eventually(lambda: service.room(room).running).seq == receipt.seq


def test_term_under_load_exits_0_in_time_and_loses_nothing(room_exe, daemon):
    load = Load(daemon, counting_rooms(room_exe, 4))
    status, seconds = daemon.end()
    load.join()
    assert (status, seconds < MOST_SECONDS) == (0, True), seconds
    with DaemonExe(room_exe) as again:
        check_kept(again, load)


def test_term_is_not_held_up_by_clients_that_take_nothing(room_exe, daemon):
    rooms = [room_exe.create("--timeout", "100") for _ in range(2)]
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(connect(daemon.socket))) for _ in range(8)]
        subscriptions = [reader.subscribe() for reader in readers]
        receipts = [readers[0].submit(room, b"stream 20000 lines", source="test") for room in rooms]
        assert readers[0].wait(receipts[0], 100).outcome == "OUTPUT"
        host, _, port = daemon.address.rpartition(":")
        stack.enter_context(socket.create_connection((host, int(port))))  # and never says who it is
        readers[0].submit(rooms[0], b"long running operation", source="test")
        status, seconds = daemon.end()
        assert len(subscriptions) == 8
    assert (status, seconds < MOST_SECONDS) == (0, True), seconds


def test_term_takes_the_control_socket_away(room_exe, daemon):
    assert daemon.end()[0] == 0
    assert not Path(daemon.socket).exists()
    assert room_exe.ok("list") == ["NO ROOMS"]


# INT.


def test_int_ends_at_once_and_what_was_acknowledged_is_durable(room_exe, patient):
    rooms = counting_rooms(room_exe, 2)
    busy = room_exe.create("--timeout", "100")
    with closing(connect(patient.socket)) as service:
        service.submit(busy, b"work for 90 seconds", source="test")
        eventually(lambda: service.room(busy).running)
    load = Load(patient, rooms)
    status, seconds = patient.end(signal.SIGINT)
    load.join()
    assert (status, seconds < MOST_SECONDS) == (130, True), seconds
    with DaemonExe(room_exe) as again:
        check_kept(again, load)


def test_int_hurries_a_term_that_waits(room_exe, patient):
    room = room_exe.create("--timeout", "100")
    with closing(connect(patient.socket)) as service:
        service.submit(room, b"work for 90 seconds", source="test")
        eventually(lambda: service.room(room).running)
    patient.send(signal.SIGTERM)
    patient.logged("stopping")
    status, seconds = patient.end(signal.SIGINT)
    assert (status, seconds < MOST_SECONDS) == (0, True), seconds


# HUP.


def test_hup_takes_over_what_can_change_and_names_what_needs_a_restart(room_exe, configuration):
    with DaemonExe(room_exe) as daemon:
        room = room_exe.create()
        configuration.write_text(
            json.dumps(
                {
                    "logging": {"level": "DEBUG"},
                    "daemon": {"max_connections": 2, "workers": 8},
                    "entity": {"default": "llm:scripted/echo"},
                    "model": {"base_url": "https://ann:secret@models.example/v1"},
                }
            )
        )
        with closing(connect(daemon.socket)) as service, closing(connect(daemon.socket)):
            daemon.send(signal.SIGHUP)
            assert daemon.logged("configuration reloaded")["restart"] == 2
            assert service.room(room).record.id == room
            refused = room_exe.run("list")
            assert refused.err == "ERROR: CONNECTION_DENIED\nMAX: 2 connections\n"
        changed = {line["setting"] for line in daemon.log() if line["message"] == "configuration changed"}
        assert changed == {
            "logging.level: INFO -> DEBUG",
            "daemon.max_connections: 64 -> 2",
            "entity.default: reference -> llm:scripted/echo",
        }
        waiting = {line["setting"] for line in daemon.log() if line["message"] == "configuration needs a restart"}
        assert waiting == {
            "daemon.workers: 4 -> 8",
            "model.base_url: https://api.openai.com/v1 -> https://models.example/v1",
        }
        eventually(lambda: dumped(daemon)[-1] == "0")  # who has gone is counted until the daemon has noticed
        room_exe.say(room, "valid input")
        daemon.logged("entity processed input")


def test_a_bad_configuration_is_told_and_nothing_changes(room_exe, configuration):
    with DaemonExe(room_exe) as daemon, closing(connect(daemon.socket)) as service:
        room = room_exe.create()
        configuration.write_text('{"logging": {"level": "DEBUG"}, "daemon": {"workers": "many"}}')
        daemon.send(signal.SIGHUP)
        line = daemon.logged("configuration kept")
        assert (line["level"], "daemon.workers must be a whole number" in line["reason"]) == ("ERROR", True)
        assert service.wait(service.submit(room, b"valid input", source="test"), 60).outcome == "OUTPUT"
        assert all(line["level"] != "DEBUG" for line in daemon.log())


def test_hup_moves_the_metrics_and_reads_the_token_anew(room_exe, configuration):
    with DaemonExe(room_exe) as daemon, kept_port() as port, socket.create_server(("127.0.0.1", 0)) as somebodys:
        configuration.write_text(json.dumps({"metrics": {"enabled": True, "bind": f"127.0.0.1:{port}"}}))
        (room_exe.rooms / "token").write_text("n" * 32)
        daemon.send(signal.SIGHUP)
        daemon.logged("configuration reloaded")
        socket.create_connection(("127.0.0.1", port), 10).close()
        connect(daemon.address, token="n" * 32).close()
        taken = f"127.0.0.1:{somebodys.getsockname()[1]}"
        configuration.write_text(json.dumps({"metrics": {"enabled": True, "bind": taken}}))
        daemon.send(signal.SIGHUP)
        daemon.logged("configuration kept")
        socket.create_connection(("127.0.0.1", port), 10).close()


# USR1, USR2.

DUMP = r"""PROCESS STATE DUMP
PID: (\d+)
UPTIME: (\d+)s
ROOMS_TOTAL: (\d+)
ROOMS_ACTIVE: (\d+)
ROOMS_IDLE: (\d+)
ROOMS_SUSPENDED: (\d+)
MEMORY_TOTAL: (\d+B|\d+\.\d[KMG]B)
MEMORY_AVAILABLE: \d+\.\d[KMGT]B
THREADS: (\d+)
CONNECTIONS: (\d+)
"""


def dumped(daemon):
    """The figures of a dump that is asked for now."""
    before = len(re.findall(DUMP, daemon.told()))
    daemon.send(signal.SIGUSR1)
    return eventually(lambda: re.findall(DUMP, daemon.told())[before:])[0]


def dumped_with_threads(daemon):
    """The same, and the kernel's count of threads, unless it has changed meanwhile."""
    tasks = Path(f"/proc/{daemon.pid}/task")
    before = len([*tasks.iterdir()])
    found = dumped(daemon)
    return (found, before) if len([*tasks.iterdir()]) == before else None


def test_usr1_writes_the_seeds_dump_with_the_figures_of_the_moment(room_exe, daemon):
    rooms = [room_exe.create() for _ in range(4)]
    room_exe.say(rooms[0], "valid input")
    room_exe.ok("suspend", rooms[1])
    with closing(connect(daemon.socket)) as service:
        memory = sum(view.record.memory_usage for view in service.rooms())
        eventually(lambda: service.status().connections == 1)  # the commands' were noticed to have ended
        found, threads = eventually(lambda: dumped_with_threads(daemon))
    pid, uptime, total, active, idle, suspended, size, told_threads, connections = found
    assert (int(pid), int(total), int(active), int(idle), int(suspended)) == (daemon.pid, 4, 2, 1, 1)
    assert (size, int(connections)) == (f"{memory}B", 1)
    assert abs(int(told_threads) - threads) <= 1
    assert 0 <= int(uptime) < 120


def test_usr2_compresses_all_active_rooms_and_reports_in_the_log(room_exe, daemon):
    active, idle = room_exe.create(), room_exe.create()
    with closing(connect(daemon.socket)) as service:
        for room in (active, idle):
            receipt = service.submit(room, b"stream 2000 lines", source="test")
            service.wait(receipt, 60)
        service.enter(idle)
        service.leave(idle)
        before = {room: service.room(room).record for room in (active, idle)}
        daemon.send(signal.SIGUSR2)
        told = daemon.logged("compressed active rooms")
        after = {room: service.room(room).record for room in (active, idle)}
    assert (told["count"], told["failed"]) == (1, 0)
    assert after[active].memory_usage < before[active].memory_usage / 2
    assert after[idle].memory_usage == before[idle].memory_usage
    assert any(line.get("room_id") == active and "RATIO" in line["message"] for line in daemon.log()), daemon.told()


# Many at once.


def test_a_storm_of_signals_under_load_does_no_harm(room_exe, configuration):
    chance = random.Random(4)
    with DaemonExe(room_exe) as daemon:
        load = Load(daemon, counting_rooms(room_exe, 2))
        for _ in range(STORM):
            daemon.send(chance.choice([signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGPIPE, signal.SIGCONT]))
            if chance.random() < 0.05:
                time.sleep(0.01)  # so that not all of them are one
        eventually(lambda: "PROCESS STATE DUMP" in daemon.told())
        status, seconds = daemon.end()
        load.join()
        assert (status, seconds < MOST_SECONDS) == (0, True), seconds
        told = daemon.told()
        assert not [line for line in daemon.log() if line["level"] == "ERROR"]
        dumps = told.count("PROCESS STATE DUMP")
        assert dumps == len(re.findall(DUMP, told)) > 0
        assert "Traceback" not in told
    with DaemonExe(room_exe) as again:
        check_kept(again, load)


def test_a_stderr_that_nobody_reads_holds_up_neither_dumps_nor_the_end(room_exe):
    reading, writing = os.pipe()
    with room_exe.start("daemon", "--bind", "127.0.0.1:0", stderr=writing) as process:
        try:
            while process.stdout.readline() != b"READY\n":
                pass
            eventually(lambda: process.send_signal(signal.SIGUSR1) or takes_no_more(writing), within=30, every=0.001)
            for _ in range(100):
                process.send_signal(signal.SIGUSR1)
                time.sleep(0.001)
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            os.close(reading)
            os.close(writing)


def takes_no_more(pipe):
    return not select.select([], [pipe], [], 0)[1]


# The service manager.


def test_a_manager_is_told_of_readiness_life_reload_and_end(room_exe, tmp_path):
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place))
        manager.settimeout(20)
        room_exe.environ |= {"NOTIFY_SOCKET": str(place), "WATCHDOG_USEC": "1000000"}
        with DaemonExe(room_exe) as daemon:
            assert heard(manager).startswith("READY=1\n")
            assert heard(manager) == heard(manager) == "WATCHDOG=1"
            daemon.send(signal.SIGHUP)
            assert [beside_signs(manager).split("\n")[0] for _ in range(2)] == ["RELOADING=1", "READY=1"]
            assert daemon.end()[0] == 0
            assert beside_signs(manager).startswith("STOPPING=1")


def heard(manager):
    return manager.recv(4096).decode()


def beside_signs(manager):
    """The next thing that is told and is no sign of life, of which there may be any number."""
    while (text := heard(manager)) == "WATCHDOG=1":
        pass
    return text
