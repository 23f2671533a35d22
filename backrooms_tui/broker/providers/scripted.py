"""Models that need no server: they do what a small grammar says, the same thing every time. For tests and demos.

    llm:scripted/echo     says the user's words again
    llm:scripted/story    tells a long story
    llm:scripted/tools    uses tools: `remember KEY: TEXT`, `recall KEY`, `list`, `time`, `tell TEXT`; echoes the rest
    llm:scripted/script   does the steps that the user writes

Each may be followed by `@N`: words per second, 50 unless told. Steps are separated by `;`:

    say TEXT              says it, word by word
    lines N               says so many numbered lines
    wait SECONDS          is silent for so long
    use TOOL JSON         calls a tool; what stands behind the calls is done when they have been answered
    result                says what the tools answered
    fail CODE             fails, with one of the codes of failures.py
    stop                  ends in the middle: the answer breaks off

A word, with the space before it, is one piece and one token.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator

from backrooms_tui.broker.failures import FAILED, GARBAGE, TIMEOUT, Unanswered, told
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.value import value

from . import Asked, Piece, ToolPart, Usage

WORDS_PER_SECOND = 50
LONGEST_WAIT = 3600.0
MOST_LINES = 10_000
STORY = "\n".join(
    f"In room {n} there was nothing but a terminal, and what was typed into it stayed. Somebody came and asked what is"
    f" behind the door. The terminal was silent for a while; then it answered, truthfully: room {n + 1}."
    for n in range(1, 41)
)
_MODEL = re.compile(r"([a-z]+)(?:@([0-9]{1,7}))?")


@value
class Say:
    text: str


@value
class Wait:
    seconds: float


@value
class UseTool:
    name: str
    arguments: str


@value
class Result:
    """Say what the tools of the last round answered."""


@value
class Fail:
    code: str


@value
class Stop:
    """End without saying that it ends."""


Step = Say | Wait | UseTool | Result | Fail | Stop


def check(model: str) -> None:
    """Raise UsageError for a model that is none of these."""
    _parts(model)


class Scripted:
    """Implements Provider."""

    def stream(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        return self._stream(asked)

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def _stream(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        script, rate = _parts(asked.model)
        spent = calls = 0
        for step in _round(script(_last(asked, "user")), _rounds(asked)):
            match step:
                case Say() | Result():
                    text = step.text if isinstance(step, Say) else _last(asked, "tool")
                    for word in re.findall(r"\s*\S+|\s+$", text):
                        await asyncio.sleep(1 / rate)
                        spent += 1
                        yield Piece(text=word)
                case Wait():
                    await asyncio.sleep(step.seconds)
                case UseTool():
                    tool = ToolPart(calls, f"call_{_rounds(asked)}_{calls}", step.name, step.arguments)
                    calls += 1
                    yield Piece(tool=tool)
                case Fail():
                    raise Unanswered(step.code, "AS SCRIPTED")
                case Stop():
                    return
        words = sum(len(str(message["content"]).split()) for message in asked.messages)
        yield Piece(finish="tool_calls" if calls else "stop", usage=Usage(words, spent))


def _parts(model: str) -> tuple[Callable[[str], list[Step]], float]:
    match = _MODEL.fullmatch(model)
    if match is None or match[1] not in _SCRIPTS or match[2] == "0":
        raise UsageError(f"ENTITY: {told(model)!r} is not one of scripted's models: {', '.join(_SCRIPTS)}.")
    return _SCRIPTS[match[1]], int(match[2] or WORDS_PER_SECOND)


def _last(asked: Asked, role: str) -> str:
    """The last message of that role; of tools, all that came after the last answer."""
    found: list[str] = []
    for message in reversed(asked.messages):
        if message["role"] == role:
            found.insert(0, str(message["content"]))
        elif found:
            break
        if found and role != "tool":
            break
    return "\n".join(found)


def _rounds(asked: Asked) -> int:
    """How often the model has answered since the user spoke."""
    count = 0
    for message in reversed(asked.messages):
        if message["role"] == "user":
            break
        count += message["role"] == "assistant"
    return count


def _round(steps: list[Step], number: int) -> Iterator[Step]:
    """The steps of one round: rounds end behind tool calls, where something else stands behind them."""
    current, used = 0, False
    for step in steps:
        if used and not isinstance(step, UseTool):
            current, used = current + 1, False
        used = used or isinstance(step, UseTool)
        if current == number:
            yield step


def _echo(text: str) -> list[Step]:
    return [Say(text)]


def _story(_text: str) -> list[Step]:
    return [Say(STORY)]


def _tools(text: str) -> list[Step]:
    for pattern, name in _SPOKEN:
        match = pattern.fullmatch(text.strip())
        if match is not None:
            return [UseTool(name, json.dumps(match.groupdict())), Result()]
    return [Say(text)]


_SPOKEN = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), name)
    for pattern, name in (
        (r"remember (?P<key>[^:]+): *(?P<text>.+)", "remember"),
        (r"recall (?P<key>.+)", "recall"),
        (r"list", "list"),
        (r"time", "clock"),
        (r"tell (?P<text>.+)", "notify"),
    )
)


def _script(text: str) -> list[Step]:
    return [_step(part.strip()) for part in text.split(";") if part.strip()]


def _step(text: str) -> Step:
    word, _, rest = text.partition(" ")
    read = _STEPS.get(word)
    try:
        return _unknown(text) if read is None else read(rest.strip())
    except ValueError:
        return _unknown(text)


def _unknown(text: str) -> Step:
    return Say(f"No such step: {text}")


def _use(rest: str) -> Step:
    name, _, arguments = rest.partition(" ")
    return UseTool(name, arguments.strip() or "{}")


def _wait(rest: str) -> Step:
    seconds = float(rest)
    if not 0 <= seconds <= LONGEST_WAIT:
        raise ValueError(rest)
    return Wait(seconds)


def _fail(rest: str) -> Step:
    if rest not in (FAILED, TIMEOUT, GARBAGE):
        raise ValueError(rest)
    return Fail(rest)


def _lines(rest: str) -> Step:
    return Say("\n".join(f"line {n}" for n in range(1, min(int(rest), MOST_LINES) + 1)))


_STEPS: dict[str, Callable[[str], Step]] = {
    "say": Say,
    "lines": _lines,
    "wait": _wait,
    "use": _use,
    "result": lambda _: Result(),
    "fail": _fail,
    "stop": lambda _: Stop(),
}
_SCRIPTS: dict[str, Callable[[str], list[Step]]] = {
    "echo": _echo,
    "story": _story,
    "tools": _tools,
    "script": _script,
}
