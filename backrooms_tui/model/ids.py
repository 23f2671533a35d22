"""Room ids: how they are made, shortened and found again.

An id is the SHA-256 of creation timestamp, random seed and input origin (seed 000, Room Identification). It is
opaque and permanent. People hold rooms by any unambiguous prefix of at least four characters, with or without
the trailing `...` that the seed's examples print. A room's name is metadata and never a handle.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NewType

from .errors import InvalidRoomId, RoomAmbiguous, RoomNotFound

RoomId = NewType("RoomId", str)
"""64 lower-case hexadecimal digits."""

ID_LENGTH = 64
MIN_PREFIX = 4
SHORT = 8
"""Digits shown where a full id does not fit."""

_HEX = frozenset("0123456789abcdef")


def new_room_id(*, created_at: int, origin: str, seed: bytes | None = None) -> RoomId:
    """Make the id of a room created at `created_at` (nanoseconds since the epoch) by `origin` (any text).

    `seed` is 32 random bytes unless a test needs the id to be known.
    """
    import hashlib  # 3 ms, and only creating needs it
    import secrets

    seed = secrets.token_bytes(32) if seed is None else seed
    # Lengths keep the three parts apart: without them two different triples could hash alike.
    parts = (str(created_at).encode(), seed, origin.encode("utf-8", "surrogateescape"))
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return RoomId(digest.hexdigest())


def short(room_id: str) -> str:
    """Give the first eight digits: for people, never for look-ups."""
    return room_id[:SHORT]


def parse_handle(handle: str) -> str:
    """Give the id prefix that `handle` writes down. Raises InvalidRoomId."""
    prefix = handle.strip().lower().removesuffix("...").removesuffix("…")
    if not _HEX.issuperset(prefix) or not MIN_PREFIX <= len(prefix) <= ID_LENGTH:
        raise InvalidRoomId(f"A room is named by {MIN_PREFIX} to {ID_LENGTH} hexadecimal digits of its id.")
    return prefix


def resolve(handle: str, ids: Iterable[RoomId]) -> RoomId:
    """Find the one room that `handle` means. Raises InvalidRoomId, RoomNotFound, RoomAmbiguous."""
    prefix = parse_handle(handle)
    found = [room_id for room_id in ids if room_id.startswith(prefix)]
    if not found:
        raise RoomNotFound(f"ROOM: {prefix}")
    if len(found) > 1:
        raise RoomAmbiguous(f"PREFIX: {prefix}", f"MATCHES: {len(found)}", *sorted(found)[:4])
    return found[0]
