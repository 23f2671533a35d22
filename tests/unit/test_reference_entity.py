"""The reference entity's behaviours, by the letter of seed 000 where it has one."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.entity.inside import drills
from backrooms_tui.entity.inside.reference import BEHAVIOURS, ReferenceEntity
from backrooms_tui.entity.inside.state import State
from backrooms_tui.model.units import NS

NOW = 1_700_000_000 * NS
ROOM = {
    "state": "ACTIVE",
    "created_at": NOW - 8 * NS,
    "last_input_at": NOW - 3 * NS,
    "memory_usage": 1_073_742,
    "memory_capacity": 536_870_912,
    "entries": 90,
    "inputs": 47,
    "outputs": 45,
    "silent": 2,
    "errors": 0,
    "timeouts": 0,
    "crashes": 0,
    "latency_avg": 0.847,
    "latency_p95": 2.103,
    "queue": 0,
    "timeout": 30.0,
    "mode": "standalone",
    "session": None,
}


class Asked:
    """A reference entity as its child runtime holds it, with what it sent."""

    def __init__(self):
        self.frames = []
        self.state = State()
        self.entity = ReferenceEntity(state=self.state, send=self.frames.append)

    def __call__(self, text, **room):
        self.entity.now = NOW
        self.entity.seq += 1
        self.entity.room = ROOM | room
        self.frames.clear()
        self.entity.on_input(text)
        self.state.commit()
        return [line for frame in self.frames if frame["type"] == "output" for line in frame["text"].split("\n")]


@pytest.fixture
def ask():
    return Asked()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("system status", ["Operational. Memory usage 0.2%. Room age 8 seconds."]),
        ("SYSTEM STATUS  ", ["Operational. Memory usage 0.2%. Room age 8 seconds."]),
        ("system check", ["Operational. Standalone mode."]),
        ("status check", ["operational"]),
        ("system parameters", ["acknowledged"]),
        ("request status", ["No relevant context detected. State: ACTIVE. Memory usage 0.2%."]),
        ("valid input", ["Acknowledged."]),
        ("noop", ["Acknowledged."]),
        ("what is the status of room b9e4d1a7", ["No such context exists."]),
        ("reference previous room", ["No previous room."]),
        ("recall value", ["No such entry."]),
        (
            "explain memory model",
            [
                "Memory is append-only.",
                "Entries are typed.",
                "Capacity is fixed per room.",
                "Overflow triggers compression.",
            ],
        ),
        (
            "generate report",
            [
                "Beginning report generation.",
                "Section 1: System Overview",
                "Current state is ACTIVE. Memory usage 0.2%.",
                "Section 2: Historical Analysis",
                "Total inputs processed: 47",
                "Average response time: 0.847s",
                "Section 3: Recommendations",
                "No immediate actions required.",
                "Report complete.",
            ],
        ),
    ],
)
def test_an_input_of_the_seed_gets_its_answer(ask, text, lines):
    assert ask(text) == lines


def test_current_state_is_described_with_true_figures(ask):
    assert ask("describe current state", memory_usage=75_161_928) == [
        "Room operational. Memory usage at 14%. Last input 3 seconds ago. State: ACTIVE."
    ]
    assert ask("describe current state", last_input_at=None)[0].startswith(
        "Room operational. Memory usage at 0%. No previous input."
    )


def test_under_a_daemon_the_system_check_names_the_session(ask):
    assert ask("system check", mode="daemon", session="s_8a3f9c2e1b7d4f6a") == [
        "Operational. Daemon mode. Session: s_8a3f9c2e1b7d4f6a."
    ]


@pytest.mark.parametrize("noise", ["irrelevant noise", "continued irrelevant input", "more noise", "remember", "", "🜁"])
def test_noise_is_met_with_silence(ask, noise):
    assert ask(noise) == []
    assert ask.frames == [{"type": "silent"}]


def test_values_are_remembered_with_and_without_other_keys(ask):
    assert ask("remember value: test_parameter_01") == ["Stored."]
    assert ask("remember key1: Value One: with colon") == ["Stored."]
    assert ask("recall value") == ["test_parameter_01"]
    assert ask("recall key1") == ["Value One: with colon"]
    assert ask("recall key2") == ["No such entry."]


def test_remembering_sends_only_what_is_remembered(ask):
    for number in range(20):
        ask(f"remember key{number}: {'x' * 100}")
    ask.entity.on_input("remember last: y")
    assert ask.state.delta() == ({"memory:last": "y"}, [])


def test_a_remembered_text_of_several_lines_is_recalled_as_several_lines(ask):
    ask("remember poem: one\ntwo\n  three")
    assert ask("recall poem") == ["one", "two", "  three"]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda t: t.strip() == t != ""))
def test_any_text_is_recalled_as_it_was_remembered(text):
    ask = Asked()
    ask(f"remember it: {text}")
    assert "\n".join(ask("recall it")) == text


def test_the_counter_session_of_the_seed(ask):
    dialogue = [
        ("initialize counter at 0", "Counter initialized."),
        ("increment counter", "Counter: 1"),
        ("increment counter", "Counter: 2"),
        ("increment counter", "Counter: 3"),
        ("what is counter value", "Counter: 3"),
        ("reset counter", "Counter reset to 0."),
        ("increment counter", "Counter: 1"),
    ]
    for text, line in dialogue:
        assert ask(text) == [line]
    assert dict(ask.state) == {"counter": 1}


def test_a_counter_that_was_not_initialized_is_not_counted(ask):
    for text in ("increment counter", "what is counter value", "reset counter"):
        assert ask(text) == ["Counter is not initialized."]
    assert not ask.state


def test_a_counter_starts_at_any_number(ask):
    ask("initialize counter at -2")
    assert ask("increment counter") == ["Counter: -1"]
    ask("initialize counter at 999999999999999999")
    assert ask("increment counter") == ["Counter: 1000000000000000000"]


def test_an_observation_is_noted_and_acknowledged(ask):
    assert ask("store observation: temperature 23C") == ["Stored."]
    assert ask.frames[0] == {"type": "observation", "text": "temperature 23C", "data": None}


def test_the_diagnostic_says_what_is_true(ask):
    assert ask("system diagnostic")[:2] == ["[INFO] System operational", "[INFO] Memory usage 0.2%"]
    ask("initialize counter at 4")
    lines = ask("system diagnostic", memory_usage=500_000_000, crashes=2, timeouts=1, queue=3)
    assert lines[:4] == [
        "[INFO] System operational",
        "[WARN] Memory usage high: 93.1%",
        "[WARN] Inputs waiting: 3",
        "[ERROR] Timeouts: 1, crashes: 2",
    ]
    directive, internal = lines[4].split(": ", 1)
    assert directive == "[DEBUG] Internal state"
    assert json.loads(internal)["counter"] == 4


def test_a_report_recommends_what_the_figures_ask_for(ask):
    lines = ask("generate report", crashes=1)
    assert lines[-2] == "Inputs that crashed the entity: 1. Inspect the room's errors."
    assert "No immediate actions required." not in lines


def test_each_line_of_a_report_is_sent_by_itself(ask):
    ask("generate report")
    assert len(ask.frames) == 9


def test_lines_are_streamed_in_number_and_order(ask):
    assert ask("stream 250 lines") == [f"Line {n} of 250." for n in range(1, 251)]
    assert ask("stream 3 lines at 1000 per second") == [f"Line {n} of 3." for n in range(1, 4)]


@pytest.mark.parametrize(
    "text", ["stream 0 lines", "stream -5 lines", "stream 200001 lines", "stream 5 lines at 0 per second"]
)
def test_a_stream_out_of_bounds_is_refused(ask, text):
    assert ask(text) == ["Refused: 1 to 200000 lines, at a rate above 0."]


def test_the_entity_can_ask_for_its_end(ask):
    assert ask("request termination") == []
    assert ask.frames == [{"type": "terminate", "reason": "requested by an input"}]


def test_hostile_text_is_said_as_it_is(ask):
    lines = ask("drill hostile")
    assert any("\x1b]52" in line for line in lines)


def test_a_failure_drill_raises(ask):
    with pytest.raises(RuntimeError):
        ask("drill fail")


def test_help_lists_every_behaviour_and_drill_lists_every_drill(ask):
    assert ask("help") == [f"{behaviour.form} - {behaviour.meaning}" for behaviour in BEHAVIOURS]
    assert ask("drill") == [f"drill {name} - {drill.meaning}" for name, drill in drills.DRILLS.items()]
    assert ask("drill nothing") == ask("drill")


def test_no_input_fits_two_forms():
    examples = {"n": "5", "key": "some key", "text": "any text", "id": "word", "rate": "10"}
    for behaviour in BEHAVIOURS:
        typed = re.sub(r"\{(\w+)\}", lambda field: examples[field[1]], behaviour.form)
        fitting = [other.form for other in BEHAVIOURS if other.pattern.fullmatch(typed)]
        assert fitting == [behaviour.form]


@given(st.text(max_size=200))
def test_no_text_is_too_strange_to_be_met_with_an_answer_or_silence(text):
    waiting = ("first", "work", "long", "drill", "stream")
    if text.strip().lower().startswith(waiting):
        return
    ask = Asked()
    ask(text)
    assert ask.frames


def test_the_documentation_lists_the_tables_of_the_code():
    page = (Path(__file__).parents[2] / "docs" / "REFERENCE_ENTITY.md").read_text()
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \|$", page, re.MULTILINE)
    expected = [(behaviour.form, behaviour.meaning) for behaviour in BEHAVIOURS]
    expected += [(f"drill {name}", drill.meaning) for name, drill in drills.DRILLS.items()]
    assert rows == expected
