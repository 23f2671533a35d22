"""The models that need no server do what their grammar says."""

from __future__ import annotations

import asyncio
import json

import pytest

from backrooms_tui.broker.answer import Answer
from backrooms_tui.broker.failures import Unanswered
from backrooms_tui.broker.providers import Asked
from backrooms_tui.broker.providers.scripted import STORY, Scripted, check
from backrooms_tui.model.errors import UsageError


def ask(model, *messages):
    """The answer to messages, which are the user's where they are plain text."""
    said = tuple({"role": "user", "content": one} if isinstance(one, str) else one for one in messages)
    answer = Answer()

    async def take():
        async for piece in Scripted().stream(Asked(model, said)):
            answer.add(piece)

    asyncio.run(take())
    return answer.whole


def used(*calls):
    """An assistant's message with tool calls, and what the tools answered."""
    wanted = [{"id": f"c{n}", "name": name, "arguments": "{}"} for n, (name, _) in enumerate(calls)]
    results = [{"role": "tool", "tool_call_id": f"c{n}", "content": text} for n, (_, text) in enumerate(calls)]
    return [{"role": "assistant", "content": None, "tool_calls": wanted}, *results]


def calls(answer):
    return [(call["name"], json.loads(call["arguments"])) for call in answer["tool_calls"]]


@pytest.mark.parametrize("text", ["hello", "  two  words ", "one\ntwo\n\nthree\n", "", "\N{GRINNING FACE} !"])
def test_echo_says_the_last_words_of_the_user_again(text):
    answer = ask("echo@100000", "earlier", {"role": "assistant", "content": "earlier"}, text)
    assert answer["text"] == text
    assert (answer["finish"], answer["tool_calls"]) == ("stop", [])


def test_tokens_are_words():
    assert ask("echo@100000", "one two three")["usage"] == {"input": 3, "output": 3}


def test_the_story_is_long_and_always_the_same():
    assert ask("story@100000", "go")["text"] == ask("story@100000", "?")["text"] == STORY
    assert len(STORY.split()) > 1000


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("remember cat: Tom: a tomcat", ("remember", {"key": "cat", "text": "Tom: a tomcat"})),
        ("Recall cat", ("recall", {"key": "cat"})),
        ("list", ("list", {})),
        ("time", ("clock", {})),
        ("tell it rains", ("notify", {"text": "it rains"})),
    ],
)
def test_tools_are_used_when_they_are_spoken_of_and_their_answer_is_said(text, call):
    first = ask("tools@100000", text)
    assert calls(first) == [call]
    assert first["finish"] == "tool_calls"
    second = ask("tools@100000", text, *used((call[0], "an answer")))
    assert (second["text"], second["tool_calls"]) == ("an answer", [])


def test_what_is_no_word_of_tools_is_echoed():
    assert ask("tools@100000", "remember me")["text"] == "remember me"


def test_a_script_is_done_step_by_step_and_round_by_round():
    script = 'say one; use list; use recall {"key": "cat"}; result; use done; say end'
    first = ask("script@100000", script)
    assert first["text"] == "one"
    assert calls(first) == [("list", {}), ("recall", {"key": "cat"})]
    round_one = used(("list", "cat"), ("recall", "Tom"))
    second = ask("script@100000", script, *round_one)
    assert second["text"] == "cat\nTom"
    assert calls(second) == [("done", {})]
    third = ask("script@100000", script, *round_one, *used(("done", "done")))
    assert (third["text"], third["tool_calls"]) == ("end", [])


def test_rounds_of_earlier_turns_do_not_count():
    assert ask("script@100000", "use list", *used(("list", "")), "say one")["text"] == "one"


def test_a_script_says_lines():
    assert ask("script@100000", "lines 3")["text"] == "line 1\nline 2\nline 3"


@pytest.mark.parametrize("code", ["MODEL_FAILED", "MODEL_TIMEOUT", "MODEL_GARBAGE"])
def test_a_script_fails(code):
    with pytest.raises(Unanswered, match=f"^{code}: AS SCRIPTED$"):
        ask("script@100000", f"say half; fail {code}")


def test_a_script_stops_without_an_end():
    answer = ask("script@100000", "say half; stop; say more")
    assert (answer["text"], answer["finish"]) == ("half", "")


@pytest.mark.parametrize(
    "step", ["dance", "wait long", "wait -1", "wait nan", "wait 4000", "lines x", "fail 500", "fail"]
)
def test_what_is_no_step_is_said_to_be_none(step):
    assert ask("script@100000", step)["text"] == f"No such step: {step}"


@pytest.mark.parametrize("model", ["", "nobody", "echo@", "echo@0", "echo@fast", "echo@-1", "echo@12345678", "Echo"])
def test_other_models_are_refused(model):
    with pytest.raises(UsageError, match="echo, story, tools, script"):
        check(model)
