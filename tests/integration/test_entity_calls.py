"""What a sealed entity asks of the host, and how its turns are interrupted: at any moment, and never a moment late."""

from __future__ import annotations

import pytest
from sealed_rooms import Room

from backrooms_tui.entity.frames import Call, Closed, Done, Fail, Output, Ready, StateSet, Violation

LOOP = "spent = 0\n while True: spent += 1"
"""Inside a `try`. CPython 3.11 raises at a loop's start, which is outside the `try` when the loop is its beginning."""


@pytest.fixture
def room(host):
    room = Room(host)
    assert isinstance(room.await_ready()[-1], Ready)
    yield room
    room.end()


def ends(frame) -> bool:
    return isinstance(frame, Done | Fail | Closed | Violation)


def asked(room: Room, code: str) -> Call:
    room.begin(code)
    frame = room.frames_until(lambda f: isinstance(f, Call) or ends(f))[-1]
    assert isinstance(frame, Call), frame
    return frame


def rest(room: Room) -> list:
    return room.frames_until(ends)


def test_a_call_waits_for_its_result(room):
    call = asked(room, "result = self.call('tool:add', {'a': 1})")
    assert call == Call("1.1", "tool:add", {"a": 1})
    room.process.send({"type": "result", "id": call.id, "ok": True, "value": {"sum": 2}, "interrupted": False})
    assert rest(room) == [Output("{'sum': 2}"), Done(1)]


def test_streamed_text_is_heard_before_the_result(room):
    call = asked(room, "result = self.call('model', {}, self.output)")
    room.process.send({"type": "chunk", "id": call.id, "text": "Hel"})
    assert room.frames_until(lambda f: isinstance(f, Output)) == [Output("Hel")]
    room.process.send({"type": "chunk", "id": call.id, "text": "lo"})
    room.process.send({"type": "result", "id": call.id, "ok": True, "value": "Hello", "interrupted": False})
    assert rest(room) == [Output("lo"), Output("Hello"), Done(1)]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ("CAPABILITY_DENIED: tool:x", "CallDenied CAPABILITY_DENIED"),
        ("MODEL_FAILED: 500", "CallFailed MODEL_FAILED"),
        ("BUDGET_EXHAUSTED", "CallFailed BUDGET_EXHAUSTED"),
    ],
)
def test_a_refused_call_raises_what_the_host_says(room, error, raised):
    code = (
        "from backrooms_tui.entity.base import CallFailed\n"
        "try: self.call('x')\nexcept CallFailed as error: result = f'{type(error).__name__} {error.code}'"
    )
    call = asked(room, code)
    room.process.send({"type": "result", "id": call.id, "ok": False, "error": error, "interrupted": False})
    assert rest(room) == [Output(raised), Done(1)]


def test_a_call_made_while_another_is_heard_gets_its_own_result(room):
    code = "result = self.call('outer', {}, lambda text: self.output(self.call('inner')))"
    outer = asked(room, code)
    room.process.send({"type": "chunk", "id": outer.id, "text": "x"})
    inner = room.frames_until(lambda f: isinstance(f, Call))[-1]
    for call, value in ((outer, "outer's"), (inner, "inner's")):
        room.process.send({"type": "result", "id": call.id, "ok": True, "value": value, "interrupted": False})
    assert rest(room) == [Output("inner's"), Output("outer's"), Done(1)]


def test_an_answer_that_nobody_waits_for_is_dropped(room):
    call = asked(room, "self.call('model', {}, lambda text: 1 / 0)")
    room.process.send({"type": "chunk", "id": call.id, "text": "x"})
    assert rest(room)[-1].error == "ZeroDivisionError"
    room.process.send({"type": "result", "id": call.id, "ok": True, "value": 1, "interrupted": False})
    again = asked(room, "result = self.call('model')")
    assert again.id == "2.1"
    room.process.send({"type": "result", "id": call.id, "ok": True, "value": "stale", "interrupted": False})
    room.process.send({"type": "result", "id": again.id, "ok": True, "value": "fresh", "interrupted": False})
    assert rest(room) == [Output("fresh"), Done(2)]


def test_an_interrupted_call_gives_what_had_come(room):
    code = (
        "from backrooms_tui.entity.base import Interrupted\n"
        "try: self.call('model', {}, self.output)\nexcept Interrupted as cut: result = ('cut', cut.answer)"
    )
    call = asked(room, code)
    room.process.send({"type": "chunk", "id": call.id, "text": "Hel"})
    room.frames_until(lambda f: isinstance(f, Output))
    assert room.process.interrupt(1)
    room.process.send({"type": "result", "id": call.id, "ok": False, "value": "Hel", "interrupted": True})
    assert rest(room) == [Output("('cut', 'Hel')"), Done(1)]
    assert room.said("result = 'next'") == "next"


def test_a_listener_is_interrupted_too_and_the_answer_is_not_lost(room):
    code = (
        "from backrooms_tui.entity.base import Interrupted\n"
        f"def hear(text):\n self.output(text); {LOOP}\n"
        "try: self.call('model', {}, hear)\nexcept Interrupted as cut: result = ('cut', cut.answer)"
    )
    call = asked(room, code)
    room.process.send({"type": "chunk", "id": call.id, "text": "Hel"})
    room.frames_until(lambda f: isinstance(f, Output))
    assert room.process.interrupt(1)
    room.process.send({"type": "chunk", "id": call.id, "text": "lo"})
    room.process.send({"type": "result", "id": call.id, "ok": True, "value": "Hello", "interrupted": False})
    assert rest(room) == [Output("('cut', 'Hello')"), Done(1)]


def test_an_interrupt_that_nobody_catches_fails_the_turn_and_the_room_goes_on(room):
    room.begin(f"self.state['k'] = 1\ntry:\n self.output('said'); {LOOP}\nexcept Exception: pass")
    assert room.frames_until(lambda f: isinstance(f, Output)) == [Output("said")]
    assert room.process.interrupt(1)
    (fail,) = rest(room)
    assert (fail.error, fail.text) == ("Interrupted", "interrupted")
    assert room.said("result = dict(self.state)") == "{}"


def test_an_interrupt_that_is_caught_commits_the_turn(room):
    room.begin(
        f"self.state['k'] = 1\ntry:\n self.output('said'); {LOOP}\nexcept KeyboardInterrupt: result = 'cut short'"
    )
    room.frames_until(lambda f: isinstance(f, Output))
    assert room.process.interrupt(1)
    assert rest(room) == [Output("cut short"), StateSet({"k": 1}), Done(1)]


def test_a_turn_is_interrupted_once(room):
    room.begin(
        f"try:\n self.output('on'); {LOOP}\nexcept KeyboardInterrupt:\n self.output('caught')\n"
        " result = self.call('go on')"
    )
    room.frames_until(lambda f: isinstance(f, Output))
    room.process.interrupt(1)
    *_, call = room.frames_until(lambda f: isinstance(f, Call))
    room.process.interrupt(1)
    room.process.send({"type": "result", "id": call.id, "ok": True, "value": "well", "interrupted": False})
    assert rest(room) == [Output("well"), Done(1)]


def test_between_turns_an_interrupt_is_nothing(room):
    assert room.said("result = 1") == "1"
    for _ in range(20):
        room.process.interrupt(1)
    assert room.said("result = 2") == "2"


def test_an_interrupt_at_the_edge_of_a_turn_neither_kills_nor_poisons_the_next(room):
    """Sent while the turn is as good as over; whatever it met, the next one is answered."""
    for n in range(300):
        room.begin("self.output('said')")
        frames = room.frames_until(lambda f: isinstance(f, Output) or ends(f)) if n % 2 else []
        room.process.interrupt(room.seq)
        if not any(map(ends, frames)):
            frames += rest(room)
        assert isinstance(frames[-1], Done) or frames[-1].error == "Interrupted"
        assert room.said("result = 'well'") == "well"


def test_an_interrupt_that_comes_before_the_turn_has_begun_is_not_lost(room):
    """The host sends both at once, and the entity may not have seen the input yet."""
    for _ in range(100):
        room.begin(f"if 1:\n {LOOP}")
        room.process.interrupt(room.seq)
        (fail,) = rest(room)
        assert fail.error == "Interrupted"


def test_a_signal_that_no_interrupt_of_this_turn_goes_with_is_nothing(room):
    assert room.said("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nresult = 'on'") == "on"
    room.process.send({"type": "interrupt", "seq": 1})
    assert room.said("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nresult = 'on'") == "on"


def test_output_that_is_interrupted_arrives_in_whole_frames(room):
    for _ in range(20):
        room.begin("while True: self.output('x' * 50_000)")
        room.frames_until(lambda f: isinstance(f, Output))
        room.process.interrupt(room.seq)
        assert room.frames_until(ends)[-1].error == "Interrupted"


def test_a_call_outside_a_turn_is_the_entitys_mistake(host):
    source = (
        "from backrooms_tui.entity.base import Entity\nclass E(Entity):\n"
        " def __init__(self, **given):\n  super().__init__(**given)\n  self.call('model')\n"
    )
    room = Room(host, source)
    frames = room.frames_until(lambda f: isinstance(f, Closed))
    assert [(f.error, f.text) for f in frames if isinstance(f, Fail)] == [
        ("RuntimeError", "calls are made while an input is answered")
    ]
    room.end()


def test_where_a_call_failed_is_told_by_the_entitys_own_lines(room):
    call = asked(room, "self.call('model')")
    room.process.send(
        {"type": "result", "id": call.id, "ok": False, "error": "CAPABILITY_DENIED", "interrupted": False}
    )
    assert rest(room)[-1].trace.endswith('File "input.py", line 1, in <module>\n')
