"""The broker between an entity's calls and a model's server: the real client against a real socket."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from itertools import count

import pytest
from model_server import (
    ModelServer,
    breaks_off,
    deaf,
    echoes,
    ends_early,
    paced,
    refuses,
    says,
    sends,
    stalls,
    uses,
)
from support import eventually

from backrooms_tui.broker import answer
from backrooms_tui.broker.broker import HostBroker
from backrooms_tui.broker.providers import openai
from backrooms_tui.broker.tools import PREFIX, TOOLS
from backrooms_tui.config.settings import ModelSettings
from backrooms_tui.entity.calls import EFFECTS
from backrooms_tui.entity.frames import Call
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.runtimes import parse

KEY = "sk-test-0123456789abcdef"
HELLO = [{"role": "user", "content": "hello there"}]
ROOM = "f" * 64


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def make_broker(server):
    """Brokers of the server; each is closed, and none may have met a fault."""
    made, faults = [], []

    def make(*, notices=None, **settings):
        settings = {"base_url": server.base_url, "stall_timeout": 20, "call_timeout": 60, "retries": 0} | settings
        notify = (lambda *_: None) if notices is None else lambda *notice: notices.append(notice)
        made.append(HostBroker(ModelSettings(**settings), notify=notify, on_fault=faults.append))
        return made[-1]

    yield make
    for broker in made:
        broker.close()
    assert faults == []


class Turn:
    """One turn's calls, and what came of them."""

    def __init__(self, broker, runtime="llm:openai/some-model"):
        self.calls = broker.turn(ROOM, parse(runtime))
        self.ids = count(1)

    def begin(self, name="model", **args):
        return Asked(self.calls, Call(str(next(self.ids)), name, args))

    def ask(self, messages=None, **args):
        return self.begin(messages=messages or HELLO, **args)


class Asked:
    def __init__(self, calls, call):
        self.chunks = []
        self._results = queue.Queue()
        self._pending = calls.begin(call, on_chunk=self._chunk, on_result=self._results.put)

    def _chunk(self, text):
        assert self._results.empty(), "text after the result"
        self.chunks.append(text)

    @property
    def text(self):
        return "".join(self.chunks)

    def cancel(self):
        self._pending.cancel()

    def result(self):
        result = self._results.get(timeout=30)
        assert self._results.empty()
        return result


def refused(broker, **options):
    """How the next request ends."""
    result = Turn(broker, **options).ask().result()
    assert not result.ok
    assert result.answer is None
    return result.error


# Answers.


def test_an_answer_is_streamed_and_then_given_whole(server, make_broker):
    server.will(says("Hel", "lo", " there."))
    asked = Turn(make_broker()).ask()
    result = asked.result()
    assert result.ok
    assert result.answer == {
        "text": "Hello there.",
        "tool_calls": [],
        "usage": {"input": 7, "output": 5},
        "finish": "stop",
    }
    assert result.tokens == 12
    assert asked.text == "Hello there."


def test_the_first_text_comes_while_the_answer_goes_on(server, make_broker):
    gate = threading.Semaphore(0)
    server.will(paced(["one ", "two ", "three"], gate))
    asked = Turn(make_broker()).ask()
    for words in ("one ", "one two ", "one two three"):
        gate.release()
        eventually(lambda words=words: asked.text == words)
    assert asked.result().answer["text"] == "one two three"


def test_text_that_comes_faster_than_a_screen_is_painted_comes_in_larger_parts(server, make_broker):
    server.will(says(*["word "] * 3000))
    asked = Turn(make_broker()).ask()
    assert asked.result().answer["text"] == "word " * 3000 == asked.text
    assert len(asked.chunks) < 1000


def test_the_server_gets_the_messages_the_rooms_model_and_the_tools(server, make_broker):
    tool = {"name": "recall", "description": "Recalls.", "parameters": {"type": "object", "properties": {}}}
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is kept?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "name": "recall", "arguments": "{}"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "nothing"},
    ]
    Turn(make_broker(), "llm?tools=clock:openai/org/some-model").ask(said, tools=[tool]).result()
    body = server.exchanges[0].body
    assert body["model"] == "org/some-model"
    function = {"name": "recall", "arguments": "{}"}
    asked = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    assert body["messages"] == [*said[:2], asked, said[3]]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["recall", "clock"]
    assert body["stream"] is True


def test_tool_calls_are_put_together_from_their_parts(server, make_broker):
    server.will(uses(("remember", {"key": "cat", "text": "Tom"}), ("list", "{}"), text="Let me see."))
    result = Turn(make_broker()).ask().result()
    assert result.answer["text"] == "Let me see."
    assert result.answer["finish"] == "tool_calls"
    assert result.answer["tool_calls"] == [
        {"id": "call-0", "name": "remember", "arguments": '{"key": "cat", "text": "Tom"}'},
        {"id": "call-1", "name": "list", "arguments": "{}"},
    ]


def test_half_characters_of_a_careless_server_are_made_whole(server, make_broker):
    server.will(says("a\ud83d", "b"))
    asked = Turn(make_broker()).ask()
    assert asked.result().answer["text"] == "a\N{REPLACEMENT CHARACTER}b" == asked.text


def test_a_server_that_does_not_count_tokens_is_estimated(server, make_broker):
    server.will(says("x" * 400, tokens=None))
    result = Turn(make_broker()).ask().result()
    assert result.answer["usage"] is None
    assert result.tokens >= 100


TOOL = {"name": "recall", "description": "Recalls.", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "registry.ollama.ai/library/small does not support tools"),
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        (500, "tools param requires --jinja flag"),
        (500, "Unsupported param: tools"),
    ],
)
def test_what_a_server_does_not_know_is_left_out_from_then_on(server, make_broker, status, words):
    server.will(
        refuses(400, "Unrecognized request argument supplied: stream_options"),
        refuses(status, words),
        echoes,
        echoes,
    )
    broker = make_broker()
    for _ in range(2):
        assert Turn(broker).ask(tools=[TOOL]).result().ok
    sent = [("stream_options" in exchange.body, "tools" in exchange.body) for exchange in server.exchanges]
    assert sent == [(True, True), (False, True), (False, False), (False, False)]


def test_a_refusal_for_another_reason_takes_nothing_away(server, make_broker):
    server.will(refuses(400, "a tool message has to follow its call"))
    broker = make_broker()
    assert not Turn(broker).ask(tools=[TOOL]).result().ok
    assert Turn(broker).ask(tools=[TOOL]).result().ok
    assert ["tools" in exchange.body for exchange in server.exchanges] == [True, True]


# Ends before the end.


def test_a_cancelled_call_ends_with_what_had_come_and_the_server_sees_it_go(server, make_broker):
    server.will(stalls("Once ", "upon"))
    asked = Turn(make_broker()).ask()
    eventually(lambda: asked.text == "Once upon")
    asked.cancel()
    asked.cancel()
    result = asked.result()
    assert (result.ok, result.interrupted, result.error) == (False, True, "INTERRUPTED")
    assert result.answer["text"] == "Once upon"
    assert server.exchanges[0].closed.wait(10)


def test_a_call_can_be_cancelled_before_the_server_says_anything(server, make_broker):
    server.will(deaf)
    asked = Turn(make_broker()).ask()
    eventually(lambda: server.exchanges)
    asked.cancel()
    assert asked.result().interrupted
    assert server.exchanges[0].closed.wait(10)


def brokers():
    return {thread for thread in threading.enumerate() if thread.name == "broker"}


def test_closing_the_broker_ends_every_call(server, make_broker):
    earlier = brokers()
    server.will(stalls("a"), deaf)
    broker = make_broker()
    first, second = Turn(broker).ask(), Turn(broker).ask()
    eventually(lambda: len(server.exchanges) == 2)
    at_work = brokers() - earlier
    assert at_work
    broker.close()
    assert first.result().interrupted
    assert second.result().interrupted
    assert Turn(broker).ask().result().interrupted
    assert not brokers() & at_work


# What servers do wrong.


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 502, 503])
def test_a_refusal_is_one_line_with_the_status_and_the_servers_words(server, make_broker, status):
    server.will(refuses(status, "not\ntoday \x1b[31m"))
    error = refused(make_broker())
    assert error.startswith(f"MODEL_FAILED: {status} ")
    assert "not today" in error
    assert error.isprintable()


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_refusal_that_may_pass_is_tried_again(server, make_broker, status):
    server.will(refuses(status, Retry_After="0.01"), says("at last"))
    assert Turn(make_broker(retries=1)).ask().result().answer["text"] == "at last"
    assert len(server.exchanges) == 2


def test_too_many_requests_are_tried_again_when_the_server_says(server, make_broker):
    server.will(refuses(429, Retry_After="0.4"), says("at last"))
    assert Turn(make_broker(retries=1)).ask().result().ok
    first, second = server.exchanges
    assert second.began - first.began >= 0.4


def test_retries_have_an_end(server, make_broker):
    server.will(*[refuses(500, Retry_After="0.01")] * 3)
    assert refused(make_broker(retries=2)).startswith("MODEL_FAILED: 500")
    assert len(server.exchanges) == 3


@pytest.mark.parametrize("reply", [deaf, stalls("a word")])
def test_a_silent_server_is_given_up_and_not_asked_again(server, make_broker, reply):
    server.will(reply)
    asked = Turn(make_broker(stall_timeout=1, retries=2)).ask()
    assert asked.result().error == "MODEL_TIMEOUT: NO SIGN OF THE SERVER FOR 1 SECONDS"
    eventually(lambda: server.exchanges)  # it may not have looked yet
    assert server.exchanges[0].closed.wait(10)
    assert len(server.exchanges) == 1


def test_an_answer_that_takes_too_long_is_cut(server, make_broker):
    def babbles(exchange):
        exchange.open()
        while not exchange.closed.wait(0.02):
            exchange.event({"content": "on and "})

    server.will(babbles)
    asked = Turn(make_broker(call_timeout=2)).ask()
    assert asked.result().error == "MODEL_TIMEOUT: NO WHOLE ANSWER IN 2 SECONDS"
    assert asked.text.startswith("on and on and ")


def test_an_unreachable_server_is_said_to_be(make_broker):
    with socket.socket() as silent:  # nobody else's port meanwhile, and nobody listens
        silent.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        assert refused(make_broker(base_url=base_url)).startswith("MODEL_FAILED: NO CONNECTION")


@pytest.mark.parametrize(
    "reply",
    [
        breaks_off("half"),
        ends_early("half"),
        sends(b"data: {garbage\n\n"),
        sends(b"data: \xff\xfe\n\n"),
        sends(b"data: []\n\n"),
        sends(b'data: "text"\n\n'),
        sends(b'data: {"choices": 5}\n\n'),
        sends(b'data: {"choices": [{"index": 0, "delta": {"content": 5}}]}\n\n'),
        sends(b'data: {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": "x"}]}}]}\n\n'),
        sends(b"data: " + b"[" * 100_000 + b"\n\n"),
        sends(b"data: [DONE]\n\n"),
        sends(b"<html>Welcome</html>"),
        sends(),
        lambda exchange: exchange.respond(200, {"choices": []}),
        lambda exchange: exchange.open(Content_Encoding="gzip") or exchange.end(),
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_is_garbage(server, make_broker, reply):
    server.will(reply)
    assert refused(make_broker()).startswith("MODEL_GARBAGE: ")
    assert Turn(make_broker()).ask().result().ok


def test_an_error_within_a_stream_is_the_servers(server, make_broker):
    server.will(sends(b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'))
    assert refused(make_broker()) == "MODEL_FAILED: out of memory"


def test_a_redirect_is_not_followed(server, make_broker):
    with ModelServer() as other:
        server.will(refuses(307, "elsewhere", Location=f"{other.base_url}/chat/completions"))
        assert refused(make_broker()).startswith("MODEL_FAILED: 307")
        assert other.exchanges == []


def test_a_servers_cookies_are_not_kept(server, make_broker):
    server.will(refuses(500, Set_Cookie="visitor=1"))
    broker = make_broker(retries=1)
    assert Turn(broker).ask().result().ok
    assert all("cookie" not in exchange.headers for exchange in server.exchanges)
    assert len(server.exchanges) == 2


@pytest.mark.parametrize(
    "data",
    [b"x" * 65_536, b": still here\n" * 5000, b"data: x\n" * 8000],
    ids=["one line", "comments", "one event"],
)
def test_a_flood_without_events_is_cut(server, make_broker, data, monkeypatch):
    monkeypatch.setattr(openai, "MAX_EVENT", 1_000_000)

    def floods(exchange):
        exchange.open()
        while True:
            exchange.raw(data)

    server.will(floods)
    assert refused(make_broker()) == "MODEL_GARBAGE: THE ANSWER HAS NO END"
    assert server.exchanges[0].closed.wait(10)


def test_an_answer_beyond_its_bound_is_cut(server, make_broker, monkeypatch):
    monkeypatch.setattr(answer, "MAX_TEXT", 100_000)
    server.will(says(*["x" * 1000] * 101))
    assert refused(make_broker()) == "MODEL_GARBAGE: MORE THAN 100000 BYTES OF TEXT"


def test_tool_calls_beyond_their_bounds_are_cut(server, make_broker):
    server.will(uses(*[("list", "{}")] * 65), uses(("remember", {"text": "x" * 70_000}), part=1000))
    broker = make_broker()
    assert refused(broker) == "MODEL_GARBAGE: MORE THAN 64 TOOL CALLS"
    assert refused(broker) == "MODEL_GARBAGE: A TOOL CALL OF MORE THAN 65536 BYTES"


# What a room may, and for how much.


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        ("reference", "model"),
        ("python:x.py", "model"),
        ("command:bc", "tool:clock"),
        ("llm:scripted/echo", "tool:clock"),
        ("llm?tools=clock:scripted/echo", "tool:notify"),
        ("llm:scripted/echo", "shell"),
        ("llm:scripted/echo", "model\x1b[31m"),
    ],
)
def test_what_is_not_granted_is_denied_at_once(make_broker, runtime, name):
    result = Turn(make_broker(), runtime).begin(name).result()
    assert (result.ok, result.interrupted) == (False, False)
    assert result.error.startswith("CAPABILITY_DENIED: ")
    assert result.error.isprintable()


def test_grants_are_the_model_and_the_named_tools(make_broker):
    broker = make_broker()
    assert broker.grants(parse("llm?tools=notify,clock:openai/m")) == ("model", "tool:notify", "tool:clock")
    assert broker.grants(parse("reference")) == ()


def test_a_turn_has_so_many_calls(make_broker):
    turn = Turn(make_broker(), "llm?calls=2&tools=clock:scripted/echo")
    assert turn.ask().result().ok
    assert turn.begin("tool:clock").result().ok
    assert turn.ask().result().error == "BUDGET_EXHAUSTED: 2 CALLS"


def test_answers_of_the_journal_are_charged(make_broker):
    broker = make_broker()
    turn = Turn(broker, "llm?calls=1:scripted/echo")
    done = Turn(broker, "llm:scripted/echo").ask().result()
    turn.calls.replay(Call("1", "model", {}), done)
    assert turn.ask().result().error == "BUDGET_EXHAUSTED: 1 CALLS"


def test_a_turn_that_has_used_its_tokens_gets_no_more(server, make_broker):
    server.will(says("a", tokens=(60, 39)))
    turn = Turn(make_broker(), "llm?tokens=100:openai/m")
    assert turn.ask().result().tokens == 99
    assert turn.ask().result().error == "BUDGET_EXHAUSTED: 100 TOKENS"
    assert len(server.exchanges) == 1


def test_an_answer_is_cut_where_the_tokens_of_the_turn_end(server, make_broker):
    def babbles(exchange):
        exchange.open()
        while True:
            exchange.event({"content": "on and on "})

    server.will(babbles)
    asked = Turn(make_broker(), "llm?tokens=1000:openai/m").ask()
    assert asked.result().error == "BUDGET_EXHAUSTED: 1000 TOKENS"
    assert 1000 < len(asked.text) < 8000
    assert server.exchanges[0].closed.wait(10)


def test_an_answer_is_cut_where_the_seconds_of_the_turn_end(server, make_broker):
    server.will(stalls("a word"))
    asked = Turn(make_broker(), "llm?seconds=300ms:openai/m").ask()
    assert asked.result().error == "BUDGET_EXHAUSTED: THE SECONDS OF THE TURN"


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"messages": "hello"},
        {"messages": []},
        {"messages": [{"role": "root", "content": "x"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": ["x"]}]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": 5}]}]},
        {"messages": HELLO, "tools": {}},
        {"messages": HELLO, "tools": [{"name": "a b", "description": "", "parameters": {}}]},
        {"messages": HELLO, "model": "a dearer one"},
        {"messages": HELLO, "base_url": "http://elsewhere"},
    ],
)
def test_a_request_that_is_none_is_refused_and_not_sent(server, make_broker, args):
    result = Turn(make_broker()).begin("model", **args).result()
    assert result.error.startswith("CALL_INVALID: ")
    assert server.exchanges == []


# Tools of the host.


def test_the_clock_tells_the_time(make_broker):
    told = Turn(make_broker(), "llm?tools=clock:scripted/echo").begin("tool:clock").result()
    assert told.ok
    assert time.time() - time.mktime(time.strptime(told.answer, "%Y-%m-%dT%H:%M:%SZ")) < 60


def test_notify_tells_the_operators_one_safe_line(make_broker):
    notices = []
    turn = Turn(make_broker(notices=notices), "llm?tools=notify:scripted/echo")
    assert turn.begin("tool:notify", text="the lamp\n is \x1b[31m out").result().answer == "told"
    assert turn.begin("tool:notify", text="x" * 2000).result().ok
    assert turn.begin("tool:notify").result().error == "CALL_INVALID: text is missing"
    (room, line), (_, long) = notices
    assert room == ROOM
    assert line.startswith("the lamp is ")
    assert line.isprintable()
    assert len(long) == 500


def test_effects_are_those_of_tools_there_are():
    assert {PREFIX + name for name in TOOLS} >= EFFECTS


# What a room is made with.


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ("llm:scripted/nobody", "echo, story, tools, script"),
        ("llm:scripted/echo@0", "scripted's models"),
        ("llm?tools=clock,shell:scripted/echo", "'shell' is not one of the host's tools: clock, notify"),
    ],
)
def test_a_room_of_what_is_not_there_is_refused_in_words(make_broker, runtime, words):
    with pytest.raises(UsageError, match=words):
        make_broker().check(parse(runtime))


def test_a_room_of_what_is_there_is_not_refused(make_broker):
    for runtime in ("reference", "command:bc", "llm:scripted/echo@1000", "llm?tools=clock,notify:openai/m"):
        make_broker().check(parse(runtime))


def test_without_the_extra_it_is_named(make_broker, monkeypatch):
    monkeypatch.setattr("backrooms_tui.broker.models.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'backrooms-terminal\[llm\]'"):
        make_broker().check(parse("llm:openai/m"))
    assert "pip install 'backrooms-terminal[llm]'" in refused(make_broker())


# Keys.


def test_the_key_of_the_file_goes_to_the_server_and_a_new_one_holds_at_once(server, make_broker, tmp_path):
    file = tmp_path / "key"
    broker = make_broker(key_file=str(file))
    for key in (KEY, KEY[::-1]):
        file.write_text(f"{key}\n")
        file.chmod(0o600)
        assert Turn(broker).ask().result().ok
    assert [exchange.headers["authorization"] for exchange in server.exchanges] == [
        f"Bearer {KEY}",
        f"Bearer {KEY[::-1]}",
    ]


def test_without_a_file_the_variable_holds_and_without_both_no_key_is_sent(server, make_broker, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    broker = make_broker()
    assert Turn(broker).ask().result().ok
    monkeypatch.delenv("OPENAI_API_KEY")
    assert Turn(broker).ask().result().ok
    assert [exchange.headers.get("authorization") for exchange in server.exchanges] == [f"Bearer {KEY}", None]


def test_a_key_that_others_may_read_is_not_used(server, make_broker, tmp_path):
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o644)
    error = refused(make_broker(key_file=str(file)))
    assert error == f"MODEL_FAILED: KEY: PATH: {file} REASON: others may read or write it"
    assert server.exchanges == []


@pytest.mark.parametrize("held", [None, "", "two\nlines", "x" * 5000, "schl\xfcssel"])
def test_a_file_without_a_key_is_said_to_be(server, make_broker, tmp_path, held):
    file = tmp_path / "key"
    if held is not None:
        file.write_text(held)
        file.chmod(0o600)
    assert refused(make_broker(key_file=str(file))).startswith(f"MODEL_FAILED: KEY: {file}")
    assert server.exchanges == []


def test_a_server_that_says_the_key_back_does_not_get_it_told(server, make_broker, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.will(
        refuses(401, f"Incorrect API key provided: {KEY}."),
        sends(b'data: {"error": {"message": "no such key as %s"}}\n\n' % KEY.encode()),
    )
    broker = make_broker()
    for _ in range(2):
        error = refused(broker)
        assert KEY not in error
        assert "***" in error


def test_a_password_in_the_address_is_used_and_never_told(server, make_broker):
    base_url = server.base_url.replace("http://", "http://somebody:open%20sesame@")
    server.will(lambda exchange: refuses(403, f"who is {exchange.headers['authorization']}, open sesame")(exchange))
    error = refused(make_broker(base_url=base_url))
    assert server.exchanges[0].headers["authorization"].startswith("Basic ")
    assert error == "MODEL_FAILED: 403 Forbidden: who is Basic ***, ***"


def test_the_clients_own_log_says_nothing(server, make_broker, caplog):
    caplog.set_level(logging.DEBUG)
    server.will(refuses(500, Retry_After="0.01"))
    assert Turn(make_broker(retries=1)).ask().result().ok
    assert "hello there" not in caplog.text
    assert [record for record in caplog.records if record.name.startswith(("openai", "httpx2", "httpcore2"))] == []
