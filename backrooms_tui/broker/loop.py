"""The broker's thread: one asyncio loop in which every call of every room waits.

Cancelling a task there frees the caller within a millisecond and lets the server see the connection close; a blocking
client in a thread of its own was still waiting three seconds after it had been closed.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

CLOSING = 2.0
"""Seconds that connections get to be closed in good order when the broker ends."""


class Loop:
    """Thread-safe. The thread is started by the first `post`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def post(self, call: Callable[[], object]) -> bool:
        """Have `call` run in the thread, soon; False when it has ended."""
        with self._lock:
            if self._closed:
                return False
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, args=(self._loop,), name="broker", daemon=True)
                self._thread.start()
            self._loop.call_soon_threadsafe(call)
            return True

    def close(self, last: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run `last` in the thread and end it. Idempotent."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_end(loop, last), loop)
        thread.join()

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()  # without waiting for its executor, where a name that nobody resolves may be looked up


async def _end(loop: asyncio.AbstractEventLoop, last: Callable[[], Coroutine[None, None, None]]) -> None:
    try:
        for task in _others():
            # What closes a generator ends by itself; cancelled before it began, it leaves it neither open nor closed.
            if inspect.iscoroutine(task.get_coro()):
                task.cancel()
        with suppress(TimeoutError):
            await _rest()
        async with asyncio.timeout(CLOSING):
            await last()
            await _rest()
    finally:
        loop.stop()


async def _rest() -> None:
    """Wait until nothing else is at work, nor has been begun by what was. Raises TimeoutError after CLOSING seconds."""
    async with asyncio.timeout(CLOSING):
        while tasks := _others():
            await asyncio.wait(tasks)
            await asyncio.sleep(0)  # the end of one generator may close the next


def _others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}
