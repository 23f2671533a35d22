"""Where models are: one module for each way to reach them, behind two methods.

A provider streams and knows nothing of rooms, budgets or bounds: those are the broker's, the same for all of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from backrooms_tui.model.value import value


@value
class Asked:
    """What a model is asked, after the host has looked at it."""

    model: str
    messages: tuple[dict[str, Any], ...]
    """As in OpenAI's chat completions: `role`, `content`, `tool_calls`, `tool_call_id`."""
    tools: tuple[dict[str, Any], ...] = ()
    """`{name, description, parameters}`; the last is a JSON Schema."""


@value
class ToolPart:
    """Part of a tool call in an answer: parts of one `index` belong together, their arguments one after the other."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@value
class Usage:
    """Tokens, as the server counts them."""

    input: int
    output: int


@value
class Piece:
    """Part of an answer. `finish` says why it ended, and has to come before the stream ends: else part is missing."""

    text: str = ""
    tool: ToolPart | None = None
    finish: str = ""
    usage: Usage | None = None


class Provider(Protocol):
    """Lives in the broker's loop."""

    def stream(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        """The answer as it comes. Raises failures.Unanswered. Closing or cancelling it lets go of the server."""
        ...

    async def close(self) -> None: ...
