"""Rooms at work, over a real LevelDB store and real sealed entities."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support import eventually

from backrooms_tui.config.settings import EntitySettings, LimitSettings, PersistenceSettings, Settings
from backrooms_tui.model import errors
from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.events import (
    EntriesAdded,
    Event,
    InputAccepted,
    RoomChanged,
    RoomDestroyed,
    Said,
    TurnEnded,
    TurnStarted,
)
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.views import TurnResult
from backrooms_tui.service import RoomService, open_service
from backrooms_tui.supervisor.turn import FLOOD_CHARACTERS

Open = Callable[[], RoomService]


@pytest.fixture
def open_rooms(tmp_path: Path, open_service_on) -> Open:
    """Open the test's store; every service is closed at the end."""

    def open_it() -> RoomService:
        settings = Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms")))
        return open_service_on(settings)

    return open_it


@pytest.fixture
def service(open_rooms: Open) -> RoomService:
    return open_rooms()


def make_room(service: RoomService, **config: object) -> RoomId:
    return service.create(RoomConfig(**config)).record.id  # type: ignore[arg-type]


def ask(service: RoomService, room: RoomId, text: str, **options: object) -> TurnResult:
    receipt = service.submit(room, text.encode(), source="test", **options)  # type: ignore[arg-type]
    result = service.wait(receipt, timeout=30)
    assert result is not None
    return result


def said(result: TurnResult) -> list[str]:
    return [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]


def memory(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    return service.read(room, after=0, limit=100_000)


def test_an_input_and_its_answer_are_in_memory_in_order(service: RoomService) -> None:
    room = make_room(service)
    result = ask(service, room, "remember value: test_parameter_01")
    assert result.outcome == Outcome.OUTPUT
    assert said(result) == ["Stored."]
    assert [(e.seq, e.type, e.content) for e in memory(service, room)] == [
        (1, EntryType.INPUT, "remember value: test_parameter_01"),
        (2, EntryType.OUTPUT, "Stored."),
    ]


def test_state_survives_a_restart_of_the_owner(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "remember value: kept")
    service.close()
    assert said(ask(open_rooms(), room, "recall value")) == ["kept"]


def test_silence_is_recorded_as_an_outcome_without_output(service: RoomService) -> None:
    room = make_room(service)
    result = ask(service, room, "irrelevant noise")
    assert result.outcome == Outcome.SILENT
    assert said(result) == []
    counters = service.room(room).record.counters
    assert (counters.inputs, counters.outputs, counters.silent) == (1, 0, 1)


def test_an_overdue_entity_is_killed_and_the_room_goes_on_from_its_last_state(service: RoomService) -> None:
    room, neighbour = make_room(service), make_room(service)
    ask(service, room, "remember value: before")
    result = ask(service, room, "long running operation", timeout=2)
    assert result.outcome == Outcome.TIMEOUT
    assert said(result) == ["Starting operation..."]
    assert result.entries[-1].type is EntryType.ERROR
    assert result.entries[-1].content.splitlines() == ["ERROR: ENTITY_TIMEOUT", "OPERATION ABORTED"]
    assert said(ask(service, room, "recall value")) == ["before"]
    assert any(e.metadata.get(Meta.EVENT) == "entity_restarted" for e in memory(service, room))
    record = service.room(room).record
    assert (record.state, record.counters.timeouts) == (RoomState.ACTIVE, 1)
    assert said(ask(service, neighbour, "valid input")) == ["Acknowledged."]


def test_a_crash_is_reported_with_its_real_signal_and_harms_nothing_else(service: RoomService) -> None:
    room, neighbour = make_room(service), make_room(service)
    ask(service, neighbour, "remember value: mine")
    result = ask(service, room, "drill crash")
    assert result.outcome == Outcome.CRASH
    lines = result.entries[-1].content.splitlines()
    assert lines[:2] == ["FATAL: ENTITY_CRASHED", "SIGNAL: SIGSEGV"]
    assert any(line.startswith("STACK TRACE") for line in lines)
    assert said(ask(service, room, "valid input")) == ["Acknowledged."]
    assert said(ask(service, neighbour, "recall value")) == ["mine"]
    assert service.room(room).record.counters.crashes == 1


@pytest.mark.parametrize(
    ("drill", "outcome", "code"),
    [
        ("drill exit", Outcome.CRASH, "ENTITY_CRASHED"),
        ("drill abort", Outcome.CRASH, "ENTITY_CRASHED"),
        ("drill fail", Outcome.FAILED, "ENTITY_FAILED"),
        ("drill flood", Outcome.VIOLATION, "OUTPUT_SIZE_EXCEEDED"),
    ],
)
def test_each_way_to_break_leaves_a_truthful_error_and_a_working_room(
    service: RoomService, drill: str, outcome: str, code: str
) -> None:
    room = make_room(service)
    ask(service, room, "remember value: safe")
    result = ask(service, room, drill)
    assert result.outcome == outcome
    assert result.entries[-1].metadata[Meta.CODE] == code
    assert {entry.metadata[Meta.INPUT] for entry in result.entries} == {result.seq}
    assert said(ask(service, room, "recall value")) == ["safe"]


def test_of_a_flood_the_beginning_is_kept(service: RoomService) -> None:
    room = make_room(service)
    *lines, error = ask(service, room, "drill flood").entries
    assert sum(len(entry.content) for entry in lines) == FLOOD_CHARACTERS
    assert f"THE FIRST {len(lines)} OF " in error.content


@pytest.mark.parametrize("drill", ["drill fork", "drill thread", "drill network", "drill files"])
def test_the_seal_refuses_and_the_entity_lives_on(service: RoomService, drill: str) -> None:
    room = make_room(service)
    result = ask(service, room, drill)
    assert result.outcome == Outcome.OUTPUT
    assert said(result)[-1].startswith("Refused")


def test_a_large_answer_is_given_whole_though_its_result_is_not_kept(service: RoomService) -> None:
    room = make_room(service)
    result = ask(service, room, "stream 1000 lines")
    assert said(result) == [f"Line {n} of 1000." for n in range(1, 1001)]
    assert result.outcome == Outcome.OUTPUT


def test_sixteen_inputs_wait_and_the_next_is_refused(service: RoomService) -> None:
    room = make_room(service)
    service.submit(room, b"long running operation", source="test", timeout=60)
    eventually(lambda: service.room(room).running)
    receipts = [service.submit(room, f"remember k{n}: {n}".encode(), source="test") for n in range(16)]
    with pytest.raises(errors.QueueFull):
        service.submit(room, b"one too many", source="test")
    service.interrupt(room, by="ops@h1")
    results = [service.wait(receipt, timeout=30) for receipt in receipts]
    assert [r.seq for r in results if r is not None] == [r.seq for r in receipts]
    assert said(ask(service, room, "recall k15")) == ["15"]


def test_a_repeated_request_id_is_answered_with_the_first_receipt_also_after_a_restart(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "initialize counter at 0")
    first = service.submit(room, b"increment counter", source="test", request_id="r-1")
    assert service.submit(room, b"increment counter", source="test", request_id="r-1").seq == first.seq
    assert service.wait(first, timeout=30) is not None
    service.close()
    again = open_rooms()
    assert again.submit(room, b"increment counter", source="test", request_id="r-1").seq == first.seq
    assert said(ask(again, room, "what is counter value")) == ["Counter: 1"]


def test_closing_gives_a_running_input_back_and_the_next_owner_runs_it(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    watch = service.subscribe([room])
    service.submit(room, b"long running operation", source="test", timeout=60)
    receipt = service.submit(room, b"remember value: later", source="test")
    eventually(lambda: any(isinstance(e, TurnStarted) for e in watch.get(0.1)))
    service.close()
    again = open_rooms()
    assert again.room(room).queue_depth == 2
    watch = again.subscribe([room])
    again.resume_pending()
    started = eventually(lambda: [e for e in watch.get(0.1) if isinstance(e, TurnStarted)])
    assert started[0].attempt == 1  # type: ignore[index]
    assert again.wait(receipt, timeout=0.2) is None


def test_a_suspended_room_refuses_input_and_keeps_its_state(service: RoomService) -> None:
    room = make_room(service)
    ask(service, room, "remember value: asleep")
    view = service.suspend(room, by="ops@h1")
    assert (view.record.state, view.entity) == (RoomState.SUSPENDED, "COLD")
    with pytest.raises(errors.RoomSuspended) as refusal:
        service.submit(room, b"recall value", source="test")
    assert any("ops@h1" in line for line in refusal.value.details)
    with pytest.raises(errors.IllegalTransition):
        service.suspend(room, by="ops@h1")
    service.resume(room, by="ops@h1")
    assert said(ask(service, room, "recall value")) == ["asleep"]


def test_suspending_waits_for_the_running_input(service: RoomService) -> None:
    room = make_room(service)
    watch = service.subscribe([room])
    receipt = service.submit(room, b"long running operation", source="test", timeout=0.6)
    eventually(lambda: any(isinstance(e, TurnStarted) for e in watch.get(0.1)))
    service.suspend(room, by="ops@h1")
    result = service.wait(receipt, timeout=0)
    assert result is not None
    assert result.outcome == Outcome.TIMEOUT


def test_destroying_needs_the_full_id_and_leaves_nothing(service: RoomService) -> None:
    room, other = make_room(service), make_room(service)
    ask(service, room, "remember value: gone")
    with pytest.raises(errors.ConfirmationMismatch):
        service.destroy(room, confirm=room[:8])
    watch = service.subscribe()
    service.destroy(room, confirm=room)
    assert RoomDestroyed(room) in watch.get(5)
    with pytest.raises(errors.RoomNotFound):
        service.read(room)
    assert [view.record.id for view in service.rooms()] == [other]


def test_events_of_a_turn_come_in_order_and_the_end_repeats_what_was_said(service: RoomService) -> None:
    room = make_room(service)
    service.await_entity(room, timeout=30)
    watch = service.subscribe([room])
    ask(service, room, "explain memory model")
    told: list[Event] = []
    while not any(isinstance(event, TurnEnded) for event in told):  # told after who waits has been answered
        told += watch.get(10)
    events = [event for event in told if isinstance(event, InputAccepted | TurnStarted | Said | TurnEnded)]
    assert [type(event) for event in events] == [InputAccepted, TurnStarted, *[Said] * 4, TurnEnded]
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    lines = [event.text for event in events if isinstance(event, Said)]
    assert lines == [entry.content for entry in ended.entries]


def test_an_input_that_waits_changes_the_room_that_is_shown(service: RoomService) -> None:
    room = make_room(service)
    watch = service.subscribe([room])
    service.submit(room, b"long running operation", source="test", timeout=60)
    eventually(lambda: any(isinstance(e, Said) for e in watch.get(0.1)))  # and that is all it ever says
    before = service.room(room).record.memory_usage
    service.submit(room, b"valid input", source="test")
    kinds = [type(event) for event in watch.get(5)]
    accepted = kinds.index(InputAccepted)
    assert kinds[accepted + 1] is RoomChanged
    view = service.room(room)
    assert (view.queue_depth, view.record.memory_usage > before) == (1, True)


def test_refused_inputs_are_counted_and_never_reach_memory(service: RoomService) -> None:
    room = make_room(service)
    for data in (b"\xff\xfe", b"x" * 65_537):
        with pytest.raises(errors.InputRefused):
            service.submit(room, data, source="test")
    record = service.room(room).record
    assert (record.counters.invalid_inputs, record.counters.inputs, record.tail.seq) == (2, 0, 0)


def test_a_room_that_everybody_left_is_idle_and_input_wakes_it(service: RoomService) -> None:
    room = make_room(service)
    service.enter(room)
    ask(service, room, "valid input")
    assert service.leave(room).record.state is RoomState.IDLE
    ask(service, room, "valid input")
    assert service.room(room).record.state is RoomState.ACTIVE


def test_rooms_know_nothing_of_each_other(service: RoomService) -> None:
    first, second = make_room(service), make_room(service)
    ask(service, first, "remember value: secret")
    assert said(ask(service, second, "recall value")) == ["No such entry."]


def test_many_rooms_at_once_each_get_their_own_answers(service: RoomService) -> None:
    rooms = [make_room(service) for _ in range(12)]
    answers: dict[RoomId, list[str]] = {}

    def client(room: RoomId, n: int) -> None:
        ask(service, room, f"remember value: {n}")
        answers[room] = said(ask(service, room, "recall value"))

    threads = [threading.Thread(target=client, args=(room, n)) for n, room in enumerate(rooms)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {room: [str(n)] for n, room in enumerate(rooms)}


def test_the_room_limit_is_a_refusal(tmp_path: Path) -> None:
    settings = Settings(persistence=PersistenceSettings(path=str(tmp_path / "few")), limits=LimitSettings(max_rooms=2))
    service = open_service(settings)
    try:
        make_room(service)
        make_room(service)
        with pytest.raises(errors.MaxRoomsExceeded):
            make_room(service)
    finally:
        service.close()


def test_a_second_owner_is_told_who_holds_the_store(service: RoomService, open_rooms: Open) -> None:
    with pytest.raises(errors.StoreBusy) as refusal:
        open_rooms()
    assert any("pid" in line.lower() for line in refusal.value.details)


def test_lifecycle_entries_reach_watchers(service: RoomService) -> None:
    room = make_room(service)
    watch = service.subscribe([room])
    service.suspend(room, by="ops@h1")
    added = eventually(lambda: [e for e in watch.get(1) if isinstance(e, EntriesAdded)])
    assert added[0].entries[0].metadata[Meta.BY] == "ops@h1"  # type: ignore[index]


def test_settings_bound_what_an_entity_says_and_what_of_it_is_remembered(tmp_path: Path) -> None:
    settings = Settings(
        persistence=PersistenceSettings(path=str(tmp_path / "rooms")),
        limits=LimitSettings(max_output_size=10_000),
        entity=EntitySettings(response_buffer=512, enable_observations=False),
    )
    service = open_service(settings)
    try:
        room = make_room(service)
        assert len(said(ask(service, room, "stream 100 lines"))) == 100
        assert ask(service, room, "stream 1000 lines").outcome == Outcome.VIOLATION
        watch = service.subscribe([room])
        ask(service, room, "store observation: seen")
        shown = [e for e in watch.get(5) if isinstance(e, Said) and e.observation]
        assert shown
        assert [e for e in memory(service, room) if e.type is EntryType.OBSERVATION] == []
    finally:
        service.close()


def test_an_input_runs_behind_those_that_an_earlier_owner_left(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    watch = service.subscribe([room])
    service.submit(room, b"long running operation", source="test", timeout=0.3)
    service.submit(room, b"remember value: left", source="test")
    eventually(lambda: any(isinstance(e, TurnStarted) for e in watch.get(0.1)))
    service.close()
    assert said(ask(open_rooms(), room, "recall value")) == ["left"]
