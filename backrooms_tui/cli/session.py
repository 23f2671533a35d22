"""A session in a room: lines go in, what the entity says comes out as it is said, to a terminal in parts of lines too.

Two threads. The caller's reads input and submits it; `enter-printer` shows events as they arrive, so that an entity
that speaks late or unasked is heard while somebody types, and so are its answers to others. Turns of one room end in
order, so one number tells what is over. The caller learns of a turn's end by itself, and often first; it lets the
printer catch up, which may have others' turns to show before that one. Lines missed by a slow terminal are taken from
the turn's durable entries when it ends. Parts are shown only where no prompt stands: it waits while a line has no end
yet, and in rooms of models, which think before they speak, until the turn is over. Whole lines are shown in any case.

Ctrl-C at a terminal interrupts the input that the entity works on; when there is none, or a second time meanwhile, it
ends the session.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from types import FrameType

from backrooms_tui.batch import EXIT
from backrooms_tui.model.entries import EntryType, MemoryEntry, Outcome
from backrooms_tui.model.errors import BackroomsError, InputRefused, RoomReadOnly
from backrooms_tui.model.events import Lagged, Said, Saying, TurnEnded
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.runtimes import parse
from backrooms_tui.model.views import Receipt, TurnResult
from backrooms_tui.service import RoomService

from .lines import Lines
from .shell import operator
from .transcript import KILLED, Transcript, error_entry

GRACE = 1.0
"""Seconds that the prompt waits for an answer before it comes back without one."""
LOOK_UP_SECONDS = 0.2
"""How often a wait looks up: Python loses a Ctrl-C that arrives just before a wait begins, until that ends."""
CLOSING_SECONDS = 2.0
"""How long the printer may take to write what it holds; a terminal that takes no more output must not keep us."""
CATCH_UP_SECONDS = 2.0
"""How long the printer may take to come to the end of a turn that is known to have ended."""
RESTART_SECONDS = 10.0
"""How long a fresh entity is waited for before the session goes on without saying that it is there."""


class Session:
    """One pass through a room. `run` it, then `close` it."""

    def __init__(
        self,
        service: RoomService,
        room_id: RoomId,
        *,
        lines: Lines,
        transcript: Transcript,
        timeout: float | None = None,
        read_only: bool = False,
    ) -> None:
        """`timeout` overrides the room's seconds for each input. With `read_only` every input is refused here."""
        self._service = service
        self._room_id = room_id
        self._lines = lines
        self._transcript = transcript
        self._timeout = timeout
        config = service.room(room_id).record.config
        self._usual_timeout = config.timeout
        self._grace = None if parse(config.entity).calls else GRACE
        self._read_only = read_only
        self._source = operator()
        self._lock = threading.RLock()
        self._went_on = threading.Condition(self._lock)
        """Notified when a turn has been shown to its end, or no more may be."""
        self._shown: dict[int, int] = {}
        self._passed: tuple[int, int, int] | None = None
        """(seq, attempt, n) of a line of which not all parts were shown: the others are not, either."""
        self._over = 0
        self._missed = False
        """Whether events were lost: the printer may never come to what one waits for."""
        self._pending: list[Receipt] = []
        self._failure: BaseException | None = None
        self._reading = False
        """Whether a line is being waited for; changes under the lock."""
        self._subscription = service.subscribe([room_id])
        self._printer = threading.Thread(target=self._print, name="enter-printer", daemon=True)
        self.refused = 0
        """Inputs that were refused."""

    def run(self) -> None:
        """Go on until `exit`, the end of the input, or an error that ends the session; then let queued inputs end.

        What is said from when the session was made on is shown. To be called once, in the main thread.
        """
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._woken)
        self._printer.start()
        while self._go_on():
            pass
        for receipt in self._pending:
            self._await(receipt, None)

    def _go_on(self) -> bool:
        """One line; gives whether another may follow. Raises KeyboardInterrupt where it is to end the session."""
        try:
            line = self._read()
            if line is None or line == EXIT:
                return False
            if line:
                self._submit(line)
        except KeyboardInterrupt:
            if self._failure is not None:
                raise self._failure from None
            if not self._interrupt():
                raise
        return True

    def _woken(self, _number: int, _frame: FrameType | None) -> None:
        """A shell has what it starts in the background ignore SIGINT. So it stays, but for the printer's."""
        if self._failure is not None:
            raise KeyboardInterrupt

    def _interrupt(self) -> bool:
        """End the running input early and show its end; gives whether there was one that is ours to end."""
        if self._read_only or not self._lines.interactive:
            return False
        try:
            result = self._service.interrupt(self._room_id, by=self._source)
        except BackroomsError:
            return False
        self._show_end(result)
        return True

    def _read(self) -> bytes | None:
        """The next line. What keeps the printer from printing ends the wait for it, as Ctrl-C would."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            self._reading = True
        try:
            return self._lines.read()
        finally:
            with self._lock:
                self._reading = False

    def close(self) -> None:
        self._subscription.close()
        if self._printer.ident is not None:
            self._printer.join(CLOSING_SECONDS)

    def _submit(self, line: bytes) -> None:
        try:
            if self._read_only:
                raise RoomReadOnly
            receipt = self._service.submit(self._room_id, line, source=self._source, timeout=self._timeout)
        except InputRefused as error:
            self.refused += 1
            with self._lock:
                self._transcript.refused(error)
            return
        if not self._lines.interactive:
            self._await(receipt, None)
            return
        self._pending.append(receipt)
        if receipt.position:
            with self._lock:
                self._transcript.queued(receipt.seq)
        elif self._await(receipt, self._grace):
            self._pending.remove(receipt)

    def _await(self, receipt: Receipt, seconds: float | None) -> bool:
        """Wait until an input has ended and show its end; with `seconds` no longer than that, unless a line has begun.

        Raises what kept the printer from printing.
        """
        at_once = LOOK_UP_SECONDS if seconds is None else seconds
        while (result := self._service.wait(receipt, at_once)) is None:
            if self._failure is not None:
                raise self._failure
            if seconds is not None and not self._transcript.begun:
                return False
            at_once = LOOK_UP_SECONDS
        self._show_end(result)
        return True

    def _show_end(self, result: TurnResult) -> None:
        if self._failure is not None:
            raise self._failure
        with self._lock:
            self._went_on.wait_for(
                lambda: self._over >= result.seq or self._missed or self._failure is not None, CATCH_UP_SECONDS
            )
            if self._failure is not None:
                raise self._failure
            self._end(result.seq, result.outcome, result.entries, result.latency)

    def _print(self) -> None:
        try:
            while events := self._subscription.get():
                if any(isinstance(event, Lagged) for event in events):
                    self._miss()
                if news := [e for e in events if isinstance(e, Said | Saying | TurnEnded) and e.seq > self._over]:
                    self._tell(news)
        except Exception as error:  # the edge of the thread: the session raises it where it can be told
            with self._lock:
                self._failure = error
                self._went_on.notify_all()
                if self._reading:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _miss(self) -> None:
        with self._lock:
            self._missed = True
            self._went_on.notify_all()

    def _tell(self, news: list[News]) -> None:
        if any(map(self._audible, news)):
            self._lines.aside(lambda: self._show(news))
        else:
            self._show(news)

    def _audible(self, event: News) -> bool:
        """Whether showing the event writes something for people."""
        if isinstance(event, Said):
            return not event.observation
        if isinstance(event, Saying):
            return self._transcript.streams and not self._lines.prompting
        said_all = self._shown.get(event.seq, 0) == len(spoken(event.entries))
        silent = error_entry(event.entries) is None and event.outcome != Outcome.INTERRUPTED
        return not (said_all and silent)

    def _show(self, news: Iterable[News]) -> None:
        with self._lock:
            if self._lines.prompting:
                self._transcript.forget()  # the prompt, and a line begun before it, have been wiped away
            for event in news:
                if isinstance(event, Said):
                    self._said(event)
                elif isinstance(event, Saying):
                    self._saying(event)
                else:
                    self._end(event.seq, event.outcome, event.entries, event.latency)

    def _said(self, event: Said) -> None:
        """Show a line if it is the next one; after a gap, the rest comes with the end of the turn."""
        if event.seq > self._over and event.n == self._shown.get(event.seq, 0):
            self._shown[event.seq] = event.n + 1
            if not event.observation:
                self._transcript.said(event.seq, event.text)

    def _saying(self, event: Saying) -> None:
        """Show a part of the next line, if all before it is shown and no prompt is in the way."""
        line = (event.seq, event.attempt, event.n)
        if not self._transcript.streams or line == self._passed:
            return
        if event.n != self._shown.get(event.seq, 0) or self._lines.prompting:
            self._passed = line
        else:
            self._transcript.saying(event.text)

    def _end(self, seq: int, outcome: str, entries: tuple[MemoryEntry, ...], latency: float) -> None:
        if seq <= self._over:
            return
        self._over = seq
        self._went_on.notify_all()
        for entry in spoken(entries)[self._shown.pop(seq, 0) :]:
            if entry.type is EntryType.OUTPUT:
                self._transcript.said(seq, entry.content)
        if (error := error_entry(entries)) is not None:
            self._transcript.failed(seq, outcome, error, self._timeout or self._usual_timeout)
        if outcome in KILLED:
            self._tell_recovery(seq, outcome)
        self._transcript.ended(seq, outcome, latency)

    def _tell_recovery(self, seq: int, outcome: str) -> None:
        try:
            view = self._service.await_entity(self._room_id, RESTART_SECONDS)
        except BackroomsError as error:
            self._transcript.refused(error)
        else:
            self._transcript.recovered(seq, outcome, view.record.state)


News = Said | Saying | TurnEnded
"""What a session shows."""


def spoken(entries: tuple[MemoryEntry, ...]) -> list[MemoryEntry]:
    """What the entity said in a turn, observations too: the n-th of them is the n-th `Said`."""
    return [entry for entry in entries if entry.type in (EntryType.OUTPUT, EntryType.OBSERVATION)]
