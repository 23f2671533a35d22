"""One call being answered: a task in the broker's loop that ends exactly once, however it ends.

Who cancels, and who has waited long enough, gets the result at once: the task is told to stop, and what it still does
to let go of its server is nobody's concern.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from backrooms_tui.entity.calls import CANCELLED, EXHAUSTED, CallResult
from backrooms_tui.model.value import changed

from .answer import Answer
from .budget import Charge, Exhausted
from .failures import FAILED, TIMEOUT, Unanswered
from .loop import Loop
from .stream import Stream

OnResult = Callable[[CallResult], None]
OnFault = Callable[[BaseException], None]


class Answering:
    """Implements Pending. `start` and `cancel` are for any thread, the rest is for the loop's."""

    def __init__(
        self,
        loop: Loop,
        charge: Charge,
        work: Callable[[Answering], Coroutine[None, None, Any]],
        *,
        limit: float,
        on_chunk: Callable[[str], None],
        on_result: OnResult,
        on_fault: OnFault,
    ) -> None:
        """`work` gives the answer's value; what has come of a model's until then it keeps in `answer`, and streams.
        It raises Unanswered and Exhausted. `limit`: seconds for the call; its charge may have fewer left.
        """
        self.charge = charge
        self.answer: Answer | None = None
        self.stream = Stream(on_chunk)
        self._loop = loop
        self._work = work
        self._limit = limit
        self._on_result = on_result
        self._on_fault = on_fault
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    def start(self) -> bool:
        """Begin; False when the broker has closed."""
        return self._loop.post(self._begin)

    def cancel(self) -> None:
        self._loop.post(self._interrupt)  # a loop that has closed has cancelled everything

    def _begin(self) -> None:
        if not self._ended:
            seconds = min(self._limit, self.charge.seconds)
            self._timer = asyncio.get_running_loop().call_later(seconds, self._overdue)
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(lambda _: self._interrupt())  # cancelled by a loop that ends

    async def _run(self) -> None:
        try:
            value = await self._work(self)
        except Unanswered as why:
            self._end(_refusal(why.line))
        except Exhausted as what:
            self._end(_refusal(f"{EXHAUSTED}: {what}"))
        except Exception as error:  # a mistake of ours must not leave a room waiting for ever
            self._end(_refusal(f"{FAILED}: A FAULT OF THE HOST"))
            self._on_fault(error)
        else:
            self._end(CallResult(ok=True, answer=value))

    def _overdue(self) -> None:
        if self._limit <= self.charge.seconds:
            self._stop(_refusal(f"{TIMEOUT}: NO WHOLE ANSWER IN {self._limit:g} SECONDS"))
        else:
            self._stop(_refusal(f"{EXHAUSTED}: THE SECONDS OF THE TURN"))

    def _interrupt(self) -> None:
        came = None if self.answer is None else self.answer.partial
        self._stop(CallResult(ok=False, answer=came, error=CANCELLED, interrupted=True))

    def _stop(self, result: CallResult) -> None:
        self._end(result)
        if self._task is not None:
            self._task.cancel()

    def _end(self, result: CallResult) -> None:
        if self._ended:
            return
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        self.stream.close()
        usage = None if self.answer is None else self.answer.usage
        tokens = self.charge.end(None if usage is None else usage.input + usage.output)
        self._on_result(changed(result, tokens=tokens))


def _refusal(error: str) -> CallResult:
    return CallResult(ok=False, error=error)
