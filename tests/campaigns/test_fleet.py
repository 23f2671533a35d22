"""Three daemons share a fleet under load; they are killed, stopped for longer than a lease, closed, and so is the
server: no room is worked by two, nothing acknowledged is lost, doubled or reordered, and no room waits for long.

The campaign is every client: it sends each room's next input to the daemon that it believes has the room, goes to the
next one when it is told that it is elsewhere, and sends an input of which it knows nothing again, under its old
request id. After each fault it measures how long it takes until every room answers again, beside what that takes
when nothing has happened.
"""

from __future__ import annotations

import os
import random
import selectors
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from offline_reader import Entry, read_store
from redis_server import RedisServer
from support import eventually
from test_kill9 import Told, check

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800), pytest.mark.xdist_group("kill9")]

LONG = os.environ.get("ROOM_CAMPAIGN") == "long"
FAULTS = 300 if LONG else int(os.environ.get("ROOM_KILLS", "12"))
ROOMS = 12
NAMES = ("a", "b", "c")
LEASE = 1.0
MARGIN = 1.0 if LONG else 15.0
"""Seconds that a takeover may take beyond the lease: measured where nothing else is at work, and else only bounded."""
PATIENCE = 60.0
"""Seconds after which a room that does not answer never will."""
THOUGHT = 0.02
"""Seconds between an answer and the next input: rooms that grow too fast take longer to be read than to be taken."""
AGAIN = 0.05
"""Seconds after which a client asks again in a room that nobody would give it."""


class Daemon:
    def __init__(self, name: str, place: Path, server: RedisServer) -> None:
        self.name = name
        program = str(Path(__file__).with_name("fleet_host.py"))
        self.process = subprocess.Popen(
            [sys.executable, program, str(place / name), server.socket, name, str(LEASE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.heard = b""
        self.ready = False

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((" ".join(words) + "\n").encode())

    def lines(self) -> list[str]:
        """What it has said since; an unfinished line waits."""
        assert self.process.stdout is not None
        chunk = os.read(self.process.stdout.fileno(), 1 << 16)
        *lines, self.heard = (self.heard + chunk).split(b"\n")
        return [line.decode() for line in lines]

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait(timeout=30)


@dataclass
class Client:
    """Who works in one room."""

    room: str
    at: int
    """Which daemon it asks."""
    request: str | None = None
    """What it has asked and not been told the end of."""
    seq: int | None = None
    """Where that stands, once it is acknowledged."""
    ask_at: float = 0.0
    """When to ask again; infinite while an answer is awaited."""
    answered: float = 0.0
    """When it was last told that an input has ended."""


@dataclass
class Fleet:
    place: Path
    server: RedisServer
    daemons: dict[str, Daemon] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    stopped: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    open: bool = True
    """Whether clients go on after the input they are at."""

    def start(self, name: str) -> None:
        self.daemons[name] = Daemon(name, self.place, self.server)

    def pump(self, seconds: float) -> None:
        """Be all clients for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            now = time.monotonic()
            for client in self.clients.values():
                if client.ask_at <= now:
                    self.ask(client)
            self.listen(min(left, 0.02))

    def ask(self, client: Client) -> None:
        for _ in NAMES:
            daemon = self.daemons.get(NAMES[client.at])
            if daemon is not None and daemon.ready and daemon.name not in self.stopped:
                break
            client.at = (client.at + 1) % len(NAMES)
        else:
            return
        if client.request is None:
            if not self.open:
                return
            client.request = uuid.uuid4().hex
            self.told.hear(f"SUB {client.room} {client.request}")
        client.ask_at = float("inf")
        daemon.tell("INPUT", client.room, client.request)

    def listen(self, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            for daemon in self.daemons.values():
                if daemon.name not in self.stopped:
                    selector.register(daemon.process.stdout, selectors.EVENT_READ, daemon)  # type: ignore[arg-type]
            for key, _ in selector.select(seconds):
                for line in key.data.lines():
                    self.hear(key.data, line)

    def hear(self, daemon: Daemon, line: str) -> None:
        word, *rest = line.split(" ", 4)
        if word == "READY":
            daemon.ready = True
            return
        if word == "ROOM":
            self.clients[rest[0]] = Client(rest[0], NAMES.index(daemon.name))
            return
        client = self.clients[rest[0]]
        if word == "ACK":
            self.told.hear(line)
            if rest[1] == client.request:
                client.seq = int(rest[2])
        elif word == "DONE":
            self.told.hear(line)
            if client.seq == int(rest[1]):
                client.request = client.seq = None
                client.answered = time.monotonic()
                client.ask_at = client.answered + THOUGHT
        elif rest[1] == client.request:
            self.refused[word if word == "ELSEWHERE" else rest[2]] += 1
            if NAMES[client.at] == daemon.name:
                client.at = (client.at + 1) % len(NAMES)
            client.ask_at = time.monotonic() + AGAIN

    def abandon(self, name: str) -> None:
        """Whoever waited for this daemon's answer asks another."""
        for client in self.clients.values():
            if NAMES[client.at] == name and client.request is not None:
                client.ask_at = 0.0

    def until_all_answer(self, since: float) -> float:
        """Seconds until every room has answered an input that ended after `since`."""
        while any(client.answered <= since for client in self.clients.values()):
            late = [client.room[:8] for client in self.clients.values() if client.answered <= since]
            assert time.monotonic() - since < PATIENCE, f"rooms that do not answer: {late} {self.refused}"
            self.pump(0.02)
        return max(client.answered for client in self.clients.values()) - since

    # What may happen to a fleet.

    def kill(self, name: str) -> float:
        since = time.monotonic()
        daemon = self.daemons.pop(name)
        daemon.process.kill()
        for line in (daemon.heard + daemon.process.stdout.read()).decode().split("\n")[:-1]:  # type: ignore[union-attr]
            self.hear(daemon, line)
        daemon.end()
        self.abandon(name)
        took = self.until_all_answer(since)
        self.start(name)
        return took

    def stand_still(self, name: str) -> float:
        since = time.monotonic()
        daemon = self.daemons[name]
        daemon.process.send_signal(signal.SIGSTOP)
        self.stopped.add(name)
        self.abandon(name)
        took = self.until_all_answer(since)
        self.pump(0.3)
        daemon.process.send_signal(signal.SIGCONT)
        self.stopped.discard(name)
        return took

    def close(self, name: str) -> float:
        since = time.monotonic()
        daemon = self.daemons[name]
        daemon.tell("CLOSE")
        self.stopped.add(name)
        rest = daemon.process.stdout.read()  # type: ignore[union-attr]
        for line in (daemon.heard + rest).decode().split("\n")[:-1]:
            self.hear(daemon, line)
        del self.daemons[name]
        self.stopped.discard(name)
        daemon.end()
        self.abandon(name)
        took = self.until_all_answer(since)
        self.start(name)
        return took

    def restart_the_server(self, _: str) -> float:
        since = time.monotonic()
        self.server.kill()
        self.pump(0.2)
        self.server.start()
        return self.until_all_answer(since)


def test_a_fleet_loses_doubles_and_reorders_nothing(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("ROOM_SEED", str(random.randrange(1 << 32))))
    chance = random.Random(seed)
    fleet = Fleet(tmp_path, redis_server)
    took: dict[str, list[float]] = {}
    try:
        for name in NAMES:
            fleet.start(name)
        eventually(lambda: fleet.listen(0.05) or all(daemon.ready for daemon in fleet.daemons.values()), within=30)
        for n in range(ROOMS):
            fleet.daemons[NAMES[n % len(NAMES)]].tell("CREATE")
        eventually(lambda: fleet.listen(0.05) or len(fleet.clients) == ROOMS, within=30)
        faults = [fleet.kill, fleet.stand_still, fleet.close, fleet.restart_the_server]
        for n in range(FAULTS):
            took.setdefault("calm", []).append(fleet.until_all_answer(time.monotonic()))
            fleet.pump(chance.uniform(0.1, 0.6))
            fault = faults[n % len(faults)]
            took.setdefault(fault.__name__, []).append(fault(NAMES[chance.choice(list(fleet.clients.values())).at]))
            eventually(lambda: fleet.pump(0.05) or all(d.ready for d in fleet.daemons.values()), within=30)
        fleet.open = False
        eventually(lambda: fleet.pump(0.1) or all(c.request is None for c in fleet.clients.values()), within=60)
        rooms: dict[str, list[Entry]] = read_store(tmp_path / "none", tmp_path / "none", "REDIS", redis_server.socket)
    finally:
        for daemon in fleet.daemons.values():
            daemon.process.send_signal(signal.SIGCONT)
            daemon.process.kill()
            daemon.end()
    check(fleet.told, rooms)
    inputs = {(room, entry.seq) for room, entries in rooms.items() for entry in entries if entry.type == 0}
    ended = {
        (room, entry.metadata["input"])
        for room, entries in rooms.items()
        for entry in entries
        if "outcome" in entry.metadata
    }
    with capsys.disabled():
        slowest = ", ".join(f"{len(times)}x {what} <= {max(times):.2f} s" for what, times in took.items())
        print(
            f"\nfleet: seed {seed}, {slowest}; {len(fleet.told.acknowledged)} acknowledged, {len(fleet.told.done)} done, "
            f"0 lost, 0 doubled, 0 reordered; refusals {dict(fleet.refused)}"
        )
    assert inputs == ended, "an acknowledged input was left"
    bound = LEASE + MARGIN + max(took["calm"])
    assert all(seconds <= bound for what in ("kill", "stand_still") for seconds in took[what]), took
    assert len(fleet.told.acknowledged) >= 20 * FAULTS
