"""Calls as the entity makes them: asked of the host in a frame, waited for, answered in frames.

Only within a turn; the room has nothing else to do meanwhile. A call that was given up (an interrupt, an exception in
a listener) may still be answered: its frames find nobody and are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backrooms_tui.entity.calls import DENIED

from .channel import Channel
from .interrupts import Interrupted

Listener = Callable[[str], object]
"""Gets streamed text as it comes."""


class CallFailed(Exception):
    """The host could not answer, and says why."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.code = error.partition(":")[0].strip()
        """Such as `MODEL_FAILED` or `BUDGET_EXHAUSTED`."""


class CallDenied(CallFailed):
    """The room is not granted this call."""


class Asking:
    """For the one thread of a sealed process."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._seq: int | None = None
        self._asked = 0
        self._listeners: dict[str, Listener | None] = {}
        """By id: the calls that are waited for."""
        self._results: dict[str, Mapping[str, Any]] = {}

    def begin_turn(self, seq: int) -> None:
        self._seq, self._asked = seq, 0
        self._results.clear()

    def end_turn(self) -> None:
        self._seq = None

    def ask(self, name: str, args: Mapping[str, Any], on_chunk: Listener | None) -> Any:
        """See Entity.call."""
        if self._seq is None:
            raise RuntimeError("calls are made while an input is answered")
        self._asked += 1
        call = f"{self._seq}.{self._asked}"  # the same at a second attempt, and never that of another turn
        self._listeners[call] = on_chunk
        try:
            self._channel.send({"type": "call", "id": call, "name": name, "args": dict(args)})
            return self._answer(call)
        finally:
            del self._listeners[call]

    def _answer(self, call: str) -> Any:
        """What comes of a call. An interrupt does not end the waiting, for the host cancels the call then, and what it
        brought comes with its result.
        """
        interrupts = self._channel.interrupts
        interrupts.hold()
        try:
            cut = self._await(call)
        finally:
            interrupts.release_quietly()
        result = self._results.pop(call)
        if cut or result.get("interrupted") or interrupts.due():
            interrupts.disarm()
            raise Interrupted(result.get("value"))
        if not result["ok"]:
            error = str(result.get("error"))
            raise (CallDenied if error.startswith(DENIED) else CallFailed)(error)
        return result.get("value")

    def _await(self, call: str) -> bool:
        """Wait for the result of `call`; True when the turn is interrupted, after which no listener is called any more.

        A listener may make calls of its own: what comes for others is kept for them.
        """
        cut = False
        while call not in self._results:
            frame = self._channel.receive()
            if frame is None:
                raise SystemExit(0)  # the host is gone, and the room with it
            name = frame.get("id")
            if frame["type"] == "interrupt":
                cut = cut or self._channel.interrupts.awaits(frame["seq"])
            elif frame["type"] == "result" and name in self._listeners:
                self._results[name] = frame
            elif frame["type"] == "chunk" and not cut:
                cut = self._hear(self._listeners.get(str(name)), frame["text"])
        return cut

    def _hear(self, listener: Listener | None, text: str) -> bool:
        """Call a listener, which is the entity's code and can be interrupted; True when it was."""
        interrupts = self._channel.interrupts
        held = interrupts.held
        try:
            if listener is not None:
                interrupts.held = 0
                listener(text)
        except Interrupted:
            return True
        finally:
            interrupts.held = held
        return False
