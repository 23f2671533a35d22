"""The calls of a turn in the room's memory: what was asked, what was answered, what was only begun.

Each is a STATE_CHANGE entry of its own, durable before the entity hears of it. When the host dies in mid-turn the
input runs once more, and what it asks again in the same words is answered from here: nothing is paid for twice. What
does something in the world is written down before it is begun; if its end is not there, nobody knows whether it was
done, and it is not done again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from backrooms_tui.entity.calls import CallResult
from backrooms_tui.entity.frames import Call
from backrooms_tui.model.entries import Draft, EntryType, Meta
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.persistence.store import RoomStore

from .room import LiveRoom

PAGE = 64
UNKNOWN = "EFFECT_UNKNOWN: it was begun before the host died, and is not begun again"

Key = tuple[str, str]
"""Id of a call, and the digest of its words."""
Journal = dict[Key, CallResult | None]
"""None: begun, and no more is known."""


def digest(call: Call) -> str:
    """Of name and arguments: the same id with other words is another call."""
    words = json.dumps([call.name, call.args], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def begun(seq: int, call: Call, words: str) -> Draft:
    """The entry of a call that is about to do something."""
    return _entry(f"CALL {call.name}: BEGUN", {"input": seq, "id": call.id, "name": call.name, "hash": words})


def ended(seq: int, call: Call, words: str, result: CallResult, seconds: float) -> Draft:
    """The entry of an answered call."""
    held: dict[str, Any] = {"input": seq, "id": call.id, "name": call.name, "hash": words, "ok": result.ok}
    told = {"answer": result.answer, "error": result.error, "interrupted": result.interrupted or None}
    held |= {name: value for name, value in told.items() if value is not None}
    held["tokens"] = result.tokens
    figures = [f"{result.tokens} tokens"] if result.tokens else []
    figures.append(f"{seconds:.2f} s")
    how = [] if result.ok else [result.error or "FAILED"]
    if result.interrupted:
        how = ["INTERRUPTED"]
    return _entry(f"CALL {call.name}: {', '.join(how + figures)}", held)


def _entry(text: str, call: dict[str, Any]) -> Draft:
    return Draft(EntryType.STATE_CHANGE, text, {Meta.EVENT: "call", Meta.CALL: call})


def kept(store: RoomStore, room: LiveRoom, of: QueuedInput) -> Journal:
    """What earlier attempts at an input have left: all of it lies behind the end of the turn before. Raises
    RoomCorrupted, StoreFailed.
    """
    found: Journal = {}
    if room.record.tail.seq == of.seq:  # nothing has been remembered since the input
        return found
    before: int | None = None
    while page := store.read(room.id, before=before, limit=PAGE):
        before = page[0].timestamp
        for entry in reversed(page):
            if entry.timestamp <= of.timestamp or Meta.OUTCOME in entry.metadata:
                return found
            call = entry.metadata.get(Meta.CALL)
            if isinstance(call, dict) and call.get("input") == of.seq:
                found.setdefault((call["id"], call["hash"]), _result(call))  # the newest word on it
    return found


def _result(call: dict[str, Any]) -> CallResult | None:
    if "ok" not in call:
        return None
    return CallResult(call["ok"], call.get("answer"), call.get("error"), call.get("interrupted", False), call["tokens"])
