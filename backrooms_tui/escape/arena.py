"""The rooms of the suite: a service of its own over a store of its own, a fresh room for each attempt, neighbours."""

from __future__ import annotations

import ctypes
import gc
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.entries import Outcome
from backrooms_tui.model.errors import BackroomsError, EntityInitFailed
from backrooms_tui.model.events import Notice
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.runtimes import COMMAND_PROFILE, HERMETIC_PROFILE
from backrooms_tui.model.views import Receipt, TurnResult
from backrooms_tui.service import OwnerService, open_service

from .neighbour import Neighbour
from .outside import Outside
from .probes import ENTITY, KEEP, KEPT, command_line, system_python
from .resources import MEMORY_LIMIT

PATIENCE = 30.0
"""Seconds beyond a room's timeout after which the host counts as hung."""
WORD = "committed before the attempt"
"""What is in the state of every room before it is tried."""
SOURCE = "escape"


class Hung(Exception):
    """A room gave no answer within its time and PATIENCE; the text says to what."""


class Arena:
    """A context manager. `profiles` gives the entity's line for each profile that can be had here."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.profiles: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        """Why a profile cannot be had, in its place."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="room-escape-")))
            self.service: OwnerService = stack.enter_context(closing(self._open()))
            self.profiles[HERMETIC_PROFILE] = self.entity("probe.py", ENTITY)
            self.neighbour = stack.enter_context(Neighbour(self.service, self.room(HERMETIC_PROFILE)))
            self.sibling = self.room(HERMETIC_PROFILE)
            self._look_for_commands()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def names(self) -> str:
        """What attempts are told of the world, for now: processes come and go."""
        sibling = self._pid_of_sibling()
        return self.outside.names(SIBLING=sibling, ZYGOTE=parent_of(sibling), STORE=self._a_file())

    def room(self, profile: str, *, entity: str | None = None) -> RoomId:
        """A fresh room that has committed WORD. Raises EntityInitFailed and what commands can be refused with."""
        room = self.room_without_entity(entity or self.profiles[profile])
        self.service.await_entity(room, PATIENCE)
        result = self.ask(room, f"{KEEP}{WORD}")
        if result.outcome not in (Outcome.SILENT, Outcome.OUTPUT):
            raise EntityInitFailed(f"OUTCOME: {result.outcome}")
        return room

    def room_without_entity(self, entity: str) -> RoomId:
        """A room that has not been given anything yet."""
        return self.service.create(RoomConfig(memory_limit=MEMORY_LIMIT, timeout=10.0, entity=entity)).record.id

    def zygote(self) -> int:
        """The process that all rooms come from."""
        return parent_of(self._pid_of_sibling())

    def done_with(self, room: RoomId) -> None:
        """End its entity. The room stays: the store goes as a whole, and destroying would be measured, too."""
        self.service.suspend(room, by=SOURCE)

    def submit(self, room: RoomId, text: str, timeout: float | None = None) -> Receipt:
        return self.service.submit(room, text.encode(), source=SOURCE, timeout=timeout)

    def await_result(self, receipt: Receipt, timeout: float = 10.0) -> TurnResult:
        """Raises Hung."""
        result = self.service.wait(receipt, timeout + PATIENCE)
        if result is None:
            raise Hung(f"no result of input {receipt.seq} within {timeout + PATIENCE:g} s")
        return result

    def ask(self, room: RoomId, text: str, timeout: float | None = None) -> TurnResult:
        return self.await_result(self.submit(room, text, timeout), timeout or 10.0)

    def answers(self, room: RoomId) -> str:
        """Empty when the room answers from what it committed last; otherwise what is wrong, for people."""
        try:
            result = self.ask(room, KEPT)
        except (BackroomsError, Hung) as error:
            return " ".join(str(error).splitlines())
        told = [entry.content for entry in result.entries]
        return "" if told == [WORD] else f"it answered {result.outcome} {told!r}"

    @contextmanager
    def notices(self, room: RoomId) -> Iterator[list[str]]:
        """What operators are told of a room in the block, once the block is left."""
        told: list[str] = []
        with closing(self.service.subscribe([room])) as events:
            yield told
            told += [event.text for event in events.get(0) if isinstance(event, Notice)]

    def _look_for_commands(self) -> None:
        python = system_python()
        if python is None:
            self.missing[COMMAND_PROFILE] = "no Python in the system's directories that everybody may read"
            return
        self.profiles[COMMAND_PROFILE] = command_line(python)
        try:
            self.done_with(self.room(COMMAND_PROFILE))
        except (BackroomsError, Hung) as error:
            del self.profiles[COMMAND_PROFILE]
            self.missing[COMMAND_PROFILE] = " ".join(str(error).splitlines())

    def _pid_of_sibling(self) -> int:
        pid = self.service.await_entity(self.sibling, PATIENCE).entity_pid
        assert pid is not None
        return pid

    def _open(self) -> OwnerService:
        settings = Settings(persistence=PersistenceSettings(path=str(self._place / "rooms")))
        return open_service(settings)

    def entity(self, name: str, source: str) -> str:
        """The line of an entity whose Python is `source`."""
        path = self._place / name
        path.write_text(source, encoding="utf-8")
        return f"python:{path}"

    def _a_file(self) -> str:
        """One of the store's own files, that stays where it is."""
        return str(next((self._place / "rooms").rglob("CURRENT")))


def parent_of(pid: int) -> int:
    """The process that forked it: of a room's, the zygote."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return int(fields[1])


def descriptors() -> int:
    """How many this process has open; what ends with its last reference is let go first, in circles too."""
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def memory() -> int:
    """Bytes of memory that this process has for itself, without what it has freed."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
