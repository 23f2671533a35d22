"""The gate in front of a store's handle: readers pass while it is open, and closing waits for the last of them.

plyvel lets go of the GIL inside its calls, so closing a handle under a reader would free memory it walks on. Only
counting happens under the gate's lock, never I/O.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backrooms_tui.model.errors import BackroomsError, StoreClosed


class Gate:
    """Open from the start."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside = 0
        self._refusal: tuple[type[BackroomsError], tuple[str, ...]] | None = None

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside for a while. Raises what the gate was barred with."""
        with self._changed:
            self.check()
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                if not self._inside:
                    self._changed.notify_all()

    def check(self) -> None:
        """Raise what the gate was barred with, if it was."""
        if self._refusal is not None:
            error, details = self._refusal
            raise error(*details)

    def bar(self, error: type[BackroomsError], *details: str) -> None:
        """Let nobody in any more; those inside stay. A closed store stays closed."""
        with self._changed:
            if not self.closed:
                self._refusal = (error, details)

    def drain(self) -> None:
        """Wait until nobody is inside; call after `bar`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._inside)

    def open(self) -> None:
        with self._changed:
            self._refusal = None

    @property
    def barred(self) -> bool:
        return self._refusal is not None

    @property
    def closed(self) -> bool:
        return self._refusal is not None and self._refusal[0] is StoreClosed
