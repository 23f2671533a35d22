"""Calls of entities: answered by the broker, kept in the room's memory, never paid for or done twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import eventually

from backrooms_tui.broker.providers import scripted as models
from backrooms_tui.config.settings import EntitySettings, PersistenceSettings, Settings
from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.events import Notice, Saying
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.views import Receipt, TurnResult
from backrooms_tui.service import RoomService

Open = Callable[[], RoomService]
SCRIPT = "llm?tools=clock,notify:scripted/script@100000"
NOTIFY = 'use notify {"text": "it is done"}'
LATER = "wait 1000"
"""Before the next owner: see `at_once`."""

ASKING = """
from backrooms_tui.entity.base import CallDenied, Entity

class Asking(Entity):
    def on_input(self, text):
        try:
            self.call("model", {"messages": []})
        except CallDenied as denied:
            self.output(str(denied))
        while text == "loop":
            pass
"""

TWICE = """
from backrooms_tui.entity.base import Entity

class Twice(Entity):
    def on_input(self, text):
        for _ in range(2):
            self._send({"type": "call", "id": "one", "name": "model", "args": {}})
"""

OUTSIDE = """
from backrooms_tui.entity.base import Entity

class Outside(Entity):
    def on_input(self, text):
        self._send({"type": "done", "seq": self.seq})
        self._send({"type": "call", "id": "late", "name": "model", "args": {}})
"""


@pytest.fixture
def open_rooms(tmp_path: Path, open_service_on: Callable[[Settings], RoomService]) -> Open:
    def open_it() -> RoomService:
        persistence = PersistenceSettings(path=str(tmp_path / "rooms"))
        return open_service_on(Settings(persistence=persistence, entity=EntitySettings(interrupt_grace=60)))

    return open_it


@pytest.fixture
def service(open_rooms: Open) -> RoomService:
    return open_rooms()


def ask(service: RoomService, room: RoomId, text: str, *, timeout: float | None = None) -> TurnResult:
    result = service.wait(service.submit(room, text.encode(), source="test", timeout=timeout), timeout=30)
    assert result is not None
    return result


def scripted(service: RoomService) -> RoomId:
    return service.create(RoomConfig(entity=SCRIPT)).record.id


def python(service: RoomService, folder: Path, source: str) -> RoomId:
    file = folder / "entity.py"
    file.write_text(source)
    return service.create(RoomConfig(entity=f"python:{file}")).record.id


def memory(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    return service.read(room, after=0, limit=100_000)


def calls(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    return [entry for entry in memory(service, room) if Meta.CALL in entry.metadata]


def said(result: TurnResult) -> list[str]:
    return [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]


def notices(service: RoomService, room: RoomId) -> Callable[[], list[str]]:
    """What operators are told of a room from now on."""
    watching = service.subscribe([room])
    heard: list[str] = []

    def texts() -> list[str]:
        heard.extend(event.text for event in watching.get(0) if isinstance(event, Notice))
        return heard

    return texts


def test_an_answered_call_is_in_memory_before_its_turn_ends(service: RoomService) -> None:
    room = scripted(service)
    assert said(ask(service, room, "say hello there")) == ["hello there"]
    [call] = calls(service, room)
    held = call.metadata[Meta.CALL]
    assert call.type is EntryType.STATE_CHANGE
    assert call.content.startswith("CALL model: ")
    assert call.content.endswith(" s")
    assert (held["input"], held["name"], held["ok"], held["answer"]["text"]) == (1, "model", True, "hello there")
    assert held["tokens"] > 0
    assert [e.type for e in memory(service, room)] == [EntryType.INPUT, EntryType.STATE_CHANGE, EntryType.OUTPUT]


def test_the_deadline_stands_still_while_the_entity_waits_for_the_host(service: RoomService) -> None:
    room = scripted(service)
    service.await_entity(room, timeout=30)
    result = ask(service, room, "wait 3; say in time", timeout=2)
    assert (result.outcome, said(result)) == (Outcome.OUTPUT, ["in time"])


def test_the_deadline_goes_on_when_the_answer_is_there(service: RoomService, tmp_path: Path) -> None:
    room = python(service, tmp_path, ASKING)
    assert ask(service, room, "loop", timeout=0.5).outcome == Outcome.TIMEOUT


def test_while_a_call_is_open_the_room_says_what_it_waits_for(service: RoomService) -> None:
    room = scripted(service)
    receipt = service.submit(room, b"wait 30", source="test")
    eventually(lambda: (running := service.room(room).running) and running.waits_for == "model")
    service.interrupt(room, by="ann@example")
    assert service.wait(receipt, timeout=30) is not None


def test_an_interrupt_cancels_the_call_and_the_turn_commits_what_it_has(service: RoomService) -> None:
    room = scripted(service)
    watching = service.subscribe([room])
    service.submit(room, b"say so far; wait 30; say never", source="test")
    parts: list[str] = []
    while "".join(parts) != "so far":
        parts += [event.text for event in watching.get(10) if isinstance(event, Saying)]
    result = service.interrupt(room, by="ann@example")
    assert (result.outcome, said(result)) == (Outcome.INTERRUPTED, ["so far"])
    record = service.room(room).record
    assert (record.counters.crashes, record.state_version) == (0, 1)
    [call] = calls(service, room)
    assert call.metadata[Meta.CALL]["interrupted"] is True
    assert call.metadata[Meta.CALL]["answer"]["text"] == "so far"
    assert said(ask(service, room, "say still here")) == ["still here"]


def test_a_room_that_is_granted_nothing_is_refused_and_lives_on(service: RoomService, tmp_path: Path) -> None:
    room = python(service, tmp_path, ASKING)
    told = notices(service, room)
    for _ in range(2):
        assert said(ask(service, room, "ask")) == ["CAPABILITY_DENIED: model"]
    assert calls(service, room) == []
    eventually(lambda: [text for text in told() if text.startswith("CAPABILITY_DENIED")])


@pytest.mark.parametrize("source", [TWICE, OUTSIDE], ids=["the same id twice", "outside a turn"])
def test_a_call_against_the_rules_ends_the_entity(service: RoomService, tmp_path: Path, source: str) -> None:
    room = python(service, tmp_path, source)
    told = notices(service, room)
    service.wait(service.submit(room, b"go", source="test"), timeout=30)
    eventually(lambda: [text for text in told() if text.startswith("PROTOCOL_VIOLATION")])


def test_a_failed_call_is_a_recorded_error_and_the_room_answers_the_next_input(service: RoomService) -> None:
    room = scripted(service)
    result = ask(service, room, "say a; fail MODEL_FAILED")
    assert result.outcome == Outcome.FAILED
    assert "MODEL_FAILED" in result.entries[-1].content
    assert said(ask(service, room, "say b")) == ["b"]


def test_an_effect_is_in_memory_before_it_is_begun(service: RoomService) -> None:
    room = scripted(service)
    told = notices(service, room)
    ask(service, room, f"{NOTIFY}; say done")
    assert eventually(told) == ["NOTIFIED: it is done"]
    lines = [entry.content.partition(",")[0] for entry in calls(service, room)]
    assert next(line for line in lines if "notify" in line) == "CALL tool:notify: BEGUN"
    assert sum("notify" in line for line in lines) == 2


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and who is asked to wait from then on does not."""
    return lambda: monkeypatch.setitem(models._STEPS, "wait", lambda _: models.Wait(0))


def given_back(open_rooms: Open, text: str, kept: int) -> tuple[RoomService, RoomId, Receipt, list[str]]:
    """A room whose input was running when its owner was closed, with so many calls in memory; opened again, and at
    work on it once more. Also what operators were told of the room by the first owner.
    """
    service = open_rooms()
    room = scripted(service)
    told = notices(service, room)
    receipt = service.submit(room, text.encode(), source="test")
    eventually(lambda: len(calls(service, room)) == kept)
    heard = [*told()]
    service.close()
    return open_rooms(), room, receipt, heard


def test_an_input_that_runs_again_is_answered_from_memory(open_rooms: Open, at_once: Callable[[], None]) -> None:
    service, room, receipt, heard = given_back(open_rooms, f"{NOTIFY}; {LATER}; say the end", kept=3)
    at_once()
    told = notices(service, room)
    service.resume_pending()
    result = service.wait(receipt, timeout=30)
    assert result is not None
    assert said(result) == ["the end"]
    names = [entry.metadata[Meta.CALL]["name"] for entry in calls(service, room)]
    assert names == ["model", "tool:notify", "tool:notify", "model"]
    assert [text for text in heard + told() if "NOTIFIED" in text] == ["NOTIFIED: it is done"]


def test_inputs_that_were_accepted_meanwhile_do_not_hide_what_was_answered(
    open_rooms: Open, at_once: Callable[[], None]
) -> None:
    service = open_rooms()
    room = scripted(service)
    first = service.submit(room, f"{NOTIFY}; {LATER}; say first".encode(), source="test")
    rest = [service.submit(room, f"say {n}".encode(), source="test") for n in range(5)]
    eventually(lambda: len(calls(service, room)) == 3)
    service.close()
    at_once()
    service = open_rooms()
    told = notices(service, room)
    service.resume_pending()
    for receipt, text in zip([first, *rest], ["first", *"01234"], strict=True):
        result = service.wait(receipt, timeout=30)
        assert result is not None
        assert said(result) == [text]
    assert not [text for text in told() if "NOTIFIED" in text]


def test_the_same_words_in_a_later_turn_are_asked_anew(service: RoomService) -> None:
    room = scripted(service)
    told = notices(service, room)
    for _ in range(2):
        ask(service, room, f"{NOTIFY}; say done")
    eventually(lambda: [text for text in told() if "NOTIFIED" in text] == ["NOTIFIED: it is done"] * 2)
