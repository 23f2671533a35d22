"""A running input is ended early: what was said stays, the room goes on, and nothing is taken for an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from served import Served
from support import eventually

from backrooms_tui.config.settings import EntitySettings, PersistenceSettings, Settings
from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.errors import NothingRuns, ReadOnly, RoomSuspended
from backrooms_tui.model.events import Saying
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.views import Receipt, TurnResult
from backrooms_tui.service import RoomService

BY = "ann@example"


@pytest.fixture
def open_with(tmp_path: Path, open_service_on: Callable[[Settings], RoomService]) -> Callable[[float], RoomService]:
    """Opens a service by the seconds that an interrupted entity gets before it is killed."""

    def open_it(grace: float) -> RoomService:
        persistence = PersistenceSettings(path=str(tmp_path / "rooms"))
        return open_service_on(Settings(persistence=persistence, entity=EntitySettings(interrupt_grace=grace)))

    return open_it


@pytest.fixture
def service(open_with: Callable[[float], RoomService]) -> RoomService:
    return open_with(20)


@pytest.fixture
def room(service: RoomService) -> RoomId:
    return service.create(RoomConfig()).record.id


def ask(service: RoomService, room: RoomId, text: str) -> TurnResult:
    result = service.wait(service.submit(room, text.encode(), source="test"), timeout=30)
    assert result is not None
    return result


def begin(service: RoomService, room: RoomId, text: str) -> Receipt:
    """Submit, and wait until the entity has said its first line. It can be sent a signal then: it was born before."""
    service.await_entity(room, timeout=30)
    watching = service.subscribe([room])
    try:
        receipt = service.submit(room, text.encode(), source="test")
        while not any(getattr(event, "n", None) == 0 and event.seq == receipt.seq for event in watching.get(10)):
            pass
        return receipt
    finally:
        watching.close()


def lines(result: TurnResult) -> list[str]:
    return [entry.content for entry in result.entries]


def memory(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    return service.read(room, after=0, limit=100_000)


def test_what_was_said_is_kept_and_the_room_answers_from_the_state_before(service: RoomService, room: RoomId) -> None:
    ask(service, room, "remember value: before")
    receipt = begin(service, room, "long running operation")
    result = service.interrupt(room, by=BY)
    assert (result.seq, result.outcome) == (receipt.seq, Outcome.INTERRUPTED)
    assert lines(result) == ["Starting operation...", "INTERRUPTED"]
    told = result.entries[-1]
    assert (told.type, told.metadata[Meta.EVENT], told.metadata[Meta.BY]) == (
        EntryType.STATE_CHANGE,
        "interrupted",
        BY,
    )
    assert service.wait(receipt, timeout=0) == result
    assert lines(ask(service, room, "recall value")) == ["before"]


def test_an_interrupt_is_not_an_error(service: RoomService, room: RoomId) -> None:
    begin(service, room, "long running operation")
    service.interrupt(room, by=BY)
    record = service.room(room).record
    counters = record.counters
    assert (counters.errors, counters.timeouts, counters.crashes, record.last_error) == (0, 0, 0, None)
    assert (counters.inputs, counters.outputs) == (1, 1)
    assert all(entry.type is not EntryType.ERROR for entry in memory(service, room))


def test_only_a_turn_that_runs_can_be_interrupted(service: RoomService, room: RoomId) -> None:
    with pytest.raises(NothingRuns):
        service.interrupt(room, by=BY)
    ask(service, room, "valid input")
    with pytest.raises(NothingRuns):
        service.interrupt(room, by=BY)


def test_a_suspended_room_says_so(service: RoomService, room: RoomId) -> None:
    service.suspend(room, by=BY)
    with pytest.raises(RoomSuspended):
        service.interrupt(room, by=BY)


def test_the_next_input_is_not_the_one_that_is_interrupted(service: RoomService, room: RoomId) -> None:
    begin(service, room, "long running operation")
    queued = service.submit(room, b"valid input", source="test")
    service.interrupt(room, by=BY)
    result = service.wait(queued, timeout=30)
    assert result is not None
    assert (result.outcome, lines(result)) == (Outcome.OUTPUT, ["Acknowledged."])


def test_all_who_interrupt_one_turn_at_once_are_answered_with_its_result(service: RoomService, room: RoomId) -> None:
    receipt = begin(service, room, "long running operation")
    answers: list[object] = []

    def interrupt() -> None:
        try:
            answers.append(service.interrupt(room, by=BY).seq)
        except NothingRuns as error:
            answers.append(error)

    threads = [threading.Thread(target=interrupt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer for answer in answers if isinstance(answer, int)} == {receipt.seq}
    assert [e.content for e in memory(service, room)].count("INTERRUPTED") == 1


def test_interrupts_at_any_moment_of_short_turns_harm_nothing(service: RoomService, room: RoomId) -> None:
    ask(service, room, "initialize counter at 0")
    stop = threading.Event()
    met = {"interrupted": 0, "nothing": 0}

    def interrupt() -> None:
        while not stop.is_set():
            try:
                met["interrupted"] += service.interrupt(room, by=BY).outcome == Outcome.INTERRUPTED
            except NothingRuns:
                met["nothing"] += 1

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        eventually(lambda: sum(met.values()))  # it is at it
        results = [ask(service, room, "increment counter") for _ in range(100)]
    finally:
        stop.set()
        thread.join()
    assert {result.outcome for result in results} <= {Outcome.OUTPUT, Outcome.INTERRUPTED}
    said = [int(line.split()[1]) for result in results for line in lines(result) if line.startswith("Counter")]
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(said))  # 0: said, and not committed
    last = [0, *said][-1]
    assert lines(ask(service, room, "what is counter value"))[0] in (f"Counter: {last}", f"Counter: {last - 1}")


# What entities make of it.

MANNERS = """
from backrooms_tui.entity.base import Entity, Interrupted

class Manners(Entity):
    def on_input(self, text):
        self.state["inputs"] = self.state.get("inputs", 0) + 1
        while True:
            try:
                self.output(f"{text} {self.state['inputs']}")
                if text == "ask":
                    return
                while True:
                    text.strip()
            except Interrupted:
                if text == "obey":
                    self.output("as you wish")
                    return
                if text == "fail":
                    raise ValueError("what a pity") from None
"""


def mannered(service: RoomService, folder: Path) -> RoomId:
    file = folder / "manners.py"
    file.write_text(MANNERS)
    return service.create(RoomConfig(entity=f"python:{file}", timeout=100)).record.id


@pytest.fixture
def manners(service: RoomService, tmp_path: Path) -> RoomId:
    return mannered(service, tmp_path)


def test_an_entity_that_returns_commits_its_state(service: RoomService, manners: RoomId) -> None:
    begin(service, manners, "obey")
    result = service.interrupt(manners, by=BY)
    assert (result.outcome, lines(result)) == (Outcome.INTERRUPTED, ["obey 1", "as you wish", "INTERRUPTED"])
    assert lines(ask(service, manners, "ask")) == ["ask 2"]


UNHEARD = """
import ctypes
from backrooms_tui.entity.base import Entity, Interrupted

class Unheard(Entity):
    def on_input(self, text):
        poll = ctypes.CDLL(None).poll
        try:
            self.output("waiting")
            # Python looks for signals after both: the first wait ends by one, and the second has not seen it.
            list(map(poll, (None, None), (0, 0), (-1, -1)))
        except Interrupted:
            self.output("heard")
"""


def test_a_signal_that_went_unnoticed_is_repeated(service: RoomService, tmp_path: Path) -> None:
    file = tmp_path / "unheard.py"
    file.write_text(UNHEARD)
    room = service.create(RoomConfig(entity=f"python:{file}", timeout=100)).record.id
    begin(service, room, "go")
    result = service.interrupt(room, by=BY)
    assert (result.outcome, lines(result)) == (Outcome.INTERRUPTED, ["waiting", "heard", "INTERRUPTED"])
    assert "ENTITY RESTARTED" not in [entry.content for entry in memory(service, room)]


def test_an_entity_that_fails_of_it_keeps_its_state_and_what_it_said(service: RoomService, manners: RoomId) -> None:
    begin(service, manners, "fail")
    result = service.interrupt(manners, by=BY)
    assert (result.outcome, lines(result)) == (Outcome.INTERRUPTED, ["fail 1", "INTERRUPTED"])
    assert service.room(manners).record.counters.errors == 0
    assert lines(ask(service, manners, "ask")) == ["ask 1"]


def test_a_deaf_entity_is_killed_after_its_grace(open_with: Callable[[float], RoomService], tmp_path: Path) -> None:
    service = open_with(2)
    manners = mannered(service, tmp_path)
    begin(service, manners, "ignore")
    result = service.interrupt(manners, by=BY)
    assert (result.outcome, lines(result)) == (Outcome.INTERRUPTED, ["ignore 1", "ignore 1", "INTERRUPTED"])
    assert lines(ask(service, manners, "ask")) == ["ask 1"]
    assert "ENTITY RESTARTED" in [entry.content for entry in memory(service, manners)]


def test_a_second_interrupt_kills_at_once(open_with: Callable[[float], RoomService], tmp_path: Path) -> None:
    service = open_with(60)
    manners = mannered(service, tmp_path)
    receipt = begin(service, manners, "ignore")
    began = time.monotonic()
    first = threading.Thread(target=lambda: service.interrupt(manners, by=BY))
    first.start()
    assert service.interrupt(manners, by=BY).outcome == Outcome.INTERRUPTED  # whichever of the two is the second
    first.join()
    assert time.monotonic() - began < 30
    result = service.wait(receipt, timeout=10)
    assert result is not None
    assert result.outcome == Outcome.INTERRUPTED


# Over a connection.


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()
    assert served.faults == []


def test_a_client_interrupts_what_another_has_sent_and_both_are_told(served: Served) -> None:
    mine, theirs = served.connect(), served.connect()
    room = mine.create(RoomConfig(entity="llm:scripted/script@100000")).record.id
    watching = theirs.subscribe([room])
    receipt = mine.submit(room, b"say so far; wait 30", source="test")
    parts: list[str] = []
    while "".join(parts) != "so far":
        parts += [event.text for event in watching.get(10) if isinstance(event, Saying)]
    assert mine.room(room).running.waits_for == "model"
    result = theirs.interrupt(room, by=BY)
    assert lines(result) == ["so far", "INTERRUPTED"]
    assert mine.wait(receipt, timeout=10) == result
    with pytest.raises(NothingRuns):
        theirs.interrupt(room, by=BY)


def test_a_session_that_only_looks_interrupts_nothing(served: Served) -> None:
    looking = served.connect(read_only=True)
    with pytest.raises(ReadOnly):
        looking.interrupt(served.room(), by=BY)
