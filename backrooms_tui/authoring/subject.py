"""An entity under examination: a real process in its real seal, given one input at a time and listened to.

It is driven as a room's worker drives it, by one thread and with deadlines, but without a room: nothing is kept.
"""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from backrooms_tui.entity.calls import DENIED
from backrooms_tui.entity.frames import Call, Done, Fail, Frame, Log, Output, Ready, StateSet, StateValue, Violation
from backrooms_tui.entity.process import EntityHost, EntityProcess, EntitySpec, ExitReport
from backrooms_tui.entity.sources import load
from backrooms_tui.model.limits import MAX_ROOM_MEMORY
from backrooms_tui.model.runtimes import Runtime

NOW = 1_000_000_000_000_000_000
"""The moment of every input, so that one history can be told twice: 2001-09-09."""
FACTS = {
    "state": "ACTIVE", "created_at": NOW, "last_input_at": None, "memory_usage": 4096, "memory_capacity": 536870912,
    "entries": 1, "inputs": 0, "outputs": 0, "silent": 0, "errors": 0, "timeouts": 0, "crashes": 0,
    "latency_avg": 0.0, "latency_p95": 0.0, "queue": 0, "timeout": 30.0, "mode": "standalone", "session": None,
}  # fmt: skip
AFTERWARDS = 0.05
"""Seconds in which an entity is listened to after it has ended its answer."""

Ending = Done | Fail | Violation | ExitReport | None
"""Of an answer; None when there is none within the time."""


@dataclass
class Heard:
    """What came from an entity, up to the end of what was waited for."""

    frames: list[Frame] = field(default_factory=list)
    ending: Ready | Ending = None
    seconds: float = 0.0

    @property
    def said(self) -> str:
        """All output, as a room's memory would have it."""
        return "\n".join(frame.text.removesuffix("\n") for frame in self.frames if isinstance(frame, Output))

    @property
    def logged(self) -> str:
        return "".join(f"{frame.text.rstrip()}\n" for frame in self.frames if isinstance(frame, Log))


class Subject:
    """A context manager; leaving it ends the process. Raises EntityInitFailed, EntitySealFailed when it begins."""

    def __init__(
        self,
        host: EntityHost,
        runtime: Runtime,
        *,
        state: Mapping[str, Any] | None = None,
        seq: int = 0,
        before: Sequence[str] = (),
    ) -> None:
        """`state` and `seq` as they were committed last; `before`: the inputs answered so far, for who is told them
        again.
        """
        self.state: dict[str, Any] = dict(state or {})
        """As the host would have it: changed by `done` alone."""
        self.seq = seq
        self.ready = Ready("", "")
        """What it said of itself."""
        self._report: ExitReport | None = None
        self._lock = threading.Lock()  # around what its death, which another thread tells, meets here
        self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            spec = EntitySpec(
                runtime, MAX_ROOM_MEMORY, state=state, seq=seq, now=NOW, sources=load(runtime), replay=lambda: before
            )
            self.process: EntityProcess = host.spawn(spec, on_exit=self._on_exit)
        except BaseException:
            os.close(self._woken)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it and wait for its death; idempotent."""
        if self._woken < 0:
            return
        self.process.kill()
        self._listen(lambda _: self._report is not None, 5.0)
        self.process.close()
        with self._lock:
            os.close(self._woken)
            self._woken = -1

    def await_ready(self, seconds: float) -> Heard:
        heard = self._listen(lambda frame: isinstance(frame, Ready | Fail | Violation), seconds)
        if isinstance(heard.ending, Ready):
            self.ready = heard.ending
        return heard

    def ask(self, text: str, seconds: float, *, afterwards: float = AFTERWARDS, **fields: Any) -> Heard:
        """Give it an input and await the end of its answer; calls that it makes are refused. `fields` come on top."""
        self.give(text, **fields)
        return self.await_end(seconds, afterwards=afterwards)

    def give(self, text: str, **fields: Any) -> None:
        self.seq += 1
        self.process.begin_turn(self.seq)
        frame = {"type": "input", "seq": self.seq, "attempt": 1, "now": NOW, "text": text, "room": FACTS}
        self.process.send(frame | fields)

    def await_end(self, seconds: float, *, afterwards: float = AFTERWARDS) -> Heard:
        heard = self._listen(lambda frame: isinstance(frame, Done | Fail | Violation), seconds)
        if isinstance(heard.ending, Done):
            self._commit(heard.frames)
            self._hear_more(heard, afterwards)
        return heard

    def send(self, frame: Mapping[str, Any]) -> None:
        self.process.send(frame)

    def await_death(self, seconds: float) -> ExitReport | None:
        self._listen(lambda _: False, seconds)
        return self._report

    def _hear_more(self, heard: Heard, seconds: float) -> None:
        """What it goes on to say; a violation, or its death, becomes the ending."""
        if broken := _broken(heard.frames):  # it came with the end of the answer, and nothing is heard after it
            heard.ending = broken
            return
        later = self._listen(lambda frame: isinstance(frame, Violation), seconds)
        heard.frames += later.frames
        broken = _broken(heard.frames)
        if broken is not None or (later.ending is not None and not self.process.one_shot):
            heard.ending = broken or later.ending

    def _commit(self, frames: list[Frame]) -> None:
        for frame in frames:
            if isinstance(frame, StateValue):
                self.state = dict(frame.value)
            elif isinstance(frame, StateSet):
                self.state.update(frame.set)
                for key in frame.delete:
                    self.state.pop(key, None)
        self.state = json.loads(json.dumps(self.state))

    def _listen(self, stops: Callable[[Frame], bool], seconds: float) -> Heard:
        """Frames until one of them `stops`, the process is dead and has nothing more to say, or the time is up."""
        heard, began = Heard(), time.monotonic()
        while heard.ending is None:
            left = began + seconds - time.monotonic()
            dead = self._report
            if left <= 0:
                break
            for frame in self._receive(0 if dead else left):
                heard.frames.append(frame)
                if isinstance(frame, Call):
                    self._refuse(frame)
                if heard.ending is None and stops(frame):
                    heard.ending = frame  # type: ignore[assignment]
            if heard.ending is None and dead:
                heard.ending = dead
        heard.seconds = time.monotonic() - began
        return heard

    def _receive(self, seconds: float) -> list[Frame]:
        poller = select.poll()
        for fileno in (*self.process.filenos(), self._woken):
            poller.register(fileno, select.POLLIN)
        if not self.process.flush():
            poller.register(self.process.write_fileno, select.POLLIN | select.POLLOUT)
        poller.poll(seconds * 1000)
        return [frame for fileno in self.process.filenos() for frame in self.process.receive(fileno)]

    def _refuse(self, call: Call) -> None:
        error = f"{DENIED}: {call.name}"
        self.process.send({"type": "result", "id": call.id, "ok": False, "error": error, "interrupted": False})

    def _on_exit(self, report: ExitReport) -> None:
        """In the host's thread."""
        with self._lock:
            self._report = report
            if self._woken >= 0:
                os.eventfd_write(self._woken, 1)


def _broken(frames: list[Frame]) -> Violation | None:
    return next((frame for frame in frames if isinstance(frame, Violation)), None)
