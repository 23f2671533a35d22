"""Which store there is to be. Backends are loaded only when one is opened: plyvel costs 9 ms."""

from __future__ import annotations

from pathlib import Path

from backrooms_tui.model.errors import ConfigInvalid

from .store import RoomStore

CACHE_SIZE = 64 * 1024 * 1024
WRITE_BUFFER_SIZE = 16 * 1024 * 1024


def open_store(
    root: Path | None,
    *,
    backend: str = "LEVELDB",
    cache_size: int = CACHE_SIZE,
    write_buffer_size: int = WRITE_BUFFER_SIZE,
) -> RoomStore:
    """Open the store in the directory `root`, creating it when it is missing; without one, a store in memory.

    Sizes in bytes. Raises StoreBusy, StoreCorrupted, StoreFailed, UnsafePath, ConfigInvalid.
    """
    if root is None or backend == "MEMORY":
        from .memory_store import MemoryStore

        return MemoryStore()
    if backend == "LEVELDB":
        from .leveldb_store import LevelDbStore

        return LevelDbStore(root, cache_size=cache_size, write_buffer_size=write_buffer_size)
    raise ConfigInvalid(f"BACKEND: {backend[:40]!r} is not one of LEVELDB|MEMORY.")
