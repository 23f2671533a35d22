"""Rooms with a language model: sealed entities, the real client, a server that speaks the real wire format."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from model_server import (
    ModelServer,
    breaks_off,
    deaf,
    ends_early,
    paced,
    refuses,
    says,
    sends,
    stalls,
    uses,
)
from support import eventually

from backrooms_tui import observability
from backrooms_tui.config.settings import (
    EntitySettings,
    LoggingSettings,
    ModelSettings,
    PersistenceSettings,
    Settings,
)
from backrooms_tui.entity.inside.llm import SHORT
from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.events import Notice, Saying
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.value import changed
from backrooms_tui.model.views import Receipt, TurnResult
from backrooms_tui.service import RoomService, open_service

OPENAI = "llm:openai/some-model"
KEY = "sk-test-0123456789abcdef"
BY = "ann@example"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, server: ModelServer) -> Settings:
    return Settings(
        persistence=PersistenceSettings(path=str(tmp_path / "rooms")),
        entity=EntitySettings(interrupt_grace=20),
        model=ModelSettings(base_url=server.base_url, stall_timeout=20, call_timeout=60, retries=0),
    )


@pytest.fixture
def service(settings: Settings, open_service_on: Callable[[Settings], RoomService]) -> RoomService:
    return open_service_on(settings)


def make_room(service: RoomService, entity: str = OPENAI, **config: Any) -> RoomId:
    return service.create(RoomConfig(entity=entity, **config)).record.id


def begin(service: RoomService, room: RoomId, text: str) -> Receipt:
    return service.submit(room, text.encode(), source="test")


def ask(service: RoomService, room: RoomId, text: str) -> TurnResult:
    result = service.wait(begin(service, room, text), timeout=60)
    assert result is not None
    return result


def said(result: TurnResult) -> list[str]:
    return [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]


def observed(result: TurnResult) -> list[str]:
    return [entry.content for entry in result.entries if entry.type is EntryType.OBSERVATION]


def memory(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    return service.read(room, after=0, limit=100_000)


def parts_of(service: RoomService, room: RoomId) -> Callable[[], str]:
    """Watches the room; gives what has been shown of unfinished lines so far."""
    watching = service.subscribe([room])
    parts: list[str] = []

    def shown() -> str:
        parts.extend(event.text for event in watching.get(0) if isinstance(event, Saying))
        return "".join(parts)

    return shown


def talk(server: ModelServer, number: int = -1) -> list[tuple[str, str | None]]:
    """Role and content of the messages of one request, without the system's."""
    return [(message["role"], message["content"]) for message in server.exchanges[number].body["messages"][1:]]


# Answers.


def test_an_answer_is_remembered_line_by_line(service: RoomService, server: ModelServer) -> None:
    server.will(says("Good ", "evening.\nIt is", " quiet here.\n"))
    room = make_room(service)
    result = ask(service, room, "hello")
    assert result.outcome == Outcome.OUTPUT
    assert said(result) == ["Good evening.", "It is quiet here."]


def test_the_first_word_is_shown_while_the_model_still_speaks(service: RoomService, server: ModelServer) -> None:
    gate = threading.Semaphore(0)
    server.will(paced(["Good ", "evening."], gate))
    room = make_room(service)
    shown = parts_of(service, room)
    receipt = begin(service, room, "hello")
    for words in ("Good ", "Good evening."):
        gate.release()
        eventually(lambda words=words: shown() == words)  # type: ignore[misc]
    result = service.wait(receipt, timeout=30)
    assert result is not None
    assert said(result) == ["Good evening."]


def test_an_empty_answer_is_silence(service: RoomService, server: ModelServer) -> None:
    server.will(says())
    assert ask(service, make_room(service), "hello").outcome == Outcome.SILENT


def test_why_an_answer_ended_is_observed_when_it_is_not_its_end(service: RoomService, server: ModelServer) -> None:
    server.will(says("Once upon", finish="length"))
    result = ask(service, make_room(service), "a story")
    assert said(result) == ["Once upon"]
    assert observed(result) == ["THE ANSWER ENDS BY length"]


def test_a_long_line_in_small_pieces_is_one_line(service: RoomService, server: ModelServer) -> None:
    server.will(says(*["word "] * 3000))
    assert said(ask(service, make_room(service), "go")) == ["word " * 3000]


def test_what_the_model_says_is_stored_as_it_is(service: RoomService, server: ModelServer) -> None:
    server.will(says("\x1b]52;c;eA==\x07 \u202e\0 \ud800"))
    assert said(ask(service, make_room(service), "hello")) == ["\x1b]52;c;eA==\x07 \u202e\0 \N{REPLACEMENT CHARACTER}"]


# What the model sees.


def test_the_model_sees_the_system_and_the_earlier_turns(service: RoomService, server: ModelServer) -> None:
    room = make_room(service, "llm?system=Be%20brief.:openai/some-model")
    for text in ("one", "two", "three"):
        ask(service, room, text)
    assert server.exchanges[-1].body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert talk(server) == [
        ("user", "one"), ("assistant", "one "), ("user", "two"), ("assistant", "two "), ("user", "three"),
    ]  # fmt: skip


def test_the_window_forgets_what_is_older(service: RoomService, server: ModelServer) -> None:
    room = make_room(service, "llm?window=2:openai/some-model")
    for n in range(5):
        ask(service, room, str(n))
    assert talk(server) == [("user", "2"), ("assistant", "2 "), ("user", "3"), ("assistant", "3 "), ("user", "4")]


@pytest.mark.parametrize("size", [40_000, 200_000])
def test_a_window_that_is_too_large_shows_what_fits_the_tokens_and_the_frame(
    service: RoomService, server: ModelServer, size: int
) -> None:
    room = make_room(service, f"llm?tokens={size * 5 // 4}:openai/some-model")
    for n in range(4):
        server.will(says(str(n) * size))
        ask(service, room, f"say {n}")
    result = ask(service, room, "last")
    assert said(result) == ["last "]
    assert talk(server) == [
        ("user", "say 2"), ("assistant", "2" * size), ("user", "say 3"), ("assistant", "3" * size), ("user", "last"),
    ]  # fmt: skip


def test_of_a_turn_that_is_larger_than_the_window_the_beginning_is_kept(
    service: RoomService, server: ModelServer
) -> None:
    room = make_room(service, "llm?tokens=10000000:openai/some-model")
    server.will(says("a" * 1_000_000))
    assert said(ask(service, room, "go")) == ["a" * 1_000_000]
    ask(service, room, "and?")
    assert talk(server) == [("user", "go"), ("assistant", "a" * SHORT + " [cut]"), ("user", "and?")]


def test_a_memory_that_is_full_is_said_to_be_and_the_room_goes_on(service: RoomService, server: ModelServer) -> None:
    room = make_room(service, "llm?tokens=10000000:openai/some-model")
    large = "x" * 64_000
    for n in range(6):
        calls = [("remember", {"key": f"{n}-{i}", "text": large}) for i in range(12)]
        server.will(uses(*calls, part=64_000), says("Kept."))
        assert said(ask(service, room, "keep")) == ["Kept."]
    told = [content for role, content in talk(server) if role == "tool"]
    assert told[-1] == "error: the memory is full; what is kept under a key can be replaced by less"
    assert said(ask(service, room, "after")) == ["after "]


def test_the_window_survives_a_restart_of_the_owner(
    settings: Settings, open_service_on: Callable[[Settings], RoomService], server: ModelServer
) -> None:
    service = open_service_on(settings)
    room = make_room(service)
    ask(service, room, "one")
    service.close()
    ask(open_service_on(settings), room, "two")
    assert talk(server) == [("user", "one"), ("assistant", "one "), ("user", "two")]


def test_a_turn_costs_its_own_size_in_the_store(service: RoomService, server: ModelServer) -> None:
    room = make_room(service)
    for n in range(3):
        ask(service, room, f"say {n}")
    view = service.room(room).record
    assert view.state_version == 3


# Tools of the room.


def test_a_model_remembers_and_recalls(service: RoomService, server: ModelServer) -> None:
    room = make_room(service)
    server.will(uses(("remember", {"key": "cat", "text": "Tom"})), says("I shall remember."))
    assert said(ask(service, room, "the cat is Tom")) == ["I shall remember."]
    server.will(uses(("recall", {"key": "cat"}), ("recall", {"key": "dog"}), ("list", {})), says("Tom."))
    result = ask(service, room, "who is the cat?")
    assert said(result) == ["Tom."]
    assert observed(result) == [
        'recall {"key": "cat"} -> Tom',
        'recall {"key": "dog"} -> nothing is kept under this key',
        "list {} -> cat",
    ]
    tools = [content for role, content in talk(server) if role == "tool"]
    assert tools == ["kept", "Tom", "nothing is kept under this key", "cat"]


def test_text_beside_tool_calls_is_a_line_of_its_own(service: RoomService, server: ModelServer) -> None:
    server.will(uses(("list", {}), text="Let me see."), says("Nothing."))
    assert said(ask(service, make_room(service), "go")) == ["Let me see.", "Nothing."]


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("recall", "{", "error: the arguments are not a JSON object"),
        ("recall", "[" * 5000, "error: the arguments are not a JSON object"),
        ("recall", "[]", "error: the arguments are not a JSON object"),
        ("recall", "{}", "error: key is missing, or is not text"),
        ("remember", '{"key": "cat", "text": 5}', "error: text is missing, or is not text"),
        ("remember", json.dumps({"key": "x" * 129, "text": "x"}), "error: key has more than 128 characters"),
        ("shell", '{"command": "ls"}', "error: CAPABILITY_DENIED: tool:shell"),
        ("clock", "{}", "error: CAPABILITY_DENIED: tool:clock"),
    ],
)
def test_what_is_wrong_with_a_tool_call_is_told_to_the_model(
    service: RoomService, server: ModelServer, name: str, arguments: str, answer: str
) -> None:
    server.will(uses((name, arguments), part=1000), says("I see."))
    assert said(ask(service, make_room(service), "go")) == ["I see."]
    assert talk(server)[-1] == ("tool", answer)


def test_a_model_that_never_ends_its_turn_is_ended_and_the_room_goes_on(
    service: RoomService, server: ModelServer
) -> None:
    room = make_room(service, "llm?calls=3:openai/some-model")
    server.will(*[uses(("list", {}), text="Again.")] * 3)
    result = ask(service, room, "go")
    assert (result.outcome, said(result)) == (Outcome.OUTPUT, ["Again."] * 3)
    assert observed(result)[-1] == "BUDGET_EXHAUSTED: 3 CALLS"
    assert len(server.exchanges) == 3
    ask(service, room, "and now?")
    assert talk(server)[-2:] == [("assistant", "[cut]"), ("user", "and now?")]


@pytest.mark.parametrize("option", ["tokens=10", "seconds=0.2"])
def test_a_budget_that_is_used_up_before_anything_came_of_it_is_an_error(
    service: RoomService, server: ModelServer, option: str
) -> None:
    server.will(deaf)
    result = ask(service, make_room(service, f"llm?{option}:openai/some-model"), "hello")
    assert result.outcome == Outcome.FAILED
    assert "BUDGET_EXHAUSTED: " in result.entries[-1].content


def test_what_was_said_until_the_seconds_of_the_turn_were_over_stays(service: RoomService, server: ModelServer) -> None:
    room = make_room(service, "llm?seconds=3:openai/some-model")
    server.will(stalls("Once upon"))
    result = ask(service, room, "a story")
    assert (result.outcome, said(result)) == (Outcome.OUTPUT, ["Once upon"])
    assert observed(result) == ["BUDGET_EXHAUSTED: THE SECONDS OF THE TURN"]
    ask(service, room, "go on")
    assert talk(server)[1] == ("assistant", "Once upon [cut]")


def test_with_done_as_a_tool_a_turn_goes_on_until_it_is_used(service: RoomService, server: ModelServer) -> None:
    room = make_room(service, "llm?done=tool:openai/some-model")
    server.will(says("First."), says("Second."), uses(("done", {})))
    result = ask(service, room, "go")
    assert said(result) == ["First.", "Second."]
    assert len(server.exchanges) == 3
    assert [tool["function"]["name"] for tool in server.exchanges[0].body["tools"]] == [
        "remember",
        "recall",
        "list",
        "done",
    ]
    assert [role for role, _ in talk(server)] == ["user", "assistant", "user", "assistant", "user"]


# Tools of the host.


def test_a_tool_that_is_granted_is_used(service: RoomService, server: ModelServer) -> None:
    room = make_room(service, "llm?tools=notify,clock:openai/some-model")
    watching = service.subscribe([room])
    server.will(uses(("notify", {"text": "the lamp\x1b[31m is out"}), ("clock", {})), says("Done."))
    result = ask(service, room, "go")
    assert said(result) == ["Done."]
    assert next(content for role, content in talk(server) if role == "tool") == "told"
    notices = [event.text for event in watching.get(10) if isinstance(event, Notice)]
    assert any("is out" in text and text.isprintable() for text in notices)


# Interruption.


def test_an_interrupted_answer_stays_as_far_as_it_was_said(service: RoomService, server: ModelServer) -> None:
    room = make_room(service)
    shown = parts_of(service, room)
    server.will(stalls("Once upon ", "a time"))
    begin(service, room, "a story")
    eventually(lambda: shown() == "Once upon a time")
    result = service.interrupt(room, by=BY)
    assert (result.outcome, said(result)) == (Outcome.INTERRUPTED, ["Once upon a time"])
    assert server.exchanges[0].closed.wait(10)
    assert said(ask(service, room, "go on")) == ["go on "]
    assert talk(server) == [("user", "a story"), ("assistant", "Once upon a time [interrupted]"), ("user", "go on")]


def test_an_answer_is_interrupted_before_its_first_word(service: RoomService, server: ModelServer) -> None:
    room = make_room(service)
    server.will(deaf)
    begin(service, room, "a story")
    eventually(lambda: server.exchanges)
    result = service.interrupt(room, by=BY)
    assert (result.outcome, said(result)) == (Outcome.INTERRUPTED, [])
    ask(service, room, "go on")
    assert talk(server) == [("user", "a story"), ("assistant", "[interrupted]"), ("user", "go on")]


def test_what_was_done_before_the_interruption_is_done(service: RoomService, server: ModelServer) -> None:
    room = make_room(service)
    shown = parts_of(service, room)
    server.will(uses(("remember", {"key": "cat", "text": "Tom"})), stalls("Now"))
    begin(service, room, "go")
    eventually(lambda: shown() == "Now")
    assert service.interrupt(room, by=BY).outcome == Outcome.INTERRUPTED
    server.will(uses(("recall", {"key": "cat"})), says("Tom."))
    ask(service, room, "who?")
    assert talk(server)[-1] == ("tool", "Tom")


# What goes wrong.


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refuses(500, "oops"), "MODEL_FAILED: 500 Internal Server Error: oops"),
        (refuses(429, "slow down"), "MODEL_FAILED: 429 Too Many Requests: slow down"),
        (refuses(401, "who are you?"), "MODEL_FAILED: 401 Unauthorized: who are you?"),
        (deaf, "MODEL_TIMEOUT: NO SIGN OF THE SERVER FOR 3 SECONDS"),
        (stalls("Once"), "MODEL_TIMEOUT: NO SIGN OF THE SERVER FOR 3 SECONDS"),
        (breaks_off("Once"), "MODEL_GARBAGE: THE CONNECTION BREAKS OFF"),
        (ends_early("Once"), "MODEL_GARBAGE: THE ANSWER BREAKS OFF"),
        (sends(b"data: {garbage\n\n"), "MODEL_GARBAGE: NOT AN EVENT OF A STREAM"),
    ],
)  # fmt: skip
def test_a_failing_server_is_a_recorded_error_in_a_living_room(
    settings: Settings, open_service_on: Callable[[Settings], RoomService], server: ModelServer, reply: Any, code: str
) -> None:
    service = open_service_on(changed(settings, model=changed(settings.model, stall_timeout=3)))
    room = make_room(service)
    ask(service, room, "before")
    server.will(reply)
    result = ask(service, room, "a story")
    assert result.outcome == Outcome.FAILED
    error = result.entries[-1]
    assert error.type is EntryType.ERROR
    assert code in error.content
    assert ".py" not in error.content
    assert said(ask(service, room, "after")) == ["after "]
    assert talk(server) == [("user", "before"), ("assistant", "before "), ("user", "after")]


def test_the_model_may_take_longer_than_the_entity(service: RoomService, server: ModelServer) -> None:
    gate = threading.Semaphore(0)
    room = make_room(service, timeout=2)
    ask(service, room, "before")
    server.will(paced(["at last"], gate))
    receipt = begin(service, room, "go")
    eventually(lambda: len(server.exchanges) == 2)
    assert service.wait(receipt, timeout=2.5) is None
    gate.release()
    result = service.wait(receipt, timeout=30)
    assert result is not None
    assert said(result) == ["at last"]


def test_rooms_wait_for_their_models_beside_each_other(service: RoomService, server: ModelServer) -> None:
    gate = threading.Semaphore(0)
    server.will(*[paced(["done"], gate)] * 16)
    rooms = [make_room(service) for _ in range(16)]
    receipts = [begin(service, room, "go") for room in rooms]
    eventually(lambda: len(server.exchanges) == 16, within=30)
    gate.release(16)
    for receipt in receipts:
        result = service.wait(receipt, timeout=30)
        assert result is not None
        assert said(result) == ["done"]


def test_a_turn_that_is_more_than_one_call_may_hold_fails_in_words(service: RoomService, server: ModelServer) -> None:
    room = make_room(service, "llm?tokens=10000000:openai/some-model")
    server.will(uses(*[("remember", {"key": str(n), "text": "\x01" * 10_000}) for n in range(20)], part=60_000))
    result = ask(service, room, "go")
    assert result.outcome == Outcome.FAILED
    assert "CONTEXT_TOO_LARGE" in result.entries[-1].content
    assert said(ask(service, room, "after")) == ["after "]


def test_a_room_of_what_is_not_there_is_not_made(service: RoomService) -> None:
    for entity in ("llm:scripted/nobody", "llm?tools=shell:scripted/echo"):
        with pytest.raises(UsageError):
            make_room(service, entity)
    assert service.rooms() == []


# Ends of whoever waits.


def streaming(service: RoomService, server: ModelServer, room: RoomId) -> Receipt:
    """Have the room in the middle of an answer."""
    shown = parts_of(service, room)
    server.will(stalls("Once upon"))
    receipt = begin(service, room, "a story")
    eventually(lambda: shown() == "Once upon")
    return receipt


def test_an_entity_that_dies_lets_go_of_its_model(service: RoomService, server: ModelServer) -> None:
    room = make_room(service)
    service.await_entity(room, timeout=30)
    receipt = streaming(service, server, room)
    pid = service.room(room).entity_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    result = service.wait(receipt, timeout=30)
    assert result is not None
    assert (result.outcome, said(result)) == (Outcome.CRASH, ["Once upon"])
    assert server.exchanges[0].closed.wait(10)
    assert said(ask(service, room, "after")) == ["after "]


def test_a_room_that_is_destroyed_lets_go_of_its_model(service: RoomService, server: ModelServer) -> None:
    room = make_room(service)
    streaming(service, server, room)
    service.destroy(room, confirm=room)
    assert server.exchanges[0].closed.wait(10)


def test_an_owner_that_ends_lets_go_of_all_models_and_the_input_is_asked_again_by_the_next(
    settings: Settings, open_service_on: Callable[[Settings], RoomService], server: ModelServer
) -> None:
    service = open_service_on(settings)
    room = make_room(service)
    receipt = streaming(service, server, room)
    service.close()
    assert server.exchanges[0].closed.wait(10)
    service = open_service_on(settings)
    service.resume_pending()
    result = service.wait(receipt, timeout=30)
    assert result is not None
    assert said(result) == ["a story "]
    assert server.exchanges[1].body == server.exchanges[0].body


# Secrets.


def test_the_key_is_nowhere_but_with_the_server(
    settings: Settings, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    settings = changed(
        settings,
        model=changed(settings.model, key_file=str(key_file), retries=1),
        logging=LoggingSettings(level="TRACE", format="json", output=str(tmp_path / "room.log")),
    )
    watch = observability.start(settings)
    service = open_service(settings, telemetry=watch.telemetry)
    watch.attach(service, connections=lambda: 0)
    told = service.subscribe()
    try:
        room = make_room(service)
        server.will(says("Hello."), refuses(500, Retry_After="0.01"), refuses(401, f"no such key: {KEY}"))
        ask(service, room, "hello")
        failed = ask(service, room, "again")
        assert "no such key: ***" in failed.entries[-1].content
        server.will(refuses(400, f"{KEY}"), breaks_off(KEY[:6]))
        ask(service, room, "again")
        ask(service, room, "again")
        shown = repr((memory(service, room), told.get(0), service.status(), service.room(room), settings.model))
    finally:
        service.close()
        watch.close()
    assert {exchange.headers["authorization"] for exchange in server.exchanges} == {f"Bearer {KEY}"}
    assert KEY not in shown
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != key_file]
    assert [path for path in written if path.name == "room.log"]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []


def test_calls_are_remembered_with_what_they_took(service: RoomService, server: ModelServer) -> None:
    room = make_room(service)
    ask(service, room, "hello")
    [call] = [entry for entry in memory(service, room) if entry.metadata.get(Meta.EVENT) == "call"]
    assert call.content.startswith("CALL model: 12 tokens, ")
