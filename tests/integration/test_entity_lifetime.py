"""How long entities live: no more of them than the settings say, none started over and over, none left behind."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support import eventually

from backrooms_tui.config.settings import EntitySettings, PersistenceSettings, Settings
from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.errors import EntityInitFailed, RoomSuspended, UsageError
from backrooms_tui.model.events import Notice
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.views import Receipt, TurnResult
from backrooms_tui.service import RoomService
from backrooms_tui.supervisor import deaths, replaying

LIVE = 4
Open = Callable[[Settings], RoomService]


@pytest.fixture
def service(tmp_path: Path, open_service_on: Open) -> RoomService:
    persistence = PersistenceSettings(path=str(tmp_path / "rooms"))
    return open_service_on(Settings(persistence=persistence, entity=EntitySettings(live_processes=LIVE)))


@pytest.fixture
def room(service: RoomService) -> RoomId:
    return service.create(RoomConfig()).record.id


def ask(service: RoomService, room: RoomId, text: str, *, timeout: float | None = None) -> TurnResult:
    result = service.wait(service.submit(room, text.encode(), source="test", timeout=timeout), timeout=30)
    assert result is not None
    return result


def lines(result: TurnResult) -> list[str]:
    return [entry.content for entry in result.entries]


def memory(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    return service.read(room, after=0, limit=100_000)


def live(service: RoomService, rooms: list[RoomId]) -> list[RoomId]:
    return [room for room in rooms if service.room(room).entity != "COLD"]


def occupy(service: RoomService) -> dict[RoomId, Receipt]:
    """Take all places with rooms that are at work until they are interrupted."""
    rooms = [service.create(RoomConfig()).record.id for _ in range(LIVE)]
    receipts = {room: service.submit(room, b"long running operation", source="test", timeout=100) for room in rooms}
    eventually(lambda: all(service.room(room).running for room in rooms), within=30)
    return receipts


def test_many_rooms_at_once_are_all_answered_by_few_processes(service: RoomService) -> None:
    rooms = [service.create(RoomConfig()).record.id for _ in range(8 * LIVE)]
    most = 0
    for _ in range(2):
        receipts = [service.submit(room, b"valid input", source="test") for room in rooms]
        for receipt in receipts:
            most = max(most, service.status().live_entities)
            result = service.wait(receipt, timeout=30)
            assert result is not None
            assert lines(result) == ["Acknowledged."]
    assert 1 < most <= LIVE
    assert len(live(service, rooms)) <= LIVE


def test_the_room_used_least_recently_goes_cold_and_answers_from_its_snapshot(service: RoomService) -> None:
    rooms = [service.create(RoomConfig()).record.id for _ in range(LIVE + 1)]
    for number, room in enumerate(rooms):
        ask(service, room, f"initialize counter at {number}")
    assert live(service, rooms) == rooms[1:]
    assert lines(ask(service, rooms[0], "increment counter")) == ["Counter: 1"]
    assert live(service, rooms) == [rooms[0], *rooms[2:]]


def test_a_room_with_work_to_do_is_never_the_one_that_goes_cold(service: RoomService) -> None:
    busy = occupy(service)
    others = [service.create(RoomConfig()).record.id for _ in range(LIVE)]
    waiting = [service.submit(room, b"valid input", source="test") for room in others]
    assert live(service, [*busy, *others]) == [*busy]
    for room, receipt in busy.items():
        result = service.interrupt(room, by="test")
        assert (result.outcome, result.seq) == (Outcome.INTERRUPTED, receipt.seq)
    for receipt in waiting:
        result = service.wait(receipt, timeout=30)
        assert result is not None
        assert result.outcome == Outcome.OUTPUT
    assert [service.room(room).record.counters.crashes for room in (*busy, *others)] == [0] * (2 * LIVE)


def test_rooms_that_always_have_another_input_do_not_keep_the_others_from_theirs(service: RoomService) -> None:
    busy = [service.create(RoomConfig()).record.id for _ in range(LIVE)]
    for _ in range(10):
        for room in busy:
            service.submit(room, b"work for 1 seconds", source="test")
    eventually(lambda: all(service.room(room).running for room in busy))
    assert lines(ask(service, service.create(RoomConfig()).record.id, "valid input")) == ["Acknowledged."]
    assert all(service.room(room).queue_depth > 0 for room in busy)


def test_who_enters_gets_an_entity_though_all_places_are_taken(service: RoomService, room: RoomId) -> None:
    for _ in range(LIVE):
        service.await_entity(service.create(RoomConfig()).record.id, timeout=30)
    service.enter(room)
    assert service.await_entity(room, timeout=30).entity == "LIVE"


def test_a_room_that_goes_while_it_waits_for_a_place_keeps_none_from_it(service: RoomService) -> None:
    busy = occupy(service)
    going, staying = (service.create(RoomConfig()).record.id for _ in range(2))
    service.submit(going, b"valid input", source="test")
    receipt = service.submit(staying, b"valid input", source="test")
    service.destroy(going, confirm=going)
    service.interrupt(next(iter(busy)), by="test")
    assert service.wait(receipt, timeout=30) is not None


# Five deaths in ten seconds, or what a busy machine needs for them.


@pytest.fixture
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deaths, "WITHIN", 600.0)


@pytest.mark.usefixtures("busy_machine")
def test_an_entity_that_dies_of_every_input_is_not_started_for_ever(service: RoomService, room: RoomId) -> None:
    ask(service, room, "initialize counter at 7")
    watching = service.subscribe([room])
    outcomes = [ask(service, room, "drill exit").outcome for _ in range(5)]
    assert outcomes == [Outcome.CRASH] * 5
    eventually(lambda: any(isinstance(e, Notice) and "RESTARTS_EXHAUSTED" in e.text for e in watching.get(0)))
    record = service.room(room).record
    assert record.state is RoomState.SUSPENDED
    assert record.suspension is not None
    assert record.suspension.by == "system: ENTITY_RESTARTS_EXHAUSTED"
    assert record.last_error == "ENTITY_RESTARTS_EXHAUSTED"
    told = memory(service, room)[-1]
    assert (told.type, told.metadata[Meta.CODE]) == (EntryType.ERROR, "ENTITY_RESTARTS_EXHAUSTED")
    assert told.content.splitlines()[:2] == ["ERROR: ENTITY_RESTARTS_EXHAUSTED", "5 DEATHS IN 600 s"]
    with pytest.raises(RoomSuspended):
        service.submit(room, b"valid input", source="test")
    assert service.room(room).entity == "COLD"
    service.resume(room, by="ann@example")
    assert lines(ask(service, room, "increment counter")) == ["Counter: 8"]


@pytest.mark.usefixtures("busy_machine")
def test_inputs_that_wait_when_restarts_stop_are_worked_on_after_a_resume(service: RoomService, room: RoomId) -> None:
    service.await_entity(room, timeout=30)
    receipts = [service.submit(room, text, source="test") for text in [b"drill exit"] * 5 + [b"valid input"] * 2]
    eventually(lambda: service.room(room).record.state is RoomState.SUSPENDED)
    assert [service.wait(receipt, timeout=10) is None for receipt in receipts] == [False] * 5 + [True] * 2
    assert service.room(room).record.queued == 2
    service.resume(room, by="ann@example")
    for receipt in receipts[5:]:
        result = service.wait(receipt, timeout=30)
        assert result is not None
        assert lines(result) == ["Acknowledged."]


@pytest.mark.usefixtures("busy_machine")
def test_after_a_resume_deaths_are_counted_anew(service: RoomService, room: RoomId) -> None:
    for _ in range(5):
        ask(service, room, "drill exit")
    eventually(lambda: service.room(room).record.state is RoomState.SUSPENDED)
    service.resume(room, by="ann@example")
    for _ in range(4):
        ask(service, room, "drill exit")
    assert lines(ask(service, room, "valid input")) == ["Acknowledged."]


@pytest.mark.usefixtures("busy_machine")
def test_deaths_without_an_input_count_too(service: RoomService, room: RoomId) -> None:
    for _ in range(5):
        pid = service.await_entity(room, timeout=30).entity_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: service.room(room).entity_pid != pid)  # type: ignore[misc]
    eventually(lambda: service.room(room).record.state is RoomState.SUSPENDED)


def test_deadlines_and_interrupts_are_no_deaths_of_the_entitys_own(service: RoomService, room: RoomId) -> None:
    for _ in range(6):
        assert ask(service, room, "long running operation", timeout=0.05).outcome == Outcome.TIMEOUT
    for _ in range(6):
        receipt = service.submit(room, b"long running operation", source="test")
        eventually(lambda: service.room(room).running)
        service.interrupt(room, by="ann@example")
        assert service.wait(receipt, timeout=10) is not None
    assert service.room(room).record.state is RoomState.ACTIVE
    assert lines(ask(service, room, "valid input")) == ["Acknowledged."]


# Programs.


COUNT = (
    """command:sh -c 'n=0; while read -r line; do n=$((n+1)); [ "$line" != die ] || exit 3; echo "$n $line"; done'"""
)


def program(service: RoomService, line: str) -> RoomId:
    return service.create(RoomConfig(entity=line)).record.id


def test_a_program_that_ends_with_each_input_is_not_dying(service: RoomService) -> None:
    room = program(service, "command?mode=exit:cat")
    watching = service.subscribe([room])
    for n in range(7):
        assert lines(ask(service, room, f"line {n}")) == [f"line {n}"]
    assert [e.text for e in watching.get(0) if isinstance(e, Notice)] == []
    record = service.room(room).record
    assert (record.state, record.counters.crashes) == (RoomState.ACTIVE, 0)
    assert [e.content for e in memory(service, room) if e.type is EntryType.STATE_CHANGE] == []


def test_a_restarted_program_is_given_the_inputs_it_has_answered_and_no_others(service: RoomService) -> None:
    room = program(service, COUNT)
    assert [lines(ask(service, room, text)) for text in ("a", "b")] == [["1 a"], ["2 b"]]
    assert ask(service, room, "die").outcome != Outcome.OUTPUT
    assert lines(ask(service, room, "c")) == ["3 c"]


def test_a_program_with_more_behind_it_than_can_be_given_again_starts_afresh_and_operators_are_told(
    service: RoomService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "MOST_INPUTS", 3)
    room = program(service, COUNT)
    watching = service.subscribe([room])
    for n in range(4):
        ask(service, room, f"{n}")
    ask(service, room, "die")
    assert lines(ask(service, room, "c")) == ["1 c"]
    told = [event.text for event in watching.get(0) if isinstance(event, Notice)]
    assert "PROGRAM STARTED AFRESH: TOO MUCH TO BE GIVEN AGAIN" in told


def end(service: RoomService, room: RoomId) -> None:
    """Kill the room's entity, and wait until there is none."""
    pid = eventually(lambda: service.await_entity(room, timeout=30).entity_pid)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: service.room(room).entity_pid != pid)


def test_a_program_has_the_time_it_took_to_be_where_it_was(tmp_path: Path, open_service_on: Open) -> None:
    persistence = PersistenceSettings(path=str(tmp_path / "rooms"))
    service = open_service_on(Settings(persistence=persistence, entity=EntitySettings(init_timeout=1)))
    room = program(
        service, "command:perl -e '$|=1; while(<STDIN>) { select(undef, undef, undef, 0.5); $n++; print qq($n\\n) }'"
    )
    assert [lines(ask(service, room, "go")) for _ in range(4)] == [["1"], ["2"], ["3"], ["4"]]
    end(service, room)
    assert lines(ask(service, room, "go")) == ["5"]


def test_a_program_that_does_not_survive_what_it_is_given_again_starts_without_it(
    service: RoomService, common: Path
) -> None:
    word = common / "word"
    word.write_text("live")
    word.chmod(0o644)  # the service has set a umask
    code = "$|=1; while(<STDIN>) { open F, $ARGV[0]; exit 3 if <F> eq q(die); print }"
    room = program(service, f"command:perl -e '{code}' {word}")
    assert lines(ask(service, room, "well")) == ["well"]
    word.write_text("die")
    watching = service.subscribe([room])
    end(service, room)
    assert service.await_entity(room, timeout=30).record.state is RoomState.ACTIVE
    assert [e for e in watching.get(0) if isinstance(e, Notice) and e.text.startswith("PROGRAM_STARTED_AFRESH")]


def test_a_program_that_is_not_there_is_refused_before_there_is_a_room(service: RoomService) -> None:
    with pytest.raises(UsageError):
        program(service, "command:no-such-program-anywhere")
    with pytest.raises(UsageError):
        program(service, "llm?tools=nonsense:scripted/echo")
    assert service.rooms() == []


def test_a_program_that_goes_away_later_costs_no_input(service: RoomService, common: Path) -> None:
    file = common / "program"
    shutil.copy("/bin/cat", file)
    room = program(service, f"command:{file}")
    file.unlink()
    watching = service.subscribe([room])
    receipt = service.submit(room, b"hello", source="test")
    eventually(lambda: any(isinstance(e, Notice) and e.severity == "ERROR" for e in watching.get(0)))
    record = service.room(room).record
    assert (record.state, record.queued) == (RoomState.ACTIVE, 1)
    shutil.copy("/bin/cat", file)
    service.await_entity(room, timeout=30)
    result = service.wait(receipt, timeout=30)
    assert result is not None
    assert lines(result) == ["hello"]


def test_a_program_that_nobody_may_execute_is_the_hosts_trouble_not_the_rooms(
    service: RoomService, common: Path
) -> None:
    file = common / "program"
    file.write_text("#!/no/such/interpreter\n")
    file.chmod(0o755)
    room = program(service, f"command:{file}")
    for _ in range(4):
        with pytest.raises(EntityInitFailed):
            service.await_entity(room, timeout=30)
    assert service.room(room).record.state is RoomState.ACTIVE


def test_the_seals_of_both_profiles_are_told(service: RoomService, room: RoomId) -> None:
    service.await_entity(room, timeout=30)
    eventually(lambda: service.status().command_seal)  # measured when there is nothing else to do
    status = service.status()
    assert [line.partition(":")[0] for line in status.seal] == [line.partition(":")[0] for line in status.command_seal]
    assert status.seal != status.command_seal
