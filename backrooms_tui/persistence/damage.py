"""How damage is told: as a `Damage` in a room's record, and as RoomCorrupted in the seed's words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from backrooms_tui.model.errors import RoomCorrupted
from backrooms_tui.model.room import Damage

from . import keys
from .records import Damaged


class DamageFound(RoomCorrupted):
    """RoomCorrupted with the seed's lines, and the Damage they tell of."""

    def __init__(self, found: Damage) -> None:
        self.damage = found
        super().__init__(
            "UNABLE TO LOAD STATE",
            f"CORRUPTION_TYPE: {found.type}",
            f"WHERE: {found.where}",
            f"OFFSET: 0x{found.offset:08X}",
            "MANUAL RECOVERY REQUIRED",
        )


def damage(type_: str, key: bytes, offset: int = 0) -> Damage:
    """Damage at a byte of the value under `key`, detected now."""
    return Damage(type_, keys.printable(key), offset, time.time_ns())


def corrupted(type_: str, key: bytes, offset: int = 0) -> DamageFound:
    """The error for damage at a byte of the value under `key`."""
    return DamageFound(damage(type_, key, offset))


@contextmanager
def found_at(key: bytes) -> Iterator[None]:
    """Turn Damaged into the error that names the key whose value is being read."""
    try:
        yield
    except Damaged as error:
        raise corrupted(error.type, key, error.offset) from None
