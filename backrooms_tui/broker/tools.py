"""Tools of the host: what a model may have done outside its room, when the room's runtime names the tool.

Tools that live in a room (remember, recall, list) are the entity's and need nobody. Whatever is added here acts for a
model that strangers may talk to: it takes checked arguments and gives JSON. What has an
effect is named in entity.calls.EFFECTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from backrooms_tui.entity.calls import Notify
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.value import value

from .failures import INVALID, Unanswered, told

PREFIX = "tool:"
MAX_NOTICE = 500
"""Characters that operators are told at once."""


@value
class Use:
    """One use of a tool."""

    room_id: RoomId
    args: Mapping[str, Any]
    notify: Notify


@value
class HostTool:
    description: str
    """For the model."""
    properties: Mapping[str, Any]
    """Of its arguments, all of them required: JSON Schemas."""
    act: Callable[[Use], Any]
    """Gives a JSON value. Does not block. Raises Unanswered."""


def schema(name: str) -> dict[str, Any]:
    """The tool as a model is told of it."""
    tool = TOOLS[name]
    parameters = {"type": "object", "properties": dict(tool.properties), "required": [*tool.properties]}
    return {"name": name, "description": tool.description, "parameters": parameters}


def tool_of(call: str) -> str:
    """The name of the tool in the name of a call, or empty when it is not one of ours."""
    name = call.removeprefix(PREFIX)
    return name if call.startswith(PREFIX) and name in TOOLS else ""


def _clock(_use: Use) -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _notify(use: Use) -> str:
    text = use.args.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Unanswered(INVALID, "text is missing")
    use.notify(use.room_id, told(text, most=MAX_NOTICE))
    return "told"


TOOLS: Mapping[str, HostTool] = {
    "clock": HostTool("Gives the date and time, in UTC.", {}, _clock),
    "notify": HostTool(
        "Tells the operators of this system something, in one line. They cannot answer.",
        {"text": {"type": "string", "description": f"At most {MAX_NOTICE} characters."}},
        _notify,
    ),
}
"""By name, as the option `tools` has it."""
