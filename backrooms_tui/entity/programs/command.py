"""`CommandProcess`: the host's end of a program in a room, whichever way it is spoken to.

Its owner watches one descriptor, which is readable when anything at all has happened: the program's pipes, its
control socket and a timer stand behind it. Three ways to speak build on it: see lines, one_shot and framed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from backrooms_tui.entity.frames import Fail, Frame, Violation
from backrooms_tui.entity.mortal import Bounds, Mortal, take
from backrooms_tui.entity.process import EntitySpec, ExitReport
from backrooms_tui.entity.profiles import Profile
from backrooms_tui.entity.zygote.command_child import SEALED
from backrooms_tui.entity.zygote.families import MAX_TASKS
from backrooms_tui.model.value import value

from .memory import Watcher
from .program import Program
from .spoken import Exceeded, Tally
from .ticking import Ticker

WATCH = 0.25
"""Seconds between two looks at a program's memory."""
_MAX_REFUSAL = 4096
_CROWDED = f"more than {MAX_TASKS} processes and threads"
_AT_ONCE = 0.000_001
_SOON = 0.001


@value
class Pipes:
    """The host's ends: a socket, a pipe to write, two to read; all non-blocking."""

    control: int
    standard_in: int
    standard_out: int
    standard_error: int

    def close(self) -> None:
        for descriptor in (self.control, self.standard_in, self.standard_out, self.standard_error):
            os.close(descriptor)


class CommandProcess(Mortal):
    """Implements EntityProcess, but for what its subclasses say of input, output and ends."""

    one_shot = False

    def __init__(
        self, pipes: Pipes, program: Program, spec: EntitySpec, *, on_exit: Callable[[ExitReport], None], bounds: Bounds
    ) -> None:
        """Takes the descriptors of `pipes` over, unless it raises OSError."""
        super().__init__(on_exit)
        self.write_fileno = pipes.standard_in
        self.runs = False
        """It has become the program."""
        self._pipes = pipes
        self._program = program
        self._spec = spec
        self._buffer = bounds.buffer
        self._tally = Tally(bounds.output)
        self._seq = 0
        self._in_turn = False
        self._broken = False
        self._dead_told = False
        self._unsent = bytearray()
        self._refusal = bytearray()
        self._with_children = Profile.CHILDREN in Profile.of(spec.runtime)
        self._watcher = Watcher(spec.memory_limit, children=self._with_children)
        self._next_watch = 0.0
        self._ticker = Ticker()
        try:
            self._poll = select.epoll()
        except OSError:
            os.close(self._ticker.fileno)
            raise
        self._sources: dict[int, Callable[[], list[Frame]]] = {
            pipes.control: self._on_control,
            pipes.standard_out: self._on_out,
            pipes.standard_error: self._on_error,
            self._ticker.fileno: self._on_tick,
        }
        for source in self._sources:
            self._poll.register(source, select.EPOLLIN)

    def filenos(self) -> tuple[int, ...]:
        return (self._poll.fileno(),) if self._open else ()

    def receive(self, fileno: int) -> list[Frame]:  # noqa: ARG002 - there is only the one
        return self._catch_up() if self._open else []

    def _catch_up(self) -> list[Frame]:
        """See to everything that has happened by now."""
        frames: list[Frame] = []
        try:
            for source, _ in self._poll.poll(0) if not self._broken else ():
                frames += self._sources.get(source, list)()
            if self.exit is not None and not self._dead_told and not self._broken:
                self._dead_told = True
                frames += self._on_end(self.exit)
        except Exceeded as reason:
            frames.append(self._break("OUTPUT_SIZE_EXCEEDED", str(reason)))
        return frames

    def begin_turn(self, seq: int) -> None:
        self._seq = seq
        self._in_turn = True
        self._tally.begin()

    def send(self, frame: Mapping[str, Any]) -> bool:
        if frame["type"] == "input":
            self._give(frame["text"])
        return self.flush()

    def flush(self) -> bool:
        with self._lock:
            while self._unsent and self._open:
                try:
                    del self._unsent[: os.write(self._pipes.standard_in, self._unsent)]
                except BlockingIOError:
                    return False
                except OSError:  # it reads no more; what becomes of the turn is told by its end
                    self._unsent.clear()
            self._written()
            return True

    def interrupt(self, seq: int) -> bool:  # noqa: ARG002 - the one turn that runs
        with self._lock:
            self._signal(signal.SIGINT)
            if self._with_children and self._pidfd is not None and self.pid is not None:
                # All of the room is one process group, which nobody can leave.
                try:
                    os.killpg(self.pid, signal.SIGINT)
                except ProcessLookupError:
                    pass
        return True

    def start(self) -> None:
        """Tell the child what to become. Once."""
        words = json.dumps([self._program.path, *self._program.argv]) + "\n"
        try:
            os.write(self._pipes.control, words.encode())
        except OSError:
            pass  # it is dead, and that is told

    def _give(self, text: str) -> None:
        """Queue an input for the program."""
        self._type(text)

    def _type(self, text: str) -> None:
        """Queue text and a newline for standard input."""
        with self._lock:
            self._unsent += text.encode(errors="replace")
            self._unsent += b"\n"

    def _written(self) -> None:
        """Nothing waits to be written. Under the lock."""

    def _on_sealed(self) -> list[Frame]:
        """It waits to be told what to become."""
        return []

    def _on_running(self) -> list[Frame]:
        """It has become the program."""
        return []

    def _said(self, data: bytes) -> list[Frame]:
        raise NotImplementedError

    def _complained(self, data: bytes) -> list[Frame]:
        raise NotImplementedError

    def _look(self) -> tuple[list[Frame], float]:
        """See to what has to be seen to from time to time; gives the seconds to the next time."""
        return [], WATCH

    def _on_death(self, report: ExitReport) -> list[Frame]:
        raise NotImplementedError

    def _on_end(self, report: ExitReport) -> list[Frame]:
        """It is dead; what it said before is still in its pipes."""
        frames = self._on_control() if self._pipes.control in self._sources else []
        if not self._broken:
            frames += [*self._on_out(), *self._on_error()]
            frames += self._on_death(report) if not self.crowded else [self._break("PROCESSES_EXCEEDED", _CROWDED)]
        return frames

    def _on_out(self) -> list[Frame]:
        return self._hear(self._pipes.standard_out, self._said)

    def _on_error(self) -> list[Frame]:
        return self._hear(self._pipes.standard_error, self._complained)

    def _hear(self, descriptor: int, told: Callable[[bytes], list[Frame]]) -> list[Frame]:
        if descriptor not in self._sources:
            return []
        data, ended = take(descriptor, self._buffer)
        if ended:
            self._ignore(descriptor)
        if not data:
            return []
        self._tally.count(data)
        return told(data)

    def _on_control(self) -> list[Frame]:
        data, ended = take(self._pipes.control, self._buffer)
        self._refusal += data
        frames: list[Frame] = []
        if self._refusal.startswith(SEALED):
            del self._refusal[: len(SEALED)]
            frames += self._on_sealed()
        if ended:
            self._ignore(self._pipes.control)
            frames += self._on_started()
        return frames

    def _on_started(self) -> list[Frame]:
        """The control socket has closed itself: by exec, or with the child that could not."""
        why = self._refusal.decode(errors="replace").strip()[:_MAX_REFUSAL]
        if why:
            self._broken = True
            return [Fail("EntityInitFailed", f"{self._program.path}: {why}", "")]
        if self.exit is not None:
            return []
        self.runs = True
        self._ticker.after(_SOON)
        return self._on_running()

    def _on_tick(self) -> list[Frame]:
        self._ticker.clear()
        if not self.runs or self.exit is not None:
            return []
        if self.pid is None:  # it has been quicker than the zygote's word of it
            self._ticker.after(_SOON)
            return []
        now = time.monotonic()
        if now >= self._next_watch:
            self._next_watch = now + WATCH
            used = self._watcher.excess(self.pid)
            if used is not None:
                return [self._break("MEMORY_EXCEEDED", f"{used} bytes, the limit is {self._spec.memory_limit}")]
        frames, seconds = self._look()
        self._ticker.after(min(seconds, WATCH))
        return frames

    def _ignore(self, descriptor: int) -> None:
        """Watch a source no more: its other end is gone."""
        if self._sources.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def _break(self, code: str, reason: str) -> Violation:
        self._broken = True
        return Violation(code, reason)

    def _reported(self) -> None:
        self._ticker.after(_AT_ONCE)  # its owner has to look once more

    def _release(self) -> None:
        self._poll.close()
        self._pipes.close()
        os.close(self._ticker.fileno)
