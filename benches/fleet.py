"""Three daemons share 3,072 rooms on one Redis server, all on this machine.

    python benches/fleet.py [--rooms 1024] [--rounds 7] [--lease 2] [--redis redis-server]

What a lease costs an input, what more daemons give, what the server has to do for each input, how long it takes until
somebody else has a killed daemon's rooms, and what a fleet costs that does nothing. The machine's processors bound the
second figure: each daemon is a Python process, and the entities are processes, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import redis
from _harness import Row, print_table

from backrooms_tui.config.settings import LimitSettings, PersistenceSettings, Settings
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import OwnerService, open_service

AT_WORK = 16
"""Rooms of a daemon in which inputs are sent, each as soon as the one before has ended."""
SECONDS = 1.0
"""Of load, before it is the next one's turn."""
QUIET = 3.0
"""Seconds for which the idle fleet is looked at."""


# A daemon: does what it is told by lines, answers each with one.


def host(store: str, socket: str, name: str, lease: str, turns: str) -> None:
    persistence = PersistenceSettings(path=store, backend="REDIS", host=socket, fleet=name != "-", lease=float(lease))
    settings = Settings(persistence=persistence, limits=LimitSettings(concurrent_inputs=int(turns)))
    service = open_service(settings, address=None if name == "-" else f"{name}:9000")
    service.resume_pending()
    rooms: list[RoomId] = []
    say("READY")
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "MAKE":
            rooms += [service.create(RoomConfig()).record.id for _ in range(int(rest[0]))]
            say(len(rooms))
        elif word == "WARM":
            for room in rooms[:AT_WORK]:
                service.wait(service.submit(room, b"noop", source="bench"))
            say("WARM")
        elif word == "LOAD":
            say(load(service, rooms[:AT_WORK], float(rest[0])))
        elif word == "LEAVE":
            say(leave_work(service, rooms))


def say(what: object) -> None:
    print(what, flush=True)


def load(service: OwnerService, rooms: list[RoomId], seconds: float) -> int:
    until = time.monotonic() + seconds

    def work(room: RoomId) -> int:
        done = 0
        while time.monotonic() < until:
            service.wait(service.submit(room, b"noop", source="bench"))
            done += 1
        return done

    with ThreadPoolExecutor(len(rooms)) as clients:
        return sum(clients.map(work, rooms))


def leave_work(service: OwnerService, rooms: list[RoomId]) -> int:
    """One room keeps the only turn for itself: an input waits in each of the others."""
    service.submit(rooms[0], b"work for 3000 seconds", source="bench", timeout=3600)
    for room in rooms[1:]:
        service.submit(room, b"noop", source="bench")
    return len(rooms) - 1


# The bench.


class Daemon:
    def __init__(self, place: Path, server: str, name: str, lease: float, turns: int = 64) -> None:
        words = [str(place / f"store-{name}"), server, name, str(lease), str(turns)]
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--host", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.hear()

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise SystemExit("a daemon ended by itself")
        return line

    def ask(self, *words: object) -> str:
        self.tell(*words)
        return self.hear()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def redis_server(program: str, place: Path) -> Iterator[str]:
    socket = str(place / "redis.sock")
    words = ["--port", "0", "--unixsocket", socket, "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    process = subprocess.Popen([program, *words, "--dir", str(place)], stdout=subprocess.DEVNULL)
    try:
        await_(lambda: Path(socket).exists())
        yield socket
    finally:
        process.kill()
        process.wait()


def await_(true: Callable[[], bool], *, every: float = 0.01) -> float:
    """Seconds until it is."""
    began = time.monotonic()
    while not true():
        time.sleep(every)
    return time.monotonic() - began


class Server:
    """What the server says of its work."""

    def __init__(self, socket: str) -> None:
        self.client = redis.Redis(unix_socket_path=socket)

    def figures(self) -> dict[str, float]:
        stats = self.client.info("commandstats")
        cpu = self.client.info("cpu")
        return {
            "scripts": stats.get("cmdstat_evalsha", {}).get("calls", 0),
            "commands": sum(each["calls"] for each in stats.values()),
            "cpu": cpu["used_cpu_user"] + cpu["used_cpu_sys"],
        }

    def spent(self, work: Callable[[], float]) -> tuple[float, dict[str, float]]:
        before = self.figures()
        result = work()
        return result, {name: figure - before[name] for name, figure in self.figures().items()}


def inputs(daemons: list[Daemon], seconds: float) -> float:
    """Inputs a second, of all of them at once."""
    for daemon in daemons:
        daemon.tell("LOAD", seconds)
    return sum(int(daemon.hear()) for daemon in daemons) / seconds


def rates(options: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """A single owner on a server of its own and a fleet take turns, one second each."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as other,
        redis_server(options.redis, Path(folder)) as socket,
        redis_server(options.redis, Path(other)) as alone,
    ):
        server, daemons = Server(socket), []
        try:
            owner = Daemon(Path(other), alone, "-", options.lease)
            daemons.append(owner)
            fleet = [Daemon(Path(folder), socket, name, options.lease) for name in "abc"]
            daemons += fleet
            empty = server.client.info("memory")["used_memory"]
            made = sum(map(int, ThreadPoolExecutor(3).map(lambda daemon: daemon.ask("MAKE", options.rooms), fleet)))
            each = (server.client.info("memory")["used_memory"] - empty) / made
            owner.ask("MAKE", AT_WORK)
            for daemon in daemons:
                daemon.ask("WARM")
            idle = server.spent(lambda: time.sleep(QUIET) or 0.0)[1]
            figures: dict[str, list[tuple[float, dict[str, float]]]] = {}
            for _ in range(options.rounds):
                for name, who in (("single", [owner]), ("one", fleet[:1]), ("three", fleet)):
                    meter = Server(alone) if who == [owner] else server
                    figures.setdefault(name, []).append(meter.spent(lambda who=who: inputs(who, SECONDS)))
        finally:
            for daemon in daemons:
                daemon.kill()
    rate = {name: statistics.median(rate for rate, _ in rounds) for name, rounds in figures.items()}

    def per_input(name: str, what: str) -> float:
        return sum(spent[what] for _, spent in figures[name]) / sum(rate * SECONDS for rate, _ in figures[name])

    rows = [
        Row("inputs, one daemon of a fleet", rate["one"], "a single owner", rate["single"], must=0.85, unit="/s"),
        Row("inputs, three daemons", rate["three"], "one of them", rate["one"], must=0.85, unit="/s"),
    ]
    return rows, [
        f"{made:,} rooms of three daemons: {each / 1024:.1f} KiB of the server's memory for an empty room",
        *(
            f"for one input of {who}: {per_input(name, 'scripts'):.2f} scripts (round trips), {per_input(name, 'commands'):.1f} "
            f"commands with those inside them, {per_input(name, 'cpu') * 1e6:.0f} us of the server's thread"
            for name, who in (("single", "a single owner"), ("one", "one daemon"), ("three", "three daemons"))
        ),
        f"an idle fleet: {idle['scripts'] / QUIET:.1f} scripts/s, {idle['cpu'] / QUIET:.2%} of the server's thread",
        f"{os.cpu_count()} processors for four owners, their entities and two servers",
    ]


def takeover(options: argparse.Namespace) -> list[str]:
    """Kill a daemon in whose rooms inputs wait."""
    with tempfile.TemporaryDirectory() as folder, redis_server(options.redis, Path(folder)) as socket:
        client, daemons = redis.Redis(unix_socket_path=socket), []
        try:
            victim = Daemon(Path(folder), socket, "v", options.lease, turns=1)
            victim.ask("MAKE", options.rooms)
            left = int(victim.ask("LEAVE"))
            daemons = [Daemon(Path(folder), socket, name, options.lease) for name in "ab"]
            (dead,) = {lease.split()[1] for lease in client.hvals("room:leases")}
            rooms = list(client.hkeys("room:index"))
            killed = time.monotonic()
            victim.kill()

            def taken(least: int) -> bool:
                return sum(lease.split()[1] != dead for lease in client.hvals("room:leases")) >= least

            await_(lambda: taken(1))
            first = time.monotonic() - killed
            await_(lambda: taken(len(rooms)), every=0.05)
            last = time.monotonic() - killed

            def waiting() -> int:
                with client.pipeline(transaction=False) as pipe:
                    for room in rooms:
                        pipe.hlen(b"room:" + room + b":queue")
                    return sum(pipe.execute())

            await_(lambda: waiting() <= 1, every=0.2)
            answered = time.monotonic() - killed
            shares = sorted(
                sum(lease.split()[1] == owner for lease in client.hvals("room:leases"))
                for owner in {lease.split()[1] for lease in client.hvals("room:leases")}
            )
        finally:
            for daemon in daemons:
                daemon.kill()
    return [
        (
            f"kill -9 of a daemon with {left:,} inputs waiting in as many rooms, lease {options.lease:g} s: the first room is "
            f"taken over {first:.2f} s after the kill, the last {last:.2f} s, the last input has ended {answered:.2f} s after it "
            f"(two daemons took {' and '.join(map(str, shares))} rooms)"
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lease", type=float, default=2.0)
    parser.add_argument("--redis", default="redis-server")
    options = parser.parse_args()
    rows, notes = rates(options)
    print_table("A fleet on one Redis", rows, notes=notes + takeover(options))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--host"]:
        threading.current_thread().name = "host"
        host(*sys.argv[2:])
    else:
        main()
