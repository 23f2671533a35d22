"""What the room's memory says of calls that an earlier attempt has made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from backrooms_tui.entity.calls import CallResult
from backrooms_tui.entity.frames import Call
from backrooms_tui.model.entries import Draft, EntryType, MemoryEntry, Meta
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.supervisor import journal
from backrooms_tui.supervisor.calls import MAX_OPEN, Calls

ASK = Call("5.1", "model", {"messages": [1], "tools": []})
TELL = Call("5.2", "tool:notify", {"text": "x"})
INPUT = QueuedInput(5, 5)


class Store:
    """Memory that is only read, in pages as small as they get."""

    def __init__(self, *drafts: Draft) -> None:
        self._entries = [MemoryEntry(n, n, d.type, d.content, dict(d.metadata)) for n, d in enumerate(drafts, 1)]
        self.seen = 0

    def read(self, room_id, *, before=None, limit=0):
        page = [entry for entry in self._entries if before is None or entry.timestamp < before][-2:]
        self.seen += len(page)
        return page

    @property
    def room(self):
        return SimpleNamespace(id="r", record=SimpleNamespace(tail=SimpleNamespace(seq=len(self._entries))))


def typed(text: str = "hello") -> Draft:
    return Draft(EntryType.INPUT, text)


def ending(of: int) -> Draft:
    return Draft(EntryType.OUTPUT, "done", {Meta.INPUT: of, Meta.OUTCOME: "OUTPUT"})


def kept(*after: Draft) -> journal.Journal:
    """Of input 5, with these entries behind it."""
    store = Store(*[typed()] * 4, typed(), *after)
    return journal.kept(store, store.room, INPUT)  # type: ignore[arg-type]


def answered(call: Call, result: CallResult, of: int = 5) -> Draft:
    return journal.ended(of, call, journal.digest(call), result, 0.8132)


@pytest.mark.parametrize(
    "result",
    [
        CallResult(ok=True, answer={"text": "hi", "tool_calls": [], "finish": "stop"}, tokens=132),
        CallResult(ok=False, error="MODEL_FAILED: 500 no"),
        CallResult(ok=False, error="INTERRUPTED", answer={"text": "h"}, interrupted=True, tokens=3),
        CallResult(ok=True),
    ],
    ids=["answered", "failed", "interrupted", "nothing to say"],
)
def test_an_answer_comes_back_from_memory_as_it_was_given(result: CallResult):
    assert kept(answered(ASK, result)) == {(ASK.id, journal.digest(ASK)): result}


def test_what_was_begun_and_not_ended_is_known_as_that():
    key = (TELL.id, journal.digest(TELL))
    begun = journal.begun(5, TELL, journal.digest(TELL))
    assert kept(begun) == {key: None}
    assert kept(begun, answered(TELL, CallResult(ok=True, answer="told"))) == {key: CallResult(ok=True, answer="told")}


def test_inputs_that_came_meanwhile_and_notes_of_the_room_are_passed_over():
    note = Draft(EntryType.STATE_CHANGE, "ENTITY RESTARTED", {Meta.EVENT: "entity_restarted"})
    result = CallResult(ok=True, answer="hi")
    assert kept(typed(), answered(ASK, result), typed(), note, typed()) == {(ASK.id, journal.digest(ASK)): result}


def test_calls_of_other_inputs_are_not_this_ones():
    assert kept(answered(ASK, CallResult(ok=True), of=4), ending(4)) == {}
    assert kept(answered(ASK, CallResult(ok=True), of=4)) == {}


def test_nobody_reads_on_behind_the_end_of_the_turn_before():
    store = Store(*[typed()] * 200, *[ending(4)] * 100, typed())
    assert journal.kept(store, store.room, INPUT) == {}  # type: ignore[arg-type]
    assert store.seen == 2


def test_the_same_words_in_another_order_are_the_same_call_and_other_words_are_another():
    swapped = Call("5.1", "model", {"tools": [], "messages": [1]})
    assert journal.digest(swapped) == journal.digest(ASK)
    assert journal.digest(Call("5.1", "model", {"messages": [2], "tools": []})) != journal.digest(ASK)
    assert journal.digest(Call("5.1", "tool:model", ASK.args)) != journal.digest(ASK)


def test_an_entry_says_in_one_line_what_became_of_the_call():
    assert answered(ASK, CallResult(ok=True, tokens=132)).content == "CALL model: 132 tokens, 0.81 s"
    assert answered(TELL, CallResult(ok=True)).content == "CALL tool:notify: 0.81 s"
    failed = CallResult(ok=False, error="MODEL_FAILED: 500")
    assert answered(ASK, failed).content == "CALL model: MODEL_FAILED: 500, 0.81 s"


def test_a_turn_has_a_bounded_number_of_calls_open_and_no_id_twice():
    held: list[str] = []
    engine = SimpleNamespace(when_durable=lambda *_: False)
    listener = SimpleNamespace(hold=lambda room, turn, name: held.append(name))
    calls = Calls(engine, None, listener)  # type: ignore[arg-type]
    turn = SimpleNamespace(desk=None, seq=1)
    asked = [calls.asked(None, turn, Call(f"1.{n}", "model", {})) for n in range(MAX_OPEN)]  # type: ignore[arg-type]
    assert asked == [None] * MAX_OPEN
    assert calls.asked(None, turn, Call("1.0", "model", {})) == "call: an id that was used before"  # type: ignore[arg-type]
    assert calls.asked(None, turn, Call("2", "model", {})) == f"call: more than {MAX_OPEN} at once"  # type: ignore[arg-type]
    assert held == ["model"]
