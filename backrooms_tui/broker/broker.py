"""The broker: who answers what sealed entities ask of the host. Grants and budgets are checked here, where the entity
cannot reach; whatever becomes of a call is one result.

Keys live here and in nobody else's memory. An entity's words choose neither the server nor the model.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from backrooms_tui.config.settings import ModelSettings
from backrooms_tui.entity.calls import CANCELLED, DENIED, EXHAUSTED, MODEL, CallResult, Notify, Pending
from backrooms_tui.entity.frames import Call
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.runtimes import Runtime

from . import models, tools
from .answering import Answering, OnFault, OnResult
from .asked import asked_of, size
from .budget import Budget, Exhausted, tokens_of
from .failures import Unanswered, told
from .loop import Loop
from .providers import Provider

Work = Callable[[Answering], Coroutine[None, None, Any]]


class HostBroker:
    """Implements Broker. Cheap until the first call: the thread and the model's client are made for that one."""

    def __init__(self, settings: ModelSettings, *, notify: Notify, on_fault: OnFault) -> None:
        """`on_fault` is told of exceptions that are our own bugs."""
        self.settings = settings
        self.notify = notify
        self.on_fault = on_fault
        self.loop = Loop()
        self._providers: dict[str, Provider] = {}

    def grants(self, runtime: Runtime) -> tuple[str, ...]:
        return tuple(name for name in runtime.calls if name == MODEL or tools.tool_of(name))

    def check(self, runtime: Runtime) -> None:
        if runtime.model:
            models.check(runtime)
        for name in runtime.calls:
            if name != MODEL and not tools.tool_of(name):
                wanted, there = name.removeprefix(tools.PREFIX), ", ".join(tools.TOOLS)
                raise UsageError(f"ENTITY OPTION: {wanted!r} is not one of the host's tools: {there}.")

    def turn(self, room_id: RoomId, runtime: Runtime) -> RoomCalls:
        return RoomCalls(self, room_id, runtime)

    def close(self) -> None:
        self.loop.close(self._let_go)

    async def provider(self, name: str) -> Provider:
        """In the loop. Raises Unanswered."""
        if name not in self._providers:
            made = await models.provider(name, self.settings)
            self._providers.setdefault(name, made)  # while it was imported, somebody else may have made one
        return self._providers[name]

    async def _let_go(self) -> None:
        for provider in self._providers.values():
            await provider.close()


class RoomCalls:
    """Implements TurnCalls."""

    def __init__(self, broker: HostBroker, room_id: RoomId, runtime: Runtime) -> None:
        self._broker = broker
        self._room_id = room_id
        self._runtime = runtime
        self._grants = broker.grants(runtime)
        self._budget = Budget.of(runtime) if self._grants else None

    def begin(self, call: Call, *, on_chunk: Callable[[str], None], on_result: OnResult) -> Pending:
        if self._budget is None or call.name not in self._grants:
            return _refuse(on_result, f"{DENIED}: {told(call.name)}")
        try:
            work, estimate = self._work(call)
            charge = self._budget.begin(estimate)
        except Unanswered as why:
            return _refuse(on_result, why.line)
        except Exhausted as what:
            return _refuse(on_result, f"{EXHAUSTED}: {what}")
        answering = Answering(
            self._broker.loop,
            charge,
            work,
            limit=self._broker.settings.call_timeout,
            on_chunk=on_chunk,
            on_result=on_result,
            on_fault=self._broker.on_fault,
        )
        if not answering.start():
            return _refuse(on_result, CANCELLED, interrupted=True)
        return answering

    def replay(self, call: Call, result: CallResult) -> None:  # noqa: ARG002 - each counts as one, whatever it was
        if self._budget is not None:
            self._budget.replay(result.tokens)

    def _work(self, call: Call) -> tuple[Work, int]:
        """What answers the call, and about how many tokens the asking takes. Raises Unanswered."""
        if call.name != MODEL:
            return self._use(call), 0
        name, _, model = self._runtime.model.partition("/")
        granted = [tools.schema(tools.tool_of(grant)) for grant in self._grants if grant != MODEL]
        asked = asked_of(model, call.args, granted)

        async def ask(answering: Answering) -> dict[str, Any]:
            return await models.ask(await self._broker.provider(name), asked, answering)

        return ask, tokens_of(size(asked))

    def _use(self, call: Call) -> Work:
        tool = tools.TOOLS[tools.tool_of(call.name)]
        use = tools.Use(self._room_id, call.args, self._broker.notify)

        async def act(_: Answering) -> Any:
            return tool.act(use)

        return act


class _Refused:
    """A call that ended before it began."""

    def cancel(self) -> None:
        """Nothing is left to cancel."""


def _refuse(on_result: OnResult, error: str, *, interrupted: bool = False) -> Pending:
    on_result(CallResult(ok=False, error=error, interrupted=interrupted))
    return _Refused()
