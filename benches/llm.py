"""Rooms with a model, against a server of their own on this machine that speaks the real wire format.

    python benches/llm.py [--rounds 200]

The server, another process, writes into each word when it sent it. First word: from there to the part of a line that
watchers of the room are told. Interrupt: from the verb to the end of the turn, durable, while a word has been said and
the server is silent. Must: both at most 100 ms, the slowest of a hundred left out.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from _harness import Floor, Row, interleave, print_table

from backrooms_tui.config.settings import ModelSettings, PersistenceSettings, Settings
from backrooms_tui.model.events import Saying
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import RoomService, open_service

MUST = 0.1
"""Seconds."""
ROOT = Path(__file__).resolve().parent.parent
SERVER = """
import sys, time
from model_server import ModelServer

def stamped(exchange):
    exchange.open()
    exchange.event({"role": "assistant", "content": ""})
    exchange.event({"content": f"{time.monotonic_ns()} "})
    if exchange.last["content"] == "stall":
        exchange.await_close()
    else:
        exchange.finish()

with ModelServer(stamped) as server:
    print(server.base_url, flush=True)
    sys.stdin.read()
"""


def first_word_in_a_room(service: RoomService, room: RoomId) -> float:
    """Seconds from the server's sending to a watcher's seeing."""
    watching = service.subscribe([room])
    try:
        receipt = service.submit(room, b"go", source="bench")
        while not (said := [event for event in watching.get(30) if isinstance(event, Saying)]):
            pass
        seconds = (time.monotonic_ns() - int(said[0].text)) / 1e9
    finally:
        watching.close()
    if service.wait(receipt, timeout=30) is None:
        raise SystemExit("no answer")
    return seconds


def first_word_bare(base_url: str) -> float:
    """The same of a client that does nothing but read."""
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "go"}], "stream": True})
    connection.request("POST", f"{parts.path}/chat/completions", body)
    response = connection.getresponse()
    while True:
        line = response.readline()
        if line.startswith(b"data: {") and (text := json.loads(line[6:])["choices"][0]["delta"].get("content")):
            seconds = (time.monotonic_ns() - int(text)) / 1e9
            response.read()
            connection.close()
            return seconds


def interrupt(service: RoomService, room: RoomId) -> float:
    """Seconds from the verb to a durable end."""
    watching = service.subscribe([room])
    try:
        service.submit(room, b"stall", source="bench")
        while not any(isinstance(event, Saying) for event in watching.get(30)):
            pass
        began = time.monotonic()
        result = service.interrupt(room, by="bench")
        seconds = time.monotonic() - began
    finally:
        watching.close()
    if result.outcome != "INTERRUPTED":
        raise SystemExit(f"ended by {result.outcome}")
    return seconds


def appended(floor: Floor) -> float:
    began = time.monotonic()
    floor.append()
    return time.monotonic() - began


def measured(subjects: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each subject measures of itself, in turns."""
    found: dict[str, list[float]] = {name: [] for name in subjects}
    interleave({name: lambda name=name: found[name].append(subjects[name]()) for name in subjects}, rounds)
    return found


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))]


def row(subject: str, seconds: list[float]) -> Row:
    return Row(f"{subject}, p99", p99(seconds), "what it may take", MUST, must=1.0)


def notes(name: str, seconds: list[float], floor: str, beside: list[float]) -> str:
    median, under = statistics.median(seconds) * 1e3, statistics.median(beside) * 1e3
    return f"{name}: median {median:.2f} ms, slowest {max(seconds) * 1e3:.1f} ms; {floor} median {under:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT / "tests",
        text=True,
    )
    assert server.stdout is not None
    base_url = server.stdout.readline().strip()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        settings = Settings(
            persistence=PersistenceSettings(path=f"{folder}/rooms"), model=ModelSettings(base_url=base_url)
        )
        service = open_service(settings)
        try:
            talking, stalling = (service.create(RoomConfig(entity="llm:openai/m")).record.id for _ in range(2))
            with Floor(Path(folder)) as floor:
                found = measured(
                    {
                        "first word": lambda: first_word_in_a_room(service, talking),
                        "bare": lambda: first_word_bare(base_url),
                        "interrupt": lambda: interrupt(service, stalling),
                        "append": lambda: appended(floor),
                    },
                    options.rounds,
                )
        finally:
            service.close()
            server.communicate("")
    print_table(
        "Rooms with a model",
        [row("server sends the first word, a watcher sees it", found["first word"]), row("interrupt to commit", found["interrupt"])],
        notes=[
            notes("first word", found["first word"], "a bare client", found["bare"]),
            notes("interrupt", found["interrupt"], "append 500 B + fdatasync", found["append"]),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
