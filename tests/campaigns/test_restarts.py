"""Entities that die again and again, in every way and of every kind, leave nothing behind: no process, no descriptor."""

from __future__ import annotations

import gc
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import eventually

from backrooms_tui.config.settings import EntitySettings, PersistenceSettings, Settings
from backrooms_tui.model.entries import Outcome
from backrooms_tui.model.errors import EntityInitFailed, NothingRuns, RoomSuspended
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.service import RoomService, open_service

LONG = os.environ.get("ROOM_CAMPAIGN") == "long"
pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800 if LONG else 300)]

RESTARTS = 1000 if LONG else 100
ROOMS = 3
"""Of each kind."""

LOOPING = """
from backrooms_tui.entity.base import Entity

class Looping(Entity):
    def on_input(self, text):
        while text == "loop":
            pass
        self.output("yes")
"""
SHELL = """command:sh -c 'while read -r line; do while [ "$line" = loop ]; do :; done; echo yes; done'"""
ONCE = """command?mode=exit:sh -c 'read -r line; while [ "$line" = loop ]; do :; done; echo yes'"""
NEVER_ENDS = {"reference": b"long running operation", "llm": b"wait 30"}


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def descendants(pid: int) -> Iterator[int]:
    for child in children(pid):
        yield child
        yield from descendants(child)


def state(pid: int) -> str:
    """`Z` for a zombie; empty when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def unburied() -> list[str]:
    """Handles that this process still has of processes that are reaped: their deaths have not got here yet."""
    found: list[str] = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            told = Path(f"/proc/self/fdinfo/{descriptor.name}").read_text()
            if "pidfd" in str(descriptor.readlink()) and "Pid:\t-1" in told:
                found.append(descriptor.name)
    return found


def awake(service: RoomService, room: RoomId) -> int:
    """Have a room's entity there, and give its number. A room whose entity has died too often is resumed: that it is to
    be suspended is decided with the last death, and told a moment later.
    """

    def there() -> int | None:
        with suppress(RoomSuspended, EntityInitFailed):
            return service.await_entity(room, timeout=30).entity_pid
        if service.room(room).record.state is RoomState.SUSPENDED:
            service.resume(room, by="campaign")
        return None

    pid = eventually(there, within=60)
    assert isinstance(pid, int)
    return pid


class Ways:
    """How the entity of a room is made to end."""

    def __init__(self, service: RoomService, chance: random.Random) -> None:
        self._service = service
        self._chance = chance
        self.met: Counter[str] = Counter()

    def end_one(self, room: RoomId) -> None:
        kind = self._service.room(room).record.config.entity.partition(":")[0].partition("?")[0]
        ways = [self._kill_idle, self._kill_at_work, self._interrupt, self._interrupt_twice]
        if kind != "llm":  # whose time stands still while it waits for the model
            ways.append(self._overdue)
        way = self._chance.choice(ways)
        way(room, NEVER_ENDS.get(kind, b"loop"), awake(self._service, room))
        self.met[way.__name__.strip("_")] += 1

    def _kill_idle(self, room: RoomId, words: bytes, pid: int) -> None:
        del words
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: self._service.room(room).entity_pid != pid)

    def _begin(self, room: RoomId, words: bytes, timeout: float | None = None) -> Callable[[], str]:
        receipt = self._service.submit(room, words, source="campaign", timeout=timeout)
        eventually(lambda: timeout or self._service.room(room).running)

        def outcome() -> str:
            result = self._service.wait(receipt, timeout=30)
            assert result is not None
            return result.outcome

        return outcome

    def _kill_at_work(self, room: RoomId, words: bytes, pid: int) -> None:
        outcome = self._begin(room, words)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert outcome() == Outcome.CRASH

    def _interrupt(self, room: RoomId, words: bytes, pid: int) -> None:
        outcome = self._begin(room, words)
        self._service.interrupt(room, by="campaign")
        assert outcome() == Outcome.INTERRUPTED

    def _interrupt_twice(self, room: RoomId, words: bytes, pid: int) -> None:
        outcome = self._begin(room, words)

        def interrupt() -> None:
            with suppress(NothingRuns):
                self._service.interrupt(room, by="campaign")

        threads = [threading.Thread(target=interrupt) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcome() == Outcome.INTERRUPTED

    def _overdue(self, room: RoomId, words: bytes, pid: int) -> None:
        assert self._begin(room, words, timeout=0.05)() == Outcome.TIMEOUT


def answers(service: RoomService, room: RoomId, words: bytes) -> str:
    awake(service, room)
    result = service.wait(service.submit(room, words, source="campaign"), timeout=30)
    assert result is not None
    return result.entries[-1].content


def test_restarts_leave_no_orphan_no_zombie_and_no_descriptor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gc.collect()  # what earlier tests have left
    before, faults = descriptors(), []
    file = tmp_path / "looping.py"
    file.write_text(LOOPING)
    persistence = PersistenceSettings(path=str(tmp_path / "rooms"))
    service = open_service(
        Settings(persistence=persistence, entity=EntitySettings(interrupt_grace=0.05)), on_fault=faults.append
    )
    lines = {
        "reference": b"valid input",
        f"python:{file}": b"go",
        SHELL: b"go",
        ONCE: b"go",
        "llm:scripted/script@100000": b"say yes",
    }
    try:
        rooms = [
            (service.create(RoomConfig(entity=line)).record.id, words)
            for line, words in lines.items()
            for _ in range(ROOMS)
        ]
        asked = {room: answers(service, room, words) for room, words in rooms}
        quiet, threads = settled(service, rooms), {*threading.enumerate()}
        seed = int(os.environ.get("ROOM_SEED", str(random.randrange(1 << 32))))
        chance = random.Random(seed)
        ways = Ways(service, chance)
        for _ in range(RESTARTS):
            ways.end_one(chance.choice(rooms)[0])
        assert {room: answers(service, room, words) for room, words in rooms} == asked
        assert settled(service, rooms) <= quiet
        assert {*threading.enumerate()} <= threads
        family = set(descendants(os.getpid()))
    finally:
        service.close()
    eventually(lambda: not [pid for pid in family if state(pid)])
    assert faults == []
    met = ways.met
    del service, ways
    gc.collect()  # a worker's eventfd goes with the worker
    assert descriptors() <= before
    with capsys.disabled():
        told = ", ".join(f"{count} {way.replace('_', ' ')}" for way, count in sorted(met.items()))
        print(f"\n{RESTARTS} restarts over {len(lines)} kinds of entity, seed {seed}: {told}; nothing left behind")


def settled(service: RoomService, rooms: list[tuple[RoomId, bytes]]) -> int:
    """Descriptors of the owner, when every room has its entity and there is no other process."""
    for room, _ in rooms:
        awake(service, room)

    def quiet() -> bool:
        here = os.getpid()
        zygote = [pid for pid in children(here) if children(pid)]
        entities = [pid for parent in zygote for pid in children(parent)]
        alive = len(zygote) == 1 and len(entities) == len(rooms) and "Z" not in map(state, [*entities, *children(here)])
        return alive and not unburied() and all(service.room(room).entity == "LIVE" for room, _ in rooms)

    eventually(quiet, within=60)
    return descriptors()
