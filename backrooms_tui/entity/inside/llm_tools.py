"""The tools that live in an `llm` room: its own memory, and the word that ends a turn. They need no host.

What a model says is not trusted to be what was asked for: whatever is wrong with its words is told to it, and it may
try again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from backrooms_tui.entity.base import Entity

DONE = "done"
MAX_KEY = 128
MAX_KEPT = 4 * 1024 * 1024
"""Characters of all that is remembered: a state has its limit, and a model would not know why its turns fail."""
MAX_TOLD = 200
"""Characters of what an observation says of a tool's use; the whole arguments are in its data."""
_MEMORY = "memory:"


class NoTool(Exception):
    """A tool was not asked for as it has to be; the text says it to the model."""


class RoomTool(NamedTuple):
    description: str
    properties: Mapping[str, str]
    """Descriptions of its arguments, all of them required text."""
    act: Callable[[Entity, Mapping[str, Any]], str]


def arguments_of(text: str) -> dict[str, Any]:
    """The arguments that a model wrote. Raises NoTool."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NoTool("the arguments are not a JSON object")
    return found


def offered(*, by_reply: bool) -> list[dict[str, Any]]:
    """The tools as a model is told of them; `done` where an answer alone does not end the turn."""
    return [_schema(name, tool) for name, tool in BY_NAME.items() if name != DONE or not by_reply]


def told(name: str, arguments: str, result: str) -> str:
    """One line on the use of a tool."""
    line = " ".join(f"{name} {arguments} -> {result}".split())
    return line if len(line) <= MAX_TOLD else f"{line[: MAX_TOLD - 3]}..."


def _schema(name: str, tool: RoomTool) -> dict[str, Any]:
    properties = {argument: {"type": "string", "description": text} for argument, text in tool.properties.items()}
    parameters = {"type": "object", "properties": properties, "required": [*properties]}
    return {"name": name, "description": tool.description, "parameters": parameters}


def _text(arguments: Mapping[str, Any], name: str) -> str:
    found = arguments.get(name)
    if not isinstance(found, str) or not found.strip():
        raise NoTool(f"{name} is missing, or is not text")
    return found


def _key(arguments: Mapping[str, Any]) -> str:
    key = _text(arguments, "key").strip()
    if len(key) > MAX_KEY:
        raise NoTool(f"key has more than {MAX_KEY} characters")
    return _MEMORY + key


def _remember(entity: Entity, arguments: Mapping[str, Any]) -> str:
    key, text = _key(arguments), _text(arguments, "text")
    others = (held for held in entity.state if held.startswith(_MEMORY) and held != key)
    if sum(len(held) + len(entity.state[held]) for held in others) + len(key) + len(text) > MAX_KEPT:
        raise NoTool("the memory is full; what is kept under a key can be replaced by less")
    entity.state[key] = text
    return "kept"


def _recall(entity: Entity, arguments: Mapping[str, Any]) -> str:
    return str(entity.state.get(_key(arguments), "nothing is kept under this key"))


def _list(entity: Entity, _arguments: Mapping[str, Any]) -> str:
    keys = sorted(key.removeprefix(_MEMORY) for key in entity.state if key.startswith(_MEMORY))
    return "\n".join(keys) or "nothing is kept"


def _done(_entity: Entity, _arguments: Mapping[str, Any]) -> str:
    return "done"


BY_NAME: Mapping[str, RoomTool] = {
    "remember": RoomTool(
        "Keeps a text for later, under a key; what was kept under it is replaced.",
        {"key": "A short name to find it by.", "text": "What to keep."},
        _remember,
    ),
    "recall": RoomTool("Gives the text that is kept under a key.", {"key": "Its name."}, _recall),
    "list": RoomTool("Lists the keys of all that is kept.", {}, _list),
    DONE: RoomTool("Ends your turn. Say all you have to say before.", {}, _done),
}
