"""Typing in the console while an entity says 10,000 lines a second into the open room, beside the idle console.

    python benches/console_stream.py [--seconds 15] [--rate 10000]

The real program on a pseudo-terminal, a real entity, durable rooms. Must: key to paint p95 at most 50 ms, memory
flat. Aim: p50 at most 1.5x of idle, p95 at most 25 ms. Before the paint is timed the whole draft has to be seen in
one piece: a key counts when its letter is on the screen, not when the program has read it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from _harness import Row, print_table
from _terminal import Terminal

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import open_service

DRAFT = 24
"""Keys typed before the draft is cleared."""
PAUSE = 0.11
"""Seconds between keys, no multiple of a frame's or a flush's time."""


class Watched(Terminal):
    """A terminal whose program's processor time and memory are looked at."""

    def cpu(self) -> float:
        """Seconds of user and system time so far, of the console alone."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def drain(self, seconds: float) -> None:
        """Read what comes for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.read(left)

    def type(self, text: str) -> float:
        """Type the last letter of `text`, give seconds until `text` is painted."""
        began = time.monotonic()
        self.write(text[-1:].encode())
        seen = b""
        while text.encode() not in seen:
            seen += self.read(5.0)
            if time.monotonic() - began > 10:
                sys.exit(f"{text!r} was not painted within 10 s; last: {seen[-300:]!r}")
        return time.monotonic() - began

    def keys(self, seconds: float) -> list[float]:
        """Type for so long; seconds from key to paint, one for each key."""
        times: list[float] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            draft = ""
            while len(draft) < DRAFT and time.monotonic() < until:
                draft += "qz"[len(draft) % 2]
                times.append(self.type(draft))
                self.drain(PAUSE)
            self.write(b"\x15")
            self.drain(PAUSE)
        return times


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rate", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/rooms"
        service = open_service(Settings(persistence=PersistenceSettings(path=path)))
        service.create(RoomConfig(timeout=3600))
        service.close()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "LANG": "C.UTF-8",
            "COLORTERM": "truecolor",
            "ROOM_PERSISTENCE_PATH": path,
        }
        terminal = Watched([sys.executable, "-m", "backrooms_tui"], environment=environment)
        try:
            measure(terminal, seconds=options.seconds, rate=options.rate)
        finally:
            terminal.close()


def measure(terminal: Watched, *, seconds: float, rate: int) -> None:
    terminal.wait_for(b"WRAP on")
    terminal.drain(1.0)
    terminal.write(b"\r")
    terminal.wait_for(b"65536")
    terminal.drain(1.0)
    idle = terminal.keys(seconds / 2)
    lines = min(200_000, int(rate * (seconds + 5)))
    terminal.write(f"stream {lines} lines at {rate} per second\r".encode())
    terminal.wait_for(b"Line ")
    terminal.drain(1.0)
    received, cpu, memory, began = terminal.received, terminal.cpu(), terminal.memory(), time.monotonic()
    streaming = terminal.keys(seconds)
    elapsed = time.monotonic() - began
    bytes_each, busy = (terminal.received - received) / elapsed, (terminal.cpu() - cpu) / elapsed
    print_table(
        f"Key to paint while {rate:,} lines/s stream in (120x40)",
        [
            Row("p50", statistics.median(streaming), "idle p50", statistics.median(idle), must=2.0),
            Row("p95", p95(streaming), "50 ms", 0.05, must=1.0),
        ],
        notes=[
            f"{len(idle)} keys idle, p95 {p95(idle) * 1e3:.1f} ms",
            f"{len(streaming)} keys streaming, max {max(streaming) * 1e3:.1f} ms",
            f"{bytes_each / 1024:.1f} KiB/s to the terminal, {busy:.0%} of a core for the console and its workers",
            f"memory {memory:.1f} -> {terminal.memory():.1f} MiB",
        ],
    )


if __name__ == "__main__":
    main()
