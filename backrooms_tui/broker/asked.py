"""What an entity asks a model, looked at before it leaves the machine: only what the protocol knows goes out.

Which model is asked, and where, is the room's runtime to say and never the entity's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .failures import INVALID, Unanswered
from .providers import Asked

ROLES = ("system", "user", "assistant", "tool")
MAX_MESSAGES = 100_000
MAX_TOOLS = 64
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def asked_of(model: str, args: Mapping[str, Any], granted: Iterable[dict[str, Any]]) -> Asked:
    """The request of a `model` call with `{messages, tools}`; tools of the host are added to the entity's own.

    Raises Unanswered.
    """
    unknown = sorted(args.keys() - {"messages", "tools"})
    if unknown:
        raise _invalid(f"{unknown[0][:40]!r} is not messages or tools")
    messages, tools = args.get("messages"), args.get("tools", [])
    if not isinstance(messages, list) or not 0 < len(messages) <= MAX_MESSAGES:
        raise _invalid(f"messages is not a list of 1 to {MAX_MESSAGES}")
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS:
        raise _invalid(f"tools is not a list of at most {MAX_TOOLS}")
    own = tuple(_tool(tool) for tool in tools)
    names = {tool["name"] for tool in own}
    added = tuple(tool for tool in granted if tool["name"] not in names)
    return Asked(model, tuple(_message(message) for message in messages), own + added)


def size(asked: Asked) -> int:
    """About how many characters a model is asked: what is around the words counts as little as a tokeniser makes it."""
    words = sum(len(message["content"] or "") for message in asked.messages)
    calls = (call for message in asked.messages for call in message.get("tool_calls", ()))
    return words + sum(len(call["arguments"]) for call in calls) + sum(len(str(tool)) for tool in asked.tools)


def _invalid(reason: str) -> Unanswered:
    return Unanswered(INVALID, reason)


def _message(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or given.get("role") not in ROLES:
        raise _invalid(f"a message's role is not one of {', '.join(ROLES)}")
    role, content, calls = given["role"], given.get("content"), given.get("tool_calls", [])
    if not isinstance(content, str) and not (content is None and calls and role == "assistant"):
        raise _invalid(f"content of a {role} message is not text")
    message: dict[str, Any] = {"role": role, "content": content}
    if calls:
        if role != "assistant" or not isinstance(calls, list):
            raise _invalid("tool_calls is not an assistant's list")
        message["tool_calls"] = [_tool_call(call) for call in calls]
    if role == "tool":
        message["tool_call_id"] = _text(given, "tool_call_id")
    return message


def _tool_call(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _invalid("a tool call is not an object")
    return {name: _text(given, name) for name in ("id", "name", "arguments")}


def _tool(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or not isinstance(given.get("parameters"), dict):
        raise _invalid("a tool is not {name, description, parameters}")
    if not _NAME.fullmatch(_text(given, "name")):
        raise _invalid("a tool's name is not 1 to 64 letters, digits, _ and -")
    return {"name": given["name"], "description": _text(given, "description"), "parameters": given["parameters"]}


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise _invalid(f"{name} is not text")
    return value
