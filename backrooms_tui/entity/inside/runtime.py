"""The loop inside a sealed child: `init`, then one input after the other, each ended by `done` or `fail`."""

from __future__ import annotations

import gc
import io
import mmap
import sys
import time
import traceback
import types
from collections.abc import Container, Iterable, Mapping
from typing import Any, NoReturn

from backrooms_tui.entity import base
from backrooms_tui.entity.base import Entity, Failure
from backrooms_tui.entity.parse import MAX_TRACE, VERSION
from backrooms_tui.entity.seal.clock import Clock

from . import asking, channel, interrupts, preload
from .asking import Asking
from .channel import Channel, FrameTooLarge, encode
from .llm import LlmEntity
from .preload import load_sources
from .reference import ReferenceEntity
from .state import State

_RESERVE = 4 * 1024 * 1024
"""Bytes of address space, never touched, that are given up when memory runs out, to go on with."""
_OURS = frozenset((__file__, *(module.__file__ for module in (asking, base, channel, interrupts, preload))))
MAX_PLACES = 64
"""Frames of a failure that are told."""
_Places = list[tuple[str, int, str, None]]
_KINDS: Mapping[str, type[Entity]] = {"reference": ReferenceEntity, "llm": LlmEntity}


class InitFailed(Exception):
    """The host's `init` cannot be followed, or the entity's source is not one."""


class Runtime:
    """One entity and its channel."""

    def __init__(self, channel: Channel, clock: Clock | None) -> None:
        self._channel = channel
        self._clock = clock
        self._asking = Asking(channel)
        self._reserve = _reserve()
        self._entity: Entity | None = None
        self._in_turn = False
        self._printed = Printed(self._said)
        sys.stdout = self._printed
        sys.stderr = Printed(lambda text: self._log("stderr", text))
        setattr(time, "sleep", _no_sleep)  # noqa: B010 - the type of the real one is what has to go

    def run(self) -> None:
        """Until the host is gone. Raises SystemExit when the entity does."""
        init = self._channel.receive()
        if init is None:
            return
        try:
            entity = self._entity = self._build(init)
        except Exception as error:
            self._fail(error, _places(error))
            raise
        self._channel.interrupts.listen()
        ready = {"type": "ready", "v": VERSION, "name": entity.name, "version": entity.version, "interrupt": "signal"}
        self._channel.send(ready)
        while (frame := self._channel.receive()) is not None:
            if frame["type"] == "input":
                self._turn(entity, frame)
            elif frame["type"] == "shutdown":
                return

    def _build(self, init: Mapping[str, Any]) -> Entity:
        if VERSION not in init["v"]:
            raise InitFailed(f"the host speaks {init['v']}, this is version {VERSION}")
        self._show(init["now"])
        sources = init.get("sources")
        made = _KINDS.get(init["kind"]) if sources is None else defined_in(sources)
        if made is None:
            raise InitFailed(f"no entity of kind {init['kind']!r}")
        state, config = State(init["state"]), init.get("config")
        entity = made(state=state, send=self._channel.send, ask=self._asking.ask, config=config)
        entity.seq, entity.now = init["seq"], init["now"]
        return entity

    def _show(self, now: int) -> None:
        if self._clock is not None:
            self._clock.set(now)

    def _turn(self, entity: Entity, frame: Mapping[str, Any]) -> None:
        self._show(frame["now"])
        entity.now, entity.seq, entity.attempt = frame["now"], frame["seq"], frame["attempt"]
        entity.room = types.MappingProxyType(frame.get("room") or {})
        self._asking.begin_turn(entity.seq)
        self._in_turn = True
        try:
            ending = self._answer(entity, frame["text"])
        except SystemExit:
            self._printed.end_line()
            raise
        except BaseException as error:  # border: whatever entity code raises is its failure
            if self._reserve is not None:
                self._reserve.close()
            trace = [] if isinstance(error, Failure) else _places(error)
            _let_go(error)
            entity.state.rollback()
            self._printed.end_line()
            self._in_turn = False
            self._fail(error, trace)
            self._reserve = _reserve()
        else:
            entity.state.commit()
            self._in_turn = False
            self._channel.write(self._channel.line_end() + ending)

    def _answer(self, entity: Entity, text: str) -> bytes:
        """Have the entity answer; gives the frames that end the turn. An interrupt is raised in here or not at all."""
        try:
            self._channel.interrupts.arm(entity.seq)
            entity.on_input(text)
            self._printed.end_line()
            return _state_frames(entity.state) + encode({"type": "done", "seq": entity.seq})
        finally:
            self._channel.interrupts.disarm()
            self._asking.end_turn()

    def _fail(self, error: BaseException, places: _Places) -> None:
        if isinstance(error, Failure):
            name, text = error.code, error.text
        else:
            name, text = type(error).__name__, _text_of(error)
        lines = traceback.StackSummary.from_list(places).format()
        self._channel.send({"type": "fail", "error": name, "text": text, "trace": "".join(lines)[-MAX_TRACE:]})

    def _said(self, text: str) -> None:
        if self._in_turn and self._entity is not None:
            self._entity.output(text)
        else:
            self._log("stdout", text)

    def _log(self, level: str, text: str) -> None:
        self._channel.send({"type": "log", "level": level, "text": text[:MAX_TRACE]})


class Printed(io.TextIOBase):
    """What `print` writes to: each finished line is passed on, in order with the frames."""

    encoding = "utf-8"

    def __init__(self, say: Any) -> None:
        self._say = say
        self._line: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        *lines, rest = text.split("\n")
        for line in lines:
            whole = "".join((*self._line, line))
            self._line.clear()  # first: saying it may be interrupted, and it would be said again
            self._say(whole)
        if rest:
            self._line.append(rest)
        return len(text)

    def end_line(self) -> None:
        """Pass on an unfinished line."""
        if self._line:
            self.write("\n")


def defined_in(sources: Mapping[str, Any]) -> type[Entity]:
    """The entity that the code defines: the class it names, or the only one that no other derives from.

    Raises InitFailed, and what the code raises.
    """
    module, wanted = load_sources(sources), sources["class"]
    if wanted:
        named: Any = vars(module).get(wanted)
        if isinstance(named, type) and issubclass(named, Entity):
            return named
        raise InitFailed(f"{module.__file__} has no subclass of Entity called {wanted}")
    found = _entities(vars(module).values(), sources["modules"])
    if len(found) != 1:
        raise InitFailed(f"{module.__file__} defines {len(found)} subclasses of Entity, not 1")
    return found[0]


def _entities(values: Iterable[Any], own: Container[str]) -> list[type[Entity]]:
    classes = {one for one in values if isinstance(one, type) and issubclass(one, Entity) and one.__module__ in own}
    return [one for one in classes if not any(other is not one and issubclass(other, one) for other in classes)]


def _state_frames(state: State) -> bytes:
    """The turn's change of state: one frame when it fits a line, otherwise one for each key."""
    changed, gone = state.delta()
    if not changed and not gone:
        return b""
    try:
        return encode({"type": "state", "set": changed, "del": gone})
    except FrameTooLarge:
        apart = [encode({"type": "state", "set": {key: value}}) for key, value in changed.items()]
        return b"".join((*apart, encode({"type": "state", "del": gone})))


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:MAX_TRACE]
    except BaseException as second:  # border: its __str__ is entity code too
        return f"<{type(second).__name__} while it was described>"


def _places(error: BaseException) -> _Places:
    """Where it happened: the innermost frames, without those of the runtime, around the entity and below it."""
    walked = traceback.walk_tb(error.__traceback__)
    frames = [place for place in walked if place[0].f_code.co_filename not in _OURS][-MAX_PLACES:]
    return [(frame.f_code.co_filename, line, frame.f_code.co_name, None) for frame, line in frames]


def _let_go(error: BaseException | None) -> None:
    """Drop the frames of an exception and of those before it, and what they hold: out of memory, most of it."""
    gone = isinstance(error, MemoryError)
    while error is not None:
        before = error.__context__
        error.__traceback__ = error.__context__ = error.__cause__ = None
        error = before
    if gone:
        gc.collect()


def _reserve() -> mmap.mmap | None:
    """None when even that is too much: the entity still holds what it took."""
    try:
        return mmap.mmap(-1, _RESERVE)
    except OSError:
        return None


def _no_sleep(_seconds: float, /) -> NoReturn:
    raise RuntimeError("a sealed entity has no clock to sleep by; select.poll().poll(milliseconds) waits")
