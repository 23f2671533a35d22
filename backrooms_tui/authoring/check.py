"""The conformance kit of `room-entity/1`: tells the author of an entity what it does wrong.

The entity is run as a room would run it: the same processes, the same seal, the same decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from backrooms_tui.entity.process import EntityHost
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.runtimes import COMMAND, KINDS, LLM, Runtime, parse

from .findings import FAIL, WARN, Finding
from .trials import (
    Bench,
    NotReady,
    try_answers,
    try_interrupt,
    try_long_memory,
    try_ready,
    try_restart,
    try_shutdown,
    try_texts,
    try_unknown,
)

START = 5.0
"""Seconds to `ready`, as entity.init_timeout has them."""
ANSWER = 5.0
"""Seconds for one input; a room gives 30, but whoever needs more than this for these inputs hangs."""

_GROUND = (try_ready, try_answers)
_TRIALS = (try_texts, try_restart, try_long_memory)
_OF_FRAMES = (try_unknown, try_interrupt, try_shutdown)
"""For those who speak the protocol themselves."""


def entity_line(text: str, mode: str | None) -> str:
    """The entity that is meant: one as `create` takes it, or the command line of a program, which then speaks
    frames. `mode` is that of a command. Raises UsageError.
    """
    head = text.partition(":")[0].partition("?")[0]
    runtime = parse(text if ":" in text and head in KINDS else f"{COMMAND}?mode=frames:{text}")
    if runtime.kind == LLM:
        raise UsageError("ENTITY: an llm entity is ours, not yours. To try a model, make a room of it.")
    return runtime.text if mode is None else runtime.with_options([f"mode={mode}"]).text


def examine(host: EntityHost, runtime: Runtime, *, start: float = START, answer: float = ANSWER) -> Iterator[Finding]:
    """Findings as they are made. Raises EntityInitFailed, EntitySealFailed when nothing can be tried here."""
    bench = Bench(host, runtime, start, answer)
    for trial in _GROUND:
        for finding in trial(bench):
            yield finding
            if finding.level == FAIL:
                yield Finding(WARN, "the rest", "not tried")
                return
    for trial in (*_TRIALS, *(_OF_FRAMES if bench.framed else ())):
        yield from _tried(trial, bench)


def _tried(trial: Callable[[Bench], Iterator[Finding]], bench: Bench) -> Iterator[Finding]:
    try:
        yield from trial(bench)
    except NotReady as error:
        name = trial.__name__.removeprefix("try_").replace("_", " ")
        yield Finding(FAIL, name, f"This time it did not get ready: {error}")
