"""Models behind a server that speaks OpenAI's chat completions: theirs, vLLM, llama.cpp, Ollama. The only module that
imports their client.

The client retries and decodes; what it leaves open is closed here. By itself it follows redirects with a room's words,
unpacks whatever a server has packed, collects a line without end, and can be told to log what is asked.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
import openai

from backrooms_tui.broker.failures import FAILED, GARBAGE, TIMEOUT, Unanswered, told
from backrooms_tui.broker.keys import read_key
from backrooms_tui.config.settings import ModelSettings

from . import Asked, Piece, ToolPart, Usage

MAX_EVENT = 4 * 1024 * 1024
"""Bytes that may come without being a whole event of the stream."""
MAX_BYTES = 64 * 1024 * 1024
"""Bytes of one answer as it comes: some 200 around each token."""
_IGNORANT = (400, 404, 422, 500, 501)
"""Statuses of servers that do not know a part of the request; llama.cpp says 500."""
_OPTIONAL = (("stream_options", {"stream_options"}), ("tools", {"tool", "support"}), ("tools", {"tool", "requires"}))
"""Parts that a server need not know, and words in its refusal that tell."""


class OpenAI:
    """Implements Provider."""

    def __init__(self, settings: ModelSettings) -> None:
        _silence()
        self._settings = settings
        self._unknown: dict[str, set[str]] = {}
        """By model: parts of a request that its server has refused."""
        timeout = httpx2.Timeout(settings.stall_timeout, connect=settings.connect_timeout)
        self._client = openai.AsyncOpenAI(
            base_url=settings.base_url,
            api_key="told with each request",
            max_retries=settings.retries,
            timeout=timeout,
            http_client=_Client(timeout=timeout, follow_redirects=False),
        )

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        key = read_key(self._settings)
        try:
            events = await self._begin(asked, key)
            try:
                async for piece in _pieces(events):
                    yield piece
            finally:
                await events.close()
        except (openai.OpenAIError, httpx2.HTTPError, _Refused) as error:
            raise _unanswered(error, self._settings, key) from None

    async def close(self) -> None:
        await self._client.close()

    async def _begin(self, asked: Asked, key: str) -> openai.AsyncStream[Any]:
        """Ask, without what the server turns out not to know."""
        unknown = self._unknown.setdefault(asked.model, set())
        headers = {"Accept-Encoding": "identity", "Authorization": f"Bearer {key}" if key else openai.Omit()}
        create: Any = self._client.chat.completions.create  # its forty parameters are typed, ours are JSON
        while True:
            request = _request(asked, unknown)
            try:
                events: openai.AsyncStream[Any] = await create(**request, extra_headers=headers)
                return events
            except openai.APIStatusError as error:
                refused = _refused(error, request)
                if refused is None:
                    raise
                unknown.add(refused)


def _request(asked: Asked, unknown: set[str]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": asked.model,
        "messages": [_message(message) for message in asked.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if asked.tools:
        request["tools"] = [{"type": "function", "function": tool} for tool in asked.tools]
    return {name: part for name, part in request.items() if name not in unknown}


def _message(message: dict[str, Any]) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if not calls:
        return message
    functions = [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in calls
    ]
    return {**message, "tool_calls": functions}


def _refused(error: openai.APIStatusError, request: dict[str, Any]) -> str | None:
    """The optional part of a request that the server says it does not know."""
    said = _said(error).lower()
    if error.status_code in _IGNORANT:
        for name, words in _OPTIONAL:
            if name in request and all(word in said for word in words):
                return name
    return None


async def _pieces(events: openai.AsyncStream[Any]) -> AsyncIterator[Piece]:
    body = events.response.stream
    try:
        async for event in events:
            if isinstance(body, _Bounded):
                body.since_event = 0
            for piece in _of_event(event):
                yield piece
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as error:
        # What is no event of the protocol breaks the client in as many ways as there are.
        raise _Refused(GARBAGE, f"NOT AN EVENT OF A STREAM ({type(error).__name__})") from None


def _of_event(event: Any) -> list[Piece]:
    pieces: list[Piece] = []
    if event.usage is not None:
        pieces.append(Piece(usage=Usage(_count(event.usage.prompt_tokens), _count(event.usage.completion_tokens))))
    for choice in event.choices or ():
        if choice.index not in (0, None):
            continue
        delta = choice.delta
        if delta is not None:
            pieces += [Piece(text=_text(text)) for text in (delta.content, delta.refusal) if text]
            pieces += [Piece(tool=_tool(call)) for call in delta.tool_calls or ()]
        if choice.finish_reason:
            pieces.append(Piece(finish=_text(choice.finish_reason)))
    return pieces


def _tool(call: Any) -> ToolPart:
    function = call.function
    name, arguments = ("", "") if function is None else (function.name, function.arguments)
    return ToolPart(_count(call.index), _text(call.id or ""), _text(name or ""), _text(arguments or ""))


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError("not text")
    return given


def _count(given: Any) -> int:
    if type(given) is not int or not 0 <= given <= 2**53:
        raise TypeError("not a number")
    return given


class _Refused(Exception):
    """We do not take what the server sends."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class _Client(httpx2.AsyncClient):
    """Gives up a silent server at once, where the other one would ask it again and have it work twice."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        try:
            response = await super().send(request, **options)
        except httpx2.ReadTimeout:
            raise _Refused(TIMEOUT, "") from None
        self.cookies.clear()  # one room's visit is no business of the next one's
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise _Refused(GARBAGE, "COMPRESSED, THOUGH NOT ASKED TO BE")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream)
        return response


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error where it grows beyond all reason."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body
        self._total = 0
        self.since_event = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._body:
            self._total += len(data)
            self.since_event += len(data)
            if self._total > MAX_BYTES or self.since_event > MAX_EVENT:
                raise _Refused(GARBAGE, "THE ANSWER HAS NO END")
            yield data

    async def aclose(self) -> None:
        await self._body.aclose()


def _unanswered(error: Exception, settings: ModelSettings, key: str) -> Unanswered:
    secrets = (key, *_credentials(settings.base_url))
    cause = error.__cause__
    match error:
        case _Refused():
            reason = str(error) or _silent(settings)
            return Unanswered(error.code, reason)
        case openai.APITimeoutError():
            if isinstance(cause, httpx2.ConnectTimeout):
                return Unanswered(TIMEOUT, f"NOT REACHED IN {settings.connect_timeout:g} SECONDS")
            return Unanswered(TIMEOUT, _silent(settings))
        case openai.APIStatusError():
            status = f"{error.status_code} {error.response.reason_phrase}".strip()
            return Unanswered(FAILED, told(f"{status}: {_said(error)}", secrets))
        case openai.APIConnectionError() if isinstance(cause, httpx2.RemoteProtocolError):
            return Unanswered(GARBAGE, told(f"THE CONNECTION BREAKS OFF: {cause}", secrets))
        case openai.APIConnectionError():
            return Unanswered(FAILED, told(f"NO CONNECTION: {cause}", secrets))
        case _:
            return Unanswered(FAILED, told(str(error), secrets))


def _silent(settings: ModelSettings) -> str:
    return f"NO SIGN OF THE SERVER FOR {settings.stall_timeout:g} SECONDS"


def _said(error: openai.APIStatusError) -> str:
    """The server's own words, if they are such."""
    body = error.body
    found = body.get("message") if isinstance(body, dict) else body
    return found if isinstance(found, str) else ""


def _credentials(url: str) -> tuple[str, ...]:
    """A name and password in an address, in all forms in which a server could say them back."""
    parts = urlsplit(url)
    if not parts.password:
        return ()
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
    return (base64.b64encode(pair.encode()).decode(), parts.password, unquote(parts.password))


def _silence() -> None:
    """Its log, and that of what is below it, would hold what rooms ask: it goes nowhere, whatever OPENAI_LOG says."""
    for name in ("openai", "httpx2", "httpcore2"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
