"""A room with a program, as tests drive it."""

from __future__ import annotations

import queue
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sealed_rooms import MIB, PATIENCE, Room, await_condition

from backrooms_tui.entity.frames import Done, Output
from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.entity.process import EntityProcess, EntitySpec, ExitReport
from backrooms_tui.entity.zygote.command_child import ENVIRONMENT
from backrooms_tui.model.runtimes import parse


class CommandRoom(Room):
    def __init__(
        self, host: ZygoteHost, line: str, *, memory: int = 128 * MIB, told: Sequence[str] | None = None
    ) -> None:
        """`told`: the inputs that it is given again."""
        host.measure()  # a room would not wait for ever until it is known what programs can have here
        self.exits: queue.Queue[ExitReport] = queue.Queue()
        replay = None if told is None else lambda: told
        spec = EntitySpec(runtime=parse(line), memory_limit=memory, replay=replay)
        self.process: EntityProcess = host.spawn(spec, on_exit=self.exits.put)
        self.seq = 0

    def lines(self, text: str, *, patience: float = PATIENCE) -> list[str]:
        """The lines of a whole answer."""
        frames = self.turn(text, patience=patience)
        assert isinstance(frames[-1], Done), frames
        return "".join(
            f.text if f.text.endswith("\n") else f"{f.text}\n" for f in frames if isinstance(f, Output)
        ).splitlines()

    def ending(self) -> list:
        """Frames that come after its death."""
        report = self.await_exit()
        self.exits.put(report)
        return self.process.receive(self.process.filenos()[0])


@contextmanager
def inhabited(host: ZygoteHost, line: str, **options) -> Iterator[CommandRoom]:
    """A room with a program that is ready; ended afterwards, and with it all that it has started."""
    need(line)
    room = CommandRoom(host, line, **options)
    try:
        room.await_ready()
        yield room
    finally:
        room.process.kill()
        room.process.close()


def need(line: str) -> None:
    """Skip where the program of a line is not installed."""
    name = parse(line).argv[0]
    if shutil.which(name, path=ENVIRONMENT["PATH"]) is None:
        pytest.skip(f"{name} is not installed")


def script(folder: Path, text: str) -> Path:
    """A file in `folder` that a room may read when its command line names it."""
    path = folder / "script"
    path.write_text(text)
    path.chmod(0o755)
    let_in(path)
    return path


def let_in(path: Path) -> None:
    """Let others reach a path: a room of root's is nobody's."""
    for folder in path.parents:
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o711)


def descendants(pid: int) -> list[int]:
    """All that a process has started and that has not ended, by the kernel's lists."""
    found = [pid]
    for process in found:
        for listed in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                found += [int(word) for word in listed.read_text().split()]
            except OSError:
                pass
    return found[1:]


def name_of(pid: int) -> str:
    """The program that a process is; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def await_sleep(room: CommandRoom) -> int:
    """Wait until there is one `sleep` in the room; gives its number."""
    found: list[int] = []

    def sleeps() -> bool:
        assert room.process.pid is not None
        found[:] = [pid for pid in descendants(room.process.pid) if name_of(pid) == "sleep"]
        return len(found) == 1

    await_condition(sleeps, "a sleep")
    return found[0]


__all__ = [
    "CommandRoom",
    "await_condition",
    "await_sleep",
    "descendants",
    "inhabited",
    "let_in",
    "name_of",
    "need",
    "script",
]
