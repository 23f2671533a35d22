"""Exec to the first full frame of the console with 1,024 rooms, beside an empty Textual app and one room.

    python benches/console_start.py [--rounds 7]

Must: at most 1.4x of the empty app. Aim: 1.15x, and 1,024 rooms at most 1.05x of one room.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import sysconfig
import tempfile
from pathlib import Path

from _harness import Row, print_table
from _terminal import Terminal

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import open_service

EMPTY_APP = """
from textual.app import App
from textual.widgets import Input, Static
class Empty(App):
    ENABLE_COMMAND_PALETTE = False
    def compose(self):
        yield Static("nothing")
        yield Input()
        yield Static("LAST LINE")
Empty().run()
"""


def populate(path: Path, rooms: int) -> None:
    service = open_service(Settings(persistence=PersistenceSettings(path=str(path))))
    for _ in range(rooms):
        service.create(RoomConfig())
    service.close()


def first_frame(command: list[str], markers: tuple[bytes, ...], environment: dict[str, str]) -> float:
    terminal = Terminal(command, environment=environment)
    try:
        return terminal.wait_for(*markers)
    finally:
        terminal.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for count in (1, 1024):
            populate(home / f"rooms-{count}", count)
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
        console = [sys.executable, str(Path(sysconfig.get_path("scripts")) / "backrooms")]
        cases: dict[str, tuple[list[str], tuple[bytes, ...], dict[str, str]]] = {
            "empty": ([sys.executable, "-c", EMPTY_APP], (b"LAST LINE",), environment),
        }
        for count in (1, 1024):
            own = {**environment, "ROOM_PERSISTENCE_PATH": str(home / f"rooms-{count}")}
            cases[f"rooms-{count}"] = (console, (f"ROOMS {count}".encode(), b"INSPECT", b"LEAVE"), own)
        times: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(rounds):
            for name, (command, markers, env) in cases.items():
                times[name].append(first_frame(command, markers, env))
    middle = {name: statistics.median(values) for name, values in times.items()}
    print_table(
        "Console start, exec to the first full frame (120x40)",
        [
            Row("1,024 rooms", middle["rooms-1024"], "an empty Textual app", middle["empty"], must=1.4),
            Row("1,024 rooms", middle["rooms-1024"], "one room", middle["rooms-1"], must=1.2),
        ],
    )


if __name__ == "__main__":
    main()
