"""The control socket: round trips beside a bare echo of frames, and what `room.exe list` costs a client.

    python benches/daemon.py [--rounds 3000] [--rooms 1023] [--starts 20] [--seconds 5]

Owner and echo are processes of their own, as they are in life; the client asks them in turns. Must: a read of one room
at most 5x of the echo (aim 3x), both over the unix socket; listing 1,024 rooms, imports and all, at most 4x of the
processor time of an interpreter that does nothing; 64 rooms with a client each at least 1.5 durable inputs for each
write of one fdatasync writer.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from _harness import Floor, Row, interleave, print_table

from backrooms_tui.daemon.client import connect
from backrooms_tui.daemon.frames import Wire
from backrooms_tui.model.room import RoomConfig

OWNER = """
import sys, threading
from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.daemon.owning import own
from backrooms_tui.model.room import RoomConfig
owned = own(Settings(persistence=PersistenceSettings(path=sys.argv[1])), on_fault=print)
for _ in range(int(sys.argv[2])):
    owned.service.create(RoomConfig())
print("READY", flush=True)
sys.stdin.read()
owned.close()
"""
ECHO = """
import socket, sys, threading
from backrooms_tui.daemon.frames import Gone, Wire
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
print("READY", flush=True)
def serve(wire):
    try:
        while True:
            wire.send(wire.receive(None))
    except Gone:
        pass
sock, _ = listening.accept()
thread = threading.Thread(target=serve, args=(Wire(sock),), daemon=True)
thread.start()
sys.stdin.read()
"""
LIST = """
import gc
gc.set_threshold(100_000)
from backrooms_tui.daemon.client import connect
import sys
rooms = connect(sys.argv[1]).listing()
sys.stdout.write("\\n".join(f"{room} ({state})" for room, state in rooms))
"""
CLIENTS = 63
"""And one connection for the bench itself."""
ROOT = Path(__file__).resolve().parent.parent


def started(program: str, *words: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    if process.stdout.readline() != b"READY\n":
        raise SystemExit("it did not start")
    return process


def round_trips(owner: str, echo: str, rounds: int) -> list[Row]:
    service = connect(owner)
    room = service.create(RoomConfig()).record.id
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(echo)
    wire = Wire(sock)
    message = [1, "room", [room]]

    def bounce() -> None:
        wire.send(message)
        wire.receive(None)

    subjects = {
        "room": lambda: service.room(room),
        "presence": lambda: service.presence(room),
        "status": service.status,
        "echo": bounce,
    }
    figures = interleave(subjects, rounds)
    rows = [
        Row(f"{name}, p50", figures[name].median, "echo of a frame, p50", figures["echo"].median, must=5)
        for name in ("room", "presence", "status")
    ]
    rows.append(Row("room, p95", figures["room"].p95, "echo of a frame, p95", figures["echo"].p95, must=10))
    service.close()
    sock.close()
    return rows


def durable_inputs(owner: str, folder: Path, seconds: float) -> Row:
    """Inputs asked and answered by 64 clients at once, each with a room, a thread and a connection of its own."""
    services = [connect(owner) for _ in range(CLIENTS)]
    rooms = [service.create(RoomConfig()).record.id for service in services]
    done = [0] * CLIENTS
    stop = threading.Event()

    def ask(n: int) -> None:
        receipt = services[n].submit(rooms[n], b"noop", source="bench", request_id=os.urandom(8).hex())
        if services[n].wait(receipt, 30) is None:
            raise SystemExit("no answer")

    def client(n: int) -> None:
        while not stop.is_set():
            ask(n)
            done[n] += 1

    for n in range(CLIENTS):
        ask(n)
    with Floor(folder) as floor:
        writes = writes_a_second(floor, seconds / 2)
        threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        stop.set()
        for thread in threads:
            thread.join()
        rate = sum(done) / (time.monotonic() - began)
        writes = (writes + writes_a_second(floor, seconds / 2)) / 2
    for service in services:
        service.close()
    return Row(f"{CLIENTS} clients in {CLIENTS} rooms", rate, "append 500 B + fdatasync", writes, must=1.5, unit="/s")


def writes_a_second(floor: Floor, seconds: float) -> float:
    writes = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        floor.append()
        writes += 1
    return writes / elapsed


def processor_seconds(words: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starts(owner: str, home: Path, count: int, rooms: int) -> list[Row]:
    """Processor time of whole programs, in turns."""
    os.environ["ROOM_PERSISTENCE_PATH"] = str(home / "rooms")
    programs = {
        "pass": [sys.executable, "-I", "-c", "pass"],
        "client": [sys.executable, "-c", LIST, owner],
        "room.exe": [sys.executable, "-m", "backrooms_tui", "list"],
    }
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(count):
        for name, words in programs.items():
            taken[name].append(processor_seconds(words))
    medians = {name: statistics.median(of) for name, of in taken.items()}
    return [
        Row(f"{label} of {rooms} rooms, processor", medians[name], "python -I -c pass", medians["pass"], must=4)
        for name, label in (("client", "bare client's list"), ("room.exe", "room.exe list"))
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--rooms", type=int, default=1023)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o700)
        owner, echo = str(home / "rooms/control.sock"), str(home / "echo.sock")
        processes = [started(OWNER, str(home / "rooms"), str(options.rooms)), started(ECHO, echo)]
        try:
            rows = round_trips(owner, echo, options.rounds)
            rows += starts(owner, home, options.starts, options.rooms + 1)
            with closing(connect(owner)) as service:  # places for the rooms of the clients
                for room, _ in service.listing()[:CLIENTS]:
                    service.destroy(room, confirm=room)
            rows.append(durable_inputs(owner, home, options.seconds))
        finally:
            for process in processes:
                process.communicate()
    print_table("Control socket", rows)


if __name__ == "__main__":
    main()
