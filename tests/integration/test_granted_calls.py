"""Rooms of other people's code that are granted calls: a class in Python, and a program that speaks frames."""

from __future__ import annotations

import textwrap

import pytest
from command_rooms import script
from support import eventually

from backrooms_tui.config.settings import EntitySettings, PersistenceSettings, Settings
from backrooms_tui.model.entries import EntryType, Meta, Outcome
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.events import Said
from backrooms_tui.model.room import RoomConfig

CLERK = """
from backrooms_tui.entity.base import CallFailed, Entity, Interrupted

class Clerk(Entity):
    def on_input(self, text):
        what, _, words = text.partition(" ")
        try:
            if what == "ask":
                answer = self.call("model", {"messages": [{"role": "user", "content": words}]}, self.observe)
                self.output(answer["text"])
            else:
                self.output(str(self.call(f"tool:{what}", {"text": words} if words else {})))
        except CallFailed as error:
            self.output(f"{type(error).__name__} {error}")
        except Interrupted as cut:
            self.output(f"cut after {cut.answer['text'].split()[0]}")
"""
"""Asks a model, or uses a tool, as it is told."""

FRAMES = """
$| = 1;
<STDIN>;
print qq({"type":"ready","v":1,"name":"asker","version":"1"}\\n);
while (my $frame = <STDIN>) {
    my ($seq) = $frame =~ /"seq":(\\d+)/;
    my ($text) = $frame =~ /"text":"(.*?)"/;
    print qq({"type":"call","id":"$seq","name":"model","args":{"messages":[{"role":"user","content":"$text"}]}}\\n);
    do { $frame = <STDIN> } until $frame =~ /"type":"result"/;
    my ($answer) = $frame =~ /"text":"(.*?)"/;
    print qq({"type":"output","text":"it says: $answer"}\\n{"type":"done","seq":$seq}\\n);
}
"""


@pytest.fixture
def service(tmp_path, open_service_on):
    persistence = PersistenceSettings(path=str(tmp_path / "rooms"))
    return open_service_on(Settings(persistence=persistence, entity=EntitySettings(interrupt_grace=20)))


@pytest.fixture
def clerk(tmp_path):
    path = tmp_path / "clerk.py"
    path.write_text(textwrap.dedent(CLERK))
    return path


def make(service, entity):
    return service.create(RoomConfig(entity=entity)).record.id


def said(service, room, text):
    result = service.wait(service.submit(room, text.encode(), source="test"), timeout=30)
    assert result.outcome == Outcome.OUTPUT, result
    return [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]


def test_a_class_asks_the_model_that_its_room_is_given(service, clerk):
    room = make(service, f"python?model=scripted/echo@1000:{clerk}")
    assert said(service, room, "ask are you there") == ["are you there"]


def test_what_a_class_asked_and_was_answered_is_in_its_rooms_journal(service, clerk):
    room = make(service, f"python?model=scripted/echo@1000:{clerk}")
    said(service, room, "ask are you there")
    kept = [entry for entry in service.read(room) if Meta.CALL in entry.metadata]
    assert [entry.type for entry in kept] == [EntryType.STATE_CHANGE]
    assert "model" in kept[0].content


def test_a_class_uses_the_tools_that_are_named_and_no_others(service, clerk):
    room = make(service, f"python?tools=clock:{clerk}")
    assert said(service, room, "clock")[0].endswith("Z")
    assert said(service, room, "notify the house is warm") == ["CallDenied CAPABILITY_DENIED: tool:notify"]
    assert said(service, room, "ask anything") == ["CallDenied CAPABILITY_DENIED: model"]


def test_a_class_that_is_granted_nothing_is_denied_everything(service, clerk):
    room = make(service, f"python:{clerk}")
    assert said(service, room, "clock") == ["CallDenied CAPABILITY_DENIED: tool:clock"]


def test_the_calls_of_a_class_are_bounded_for_each_turn(service, clerk):
    room = make(service, f"python?calls=1&model=scripted/script@1000&tokens=4:{clerk}")
    answer = said(service, room, "ask say far more words than four tokens are enough for")
    assert answer[0].startswith("CallFailed BUDGET_EXHAUSTED: 4 TOKENS")


def test_an_interrupted_class_has_what_had_come_and_its_turn_counts(service, clerk):
    room = make(service, f"python?model=scripted/story:{clerk}")
    watching = service.subscribe([room])
    receipt = service.submit(room, b"ask a story", source="test")
    eventually(lambda: any(isinstance(event, Said) for event in watching.get(0)))
    result = service.interrupt(room, by="ann@example")
    assert result.outcome == Outcome.INTERRUPTED
    assert result.seq == receipt.seq
    assert [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT] == ["cut after In"]


def test_a_program_that_speaks_frames_asks_a_model(service, tmp_path, need_tool):
    need_tool("perl")
    room = make(service, f"command?mode=frames&model=scripted/echo@1000:perl {script(tmp_path, FRAMES)}")
    assert said(service, room, "hello there") == ["it says: hello there"]


@pytest.mark.parametrize(
    ("entity", "told"),
    [
        ("python?model=scripted/echoes:{}", "echoes"),
        ("python?tools=clock,telephone:{}", "'telephone' is not one of the host's tools: clock, notify."),
    ],
)
def test_a_room_is_not_made_with_calls_that_nobody_can_answer(service, clerk, entity, told):
    with pytest.raises(UsageError) as refused:
        make(service, entity.format(clerk))
    assert told in refused.value.details[0]
