"""The entity of an `llm` room: a model's turn, in a process that has no network. It asks the host for every answer.

Text is passed on while it is streamed. The model sees the last turns and has the room's own memory as tools; what it
said and did in a turn becomes one key of the state, so that a turn costs its own size, however long the window.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backrooms_tui import __version__
from backrooms_tui.entity.base import PIECE, CallFailed, Entity, Failure, Interrupted
from backrooms_tui.entity.calls import EXHAUSTED, MODEL

from .channel import FrameTooLarge
from .llm_tools import BY_NAME, DONE, NoTool, arguments_of, offered, told

SYSTEM = (
    "You are the entity of a sealed room. A terminal is your only connection to the world: answer what is typed into"
    " it. You see the last turns only; what you are to know later, keep with your tools."
)
GO_ON = "Go on. When everything is done, use the tool `done`."
INTERRUPTED = "[interrupted]"
"""Ends, for the model, what it was saying when it was interrupted."""
CUT = "[cut]"
"""The same, at the end of the turn's budget."""
WINDOW_BYTES = 512 * 1024
"""Of earlier turns, as JSON: the rest of a frame is for the turn that runs. More is not kept either."""
SHORT = 16 * 1024
"""Characters of question and answer that are kept of a turn which alone is more than that."""
BYTES_PER_TOKEN = 2
"""Of the turn's budget that earlier turns may fill: half of it, as the broker counts what is asked."""
_TURN = "turn:"

Message = dict[str, Any]


class LlmEntity(Entity):
    """Its state: `turn:SEQ` for each turn of the window (JSON text), `memory:KEY` for each thing it remembers."""

    name = "llm"
    version = __version__

    def on_input(self, text: str) -> None:
        self._streamed: list[str] = []
        turn: list[Message] = [{"role": "user", "content": text}]
        try:
            self._converse(turn)
        except Interrupted:
            turn.append(self._broken_off(INTERRUPTED))
        except CallFailed as error:
            if error.code != EXHAUSTED or (len(turn) == 1 and not self._streamed):  # nothing came of it at all
                raise Failure(error.code, str(error).partition(":")[2].strip()) from None
            self.observe(str(error))
            turn.append(self._broken_off(CUT))
        except FrameTooLarge:
            raise Failure("CONTEXT_TOO_LARGE", "the turn is more than one call of a model may hold") from None
        self._keep(turn)

    def _converse(self, turn: list[Message]) -> None:
        """Ask, and use the tools that are asked for, until the turn is done."""
        by_reply = self.config["done"] == "reply"
        tools = offered(by_reply=by_reply)
        earlier = self._window()
        while True:
            answer = self._ask_model([*earlier, *turn], tools)
            uses = answer["tool_calls"]
            if not uses:
                turn.append({"role": "assistant", "content": answer["text"]})
                self._streamed.clear()
                if answer["finish"] != "stop":
                    self.observe(f"THE ANSWER ENDS BY {answer['finish']}")
                if by_reply:
                    return
                turn.append({"role": "user", "content": GO_ON})
                continue
            results = [self._use(use) for use in uses]
            turn += [{"role": "assistant", "content": answer["text"] or None, "tool_calls": uses}, *results]
            self._streamed.clear()
            if not by_reply and any(use["name"] == DONE for use in uses):
                return

    # What is said.

    def _ask_model(self, messages: list[Message], tools: list[dict[str, Any]]) -> Mapping[str, Any]:
        """The model's answer; its text has been said."""
        self._streamed.clear()
        try:
            answer: Mapping[str, Any] = self.call(MODEL, {"messages": messages, "tools": tools}, self._say)
            self._say(answer["text"][sum(map(len, self._streamed)) :])  # an answer from the journal is not streamed
            return answer
        finally:
            if self._streamed:
                self.output("")  # ends the line

    def _say(self, text: str) -> None:
        """Say part of a line, now."""
        for start in range(0, len(text), PIECE):
            self._streamed.append(text[start : start + PIECE])
            self._send({"type": "output", "text": text[start : start + PIECE], "more": True})

    def _broken_off(self, mark: str) -> Message:
        said = "".join(self._streamed)
        return {"role": "assistant", "content": f"{said} {mark}" if said else mark}

    # What is done.

    def _use(self, use: Mapping[str, str]) -> Message:
        """Use a tool, of the room or of the host; gives what the model is told."""
        name = use["name"]
        try:
            arguments = arguments_of(use["arguments"])
            result = BY_NAME[name].act(self, arguments) if name in BY_NAME else self._ask_host(name, arguments)
        except NoTool as wrong:
            result = f"error: {wrong}"
        self.observe(told(name, use["arguments"], result), {"tool": name, "arguments": use["arguments"]})
        return {"role": "tool", "tool_call_id": use["id"], "content": result}

    def _ask_host(self, name: str, arguments: Mapping[str, Any]) -> str:
        try:
            result = self.call(f"tool:{name}", arguments)
        except CallFailed as error:
            if error.code == EXHAUSTED:
                raise
            return f"error: {error}"
        return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)

    # What it knows of earlier turns.

    def _window(self) -> list[Message]:
        """The system's words and the earlier turns that fit."""
        messages: list[Message] = [{"role": "system", "content": self.config["system"] or SYSTEM}]
        for key in self._newest(min(WINDOW_BYTES, int(self.config["tokens"]) * BYTES_PER_TOKEN)):
            messages += json.loads(self.state[key])
        return messages

    def _keep(self, turn: list[Message]) -> None:
        text = _encoded(turn)
        if _size(text) > WINDOW_BYTES:
            text = _encoded(_shortened(turn))
        self.state[f"{_TURN}{self.seq}"] = text
        kept = set(self._newest(WINDOW_BYTES)[-int(self.config["window"]) :])
        for key in self._turns():
            if key not in kept:
                del self.state[key]

    def _newest(self, most: int) -> list[str]:
        """Keys of the newest turns that together have at most so many bytes, oldest first."""
        chosen: list[str] = []
        for key in reversed(self._turns()):
            most -= _size(self.state[key])
            if most < 0:
                break
            chosen.insert(0, key)
        return chosen

    def _turns(self) -> list[str]:
        """Keys of the turns that are kept, oldest first."""
        return sorted((key for key in self.state if key.startswith(_TURN)), key=lambda key: int(key[len(_TURN) :]))


def _encoded(turn: list[Message]) -> str:
    return json.dumps(turn, ensure_ascii=False, separators=(",", ":"))


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _shortened(turn: list[Message]) -> list[Message]:
    """The beginnings of what was asked and of what was said last."""
    said = [message["content"] for message in turn if message["role"] == "assistant" and message["content"]]
    parts = {"user": turn[0]["content"], "assistant": said[-1] if said else CUT}
    return [
        {"role": role, "content": text if len(text) <= SHORT else f"{text[:SHORT]} {CUT}"}
        for role, text in parts.items()
    ]
