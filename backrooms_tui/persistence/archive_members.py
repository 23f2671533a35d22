"""The members of an archive that are text, as they are written; read ones must be the same by letter."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.value import value

from . import readable
from .room_records import encode_config, encode_creation

FORMAT = "room.exe archive"
FORMAT_VERSION = 1

MANIFEST = "manifest.json"
METADATA = "metadata.json"
CONFIG = "config.json"
RECORD = "record.rec"
STATE = "state.rec"
QUEUE = "queue.rec"
CHECKSUMS = "checksums.json"


@value
class Manifest:
    """What an archive says of itself and of nothing else in it."""

    taken_at: int
    """Nanoseconds since the epoch."""
    product: str
    """Version of the product that wrote it."""
    config: bool
    """Whether the room's settings are in it."""

    def text(self, record: RoomRecord) -> bytes:
        tail = record.tail
        return _canonical(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "product": self.product,
                "room": record.id,
                "taken_at": self.taken_at,
                "config": self.config,
                "state": record.state_version > 0,
                "entries": record.entries,
                "tail": {"seq": tail.seq, "timestamp": tail.timestamp, "chain": tail.chain},
            }
        )


class Checksums:
    """Of the members so far, in their order."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, Any]] = {}

    def add(self, name: str, data: bytes) -> None:
        self._sums[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def text(self) -> bytes:
        return _canonical(self._sums)


def metadata_text(record: RoomRecord) -> bytes:
    return readable.to_text(encode_creation(record.id, record.creation, record.created_at)).encode()


def config_text(record: RoomRecord) -> bytes:
    return readable.to_text(encode_config(record.id, record.config)).encode()


def memory_name(n: int) -> str:
    """Of the n-th memory member, from 1."""
    return f"memory/{n:06d}.rec"


def _canonical(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode()
