"""What a room's entity is: one line of text that names a runtime, its target and its options.

    reference
    python:/srv/entities/counter.py
    python:package.module:Class
    command:bc -q
    command?mode=frames&children=yes:perl todo.pl
    python?model=openai/gpt-5&tools=clock:/srv/entities/clerk.py
    llm?system=Answer%20briefly.&tools=clock:openai/gpt-5

The line is what a room keeps, shows and is created from; options are percent-encoded, as in a URL's query, and stand
in alphabetical order. Whether a program or a module is there is not asked here: that is for who starts it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from .errors import UsageError
from .value import changed, value

REFERENCE = "reference"
PYTHON = "python"
COMMAND = "command"
LLM = "llm"
KINDS = (REFERENCE, PYTHON, COMMAND, LLM)

HERMETIC_PROFILE = "HERMETIC"
COMMAND_PROFILE = "COMMAND"

MAX_ENTITY = 4096
"""Characters of the whole line."""
MAX_CALLS = 1000
MAX_TOKENS = 10_000_000
MAX_TURNS = 10_000

_YES = {"yes": "yes", "no": "no", "true": "yes", "false": "no", "on": "yes", "off": "no"}
_SPOKEN = re.compile(r"(\d+(?:\.\d+)?)(ms|s)?")
_TOOL = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PROVIDERS = ("scripted", "openai")
_HEAD = re.compile(r"([a-z]+)(?:\?([^:]*))?(?::(.*))?", re.DOTALL)


class _Wrong(Exception):
    """A value is not one the option can have; the text says what it should be."""


def _one_of(*choices: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in choices:
            raise _Wrong("|".join(choices))
        return text

    return check


def _yes_no(text: str) -> str:
    if text.lower() not in _YES:
        raise _Wrong("yes|no")
    return _YES[text.lower()]


def _whole(most: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:20]) <= most):
            raise _Wrong(f"a whole number, 1 to {most}")
        return str(int(text))

    return check


def _span(text: str) -> str:
    """Seconds, as `0.3`, `2s` or `300ms`; 1 ms to an hour."""
    match = _SPOKEN.fullmatch(text)
    seconds = 0.0 if match is None else float(match[1]) / (1000 if match[2] == "ms" else 1)
    if not 0.001 <= seconds <= 3600:
        raise _Wrong("a time such as 300ms or 2s, at most 3600s")
    return f"{seconds:g}"


def _free(text: str) -> str:
    if not text or "\0" in text:
        raise _Wrong("some text")
    return text


def _tools(text: str) -> str:
    names = [name.strip() for name in text.split(",")]
    if not all(_TOOL.fullmatch(name) for name in names):
        raise _Wrong("names of tools, separated by commas")
    return ",".join(dict.fromkeys(names))


def _model(text: str) -> str:
    provider, slash, name = text.partition("/")
    if provider not in _PROVIDERS or not slash or not name:
        raise _Wrong(f"provider/model; providers: {', '.join(_PROVIDERS)}")
    return text


@value
class OptionKind:
    """An option of a runtime."""

    help: str
    default: str
    """What holds without it, as text; empty: nothing."""
    check: Callable[[str], str]


_BOUNDS: Mapping[str, OptionKind] = {
    "calls": OptionKind("Calls for one turn, of the model and of tools", "16", _whole(MAX_CALLS)),
    "tokens": OptionKind("Tokens for one turn", "100000", _whole(MAX_TOKENS)),
    "seconds": OptionKind("Seconds that the calls of one turn may take", "120", _span),
}
_GRANTS: Mapping[str, OptionKind] = {
    "model": OptionKind("The model that it may ask, as provider/model", "", _model),
    "tools": OptionKind("Tools of the host that it may use", "", _tools),
}

OPTIONS: Mapping[str, Mapping[str, OptionKind]] = {
    REFERENCE: {},
    PYTHON: {**_GRANTS, **_BOUNDS},
    COMMAND: {
        "mode": OptionKind("How input and output are exchanged", "lines", _one_of("lines", "exit", "frames")),
        "marker": OptionKind("lines: the answer ends with this line, which is not shown", "", _free),
        "quiet": OptionKind("lines: the answer ends after so long a silence", "", _span),
        "restore": OptionKind("lines: what a restarted program is given", "replay", _one_of("replay", "fresh")),
        "children": OptionKind("Whether it may start other programs", "no", _yes_no),
        "threads": OptionKind("Whether it may use threads", "no", _yes_no),
        **_GRANTS,
        **_BOUNDS,
    },
    LLM: {
        "system": OptionKind("What the model is told first", "", _free),
        "window": OptionKind("Earlier turns that the model is shown", "20", _whole(MAX_TURNS)),
        "tools": OptionKind("Tools of the host that the model may use", "", _tools),
        "done": OptionKind(
            "When a turn ends: with the first answer without tool calls, or when the tool `done` is used",
            "reply",
            _one_of("reply", "tool"),
        ),
        **_BOUNDS,
    },
}
"""By runtime: the options it knows."""

EXAMPLES = ("reference", "python:./counter.py", "'command:bc -q'", "llm:scripted/echo")


@value
class Runtime:
    """A parsed line; see the module."""

    kind: str
    """One of KINDS."""
    target: str = ""
    """`python`: file, or module and class. `command`: the words of a command line. `llm`: provider/model."""
    options: tuple[tuple[str, str], ...] = ()
    """Those that were given, checked, by name in alphabetical order."""

    @property
    def text(self) -> str:
        """The line that `parse` gives this for."""
        query = "&".join(f"{name}={quote(held, safe=' ,/')}" for name, held in self.options)
        head = f"{self.kind}?{query}" if query else self.kind
        return f"{head}:{self.target}" if self.target else head

    @property
    def shown(self) -> str:
        """Runtime and target, for places that have no room for the options."""
        return f"{self.kind}:{self.target}" if self.target else self.kind

    @property
    def profile(self) -> str:
        """Of the seal: HERMETIC_PROFILE or COMMAND_PROFILE."""
        return COMMAND_PROFILE if self.kind == COMMAND else HERMETIC_PROFILE

    @property
    def argv(self) -> tuple[str, ...]:
        """The words of a command."""
        return tuple(shlex.split(self.target))

    @property
    def model(self) -> str:
        """provider/model of the one that the entity may ask; empty: none."""
        if self.kind == LLM:
            return self.target
        return self.option("model") if "model" in OPTIONS[self.kind] else ""

    @property
    def calls(self) -> tuple[str, ...]:
        """Names of the calls of the host that it grants: `model`, and `tool:` with each tool."""
        tools = self.option("tools").split(",") if "tools" in OPTIONS[self.kind] else ()
        return (*(("model",) if self.model else ()), *(f"tool:{name}" for name in tools if name))

    def option(self, name: str) -> str:
        """What was given, or holds without it."""
        return dict(self.options).get(name, OPTIONS[self.kind][name].default)

    @property
    def effective(self) -> tuple[tuple[str, str], ...]:
        """Every option that holds something, given or by default; nothing bounds calls that are not granted."""
        names = (name for name in OPTIONS[self.kind] if self.calls or name not in _BOUNDS)
        return tuple((name, self.option(name)) for name in names if self.option(name))

    def with_options(self, given: Iterable[str]) -> Runtime:
        """Itself with options of the form `name=value`, over those it has. Raises UsageError."""
        pairs = [text.partition("=") for text in given]
        bare = next((name for name, equals, _ in pairs if not equals), None)
        if bare is not None:
            raise UsageError(f"ENTITY OPTION: {bare[:40]!r} is not of the form name=value.")
        merged = dict(self.options) | {name: held for name, _, held in pairs}
        return _consistent(changed(self, options=_checked(self.kind, merged.items())))


@lru_cache(maxsize=256)
def parse(text: str) -> Runtime:
    """The runtime that a line names. Raises UsageError, saying what is wrong with it."""
    if len(text) > MAX_ENTITY:
        raise UsageError(f"ENTITY: more than {MAX_ENTITY} characters.")
    match = _HEAD.fullmatch(text)
    if match is None or match[1] not in KINDS or not text.isprintable():
        raise UsageError(f"ENTITY: {text[:60]!r} is not one of {', '.join(EXAMPLES)}.")
    kind, query, target = match[1], match[2], (match[3] or "").strip()
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise UsageError(f"ENTITY: {query[:60]!r} are not options of the form name=value&name=value.") from None
    runtime = Runtime(kind, target, _checked(kind, pairs))
    _check_target(runtime)
    return _consistent(runtime)


def _consistent(runtime: Runtime) -> Runtime:
    """Itself, if it holds together."""
    if len(runtime.text) > MAX_ENTITY:
        raise UsageError(f"ENTITY: more than {MAX_ENTITY} characters with its options.")
    if runtime.kind == COMMAND and runtime.calls and runtime.option("mode") != "frames":
        raise UsageError("ENTITY OPTION: model and tools need mode=frames: a plain program has no way to call.")
    return runtime


def _checked(kind: str, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    known = OPTIONS[kind]
    checked = {}
    for name, held in pairs:
        if name not in known:
            choices = ", ".join(known) or "none"
            raise UsageError(f"ENTITY OPTION: {name[:40]!r} is not one of {kind}: {choices}.")
        try:
            checked[name] = known[name].check(held)
        except _Wrong as wrong:
            raise UsageError(f"ENTITY OPTION: {name}={held[:40]!r} is not {wrong}.") from None
    return tuple(sorted(checked.items()))


def _check_target(runtime: Runtime) -> None:
    kind, target = runtime.kind, runtime.target
    if kind == REFERENCE and target:
        raise UsageError(f"ENTITY: reference takes no target, {target[:40]!r} was given.")
    if kind != REFERENCE and not target:
        example = next(one for one in EXAMPLES if kind in one)
        raise UsageError(f"ENTITY: {kind} of what? For example {example}.")
    if kind == COMMAND:
        try:
            words = shlex.split(target)
        except ValueError as error:
            raise UsageError(f"ENTITY: {target[:60]!r}: {str(error).lower()}.") from None
        if not words or not words[0]:
            raise UsageError("ENTITY: command of what? For example 'command:bc -q'.")
    if kind == LLM:
        try:
            _model(target)
        except _Wrong as wrong:
            raise UsageError(f"ENTITY: {target[:60]!r} is not {wrong}.") from None
