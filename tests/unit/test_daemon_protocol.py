"""The wire's own rules: what values cross it, what frames are, and that the documents say what the code does."""

import importlib
import math
import re
import socket
import struct
import threading

import msgpack
import pytest
from support import ROOT

from backrooms_tui.daemon import values, verbs
from backrooms_tui.daemon.frames import MAX_FRAME, Broken, Gone, Silence, Wire
from backrooms_tui.daemon.values import ENUMERATIONS, FIELDS, MODULES, Malformed, kind
from backrooms_tui.daemon.verbs import VERBS, packed_error, taken_error
from backrooms_tui.model import errors
from backrooms_tui.model.entries import EntryType, MemoryEntry, Tail
from backrooms_tui.model.events import Lagged, Said
from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.room import Counters, Creation, Damage, RoomConfig, RoomRecord, Suspension
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.views import RoomView, RunningTurn

ROOM = "a3f7c8d2" * 8
RECORD = RoomRecord(
    id=ROOM,
    state=RoomState.SUSPENDED,
    config=RoomConfig(name="\u202e name", timeout=30),
    creation=Creation(1, "ann", "here"),
    created_at=1,
    last_active=2,
    tail=Tail(3, 4, 5),
    counters=Counters(1, 2, 3, 4, 5, 6, 7),
    latencies=Latencies().observe(1_000_000).observe(3),
    suspension=Suspension(9, "ann@here"),
    damage=Damage("SEQUENCE_GAP", "/room", 1, 2),
)
VIEW = RoomView(RECORD, 1, RunningTurn(3, 4, 2.5), "LIVE", 12, 2)


def crossed(name, value):
    """A value at the other end."""
    return kind(name).decode(msgpack.unpackb(msgpack.packb(kind(name).encode(value))))


# Values.


@pytest.mark.parametrize("name", FIELDS)
def test_the_table_names_every_field_of_its_class_in_order(name):
    module = next(module for module, names in MODULES.items() if name in names.split())
    cls = getattr(importlib.import_module(f"backrooms_tui.model.{module}"), name)
    assert tuple(field.partition(":")[0] for field in FIELDS[name].split()) == cls.__slots__
    assert kind(name)


def test_every_class_of_the_table_has_fields_or_is_an_enumeration():
    assert {name for names in MODULES.values() for name in names.split()} == {*FIELDS, *ENUMERATIONS}


def test_every_event_can_cross():
    from typing import get_args

    from backrooms_tui.model.events import Event

    assert {cls.__name__ for cls in get_args(Event)} == values.EVENTS


def test_a_view_arrives_as_it_was_sent():
    assert crossed("RoomView", VIEW) == VIEW
    assert type(crossed("RoomView", VIEW).record.config.timeout) is int
    assert crossed("[RoomView]", [VIEW, VIEW]) == (VIEW, VIEW)


def test_equal_numbers_of_different_types_stay_apart():
    assert repr(crossed("RoomConfig", RoomConfig(timeout=30))) == repr(RoomConfig(timeout=30))
    assert repr(crossed("RoomConfig", RoomConfig(timeout=30.0))) == repr(RoomConfig(timeout=30.0))


def test_an_event_arrives_with_its_class():
    for event in (Said(ROOM, 1, 1, 0, 5, "\x1b]0;x\x07", True), Lagged(3)):
        assert crossed("Event", event) == event


def test_metadata_is_what_json_can_say():
    entry = MemoryEntry(1, 2, EntryType.OBSERVATION, "x", {"data": [1, None, True, {"a": [1.5]}]})
    assert crossed("MemoryEntry", entry) == entry
    for foreign in ({"a": b"x"}, {1: "a"}, {"a": msgpack.ExtType(4, b"x")}, {"a": [{2: 3}]}, [1]):
        with pytest.raises(Malformed):
            kind("map").decode(foreign)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("int", True),
        ("int", 1.0),
        ("bool", 1),
        ("text", b"x"),
        ("bytes", "x"),
        ("room", "A" * 64),
        ("room", "a" * 63),
        ("line", "a\nb"),
        ("line", "a" * 257),
        ("line", "\u202e"),
        ("count", 0),
        ("count", 1_000_001),
        ("time", -1),
        ("time", 1 << 63),
        ("seconds", math.nan),
        ("seconds", math.inf),
        ("seconds", -0.1),
        ("seconds", 86_401),
        ("seconds", True),
        ("nil", False),
        ("RoomState", "GONE"),
        ("RoomState", 1),
        ("EntryType", 5),
        ("EntryType", False),
        ("pairs", [1]),
        ("pairs", [1, "x"]),
        ("pairs", {1: 2}),
        ("[int]", {"a": 1}),
        ("[int]", [1, "x"]),
        ("Tail", [1, 2]),
        ("Tail", [1, 2, 3, 4]),
        ("Tail", [1, 2, "x"]),
        ("Tail", {"seq": 1}),
        ("Event", ["Lagged", []]),
        ("Event", ["RoomConfig", [1 << 29, 30, "zstd", "reference", None]]),
        ("Event", ["Exception", []]),
        ("Event", [["Lagged"], [1]]),
        ("Event", "Lagged"),
    ],
)
def test_what_is_of_another_kind_is_refused(name, wrong):
    with pytest.raises(Malformed):
        kind(name).decode(wrong)


def test_what_is_not_in_the_table_cannot_be_sent():
    with pytest.raises(TypeError):
        kind("Tail").encode(RoomConfig())
    with pytest.raises(KeyError):
        kind("Exception")


def test_what_is_remembered_of_small_values_is_bounded(monkeypatch):
    monkeypatch.setattr(values, "_COMBINATIONS", 8)
    of = kind("Counters")
    for n in range(100):
        assert of.decode([n, 0, 0, 0, 0, 0, 0]) == Counters(inputs=n)
    assert len(of._made) <= 8
    long = kind("Creation")
    long.decode([1, "x" * 100_000, "here"])
    assert not any("x" * 100_000 in key for key in long._made)


# Errors.


def test_every_error_comes_back_as_its_own_class_with_its_lines():
    waiting = [errors.BackroomsError]
    for cls in waiting:
        waiting.extend(found for found in cls.__subclasses__() if found.__module__ == errors.__name__)
        if "code" not in vars(cls):  # a base that nothing is raised as
            continue
        error = taken_error(packed_error(cls("A: 1", "B")))
        assert type(error) is cls
        assert (error.code, error.details, error.exit_status) == (cls.code, ("A: 1", "B"), cls.exit_status)
    other = taken_error(packed_error(errors.RoomNotFound("X", code="SOMETHING_NEWER")))
    assert (type(other), str(other)) == (errors.BackroomsError, "ERROR: SOMETHING_NEWER\nX")
    for wrong in (None, [], ["A"], ["A", "B"], ["A", [1]], [1, []]):
        with pytest.raises(Malformed):
            taken_error(wrong)


# Frames.


@pytest.fixture
def wires():
    a, b = socket.socketpair()
    yield Wire(a), Wire(b)
    a.close()
    b.close()


def test_messages_arrive_whole_and_in_order_also_in_parts(wires):
    a, b = wires
    messages = [[1, "ok", None], [2, "ok", "x" * (3 * MAX_FRAME)], [3, "ok", b""]]
    sending = threading.Thread(target=lambda: [a.send(message) for message in messages])
    sending.start()
    assert [b.receive(10) for _ in messages] == messages
    sending.join(10)


def test_a_message_in_parts_is_bounded_and_may_not_be_mixed(wires):
    a, b = wires
    for frames in (
        [[1, "part", b"x"], [2, "last", b"x"]],
        [[1, "part", b"x"], [1, "ok", b"x"]],
        [[1, "part", "x"]],
        [[1, "last", b"\xc1"]],
    ):
        for frame in frames:
            a.send(frame)
        with pytest.raises(Broken):
            b.receive(10)
        while b.waiting():
            b.receive_packed(0)
    small = Wire(b.socket, longest=10)
    a.send([1, "part", b"x" * 6])
    a.send([1, "last", b"x" * 6])
    with pytest.raises(Broken):
        small.receive(10)


@pytest.mark.parametrize("size", [0, MAX_FRAME + 1, 0x47455420, 0xFFFFFFFF])
def test_a_length_that_no_frame_has_is_refused_before_anything_is_read(wires, size):
    a, b = wires
    a.socket.sendall(struct.pack(">I", size))
    with pytest.raises(Broken):
        b.receive(10)


@pytest.mark.parametrize(
    "payload",
    [
        b"\xc1",
        b"\x92\x01",
        b"\x01\x01",
        b"\xdd\xff\xff\xff\xff",
        b"\xdd\x00\x0f\xff\xff" * 1000,
        b"\x91" * 100_000 + b"\x01",
        b"\xdf\x7f\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xa2\xff\xfe",
        b"\x81\x90\x01",
        b"\x81\x01\x01",
        b"\xd4\x01\x00",
        b"\xd6\xff\0\0\0\0",
    ],
)
def test_what_is_not_plain_msgpack_is_refused(wires, payload):
    a, b = wires
    a.send_packed(payload)
    with pytest.raises(Broken):
        Wire(b.socket, items=4096).receive(10)


def test_silence_and_the_end_are_told_apart(wires):
    a, b = wires
    with pytest.raises(Silence):
        b.receive(0)
    with pytest.raises(Silence):
        b.receive(0.01)
    assert not b.waiting()
    assert not b.over()
    a.socket.close()
    assert b.over()
    with pytest.raises(Gone):
        b.receive(10)


def test_a_frame_that_does_not_end_is_broken_when_its_time_is_up(wires):
    from time import monotonic

    a, b = wires
    a.socket.sendall(b"\0\0\0\x05ab")
    with pytest.raises(Broken):
        b.receive(10, deadline=monotonic() + 0.05)


def test_who_takes_nothing_is_gone(wires):
    a, _ = wires
    a.stall_seconds = 0.05
    with pytest.raises(Gone):
        for _ in range(100):
            a.send([1, "data", b"x" * 500_000])


# The documents.


def cells(text):
    return [re.sub(r"[`]", "", cell).strip() for cell in text.strip().strip("|").split("|")]


def table(after):
    text = (ROOT / "docs/DAEMON_PROTOCOL.md").read_text()
    lines = text.split(f"<!-- {after} -->\n")[1].splitlines()[2:]
    return [cells(line) for line in lines[: lines.index("")] if line.startswith("|")]


def written(arguments):
    return ", ".join(argument.replace(":", ": ") for argument in arguments.split()) or "—"


def test_the_documents_verbs_are_the_codes():
    documented = {name: (arguments, answer, changes) for name, arguments, answer, changes, *_ in table("verbs")}
    assert documented == {
        name: (written(verb.arguments), verb.answer, "yes" if verb.changes else "") for name, verb in VERBS.items()
    }
    for name, *_, frames in table("verbs"):
        verb = VERBS[name]
        assert ("progress" in frames) == verb.long
        assert ("data" in frames) == (verb.data is not None)


def test_the_documents_values_are_the_codes():
    assert dict(table("values")) == {name: written(fields) for name, fields in FIELDS.items()}


def test_the_documents_kinds_limits_and_hello_are_the_codes():
    from backrooms_tui.daemon import connection, frames, hello, relay, server

    text = (ROOT / "docs/DAEMON_PROTOCOL.md").read_text()
    assert all(f"`{name}`" in text for name in (*values.BASIC, *ENUMERATIONS))
    assert all(f"| `{name}` | `{of}` |" in text for name, of in {**hello._FIELDS, **hello._WELCOME}.items())
    assert f"`{hello.MAGIC}`" in text
    for line, number in (
        ("until the hello is complete | {} s", server.HELLO_SECONDS),
        ("a frame that has begun | {} s", frames.FRAME_SECONDS),
        ("taking one frame | {} s", frames.STALL_SECONDS),
        ("the newest {:,} events", relay.MAX_EVENTS),
        ("every {} seconds of silence", connection.HEARTBEAT),
        ("at most {:,} items", connection.LARGEST_ARRAY),
    ):
        assert line.format(int(number)) in text, line
    assert all(f"`{error.code}`" in text for error in errors.ConnectionDenied.__subclasses__())
    assert verbs.VERBS["subscribe"].answer == "nil"
