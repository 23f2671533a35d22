"""An entity's state as the bytes that a store keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backrooms_tui.model.limits import MAX_STATE_SIZE


class StateTooLarge(Exception):
    """The entity's state does not fit MAX_STATE_SIZE."""


def encode_state(state: Mapping[str, Any]) -> bytes:
    """Snapshot bytes: JSON, as it crossed the wire. msgpack has no integers above 64 bits, and a counter may."""
    data = json.dumps(state, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if len(data) > MAX_STATE_SIZE:
        raise StateTooLarge
    return data


def decode_state(snapshot: bytes | None) -> dict[str, Any] | None:
    """The state of a snapshot; None for a room that has none. Raises ValueError for anything but an object."""
    if snapshot is None:
        return None
    state = json.loads(snapshot)
    if not isinstance(state, dict):
        raise ValueError("not an object")  # noqa: TRY004  (bad bytes, not a caller's wrong type)
    return state
