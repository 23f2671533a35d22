"""A model's answer while it comes: put together from pieces, within bounds that a server cannot argue with."""

from __future__ import annotations

from typing import Any

from backrooms_tui.entity.parse import clean

from .failures import GARBAGE, Unanswered
from .providers import Piece, ToolPart, Usage

MAX_TEXT = 1024 * 1024
"""UTF-8 bytes of an answer's text."""
MAX_ARGUMENTS = 64 * 1024
"""UTF-8 bytes of one tool call's arguments, its name and id included."""
MAX_TOOL_CALLS = 64


class Answer:
    """For one thread."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._size = 0
        self._tools: dict[int, _Tool] = {}
        self.finish = ""
        self.usage: Usage | None = None

    def add(self, piece: Piece) -> int:
        """Take a piece; gives how many characters it adds. Raises Unanswered for more than an answer may be."""
        added = len(piece.text)
        if piece.text:
            self._size += len(piece.text.encode(errors="replace"))
            if self._size > MAX_TEXT:
                raise Unanswered(GARBAGE, f"MORE THAN {MAX_TEXT} BYTES OF TEXT")
            self._text.append(clean(piece.text))
        if piece.tool is not None:
            added += self._add_tool(piece.tool)
        self.finish = piece.finish or self.finish
        self.usage = piece.usage or self.usage
        return added

    def _add_tool(self, part: ToolPart) -> int:
        tool = self._tools.setdefault(part.index, _Tool())
        if len(self._tools) > MAX_TOOL_CALLS:
            raise Unanswered(GARBAGE, f"MORE THAN {MAX_TOOL_CALLS} TOOL CALLS")
        return tool.add(part)

    @property
    def whole(self) -> dict[str, Any]:
        """The value of a `model` call: `text`, `tool_calls` of `id`, `name` and `arguments` (JSON text as the model
        wrote it, sound or not), `usage` (`input`, `output`; null when the server does not say), `finish`.
        """
        return self._value([tool.value(index) for index, tool in sorted(self._tools.items())])

    @property
    def partial(self) -> dict[str, Any]:
        """The same of an answer that was cut: a tool call may miss its end, so there are none."""
        return self._value([])

    def _value(self, tool_calls: list[dict[str, str]]) -> dict[str, Any]:
        usage = self.usage
        return {
            "text": "".join(self._text),
            "tool_calls": tool_calls,
            "usage": None if usage is None else {"input": usage.input, "output": usage.output},
            "finish": self.finish,
        }


class _Tool:
    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self._size = 0

    def add(self, part: ToolPart) -> int:
        self.id = self.id or clean(part.id)
        self.name = self.name or clean(part.name)
        self.arguments.append(clean(part.arguments))
        self._size += sum(len(text.encode(errors="replace")) for text in (part.id, part.name, part.arguments))
        if self._size > MAX_ARGUMENTS:
            raise Unanswered(GARBAGE, f"A TOOL CALL OF MORE THAN {MAX_ARGUMENTS} BYTES")
        return len(part.arguments)

    def value(self, index: int) -> dict[str, str]:
        """Some servers give no ids, which are needed to answer."""
        return {"id": self.id or f"call_{index}", "name": self.name, "arguments": "".join(self.arguments)}
