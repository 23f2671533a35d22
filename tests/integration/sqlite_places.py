"""Ways into a SQLITE store that only tests take: opened by its backend's name, and as somebody's shell."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from damage_sweep import ROOMS
from store_contract import room_id

from backrooms_tui.persistence.opening import open_store

A, B, C = (room_id(name) for name in ROOMS)


def opened(root: Path):
    return open_store(root, backend="SQLITE")


def asked(database: Path, query: str, *values: object) -> list:
    """What somebody's sqlite3 shell answers."""
    connection = sqlite3.connect(database)
    try:
        with connection:
            return connection.execute(query, values).fetchall()
    finally:
        connection.close()
