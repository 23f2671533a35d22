"""Every setting with its default: the dataclasses below are the configuration's reference.

Names and sections are those of seed 000's example configuration. Limits may be lowered, never raised. A value
knows its bounds through the metadata of its field, and where it came from through `Settings.sources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from backrooms_tui.model import limits
from backrooms_tui.model.room import COMPRESSIONS

T = TypeVar("T")

BACKENDS = ("LEVELDB", "FILESYSTEM", "SQLITE", "REDIS")
LEVELS = ("ERROR", "WARN", "INFO", "DEBUG", "TRACE")


def _within(default: T, low: float, high: float | None = None) -> T:
    return field(default=default, metadata={"low": low, "high": high})


def _one_of(default: str, *choices: str) -> str:
    return field(default=default, metadata={"choices": choices})


def _directory() -> str | None:
    return field(default=None, metadata={"directory": True})


@dataclass(frozen=True, slots=True)
class BackupSettings:
    enabled: bool = True
    """Whether rooms are backed up by themselves."""
    interval: int = _within(3600, 1)
    """Seconds between backups."""
    retention: int = _within(168, 1)
    """Hours a backup is kept."""
    path: str | None = _directory()
    """Directory of the backups, absolute or beginning with `~`; null: `backups` beside the rooms."""
    compression: str = _one_of("gzip", "gzip", "xz", "zstd", "none")
    """How archives are compressed."""


@dataclass(frozen=True, slots=True)
class PersistenceSettings:
    backend: str = _one_of("LEVELDB", *BACKENDS)
    """Where rooms are stored."""
    path: str | None = _directory()
    """Directory of the rooms, absolute or beginning with `~`; null: this user's data directory."""
    flush_interval: float = _within(0, 0)
    """Seconds that writes may wait to be synced; 0: every acknowledged write is synced first."""
    compression: str = _one_of("zstd", *COMPRESSIONS)
    """Compression of rooms that are created without asking for one."""
    cache_size: int = _within(64 * 1024 * 1024, 0)
    """LEVELDB: bytes of its block cache."""
    write_buffer_size: int = _within(16 * 1024 * 1024, 64 * 1024)
    """LEVELDB: bytes kept in memory before a table is written."""
    host: str = "localhost"
    """REDIS: server."""
    port: int = _within(6379, 1, 65535)
    """REDIS: port."""
    db: int = _within(0, 0)
    """REDIS: database number."""
    password: str | None = field(default=None, repr=False)
    """REDIS: password; null: none."""
    key_prefix: str = "room:"
    """REDIS: beginning of every key."""
    backup: BackupSettings = BackupSettings()


@dataclass(frozen=True, slots=True)
class LimitSettings:
    max_rooms: int = _within(limits.MAX_ROOMS, 1, limits.MAX_ROOMS)
    """Rooms in one store."""
    max_room_memory: int = _within(limits.MAX_ROOM_MEMORY, limits.MIN_ROOM_MEMORY, limits.MAX_ROOM_MEMORY)
    """Bytes of memory of a room that is created without asking for less; nobody gets more."""
    max_input_size: int = _within(limits.MAX_INPUT_SIZE, 1, limits.MAX_INPUT_SIZE)
    """Bytes of one input."""
    max_output_size: int = _within(limits.MAX_OUTPUT_SIZE, 1, limits.MAX_OUTPUT_SIZE)
    """Bytes an entity may send for one input."""
    entity_timeout: float = _within(limits.ENTITY_TIMEOUT, 0.001, limits.MAX_TIMEOUT)
    """Seconds for one input, in rooms that are created without asking for other."""
    input_queue_depth: int = _within(limits.INPUT_QUEUE_DEPTH, 1, limits.INPUT_QUEUE_DEPTH)
    """Inputs that may wait in one room."""
    memory_entries_max: int = _within(limits.MEMORY_ENTRIES_MAX, 1, limits.MEMORY_ENTRIES_MAX)
    """Entries in one room."""
    concurrent_inputs: int = _within(limits.CONCURRENT_INPUTS, 1, limits.CONCURRENT_INPUTS)
    """Inputs worked on at once, over all rooms."""


@dataclass(frozen=True, slots=True)
class RotationSettings:
    enabled: bool = True
    """Whether a log file is rotated."""
    max_size: str = "100MB"
    """Size at which it is."""
    max_age: int = _within(7, 1)
    """Days that rotated files are kept."""
    compress: bool = True
    """Whether rotated files are compressed."""


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    level: str = _one_of("INFO", *LEVELS)
    """Least severity that is logged."""
    format: str = _one_of("json", "json", "text")
    """Shape of a log line."""
    output: str = "stderr"
    """`stderr`, or a file."""
    rotation: RotationSettings = RotationSettings()


@dataclass(frozen=True, slots=True)
class EntitySettings:
    init_timeout: float = _within(5, 0.001)
    """Seconds until a starting entity must be ready."""
    response_buffer: int = _within(8192, 512)
    """Bytes read from an entity at once."""
    memory_compression_threshold: float = _within(0.85, 0.01, 1)
    """Part of its capacity at which a room's memory is compressed."""
    enable_observations: bool = True
    """Whether an entity's observations are remembered."""


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    enabled: bool = False
    """Whether commands start a daemon when there is none."""
    bind: str = "127.0.0.1:9000"
    """Address and port."""
    workers: int = _within(4, 1, 64)
    """Threads that drive entities."""
    max_connections: int = _within(64, 1, 1024)
    """Clients at once."""
    connection_timeout: int = _within(300, 1)
    """Seconds after which a silent client is let go."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    enabled: bool = False
    """Whether metrics are served."""
    bind: str = "127.0.0.1:9001"
    """Address and port."""
    path: str = "/metrics"
    """Path of the metrics page."""


@dataclass(frozen=True, slots=True)
class TracingSettings:
    enabled: bool = False
    """Whether spans are exported."""
    exporter: str = _one_of("jaeger", "jaeger", "otlp")
    """Protocol of the collector."""
    endpoint: str = "http://localhost:14268/api/traces"
    """Address of the collector."""
    service_name: str = "room.exe"
    """Name in the traces."""
    sample_rate: float = _within(1.0, 0, 1)
    """Part of all traces that is exported."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. Made by `loading.load`; `Settings()` is the defaults."""

    persistence: PersistenceSettings = PersistenceSettings()
    limits: LimitSettings = LimitSettings()
    logging: LoggingSettings = LoggingSettings()
    entity: EntitySettings = EntitySettings()
    daemon: DaemonSettings = DaemonSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Dotted name of every value that is not a default, to the file, variable or flag it came from."""
