"""Accepting one input: rules, bounds, durable INPUT entry and queue record, receipt.

A free room's entity starts on the input while the input is being written: that hides the entity's time behind the
disk's. Nothing of it is told to anyone before the input is durable, and nothing it does has an effect before its
own commit, which stands behind the input's in the same order on disk; if the input's write fails, so does that one,
and the entity is killed. An input that was never acknowledged then never ran.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from backrooms_tui.model.entries import Draft, EntryType, Meta
from backrooms_tui.model.errors import (
    BackroomsError,
    InputEmpty,
    InputRefused,
    InputSizeExceeded,
    InvalidInputEncoding,
    MemoryExhausted,
    QueueFull,
)
from backrooms_tui.model.events import InputAccepted
from backrooms_tui.model.inputs import normalise
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.states import Verb, transition
from backrooms_tui.model.value import changed
from backrooms_tui.model.views import Receipt
from backrooms_tui.persistence.store import RoomCommit

from .committer import Ticket
from .compacting import over
from .engine import Engine, Limits
from .loading import recent_receipts
from .room import RECEIPTS_KEPT, LiveRoom, Pending

ENTRY_OVERHEAD = 256
"""Bytes beyond its text that an INPUT entry may take; the bound is checked before the entry is made."""


def accept(
    engine: Engine,
    room: LiveRoom,
    data: bytes,
    *,
    source: str,
    session: str | None,
    request_id: str | None,
    timeout: float | None,
    kick: Callable[[LiveRoom], None],
) -> Receipt:
    """See `RoomService.submit`. When this returns the input is durable and queued."""
    began = time.monotonic_ns()
    text = normalise(data, max_size=engine.limits.max_input_size)
    if not text:
        raise InputEmpty
    told = {Meta.SOURCE: source, Meta.SESSION: session, Meta.REQUEST_ID: request_id}
    metadata = {name: held for name, held in told.items() if held is not None}
    if request_id is not None and room.receipts is None:
        receipts = recent_receipts(engine.store, room.id)
        with room.lock:
            room.receipts = receipts if room.receipts is None else room.receipts
    with room.lock:
        first = None if request_id is None else _first(room, request_id)
        if first is None:
            room.require_open()
            size = len(data) + ENTRY_OVERHEAD
            _check_room(room, engine.limits, size)
            rests = room.turn is None  # also with a queue: nobody has called for what an earlier owner left
            free = rests and not room.queue
            starts = free and not engine.compactor.consider(room, size) and room.ready
            commit, pending = _seal_input(room, text, metadata, timeout, starts=starts)
            receipt = Receipt(room.id, pending.input.seq, pending.input.timestamp, len(room.queue))
            then = partial(_written, engine, room, commit, request_id, receipt, (began, time.monotonic_ns()))
            ticket = engine.committer.enqueue(commit, here=True, then=then)
            room.queue.append(pending)
            if request_id is not None:
                room.accepting[request_id] = (ticket, receipt)
    if first is not None:
        return _as_the_first(*first)
    if rests:
        kick(room)
    engine.committer.finish(ticket)
    return receipt


def _first(room: LiveRoom, request_id: str) -> tuple[Ticket | None, Receipt] | None:
    """What an earlier input with the request id was answered, or will be when its write has ended."""
    if room.receipts is not None and request_id in room.receipts:
        return None, room.receipts[request_id]
    return room.accepting.get(request_id)


def _as_the_first(ticket: Ticket | None, receipt: Receipt) -> Receipt:
    """Answer a repeated input as the first one is, also when that fails."""
    if ticket is not None:
        ticket.wait()
        if ticket.error is not None:
            raise ticket.error
    return receipt


def _written(
    engine: Engine,
    room: LiveRoom,
    commit: RoomCommit,
    request_id: str | None,
    receipt: Receipt,
    times: tuple[int, int],
    error: BackroomsError | None,
) -> None:
    """The INPUT is on disk; or it is not, and the room is about to be reloaded. In the writing thread."""
    if request_id is not None:
        with room.lock:
            room.accepting.pop(request_id, None)
            if error is None:
                _remember(room, request_id, receipt)
    if error is None:
        entry = commit.entries[0].entry
        engine.telemetry.input_accepted(room.id, entry, *times)
        engine.tell_accepted(room, InputAccepted(room.id, entry, room.depth))


def count_refusal(engine: Engine, room: LiveRoom, refusal: InputRefused) -> None:
    """Note a refused input in the room's counters; the next commit takes it along."""
    engine.telemetry.input_refused(room.id, refusal.code)
    if not isinstance(refusal, InvalidInputEncoding | InputSizeExceeded):
        return
    with room.lock:
        counters = room.record.counters
        room.record = room.record.with_(
            counters=changed(counters, errors=counters.errors + 1, invalid_inputs=counters.invalid_inputs + 1),
            last_error=refusal.code,
        )
        room.dirty = True


def _check_room(room: LiveRoom, limits: Limits, size: int) -> None:
    if room.depth >= limits.queue_depth:
        raise QueueFull(f"MAX: {limits.queue_depth} pending")
    record = room.record
    # What is too much goes after the turn at work, or before the next: only what must stay is in the way.
    if over(room, limits, size) and (room.exhausted or size > record.config.memory_limit):
        raise MemoryExhausted(
            f"USAGE: {record.memory_usage} bytes",
            f"CAPACITY: {record.config.memory_limit} bytes",
            f"ENTRIES: {record.entries} OF {limits.memory_entries}",
        )


def _seal_input(
    room: LiveRoom, text: str, metadata: dict[str, Any], timeout: float | None, *, starts: bool
) -> tuple[RoomCommit, Pending]:
    """Seal the INPUT; with `starts` its queue record says already that it was started once."""
    record = room.record
    tail, now = record.tail, time.time_ns()
    queued = QueuedInput(
        tail.seq + 1, max(now, tail.timestamp + 1), metadata.get(Meta.REQUEST_ID), int(starts), timeout
    )
    commit = room.seal(
        (Draft(EntryType.INPUT, text, metadata),),
        now=queued.timestamp,
        queue_put=(queued,),
        state=transition(record.state, Verb.WAKE),
        queued=record.queued + 1,
        counters=changed(record.counters, inputs=record.counters.inputs + 1),
        last_active=now,
    )
    return commit, Pending(queued, text, metadata.get(Meta.SESSION), marked=starts)


def _remember(room: LiveRoom, request_id: str, receipt: Receipt) -> None:
    """Under the room's lock."""
    if room.receipts is not None:
        room.receipts[request_id] = receipt
        while len(room.receipts) > RECEIPTS_KEPT:
            room.receipts.popitem(last=False)
