"""Processes of entities without a store: how fast they are there, what they weigh, what a turn costs.

    python benches/entity_processes.py [--rounds 200] [--live 1024]

Must, at rest: a sealed entity ready in 10 ms (p50); a fresh one ready 50 ms after a deadline (p99); 3 MB of private memory for
a live room; 1,024 live rooms in 4 GB; a turn that does nothing at most 15x an echo through the bare pipes of `cat`.
"""

from __future__ import annotations

import argparse
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from _harness import interleave

from backrooms_tui.authoring.subject import NOW, Subject
from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.entity.frames import Done, Ready
from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.entity.process import EntityProcess
from backrooms_tui.model.events import TurnStarted
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.runtimes import parse
from backrooms_tui.service import open_service

PATIENCE = 60.0
TIMEOUT = 0.1
"""Seconds of the turns that meet their deadline."""
ENTITY = """
from backrooms_tui.entity.base import Entity

class Idle(Entity):
    def on_input(self, text):
        while text == "spin":
            pass
"""

Told = tuple[str, float, str, float | None]
"""What, how much, its unit, and the most that it must be."""


def ready(host: ZygoteHost, line: str) -> Subject:
    subject = Subject(host, parse(line))
    heard = subject.await_ready(PATIENCE)
    if not isinstance(heard.ending, Ready):
        raise SystemExit(f"{line}: {heard}")
    return subject


def spawns(host: ZygoteHost, line: str, rounds: int) -> list[float]:
    """Milliseconds from asking to ready."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subject = ready(host, line)
        times.append((time.perf_counter() - began) * 1000)
        subject.kill()
    return times


def deadlines(entity: str, rounds: int) -> list[float]:
    """Milliseconds from a turn's deadline to the next entity's being ready, in a room of a service."""
    times = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        service = open_service(Settings(persistence=PersistenceSettings(path=f"{folder}/rooms")))
        with closing(service), closing(service.subscribe()) as watch:
            room = service.create(RoomConfig(entity=entity)).record.id
            for _ in range(rounds):
                old = service.await_entity(room, PATIENCE).entity_pid
                service.submit(room, b"spin", source="bench", timeout=TIMEOUT)
                started = next(
                    event.at for events in iter(watch.get, None) for event in events if isinstance(event, TurnStarted)
                )
                while service.await_entity(room, PATIENCE).entity_pid in (old, None):
                    time.sleep(0.0005)
                times.append((time.time_ns() - started) / 1e6 - TIMEOUT * 1000)
    return times


def turn_of(process: EntityProcess) -> Callable[[], None]:
    """A turn that does nothing, as a worker drives it."""
    poller = select.poll()
    for fileno in process.filenos():
        poller.register(fileno, select.POLLIN)
    seq = 0

    def turn() -> None:
        nonlocal seq
        seq += 1
        process.begin_turn(seq)
        process.send({"type": "input", "seq": seq, "attempt": 1, "now": NOW, "text": "noop", "room": {}})
        while True:
            for fileno, _ in poller.poll():
                if any(isinstance(frame, Done) for frame in process.receive(fileno)):
                    return

    return turn


def echo_of(cat: subprocess.Popen[bytes]) -> Callable[[], None]:
    assert cat.stdin is not None
    assert cat.stdout is not None
    there, back = cat.stdin.fileno(), cat.stdout.fileno()

    def echo() -> None:
        os.write(there, b'{"type":"input","seq":1,"attempt":1,"now":1,"text":"noop","room":{}}\n')
        os.read(back, 4096)

    return echo


def memory_of(pid: int, field: str) -> float:
    """MB. Raises OSError where the kernel does not let us look."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def weigh(host: ZygoteHost, count: int) -> list[Told]:
    began = time.perf_counter()
    rooms = [Subject(host, parse("reference")) for _ in range(count)]
    for room in rooms:
        room.await_ready(PATIENCE)
    seconds = time.perf_counter() - began
    pids = [room.process.pid for room in rooms if room.process.pid is not None]
    try:
        private = statistics.median(memory_of(pid, "Private_") for pid in pids)
        whole = sum(memory_of(pid, "Pss:") for pid in (host.zygote_pid or 0, *pids))
    except OSError as error:
        raise SystemExit(f"memory cannot be read here: {error.strerror}") from None
    finally:
        for room in rooms:
            room.process.kill()
        for room in rooms:
            room.kill()
    return [
        ("private memory of a live room, p50", private, "MB", 3.0),
        (f"{count} live rooms and the zygote, all of their memory", whole, "MB", 4096.0),
        (f"{count} rooms asked for at once, all ready", seconds * 1000, "ms", None),
    ]


def p99(times: list[float]) -> float:
    return sorted(times)[int(0.99 * (len(times) - 1))]


def measure(entity: str, rounds: int, live: int) -> list[Told]:
    told: list[Told] = []
    with closing(ZygoteHost()) as host:
        ready(host, entity).kill()
        for name, line in (("Python class", entity), ("reference", "reference")):
            times = spawns(host, line, rounds)
            told.append((f"spawn to ready, sealed, {name}, p50", statistics.median(times), "ms", 10.0))
            told.append((f"spawn to ready, sealed, {name}, p99", p99(times), "ms", None))
        told.append(
            (
                "spawn to ready, `cat` in lines mode, p50",
                statistics.median(spawns(host, "command:cat", rounds)),
                "ms",
                None,
            )
        )
        subject = ready(host, entity)
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as cat:
            figures = interleave({"turn": turn_of(subject.process), "echo": echo_of(cat)}, rounds * 20)
        subject.kill()
        turn, echo = figures["turn"].median, figures["echo"].median
        told += [
            ("a turn that does nothing, p50", turn * 1e6, "us", None),
            ("an echo through `cat`, p50", echo * 1e6, "us", None),
            ("a turn by echoes", turn / echo, "x", 15.0),
        ]
        told += weigh(host, live)
    times = deadlines(entity, rounds)
    told.append(("deadline to fresh entity ready, p50", statistics.median(times), "ms", None))
    told.append(("deadline to fresh entity ready, p99", p99(times), "ms", 50.0))
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--live", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "idle.py")
        path.write_text(ENTITY)
        told = measure(f"python:{path}", options.rounds, options.live)
    print("### Processes of entities\n\n| figure | | must | |\n|---|---|---|---|")
    for what, value, unit, must in told:
        verdict = "" if must is None else "held" if value <= must else "**MISSED**"
        print(f"| {what} | {value:.1f} {unit} | {'' if must is None else f'{must:g} {unit}'} | {verdict} |")
    return int(any(must is not None and value > must for _, value, _, must in told))


if __name__ == "__main__":
    sys.exit(main())
