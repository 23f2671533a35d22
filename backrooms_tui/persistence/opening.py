"""Which store there is to be. Engines are loaded only when one is opened: plyvel costs 9 ms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backrooms_tui.config.paths import store_directory
from backrooms_tui.config.settings import PersistenceSettings
from backrooms_tui.model.errors import ConfigInvalid
from backrooms_tui.model.value import value

from .owner_lock import LOCK, OwnerLock
from .private_files import private_directory
from .row_store import RowStore
from .rows import Rows
from .witness import NoWitness, WitnessKeeper


@value
class StoreOptions:
    """What the backends want to know besides the directory; each takes its own."""

    cache_size: int = 64 * 1024 * 1024
    """LEVELDB: bytes."""
    write_buffer_size: int = 16 * 1024 * 1024
    """LEVELDB: bytes."""
    host: str = "localhost"
    """REDIS: name or address, or the absolute path of a unix socket."""
    port: int = 6379
    db: int = 0
    password: str | None = None
    key_prefix: str = "room:"
    fleet: bool = False
    """REDIS: share the rooms with other daemons, each room leased to one of them."""
    lease: float = 10.0
    """REDIS, in a fleet: seconds after which a silent daemon's rooms may be taken over."""
    address: str | None = None
    """REDIS, in a fleet: where clients of other daemons are told to find this one."""

    def __repr__(self) -> str:
        return "StoreOptions"  # never the password


def store_options(settings: PersistenceSettings, *, address: str | None = None) -> StoreOptions:
    """Only an owner with an `address` shares rooms with others, and only if the settings say so."""
    return StoreOptions(
        settings.cache_size,
        settings.write_buffer_size,
        settings.host,
        settings.port,
        settings.db,
        settings.password,
        settings.key_prefix,
        settings.fleet and address is not None,
        settings.lease,
        address,
    )


def open_store(
    root: Path | None, *, backend: str = "LEVELDB", options: StoreOptions | None = None, socket: str | None = None
) -> RowStore:
    """Open the store in the directory `root`, creating it when it is missing; without one, a store in memory.

    The directory holds the owner lock and the witness of every backend, also of one whose rooms are elsewhere; the lock
    tells of the control `socket` that the owner is going to serve. Raises StoreBusy, StoreCorrupted, StoreFailed,
    UnsafePath, ConfigInvalid; then nothing is held.
    """
    if root is None or backend == "MEMORY":
        from .memory_rows import MemoryRows

        return RowStore(MemoryRows(), NoWitness(), None)
    engine = _ENGINES.get(backend)
    if engine is None:
        raise ConfigInvalid(f"BACKEND: {backend[:40]!r} is not one of {'|'.join(_ENGINES)}.")
    root = private_directory(store_directory(root, backend))
    lock = OwnerLock.acquire(root / LOCK, socket=socket)
    try:
        witness = WitnessKeeper(root / "witness")
        rows = engine(root, witness.found is None, options or StoreOptions())
    except BaseException:
        lock.release()
        raise
    if rows.backend == "REDIS":
        from .fleet_store import store_over

        return store_over(rows, witness, lock)
    return RowStore(rows, witness, lock)


def _sqlite(root: Path, new: bool, options: StoreOptions) -> Rows:  # noqa: ARG001 - the contract's
    from .sqlite import SqliteRows

    return SqliteRows(root.with_suffix("") if root.name.endswith(".db.d") else root / "rooms.db", new=new)


def _leveldb(root: Path, new: bool, options: StoreOptions) -> Rows:
    from .leveldb import LevelDb

    return LevelDb(root, new=new, cache_size=options.cache_size, write_buffer_size=options.write_buffer_size)


def _redis(root: Path, new: bool, options: StoreOptions) -> Rows:  # noqa: ARG001 - the contract's
    try:
        from .redis import Server
        from .redis_fleet import FleetRows
        from .redis_rows import RedisRows
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "redis":
            raise
        raise ConfigInvalid("BACKEND: REDIS needs the extra 'redis': pip install 'backrooms-terminal[redis]'") from None
    server = Server(options.host, options.port, options.db, options.password)
    if options.fleet:
        return FleetRows(root, server, options.key_prefix, seconds=options.lease, address=options.address)
    return RedisRows(root, server, options.key_prefix)


def _filesystem(root: Path, new: bool, options: StoreOptions) -> Rows:  # noqa: ARG001 - the contract's
    from .filesystem import FilesystemRows

    return FilesystemRows(root, new=new)


_ENGINES: dict[str, Callable[[Path, bool, StoreOptions], Rows]] = {
    "LEVELDB": _leveldb,
    "FILESYSTEM": _filesystem,
    "SQLITE": _sqlite,
    "REDIS": _redis,
}
