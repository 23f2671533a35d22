"""The decoder of room-entity/1: bounded, ordered, and never surprised by bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backrooms_tui.entity.frames import (
    MAX_LINE,
    MAX_TURN_BYTES,
    MAX_TURN_FRAMES,
    Done,
    Fail,
    Log,
    Observation,
    Output,
    Ready,
    Silent,
    StateSet,
    StateValue,
    Terminate,
    Violation,
)
from backrooms_tui.entity.wire import LOUD, Decoder

READY = b'{"type":"ready","v":1,"name":"n","version":"1"}\n'


def line(**fields) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def in_turn(seq: int = 7) -> Decoder:
    decoder = Decoder()
    assert decoder.feed(READY) == [Ready("n", "1")]
    decoder.begin_turn(seq)
    return decoder


def broken(frames: list, code: str = "PROTOCOL_VIOLATION") -> str:
    assert isinstance(frames[-1], Violation), frames
    assert frames[-1].code == code
    return frames[-1].reason


EVERY_FRAME = (
    line(type="output", text="a\nb")
    + line(type="silent")
    + line(type="observation", text="o", data={"k": [1, 2.5, None]})
    + line(type="state", set={"a": 1}, **{"del": ["b"]})
    + line(type="state", value={"c": 2})
    + line(type="log", level="info", text="l")
    + line(type="terminate", reason="r")
    + line(type="done", seq=7)
)
EXPECTED = [
    Output("a\nb"),
    Silent(),
    Observation("o", {"k": [1, 2.5, None]}),
    StateSet({"a": 1}, ("b",)),
    StateValue({"c": 2}),
    Log("info", "l"),
    Terminate("r"),
    Done(7),
]


def test_every_kind_of_frame_is_decoded():
    assert in_turn().feed(EVERY_FRAME) == EXPECTED


def test_a_fail_frame_ends_the_turn():
    decoder = in_turn()
    assert decoder.feed(line(type="fail", error="E", text="t", trace="x")) == [Fail("E", "t", "x")]
    assert "outside a turn" in broken(decoder.feed(line(type="output", text="late")))


@given(cuts=st.lists(st.integers(0, len(EVERY_FRAME)), max_size=12))
def test_reads_split_anywhere_give_the_same_frames(cuts):
    decoder, frames, at = in_turn(), [], 0
    for cut in [*sorted(cuts), len(EVERY_FRAME)]:
        frames += decoder.feed(EVERY_FRAME[at:cut])
        at = cut
    assert frames == EXPECTED


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage\n",
        b"\n",
        b"[]\n",
        b'"text"\n',
        b"{}\n",
        b'{"type":["done"]}\n',
        b'{"type":null}\n',
        b'{"type":"unheard"}\n',
        b"\xff\xfe{}\n",
        b'\xef\xbb\xbf{"type":"silent"}\n',
        b'{"type":"output"}\n',
        b'{"type":"output","text":5}\n',
        b'{"type":"observation","text":null}\n',
        b'{"type":"observation","text":"x","data":NaN}\n',
        b'{"type":"observation","text":"x","data":-Infinity}\n',
        b'{"type":"observation","text":"x","data":1e999}\n',
        b'{"type":"state","set":[]}\n',
        b'{"type":"state","value":3}\n',
        b'{"type":"state","del":[1]}\n',
        b'{"type":"fail","error":"e","text":"t"}\n',
        b'{"type":"done"}\n',
        b'{"type":"done","seq":"7"}\n',
        b'{"type":"done","seq":true}\n',
        b'{"type":"done","seq":8}\n',
        b'{"type":"state","set":{"n":' + b"9" * 5000 + b"}}\n",
        b'{"type":"state","set":{"n":' + b"[" * 200 + b"]" * 200 + b"}}\n",
        b'{"type":"state","set":{"n":' + b"[" * 100_000 + b"]" * 100_000 + b"}}\n",
        READY,
    ],
    ids=lambda sent: repr(sent[:40]),
)
def test_what_is_no_frame_is_a_violation_and_the_last_word(sent):
    decoder = in_turn()
    assert broken(decoder.feed(sent))
    assert decoder.feed(line(type="done", seq=7)) == []
    assert decoder.feed_printed(b"more\n") == []


@pytest.mark.parametrize(
    "sent", [line(type="output", text="x"), line(type="done", seq=0), line(type="terminate", reason="")]
)
def test_nothing_but_log_and_fail_comes_before_ready(sent):
    assert "before ready" in broken(Decoder().feed(sent))
    assert Decoder().feed(line(type="log", level="l", text="t")) == [Log("l", "t")]
    assert Decoder().feed(line(type="fail", error="e", text="t", trace="")) == [Fail("e", "t", "")]


@pytest.mark.parametrize("version", ["0", "2", '"1"', "true", "null", "1.0"])
def test_ready_has_to_pick_the_offered_version(version):
    frame = b'{"type":"ready","v":%s,"name":"n","version":"1"}\n' % version.encode()
    assert "offered [1]" in broken(Decoder().feed(frame))


def test_done_twice_and_output_after_done_are_violations():
    for late in (line(type="done", seq=7), line(type="output", text="x")):
        decoder = in_turn()
        assert decoder.feed(line(type="done", seq=7)) == [Done(7)]
        assert "outside a turn" in broken(decoder.feed(late))


def test_lone_surrogates_become_replacement_characters_everywhere():
    sent = rb'{"type":"observation","text":"a\ud800b","data":{"\udfff":["\udc00"]}}' + b"\n"
    assert in_turn().feed(sent) == [Observation("a\ufffdb", {"\ufffd": ["\ufffd"]})]
    assert in_turn().feed(rb'{"type":"output","text":"\ud83d\ude00"}' + b"\n") == [Output("\U0001f600")]


def test_control_bytes_pass_unchanged_for_the_faces_to_scrub():
    assert in_turn().feed(line(type="output", text="\x1b]52;c;x\x07\x00")) == [Output("\x1b]52;c;x\x07\x00")]


def test_pieces_of_one_output_come_as_they_are_said_and_have_to_be_finished():
    decoder = in_turn()
    assert decoder.feed(line(type="output", text="one ", more=True)) == [Output("one ", more=True)]
    assert decoder.feed(line(type="output", text="line")) == [Output("line")]
    decoder.feed(line(type="output", text="one ", more=True))
    assert "unfinished" in broken(decoder.feed(line(type="silent")))


def test_a_line_longer_than_the_bound_is_a_violation_before_its_end_is_seen():
    decoder, chunk = in_turn(), b"x" * 65536
    for _ in range(MAX_LINE // len(chunk)):
        assert decoder.feed(chunk) == []
    assert "bytes" in broken(decoder.feed(chunk))


def test_the_bytes_of_one_input_are_bounded():
    decoder, frames = in_turn(), []
    big = line(type="output", text="x" * 65000)
    for _ in range(MAX_TURN_BYTES // len(big)):
        frames += decoder.feed(big)
    assert all(isinstance(frame, Output) for frame in frames)
    broken(decoder.feed(big), "OUTPUT_SIZE_EXCEEDED")


def test_the_frames_of_one_input_are_bounded():
    decoder = in_turn()
    assert len(decoder.feed(line(type="silent") * MAX_TURN_FRAMES)) == MAX_TURN_FRAMES
    broken(decoder.feed(line(type="silent")), "OUTPUT_SIZE_EXCEEDED")


def test_a_decoder_is_loud_from_so_many_frames_and_lines_on_until_the_next_input():
    decoder = in_turn(1)
    decoder.feed_printed(b"x\n" * LOUD)
    assert not decoder.loud
    decoder.feed(b'{"type":"output","text":"one more"}\n')
    assert decoder.loud
    decoder.feed(b'{"type":"done","seq":1}\n')
    assert not decoder.loud


def test_printed_bytes_count_against_the_same_bound():
    decoder, chunk = in_turn(), b"y" * 65536
    for _ in range(MAX_TURN_BYTES // len(chunk)):
        assert decoder.feed_printed(chunk) == []
    broken(decoder.feed_printed(chunk), "OUTPUT_SIZE_EXCEEDED")


def test_the_bounds_are_counted_anew_for_each_input():
    decoder = in_turn()
    decoder.feed(line(type="silent") * (MAX_TURN_FRAMES - 1) + line(type="done", seq=7))
    decoder.begin_turn(8)
    assert decoder.feed(line(type="silent") * 2 + line(type="done", seq=8)) == [Silent(), Silent(), Done(8)]


def test_printed_lines_are_output_in_a_turn_and_log_outside():
    decoder = Decoder()
    assert decoder.feed_printed(b"early\n") == [Log("stdout", "early\n")]
    decoder.feed(READY)
    decoder.begin_turn(7)
    assert decoder.feed_printed(b"\xc3") == []
    assert decoder.feed_printed(b"\xa9 and\nmore\nrest") == [Output("\u00e9 and\nmore\n")]
    assert decoder.feed(line(type="done", seq=7)) == [Output("rest"), Done(7)]
    assert decoder.feed_printed(b"late\n") == [Log("stdout", "late\n")]


def test_printed_bytes_that_are_no_text_are_replaced():
    assert in_turn().feed_printed(b"\xff\xfe\n") == [Output("\ufffd\ufffd\n")]


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_no_bytes_raise(chunks):
    decoder = in_turn()
    for chunk in chunks:
        for frame in decoder.feed(chunk) + decoder.feed_printed(chunk):
            json.dumps(repr(frame)).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300)
@given(
    kind=st.sampled_from(
        ["ready", "output", "silent", "observation", "state", "log", "terminate", "fail", "done", "x"]
    ),
    fields=st.dictionaries(
        st.sampled_from(
            ["text", "data", "set", "del", "value", "level", "reason", "error", "trace", "seq", "more", "v"]
        ),
        JSON,
        max_size=6,
    ),
)
def test_any_json_gives_a_frame_that_can_be_written_again_or_a_violation(kind, fields):
    for frame in in_turn().feed(line(type=kind, **fields)):
        match frame:
            case Observation(text, data):
                json.dumps([text, data], ensure_ascii=False, allow_nan=False).encode()
            case StateSet(changed, gone):
                json.dumps([changed, *gone], ensure_ascii=False, allow_nan=False).encode()
            case StateValue(value):
                json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
            case Output(text):
                text.encode()
            case Violation(code, reason):
                assert code == "PROTOCOL_VIOLATION"
                reason.encode()


def test_a_violation_shows_the_beginning_of_the_line_that_it_is():
    frames = in_turn().feed(line(type="silent") + b'{"type":"done","seq":9}\n')
    assert frames[-1] == Violation("PROTOCOL_VIOLATION", "done for 9, in flight is 7", '{"type":"done","seq":9}')
    assert in_turn().feed(line(type="silent") + b"x" * 2 * MAX_LINE)[-1].line == "x" * 200
    assert in_turn().feed(b"\xff{\n")[-1].line == "\ufffd{"
