"""A sealed room as tests drive it: spawn from source, give inputs, await frames with a deadline."""

from __future__ import annotations

import queue
import select
import time
from collections.abc import Callable

from backrooms_tui.entity.frames import Closed, Done, Fail, Frame, Output, Ready, Violation
from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.entity.process import EntitySpec, ExitReport
from backrooms_tui.entity.sources import ALONE, Module, Sources
from backrooms_tui.model.runtimes import Runtime

MIB = 1024 * 1024
SUPPLIED = 1_000_000_000 * 1_000_000_000
"""The only time the rooms of these tests are told: 2001-09-09."""
PATIENCE = 20.0

EXEC = """
from backrooms_tui.entity.base import Entity

class Exec(Entity):
    "Runs what it is given, with itself as `self`; says what it put into `result`."
    def on_input(self, text):
        names = {"self": self, "result": None}
        exec(compile(text, "input.py", "exec"), names)
        self.output(str(names["result"]))
"""


def alone(source: str) -> Sources:
    """The sources of an entity that is one file."""
    return Sources(((ALONE, Module("entity.py", source)),), ALONE)


class Room:
    """One sealed entity: of `sources`, of the text of one file, or the reference entity when that is None."""

    def __init__(
        self, host: ZygoteHost, source: str | None = EXEC, *, sources=None, memory: int = 64 * MIB, state=None
    ) -> None:
        self.exits: queue.Queue[ExitReport] = queue.Queue()
        if sources is None and source is not None:
            sources = alone(source)
        kind = "reference" if sources is None else "python"
        spec = EntitySpec(runtime=Runtime(kind), memory_limit=memory, state=state, now=SUPPLIED, sources=sources)
        self.process = host.spawn(spec, on_exit=self.exits.put)
        self.seq = 0

    def frames_until(self, stop: Callable[[Frame], bool], *, patience: float = PATIENCE) -> list[Frame]:
        """Frames up to one that `stop`s; fails when the deadline passes first."""
        frames: list[Frame] = []
        deadline = time.monotonic() + patience
        poller = select.poll()
        for fileno in self.process.filenos():
            poller.register(fileno, select.POLLIN)
        looked_at = 0  # a flood comes in sips: to look at all of it at each of them takes minutes
        while not any(map(stop, frames[looked_at:])):
            looked_at = len(frames)
            ready = poller.poll(max(0, deadline - time.monotonic()) * 1000)
            assert ready, f"nothing more came after {frames[-3:]}"
            for fileno, _ in ready:
                frames += self.process.receive(fileno)
        return frames

    def await_ready(self) -> list[Frame]:
        frames = self.frames_until(lambda f: isinstance(f, Ready | Closed | Violation))
        assert isinstance(frames[-1], Ready), frames
        await_condition(lambda: self.process.pid is not None, "the zygote's answer, which another thread takes")
        return frames

    def begin(self, text: str) -> None:
        self.seq += 1
        self.process.begin_turn(self.seq)
        frame = {"type": "input", "seq": self.seq, "attempt": 1, "now": SUPPLIED + self.seq, "text": text, "room": {}}
        while not self.process.send(frame):
            raise AssertionError("the input did not fit the socket")

    def turn(self, text: str, *, patience: float = PATIENCE) -> list[Frame]:
        """One input and all that comes of it, up to its end."""
        self.begin(text)
        return self.frames_until(lambda f: isinstance(f, Done | Fail | Closed | Violation), patience=patience)

    def said(self, text: str) -> str:
        frames = self.turn(text)
        assert isinstance(frames[-1], Done), frames[-1]
        return "\n".join(f.text for f in frames if isinstance(f, Output))

    def await_exit(self) -> ExitReport:
        return self.exits.get(timeout=PATIENCE)

    def end(self) -> ExitReport:
        self.process.kill()
        report = self.await_exit()
        self.process.close()
        return report


def await_condition(holds: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Look until `holds`, or fail after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        select.poll().poll(2)
