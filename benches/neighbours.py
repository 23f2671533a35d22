"""What a room that says very much in one turn costs the rooms beside it.

    python benches/neighbours.py [--lines 60000] [--turns 3]

Eight rooms are asked one after the other, first in peace, then while another room says so many short lines, printed or
in frames of its own. All of it is within an entity's bounds. Must: the neighbours' median at most 2x of what it is in
peace. Both seconds are of the same run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from _harness import Row, print_table

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import RoomService, open_service

NEIGHBOURS = 8
IN_PEACE = 400
PATIENCE = 120.0
LOUD = """
from backrooms_tui.entity.base import Entity
import os

class Loud(Entity):
    def on_input(self, text):
        how, lines = text.split()
        if how == "printed":
            os.write(1, b"".join(b"line %d\\n" % n for n in range(int(lines))))
        else:
            for n in range(int(lines)):
                self.output(f"line {n}")
"""


def answer(service: RoomService, room: RoomId, text: str) -> float:
    """Seconds of one input."""
    began = time.perf_counter()
    if service.wait(service.submit(room, text.encode(), source="bench", timeout=PATIENCE), PATIENCE) is None:
        raise SystemExit("no answer")
    return time.perf_counter() - began


def beside(service: RoomService, loud: RoomId, text: str, rooms: Iterator[RoomId]) -> tuple[float, list[float]]:
    """Seconds of one loud turn, and of the neighbours' answers meanwhile."""
    took: list[float] = []
    turn = threading.Thread(target=lambda: took.append(answer(service, loud, text)))
    turn.start()
    answers = []
    while turn.is_alive():
        answers.append(answer(service, next(rooms), "noop"))
    return took[0], answers


def in_turns(rooms: list[RoomId]) -> Iterator[RoomId]:
    while True:
        yield from rooms


def measure(service: RoomService, folder: Path, lines: int, turns: int) -> tuple[list[Row], list[str]]:
    (folder / "loud.py").write_text(LOUD)
    loud = service.create(RoomConfig(entity=f"python:{folder}/loud.py")).record.id
    rooms = in_turns([service.create(RoomConfig()).record.id for _ in range(NEIGHBOURS)])
    for text, room in (("printed 1", loud), *(("noop", next(rooms)) for _ in range(4 * NEIGHBOURS))):
        answer(service, room, text)
    rows, notes = [], []
    for how in ("printed", "frames"):
        quiet = statistics.median(answer(service, next(rooms), "noop") for _ in range(IN_PEACE))
        heard = [beside(service, loud, f"{how} {lines}", rooms) for _ in range(turns)]
        answers = sorted(seconds for _, some in heard for seconds in some)
        rows.append(
            Row(f"an input beside {lines:,} lines, {how}", statistics.median(answers), "in peace", quiet, must=2)
        )
        p95, took = answers[int(0.95 * len(answers))], statistics.median(seconds for seconds, _ in heard)
        notes.append(
            f"{how}: {len(answers)} answers, p95 {p95 * 1e3:.1f} ms, slowest {answers[-1] * 1e3:.0f} ms; the loud turn took {took:.1f} s"
        )
    return rows, notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=60_000)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        service = open_service(Settings(persistence=PersistenceSettings(path=f"{folder}/rooms")))
        try:
            rows, notes = measure(service, Path(folder), given.lines, given.turns)
        finally:
            service.close()
    print_table("Neighbours of a loud room", rows, notes=notes)


if __name__ == "__main__":
    main()
