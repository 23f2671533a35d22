"""`Entity`: what code inside a room derives from. It runs in the sealed child and knows no files, sockets or clocks.

An entity is built once from its last committed state and then gets one input at a time. What it says is sent line
by line, at once; what it remembers is in `state`, and counts only when `on_input` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from backrooms_tui.entity.inside.asking import CallDenied, CallFailed, Listener
from backrooms_tui.entity.inside.interrupts import Interrupted
from backrooms_tui.entity.inside.state import State

__all__ = ["CallDenied", "CallFailed", "Entity", "Failure", "Interrupted", "State"]

PIECE = 64 * 1024
"""Characters of one `output` frame; at most 12 bytes each, they stay below the wire's MAX_LINE."""


class Failure(Exception):
    """Raise it to fail at an input in words of your own, which are all that is told: no stack."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Entity:
    """Derive, name it, and override `on_input`.

    An exception that escapes ends the turn as a failure: what was said stays said, the state is as before, and the
    entity gets the next input. Waiting needs `select.poll`: there is no clock to sleep by.
    """

    name = "entity"
    version = "0"

    def __init__(
        self,
        *,
        state: State,
        send: Callable[[Mapping[str, Any]], None],
        ask: Callable[[str, Mapping[str, Any], Listener | None], Any] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.state = state
        """JSON values under text keys: all that outlives a turn (see State)."""
        self.now = 0
        """Nanoseconds since the epoch at which the input was accepted: the only time there is."""
        self.seq = 0
        """Sequence number of the input."""
        self.attempt = 0
        """1, or 2 when the host died during the first attempt; that one left no trace."""
        self.room: Mapping[str, Any] = MappingProxyType({})
        """True figures of the room, by the host: state, created_at, last_input_at (ns or None), memory_usage,
        memory_capacity, entries, inputs, outputs, silent, errors, timeouts, crashes, latency_avg, latency_p95 and
        timeout (seconds), queue, mode, session (text or None)."""
        self.config: Mapping[str, Any] = MappingProxyType({**(config or {})})
        """The options of the room's runtime, as text, and its `target`."""
        self._send = send
        self._ask = ask

    def on_input(self, text: str) -> None:
        """Answer one input by calling the methods below; returning ends the turn and commits it.

        When the user interrupts, Interrupted is raised in it, once; caught, the turn can still end well.
        """
        raise NotImplementedError

    def output(self, text: str) -> None:
        """Say something now. Each line of it becomes one OUTPUT entry."""
        for start in range(0, max(len(text), 1), PIECE):
            frame: dict[str, Any] = {"type": "output", "text": text[start : start + PIECE]}
            if start + PIECE < len(text):
                frame["more"] = True
            self._send(frame)

    def observe(self, text: str, data: Any = None) -> None:
        """Note an OBSERVATION, with JSON data if any."""
        self._send({"type": "observation", "text": text, "data": data})

    def silent(self) -> None:
        """Say in words that nothing is said; the same as saying nothing."""
        self._send({"type": "silent"})

    def terminate(self, reason: str) -> None:
        """Ask to be ended. The host decides; nothing happens here."""
        self._send({"type": "terminate", "reason": reason})

    def call(self, name: str, args: Mapping[str, Any] | None = None, on_chunk: Listener | None = None) -> Any:
        """Ask the host for what a sealed room has not: `model` for a model's answer, `tool:NAME` for a tool's.

        Waits for the answer, a JSON value; `on_chunk` gets text as it is streamed. Raises CallFailed, CallDenied
        when the room is not granted the call, Interrupted with what had come in its `answer`.
        """
        if self._ask is None:
            raise CallFailed("CAPABILITY_DENIED: no host to ask")
        return self._ask(name, args or {}, on_chunk)
