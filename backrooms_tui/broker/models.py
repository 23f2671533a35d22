"""Asking a model: which provider a room's runtime names, and one call from its first word to its last."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import aclosing
from importlib.util import find_spec
from typing import Any

from backrooms_tui.config.settings import ModelSettings
from backrooms_tui.entity.parse import clean
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.runtimes import Runtime

from .answer import Answer
from .answering import Answering
from .budget import tokens_of
from .failures import FAILED, GARBAGE, Unanswered
from .providers import Asked, Provider, scripted

MISSING = "openai is not installed: pip install 'backrooms-terminal[llm]'"


def check(runtime: Runtime) -> None:
    """Raise UsageError for a model that cannot be had here."""
    name, _, model = runtime.model.partition("/")
    if name == "scripted":
        scripted.check(model)
    elif not _installed():
        raise UsageError(f"ENTITY: {runtime.model[:60]}: {MISSING}")


async def provider(name: str, settings: ModelSettings) -> Provider:
    """Make one. Raises Unanswered when what it needs is not installed."""
    if name == "scripted":
        return scripted.Scripted()
    if not _installed():
        raise Unanswered(FAILED, MISSING)
    # 0.9 s, in which other rooms' answers go on.
    module = await asyncio.to_thread(importlib.import_module, "backrooms_tui.broker.providers.openai")
    made: Provider = module.OpenAI(settings)
    return made


async def ask(provider: Provider, asked: Asked, call: Answering) -> dict[str, Any]:
    """Give the whole answer; what has come of it is told on the way. Raises Unanswered, Exhausted."""
    answer = call.answer = Answer()
    async with aclosing(provider.stream(asked)) as pieces:
        async for piece in pieces:
            added = answer.add(piece)
            call.stream.add(clean(piece.text))
            call.charge.grow(tokens_of(added))
    if not answer.finish:
        raise Unanswered(GARBAGE, "THE ANSWER BREAKS OFF")
    return answer.whole


def _installed() -> bool:
    return find_spec("openai") is not None
