"""The trials of the conformance kit: what is asked of an entity, and what comes of it.

A trial runs a process of its own, so that what one of them breaks is not held against the next. The first two are the
ground that the others stand on: an entity that gets no further has nothing to be told of the rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from backrooms_tui.entity.crash import cause
from backrooms_tui.entity.frames import Done, Fail, Log, Ready, Violation
from backrooms_tui.entity.process import EntityHost, ExitReport
from backrooms_tui.model.limits import MAX_INPUT_SIZE
from backrooms_tui.model.runtimes import COMMAND, REFERENCE, Runtime
from backrooms_tui.model.value import value

from .findings import FAIL, PASS, WARN, Finding, broke, quoted
from .subject import AFTERWARDS, Heard, Subject

EARLIER = 40
"""`seq` of the last input, as `init` tells it: who counts inputs alone soon answers the wrong one."""
SLOW_START = 1.0
"""Seconds to `ready` that are worth a word."""
ZYGOTE = 30.0
"""Seconds that the first process of all may take."""
GRACE = 1.0
"""Seconds to end a turn that is interrupted, or to end; entity.interrupt_grace."""
HISTORY = ("hello", "remember value: 42", "increment counter", "recall value", "increment counter", "hello again")
_HALF = 3
_PAGES = [f"{n} " + chr(ord("a") + n % 26) * 4000 for n in range(64)]

TEXTS: Mapping[str, str] = {
    "64 KiB": "x" * MAX_INPUT_SIZE,
    "64 KiB in letters of four bytes": "\U0001f600" * (MAX_INPUT_SIZE // 4),
    "other alphabets": "gr\u00fc\u00dfe \u6f22\u5b57 \u05e9\u05dc\u05d5\u05dd \u202ertl \U0001f469\u200d\U0001f467",
    "quotes and backslashes": 'he said "no" \\ \\n \\u0041 {"type":"done","seq":1} $HOME `id` %s %n',
    "control characters": "".join(map(chr, [*range(1, 10), *range(11, 32), *range(127, 160)])),
    "several lines": "one\ntwo\n\nfour\u2028five",
}


@value
class Bench:
    """Where and how long an entity is tried."""

    host: EntityHost
    runtime: Runtime
    start: float
    """Seconds to `ready`."""
    answer: float
    """Seconds for one input."""

    @property
    def framed(self) -> bool:
        """Whether it speaks the protocol itself."""
        return self.runtime.kind != COMMAND or self.runtime.option("mode") == "frames"

    def begun(
        self, *, state: Mapping[str, Any] | None = None, seq: int = EARLIER, before: Sequence[str] = ()
    ) -> Subject:
        """A subject that is ready. Raises NotReady, EntityInitFailed, EntitySealFailed."""
        subject = Subject(self.host, self.runtime, state=state, seq=seq, before=before)
        heard = subject.await_ready(self.start)
        if not isinstance(heard.ending, Ready):
            subject.kill()
            raise NotReady(heard)
        return subject


class NotReady(Exception):
    def __init__(self, heard: Heard) -> None:
        super().__init__(unready(heard))


def unready(heard: Heard) -> str:
    """Why there was no `ready`; one line."""
    if isinstance(heard.ending, Violation):
        return broke(heard.ending)
    if isinstance(heard.ending, Fail):
        return quoted(f"{heard.ending.error}: {heard.ending.text.strip()}") + _last_words(heard)
    if isinstance(heard.ending, ExitReport):
        return f"It ended before `ready` ({cause(heard.ending)}){_last_words(heard)}"
    return f"No `ready` within {heard.seconds:.0f} s{_last_words(heard)}"


def wrong(heard: Heard) -> str | None:
    """Why this is no good end of an answer, in one line; None when it is one."""
    if isinstance(heard.ending, Done | Fail):
        return None
    if isinstance(heard.ending, Violation):
        return broke(heard.ending)
    if isinstance(heard.ending, ExitReport):
        return f"It ended in the middle of the turn ({cause(heard.ending)}){_last_words(heard)}"
    return f"No `done` within {heard.seconds:.1f} s{_last_words(heard)}"


def _last_words(heard: Heard) -> str:
    last = heard.logged.strip().rpartition("\n")[2]
    return f". Its last words: {quoted(last)}" if last else ""


def try_ready(bench: Bench) -> Iterator[Finding]:
    with Subject(bench.host, Runtime(REFERENCE)) as first:  # waits for the zygote, which is not the entity's fault
        first.await_ready(ZYGOTE)
    with Subject(bench.host, bench.runtime, seq=EARLIER) as subject:
        heard = subject.await_ready(bench.start)
        if not isinstance(heard.ending, Ready):
            yield Finding(FAIL, "ready", unready(heard))
            return
        ready = heard.ending
        name = quoted(f"{ready.name} {ready.version}".strip())
        yield Finding(
            WARN if heard.seconds > SLOW_START else PASS, "ready", f"{name}, after {heard.seconds * 1000:.0f} ms"
        )
        printed = [frame.text for frame in heard.frames if isinstance(frame, Log) and frame.level == "stdout"]
        if printed and bench.framed:
            yield Finding(WARN, "ready", f"It prints before it is ready, which is only logged: {quoted(printed[0])}")


def try_answers(bench: Bench) -> Iterator[Finding]:
    """A few inputs in a row, each with its own `done`."""
    for text, heard in zip(HISTORY, converse(bench, HISTORY).heard, strict=False):
        problem = wrong(heard)
        if problem is not None:
            yield Finding(FAIL, "answers", f"Input {quoted(text)!r}: {problem}")
            return
        if isinstance(heard.ending, Fail):
            yield Finding(WARN, "answers", f"Input {quoted(text)!r} fails: {quoted(heard.ending.text)}")
            return
    yield Finding(PASS, "answers", f"{len(HISTORY)} inputs, each ended in time")


def try_texts(bench: Bench) -> Iterator[Finding]:
    """Whatever may be typed is answered, or refused by `fail`; it ends nothing but its own turn."""
    for name, text in TEXTS.items():
        with bench.begun() as subject:
            heard = subject.ask(text, bench.answer)
            problem = wrong(heard)
            if problem is not None:
                yield Finding(FAIL, f"input of {name}", problem)
            elif isinstance(heard.ending, Fail):
                yield Finding(WARN, f"input of {name}", f"It fails: {quoted(heard.ending.text)}")
            else:
                yield Finding(PASS, f"input of {name}", "answered")


def try_unknown(bench: Bench) -> Iterator[Finding]:
    """What later versions of the host may say is ignored."""
    with bench.begun() as subject:
        subject.send({"type": "weather", "text": "rain", "data": {"deep": [1, None]}})
        heard = subject.ask("hello", bench.answer, mood="curious", seen=[1, 2])
        yield _judged("unknown frames and fields", heard, "ignored")
    with bench.begun() as subject:
        yield _judged("second attempt", subject.ask("hello", bench.answer, attempt=2), "answered")


def try_restart(bench: Bench) -> Iterator[Finding]:
    """Killed between two inputs and begun with its state, it goes on as if nothing had happened."""
    first, rest = HISTORY[:_HALF], HISTORY[_HALF:]
    whole, again = (converse(bench, HISTORY).said for _ in range(2))
    half = converse(bench, first)
    after = converse(bench, rest, state=half.state, seq=half.seq, before=first).said
    if after == whole[_HALF:]:
        yield Finding(PASS, "restart", "killed and begun again with its state, it goes on as if it had not been")
        return
    text, without, came = next(
        each for each in zip_longest(rest, whole[_HALF:], after, fillvalue="") if each[1] != each[2]
    )
    told = f"Input {text!r} after a restart: {quoted(came)!r}, without one: {quoted(without)!r}."
    if whole != again:
        yield Finding(WARN, "restart", f"{told} The same inputs are not answered alike twice, so this may be well.")
    else:
        yield Finding(FAIL, "restart", f"{told} What is to outlive a turn belongs into `state`; `init` brings it.")


def try_long_memory(bench: Bench) -> Iterator[Finding]:
    """A quarter of a megabyte of inputs, and the state that comes of it."""
    heard = converse(bench, _PAGES).heard
    problem = next(filter(None, (wrong(one) for one in heard)), None)
    if problem is not None:
        yield Finding(FAIL, "many inputs", f"Input {len(heard)} of {len(_PAGES)}: {problem}")
        return
    yield Finding(PASS, "many inputs", f"{len(_PAGES)} of 4 KB answered")


def try_interrupt(bench: Bench) -> Iterator[Finding]:
    """An interrupt ends a turn early; one that comes late is nothing."""
    with bench.begun() as subject:
        way = subject.ready.interrupt
        if not way:
            yield Finding(WARN, "interrupt", "`ready` names no way: an interrupt kills it, and its turn fails")
            return
        subject.give("hello")
        subject.process.interrupt(subject.seq)
        yield _judged("interrupt", subject.await_end(GRACE), f"by {way}: the turn ends")
    with bench.begun() as subject:
        subject.ask("hello", bench.answer)
        subject.process.interrupt(subject.seq)
        yield _judged("late interrupt", subject.ask("hello again", bench.answer), "ignored")


def try_shutdown(bench: Bench) -> Iterator[Finding]:
    with bench.begun() as subject:
        began = time.monotonic()
        subject.send({"type": "shutdown", "grace": GRACE})
        report = subject.await_death(GRACE)
        if report is None:
            yield Finding(WARN, "shutdown", f"it is still there after {GRACE:g} s, and would be killed")
        elif report.status != 0:
            yield Finding(WARN, "shutdown", f"it ends, but not well ({cause(report)})")
        else:
            yield Finding(PASS, "shutdown", f"it ends by itself, after {(time.monotonic() - began) * 1000:.0f} ms")


@value
class Talk:
    """Some inputs, what came of them, and what an entity would be begun with afterwards."""

    heard: tuple[Heard, ...]
    state: Mapping[str, Any]
    seq: int

    @property
    def said(self) -> list[str]:
        return [one.said for one in self.heard]


def converse(
    bench: Bench,
    texts: Sequence[str],
    *,
    state: Mapping[str, Any] | None = None,
    seq: int = EARLIER,
    before: Sequence[str] = (),
) -> Talk:
    """Ask one input after the other, up to the first that does not end well; then kill the entity."""
    heard: list[Heard] = []
    subject = bench.begun(state=state, seq=seq, before=before)
    try:
        for text in texts:
            if heard and subject.process.one_shot:
                subject.kill()
                subject = bench.begun(state=subject.state, seq=subject.seq)
            heard.append(subject.ask(text, bench.answer, afterwards=0 if len(texts) > len(HISTORY) else AFTERWARDS))
            if wrong(heard[-1]) is not None:
                break
    finally:
        subject.kill()
    return Talk(tuple(heard), subject.state, subject.seq)


def _judged(name: str, heard: Heard, well: str) -> Finding:
    problem = wrong(heard)
    return Finding(PASS, name, well) if problem is None else Finding(FAIL, name, problem)
