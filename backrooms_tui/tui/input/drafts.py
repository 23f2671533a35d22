"""Each room's unsent draft and the inputs sent before it, kept in one private file of bounded size.

A draft is the operator's work: it survives leaving the room, the console and a lost connection. A file that cannot
be read is an empty one; it is never a reason not to start. An operator may have several consoles: each writes only
what was typed in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import ID_LENGTH
from backrooms_tui.model.value import value
from backrooms_tui.persistence.private_files import private_directory, read_private, replace_private

MAX_BYTES = 4 * 1024 * 1024
"""Of the file. Over it, the oldest histories go first, then the drafts of the rooms longest not touched."""
MAX_HISTORY = 200
"""Inputs kept for one room."""
_MAX_HISTORY_TEXT = 16 * 1024
"""Characters of one input that is worth keeping; a pasted file is not recalled with the arrow keys."""


@value
class Doubt:
    """An input that a room may have or not."""

    text: str
    at: int
    """When it was sent: nanoseconds since the epoch."""


@dataclass(slots=True)
class RoomDraft:
    draft: str = ""
    history: list[str] = field(default_factory=list)
    """Sent inputs, oldest first."""
    in_doubt: dict[str, Doubt] = field(default_factory=dict)
    """By request id: what was sent and never answered, oldest first."""


@dataclass(slots=True)
class _Since:
    """What changed about a room since the file was read or written."""

    drafted: bool = False
    said: list[str] = field(default_factory=list)
    doubts: dict[str, Doubt | None] = field(default_factory=dict)
    """None: settled."""


class Drafts:
    """All rooms' drafts, the least recently touched first. Belongs to one thread."""

    def __init__(self, rooms: dict[str, RoomDraft] | None = None) -> None:
        self._rooms = rooms or {}
        self._since: dict[str, _Since] = {}
        self._forgotten: set[str] = set()

    @classmethod
    def load(cls, path: Path) -> Drafts:
        """Read what `save` wrote; empty when there is none, or it is damaged or not ours."""
        return cls(_read(path))

    def save(self, path: Path) -> None:
        """Write what changed into what is there now, 0600, atomically. Raises UnsafePath, StoreFailed, OSError."""
        if not self._since and not self._forgotten:
            return
        rooms = _read(path)
        for room_id in self._forgotten:
            rooms.pop(room_id, None)
        for room_id, since in self._since.items():
            rooms[room_id] = _merged(rooms.pop(room_id, RoomDraft()), since, self.draft(room_id))
        private_directory(path.parent)
        replace_private(path, _encoded(rooms))
        self._since.clear()
        self._forgotten.clear()

    def draft(self, room_id: str) -> str:
        room = self._rooms.get(room_id)
        return room.draft if room is not None else ""

    def unsent(self) -> tuple[str, ...]:
        """Rooms that have a draft."""
        return tuple(room_id for room_id, room in self._rooms.items() if room.draft)

    def as_text(self) -> str:
        """Every draft, and every input in doubt, under its room's id; empty when there is none."""
        parts = [
            f"ROOM {room_id}\n{words}:\n{text}\n"
            for room_id, room in self._rooms.items()
            for words, text in (
                *(("OUTCOME UNKNOWN", doubt.text) for doubt in room.in_doubt.values()),
                *((("DRAFT", room.draft),) if room.draft else ()),
            )
        ]
        return "\n".join(parts)

    def history(self, room_id: str) -> tuple[str, ...]:
        """Inputs sent from here, oldest first."""
        room = self._rooms.get(room_id)
        return tuple(room.history) if room is not None else ()

    def in_doubt(self, room_id: str) -> dict[str, Doubt]:
        """By request id, oldest first."""
        room = self._rooms.get(room_id)
        return dict(room.in_doubt) if room is not None else {}

    def keep(self, room_id: str, draft: str) -> None:
        """Remember what is typed and not sent."""
        if draft != self.draft(room_id):
            room, since = self._touch(room_id)
            room.draft, since.drafted = draft, True

    def sent(self, room_id: str, text: str) -> None:
        """Put an accepted input into the history; the same text twice in a row is one."""
        room, since = self._touch(room_id)
        for history in (room.history, since.said):
            _add(history, text)

    def doubt(self, room_id: str, request_id: str, doubt: Doubt) -> None:
        """Remember an input that was sent and not answered, and under which id."""
        room, since = self._touch(room_id)
        room.in_doubt[request_id] = since.doubts[request_id] = doubt

    def settle(self, room_id: str, request_id: str) -> None:
        """It is known now what became of the input."""
        if request_id in self.in_doubt(room_id):
            room, since = self._touch(room_id)
            del room.in_doubt[request_id]
            since.doubts[request_id] = None

    def forget(self, room_id: str) -> None:
        """The room was destroyed: every trace of it goes."""
        self._rooms.pop(room_id, None)
        self._since.pop(room_id, None)
        self._forgotten.add(room_id)

    def _touch(self, room_id: str) -> tuple[RoomDraft, _Since]:
        room = self._rooms.pop(room_id) if room_id in self._rooms else RoomDraft()
        since = self._since.pop(room_id) if room_id in self._since else _Since()
        self._rooms[room_id], self._since[room_id] = room, since
        return room, since


def _merged(there: RoomDraft, since: _Since, draft: str) -> RoomDraft:
    """What the file holds of a room, with what changed here."""
    if since.drafted:
        there.draft = draft
    for text in since.said:
        _add(there.history, text)
    there.in_doubt |= {key: doubt for key, doubt in since.doubts.items() if doubt is not None}
    for key in (key for key, doubt in since.doubts.items() if doubt is None):
        there.in_doubt.pop(key, None)
    return there


def _add(history: list[str], text: str) -> None:
    if text.strip() and len(text) <= _MAX_HISTORY_TEXT and history[-1:] != [text]:
        history.append(text)
        del history[:-MAX_HISTORY]


def _read(path: Path) -> dict[str, RoomDraft]:
    try:
        data = read_private(path, limit=MAX_BYTES)
        return {room_id: _admitted(room_id, room) for room_id, room in json.loads(data or b"{}").items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, BackroomsError):
        return {}


def _admitted(room_id: str, room: dict[str, Any]) -> RoomDraft:
    draft, history = room.get("draft", ""), room.get("history", [])
    in_doubt = {key: Doubt(text, at) for key, (text, at) in room.get("in_doubt", {}).items()}
    texts = isinstance(draft, str) and isinstance(history, list) and all(isinstance(text, str) for text in history)
    doubts = all(isinstance(doubt.text, str) and type(doubt.at) is int for doubt in in_doubt.values())
    if not texts or not doubts or len(room_id) != ID_LENGTH:
        raise ValueError("not a draft")
    return RoomDraft(draft, history[-MAX_HISTORY:], in_doubt)


def _encoded(drafts: dict[str, RoomDraft]) -> bytes:
    rooms = {room_id: _plain(room) for room_id, room in drafts.items()}
    data = _json(rooms)
    for room_id in list(rooms):  # oldest first
        if len(data) <= MAX_BYTES:
            return data
        rooms[room_id]["history"] = []
        data = _json(rooms)
    while len(data) > MAX_BYTES:
        del rooms[next(iter(rooms))]
        data = _json(rooms)
    return data


def _plain(room: RoomDraft) -> dict[str, Any]:
    plain: dict[str, Any] = {"draft": room.draft, "history": list(room.history)}
    if room.in_doubt:
        plain["in_doubt"] = {key: [doubt.text, doubt.at] for key, doubt in room.in_doubt.items()}
    return plain


def _json(rooms: dict[str, dict[str, Any]]) -> bytes:
    # ASCII: a draft may hold a lone surrogate, which UTF-8 cannot write.
    return json.dumps(rooms, separators=(",", ":")).encode("ascii")
