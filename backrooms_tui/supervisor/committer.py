"""Group commit: one synced write for whatever waits, and the one place where a failed write is handled.

Writes reach the store in the order they were queued, one batch at a time: commits together, other work on the store
(a removal, a piece of a room that is put in) between them. A thread that waits for its own write performs it itself
when nobody else is writing: that saves two thread switches (30-50 us each on an idle virtual processor) on every
input. So does a worker that has nothing else at work. Everybody else's writes join the next batch, which the
committer thread performs.

A failed write poisons the store's handle (LevelDB loses later acknowledged writes otherwise: 86 of 86 runs). The
store is re-opened, what landed is looked up by the rooms' stored tails, and only that is acknowledged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from backrooms_tui.model.errors import (
    BackroomsError,
    RoomExists,
    RoomLeasedElsewhere,
    RoomNotFound,
    SequenceConflict,
    StoreFailed,
)
from backrooms_tui.model.telemetry import UNWATCHED, Telemetry
from backrooms_tui.persistence.store import RoomCommit, RoomStore

Then = Callable[[BackroomsError | None], None]
"""Called once when a write has ended, in whichever thread wrote; None means it is durable."""
Work = Callable[[], None]
"""Calls one of the store's writing methods."""


class Overtaken(StoreFailed):
    """Between two steps of the same work a write failed: re-opening the store has ended what the first one began."""


_REFUSALS = (SequenceConflict, RoomExists, RoomLeasedElsewhere, RoomNotFound, Overtaken)
"""Nothing was written, and the handle is well."""


class Ticket:
    """One queued write."""

    __slots__ = ("_gate", "_then", "commit", "error", "leads", "sync", "work")

    def __init__(self, *, commit: RoomCommit | None, work: Work | None, sync: bool, then: Then | None) -> None:
        self.commit = commit
        self.work = work
        self.sync = sync
        self.error: BackroomsError | None = None
        self.leads = False
        self._then = then
        self._gate = threading.Lock()
        self._gate.acquire()

    def settle(self, error: BackroomsError | None) -> None:
        """Tell `then`, and only then whoever waits: what they see next includes what `then` did."""
        self.error = error
        if self._then is not None:
            self._then(error)
        self._gate.release()

    def wait(self, seconds: float = -1) -> bool:
        """Gives whether it has ended; without `seconds` it has."""
        if ended := self._gate.acquire(timeout=seconds):
            self._gate.release()
        return ended


class Committer:
    """The only caller of the store's writing methods."""

    def __init__(
        self,
        store: RoomStore,
        *,
        on_lost: Callable[[], None],
        on_fault: Callable[[BaseException], None],
        telemetry: Telemetry = UNWATCHED,
    ) -> None:
        """`on_lost` is called after a failed write, when the store is open again and unwritten commits have been
        refused: rooms must forget what they believed and reload their records. `on_fault` is told of exceptions that
        are our own bugs.
        """
        self._store = store
        self._on_lost = on_lost
        self._on_fault = on_fault
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._pending: list[Ticket] = []
        self._writing = False
        self._closed = False
        self.failure: str | None = None
        """Why the store refuses writes at present; None when it is well."""
        self.failures = 0
        """Failed writes so far."""
        self.last_flush: int | None = None
        self._flushes = 0
        self._flush_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    @property
    def flush_average(self) -> float:
        return self._flush_seconds / self._flushes if self._flushes else 0.0

    def enqueue(
        self,
        commit: RoomCommit | None = None,
        *,
        work: Work | None = None,
        sync: bool = True,
        then: Then | None = None,
        here: bool = False,
    ) -> Ticket:
        """Queue a write. With `here` the caller must then call `perform` or `finish`, without the room's lock, and
        does the writing there when nobody else is at it. Order of calls is order on disk. Raises StoreFailed at
        once while the store is unwell.
        """
        ticket = Ticket(commit=commit, work=work, sync=sync, then=then)
        with self._lock:
            if self._closed or self.failure is not None:
                raise StoreFailed(self.failure or "THE STORE IS CLOSED")
            if here and not self._writing and not self._pending:
                self._writing = ticket.leads = True
            self._pending.append(ticket)
            if not self._writing:
                self._work.notify()
        return ticket

    def perform(self, ticket: Ticket) -> None:
        """Do the writing if it fell to the caller; the ticket's `then` tells how it ended."""
        if ticket.leads:
            self._lead()

    def finish(self, ticket: Ticket) -> None:
        """Wait until the write has ended. Raises what it ended with."""
        self.perform(ticket)
        ticket.wait()
        if ticket.error is not None:
            raise ticket.error

    def carry_out(self, work: Work, *, since: int | None = None) -> None:
        """Queue work on the store and wait until it is done. Raises what it raises, StoreFailed, and Overtaken when
        `failures` is not `since` any more by then.
        """

        def step() -> None:
            if since is not None and self.failures != since:
                raise Overtaken("AN EARLIER WRITE FAILED")
            work()

        self.finish(self.enqueue(work=step, here=True))

    def responds(self, seconds: float) -> bool:
        """Whether the committer thread gets to new work within so many seconds, be it to refuse it."""
        try:
            return self.enqueue(work=lambda: None).wait(seconds)
        except StoreFailed:
            return True

    def retry(self) -> None:
        """Try to open a store that failed; called by the keeper every second while `failure` is set."""
        with self._lock:
            if self.failure is None or self._writing or self._closed:
                return
            self._writing = True
        try:
            self._reopen()
            if self.failure is None:
                self._on_lost()
        finally:
            with self._lock:
                self._writing = False
                self._work.notify()

    def close(self) -> None:
        """Write what is queued and stop."""
        with self._lock:
            self._closed = True
            self._work.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._work.wait_for(lambda: (self._pending or self._closed) and not self._writing)
                if not self._pending:
                    return
                self._writing = True
            self._lead()

    def _lead(self) -> None:
        """Write what is queued, and once more what was queued meanwhile, then hand on.

        The second round is nearly always the answer to the input just written: handing that to the committer thread
        took 80 us of 560. More rounds would make the caller everybody's servant.
        """
        try:
            for _ in range(2):
                with self._lock:
                    batch, self._pending = self._pending, []
                self._write(batch)
        finally:
            with self._lock:
                self._writing = False
                if self._pending or self._closed:
                    self._work.notify()

    def _write(self, batch: list[Ticket]) -> None:
        """Write runs of commits as one batch each; other work stands between them."""
        run: list[Ticket] = []
        for ticket in batch:
            if ticket.work is None:
                run.append(ticket)
                continue
            self._write_run(run)
            run = []
            self._guarded([ticket], ticket.work)
        self._write_run(run)

    def _write_run(self, run: list[Ticket]) -> None:
        if run:
            commits = [ticket.commit for ticket in run if ticket.commit is not None]
            sync = any(ticket.sync for ticket in run)
            self._guarded(run, lambda: self._timed(commits, sync=sync))

    def _timed(self, commits: list[RoomCommit], *, sync: bool) -> None:
        began = time.monotonic_ns()
        self._store.commit(commits, sync=sync)
        if sync:
            self._flushes += 1
            self._flush_seconds += (time.monotonic_ns() - began) / 1e9
            self.last_flush = time.time_ns()
        self._telemetry.batch_written(len(commits), began, synced=sync)

    def _guarded(self, tickets: list[Ticket], write: Callable[[], None]) -> None:
        if self.failure is not None:  # an earlier run of this batch poisoned the store
            for ticket in tickets:
                ticket.settle(StoreFailed(self.failure))
            return
        try:
            write()
        except _REFUSALS as refusal:
            self._settle_refusal(tickets, refusal)
            return
        except BackroomsError as error:
            self._salvage(tickets, error)
            return
        except Exception as error:  # a bug of ours: whoever waits for these tickets must not wait for ever
            self._salvage(tickets, StoreFailed(f"REASON: {type(error).__name__}"))
            self._on_fault(error)
            return
        for ticket in tickets:
            ticket.settle(None)

    def _settle_refusal(self, tickets: list[Ticket], refusal: BackroomsError) -> None:
        """Refuse the one commit that was built on a tail that never became durable; write its neighbours."""
        if len(tickets) == 1:
            tickets[0].settle(refusal)
            return
        for ticket in tickets:
            self._write_run([ticket])

    def _salvage(self, tickets: list[Ticket], error: BackroomsError) -> None:
        """After a failed write: re-open, acknowledge what is there, refuse the rest and all that was built on it."""
        self.failures += 1
        self.failure = " ".join((error.code, *error.details))
        self._reopen()
        landed = self.failure is None and self._landed(tickets)
        with self._lock:
            queued, self._pending = self._pending, []
        for ticket in tickets:
            ticket.settle(None if landed else error)
        for ticket in queued:
            ticket.settle(StoreFailed("AN EARLIER WRITE FAILED"))
        if self.failure is None:
            self._on_lost()

    def _reopen(self) -> None:
        try:
            self._store.reopen()
        except BackroomsError as error:
            self.failure = " ".join((error.code, *error.details))
        else:
            self.failure = None

    def _landed(self, tickets: list[Ticket]) -> bool:
        """Whether a batch whose write raised is on disk all the same; batches are atomic, so one tail tells. A batch
        in which no tail moved is refused, and its rooms are reloaded as they are found; so is other work.
        """
        for ticket in tickets:
            if ticket.commit is not None and ticket.commit.entries:
                return self._there(ticket.commit)
        return False

    def _there(self, commit: RoomCommit) -> bool:
        """Whether these entries are in memory, and not another owner's in their places."""
        room_id, tail = commit.record.id, commit.record.tail
        stored = self._store.stored_tail(room_id)
        if stored is None or stored.seq < tail.seq:
            return False
        if stored == tail:
            return True
        try:
            found = self._store.entry(room_id, tail.timestamp)
        except BackroomsError:
            return False
        last = commit.entries[-1].entry
        return (found.seq, found.type, found.content) == (last.seq, last.type, last.content)
