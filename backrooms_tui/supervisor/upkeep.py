"""What the keeper does each time: the witness, a store to open again, unwritten counters, idle rooms."""

from __future__ import annotations

import time
from contextlib import suppress

from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.model.states import RoomState, Verb, transition
from backrooms_tui.persistence.store import RoomStore

from .engine import Engine
from .registry import Registry


class Upkeep:
    """In the keeper's thread; `write_dirty` also where the owner closes."""

    def __init__(self, store: RoomStore, engine: Engine, registry: Registry) -> None:
        self._store = store
        self._engine = engine
        self._registry = registry

    def often(self) -> None:
        if self._registry.tenancy is not None:
            self._registry.tenancy.follow()
        if self._store.witness_due():
            with suppress(StoreFailed):  # the committer opens it again, and says so
                self._store.write_witness()

    def every_second(self) -> None:
        self._engine.committer.retry()
        if self._engine.committer.failure is None:
            with suppress(StoreFailed):  # meanwhile
                self._store.write_witness()
                self.write_dirty()
                self._rest_idle()
            if self._registry.tenancy is not None and self._engine.bus.watched:
                self._registry.tenancy.look()

    def write_dirty(self) -> None:
        """Write the records that hold changes which no commit has taken along."""
        for room in self._registry.all():
            if room.dirty and not room.blocked and not room.foreign:
                with room.lock:
                    self._engine.enqueue(room, room.seal(), sync=False)

    def _rest_idle(self) -> None:
        before = time.time_ns() - int(self._engine.limits.idle_after * 1e9)
        for room in self._registry.all():
            if room.foreign:
                continue
            if room.record.state is RoomState.ACTIVE and room.record.last_active < before and not room.record.queued:
                with room.lock:
                    commit = room.seal(state=transition(room.record.state, Verb.REST))
                    self._engine.enqueue(room, commit)
