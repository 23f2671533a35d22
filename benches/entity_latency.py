"""Durable round trips through sealed entities: one room, then 64 rooms at once; and a fresh entity after a kill.

    python benches/entity_latency.py [--inputs 1000] [--seconds 5]

One input is durable before the entity runs and its answer before the turn ends: two syncs. Must: one room at most
3.5x of append + fdatasync (aim 2.5x); 64 rooms at least 1.5 durable inputs for each write of one fdatasync writer
(aim 4); a fresh sealed entity ready at most 10 ms after a kill. Seed 000 states 2.35 ms, 426 inputs/s.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from _harness import Floor, Row, interleave, print_table

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import RoomService, open_service

ROOMS = 64
RESTARTS = 40


def ask(service: RoomService, room: RoomId) -> None:
    receipt = service.submit(room, b"noop", source="bench")
    if service.wait(receipt, timeout=30) is None:
        raise SystemExit("no answer")


def one_room(service: RoomService, floor: Floor, inputs: int) -> Row:
    room = service.create(RoomConfig()).record.id
    ask(service, room)
    figures = interleave({"input": lambda: ask(service, room), "floor": floor.append}, inputs)
    return Row(
        "input round trip, one room",
        figures["input"].median,
        "append 500 B + fdatasync",
        figures["floor"].median,
        must=3.5,
    )


def writes_a_second(floor: Floor, seconds: float) -> float:
    writes = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        floor.append()
        writes += 1
    return writes / elapsed


def many_rooms(service: RoomService, floor: Floor, seconds: float) -> Row:
    rooms = [service.create(RoomConfig()).record.id for _ in range(ROOMS)]
    for room in rooms:
        ask(service, room)
    done = [0] * ROOMS
    stop = threading.Event()

    def client(n: int) -> None:
        while not stop.is_set():
            ask(service, rooms[n])
            done[n] += 1

    before = writes_a_second(floor, seconds / 2)
    threads = [threading.Thread(target=client, args=(n,)) for n in range(ROOMS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    rate = sum(done) / (time.monotonic() - began)
    writer = (before + writes_a_second(floor, seconds / 2)) / 2
    return Row("durable inputs a second, 64 rooms", rate, "one fdatasync writer", writer, must=1.5, unit="/s")


def restarts(service: RoomService) -> Row:
    """SIGKILL to ready again, as a waiting operator sees it, beside fork + exec of `true`."""
    times, floors = [], []
    for _ in range(RESTARTS):
        room = service.create(RoomConfig()).record.id  # each its own: five deaths in ten seconds would suspend one
        pid = service.await_entity(room, timeout=30).entity_pid
        while pid is None:  # ready may be known before the process's number is
            pid = service.room(room).entity_pid
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        while service.await_entity(room, timeout=30).entity_pid in (pid, None):
            time.sleep(0.0002)
        times.append(time.monotonic() - began)
        began = time.monotonic()
        subprocess.run(["/bin/true"], check=True)
        floors.append(time.monotonic() - began)
    return Row(
        "fresh sealed entity ready after a kill",
        statistics.median(times),
        "fork + exec of true",
        statistics.median(floors),
        must=8.0,
    )


def private_memory(service: RoomService) -> str:
    """Private bytes of live entities, where the kernel lets us read them."""
    figures = []
    for view in service.rooms():
        if view.entity_pid is not None:
            try:
                smaps = Path(f"/proc/{view.entity_pid}/smaps_rollup").read_text()
            except OSError:
                continue
            figures.append(sum(int(line.split()[1]) for line in smaps.splitlines() if line.startswith("Private_")))
    return f"private memory of a live room: {statistics.median(figures) / 1024:.1f} MB" if figures else "not readable"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        service = open_service(Settings(persistence=PersistenceSettings(path=f"{folder}/rooms")))
        try:
            with Floor(Path(folder)) as floor:
                rows = [
                    one_room(service, floor, options.inputs),
                    many_rooms(service, floor, options.seconds),
                    restarts(service),
                ]
            notes = [private_memory(service)]
        finally:
            service.close()
    print_table("Entities", rows, notes=notes)


if __name__ == "__main__":
    main()
