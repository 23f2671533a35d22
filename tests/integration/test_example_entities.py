"""The example entities of the documentation: they do what they say, in rooms, and nothing is wrong with them."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest
from command_rooms import need
from patient_check import patiently
from room_exe import RoomExe
from support import ROOT, eventually

from backrooms_tui.config.settings import EntitySettings, PersistenceSettings, Settings
from backrooms_tui.model.entries import EntryType, Outcome
from backrooms_tui.model.events import Said
from backrooms_tui.model.room import RoomConfig

FOLDER = ROOT / "docs/entities"
COUNTER = f"python:{FOLDER}/counter.py"
DIARY = f"command?mode=frames:sh {FOLDER}/diary.sh"
LIST = f"command?mode=frames:perl {FOLDER}/list.pl"
EXAMPLES = {"counter.py": COUNTER, "diary.sh": DIARY, "list.pl": LIST}


@pytest.fixture
def service(tmp_path, open_service_on):
    persistence = PersistenceSettings(path=str(tmp_path / "rooms"))
    return open_service_on(Settings(persistence=persistence, entity=EntitySettings(interrupt_grace=30)))


@pytest.fixture
def converse(service):
    """Makes a room of an entity and gives a function that asks it; what it says comes back as lines."""

    def settle_in(entity):
        if entity.startswith("command"):
            need(entity)
        room = service.create(RoomConfig(entity=entity)).record.id

        def ask(text):
            result = service.wait(service.submit(room, text.encode(), source="test"), timeout=30)
            assert result.outcome == Outcome.OUTPUT, result
            return [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]

        ask.room = room
        return ask

    return settle_in


def kill_entity(service, room):
    """As the kernel would; waits for another to be there."""
    pid = service.await_entity(room, timeout=30).entity_pid
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: service.await_entity(room, timeout=30).entity_pid not in (pid, None))


def test_every_example_is_told_of_here():
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_wrong_with_an_example(tmp_path, name):
    if name != "counter.py":
        need(EXAMPLES[name])
    ended = patiently(RoomExe(tmp_path)).run("entity", "check", EXAMPLES[name], "--format", "json")
    assert (ended.status, ended.err) == (0, "")
    assert {finding["level"] for finding in ended.json["findings"]} == {"PASS"}, ended.out


def test_the_counter_remembers_over_the_death_of_its_process(converse, service):
    ask = converse(COUNTER)
    assert ask("hello") == ["1: hello"]
    assert ask("note milk") == ["1 notes"]
    kill_entity(service, ask.room)
    assert ask("note bread\nand butter") == ["2 notes"]
    assert ask("notes") == ["1. milk", "2. bread", "and butter"]
    assert ask("hello") == ["2: hello"]


def test_a_long_count_is_interrupted_and_tells_how_far_it_came(converse, service):
    ask = converse(COUNTER)
    assert ask("count 1000") == ["counting to 1000", "done"]
    with closing(service.subscribe([ask.room])) as watch:
        receipt = service.submit(ask.room, b"count 1000000000000", source="test")
        eventually(lambda: any(isinstance(event, Said) for event in watch.get(1)))
    result = service.interrupt(ask.room, by="test")
    assert result.outcome == Outcome.INTERRUPTED
    assert service.wait(receipt, timeout=30).seq == result.seq
    said = [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]
    assert said[0] == "counting to 1000000000000"
    assert said[1].startswith("interrupted at ")
    assert ask("hello") == ["1: hello"]


def test_the_diary_in_shell_keeps_its_page_and_gives_any_text_back(converse, service):
    ask = converse(DIARY)
    assert ask("rain") == ["page 1: rain"]
    kill_entity(service, ask.room)
    text = 'he said "no", \\ and\t50% of $HOME `id` \u6f22\U0001f600 "room":"x"'
    assert ask(text) == [f"page 2: {text}"]
    assert ask("two\nlines") == ["page 3: two", "lines"]


def test_the_list_in_perl_is_added_to_and_worked_off(converse, service):
    ask = converse(LIST)
    assert ask("list") == ["nothing to do"]
    assert ask("add gr\u00fc\u00dfe an alle") == ["added as 1"]
    assert ask("add bread") == ["added as 2"]
    kill_entity(service, ask.room)
    assert ask("list") == ["1. gr\u00fc\u00dfe an alle", "2. bread"]
    assert ask("done 1") == ["done: gr\u00fc\u00dfe an alle"]
    assert ask("list") == ["1. bread"]
