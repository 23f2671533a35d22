"""Every setting with its default: the classes below are the configuration's reference.

Names and sections are those of seed 000's example configuration. Limits may be lowered, never raised. A value's bounds
stand in its annotation, which is looked at when a value is given, and where it came from is in `Settings.sources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from backrooms_tui.model import limits
from backrooms_tui.model.formats import COMPRESSIONS
from backrooms_tui.model.value import as_dict, made, value

BACKENDS = ("LEVELDB", "FILESYSTEM", "SQLITE", "REDIS")
LEVELS = ("ERROR", "WARN", "INFO", "DEBUG", "TRACE")


@value
class Within:
    """Bounds, both inclusive; None: there is no upper one."""

    low: float
    high: float | None = None


@value
class OneOf:
    """Words, read in any case."""

    choices: tuple[str, ...]


@value
class Directory:
    """An absolute path, or one that begins with `~`."""


@value
class Like:
    """Text of a certain shape."""

    pattern: str
    """A regular expression of the whole text, which JSON Schema understands, too."""
    said: str
    """What it should be, for people."""


ADDRESS = Like(r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$", "an address and a port, such as 127.0.0.1:9000")
SIZE = Like(r"^[0-9]{1,15}(\.[0-9]{1,6})? ?[KMGTkmgt]?i?[Bb]?$", "a size, such as 100MB")


@value
class BackupSettings:
    enabled: bool = True
    """Whether rooms are backed up by themselves."""
    interval: Annotated[int, Within(1)] = 3600
    """Seconds between backups."""
    retention: Annotated[int, Within(1)] = 168
    """Hours a backup is kept."""
    path: Annotated[str | None, Directory()] = None
    """Directory of the backups, absolute or beginning with `~`; null: `backups` beside the rooms."""
    compression: Annotated[str, OneOf(("gzip", "xz", "zstd", "none"))] = "gzip"
    """How archives are compressed."""


@value
class PersistenceSettings:
    backend: Annotated[str, OneOf(BACKENDS)] = "LEVELDB"
    """Where rooms are stored."""
    path: Annotated[str | None, Directory()] = None
    """Directory of the rooms, absolute or beginning with `~`; null: this user's data directory."""
    flush_interval: Annotated[float, Within(0)] = 0
    """Seconds that writes may wait to be synced; 0: every acknowledged write is synced first."""
    compression: Annotated[str, OneOf(COMPRESSIONS)] = "zstd"
    """Compression of rooms that are created without asking for one."""
    cache_size: Annotated[int, Within(0)] = 64 * 1024 * 1024
    """LEVELDB: bytes of its block cache."""
    write_buffer_size: Annotated[int, Within(64 * 1024)] = 16 * 1024 * 1024
    """LEVELDB: bytes kept in memory before a table is written."""
    host: str = "localhost"
    """REDIS: server."""
    port: Annotated[int, Within(1, 65535)] = 6379
    """REDIS: port."""
    db: Annotated[int, Within(0)] = 0
    """REDIS: database number."""
    password: str | None = None
    """REDIS: password; null: none."""
    key_prefix: str = "room:"
    """REDIS: beginning of every key."""
    fleet: bool = False
    """REDIS: whether daemons share the rooms, each room leased to one of them."""
    lease: Annotated[float, Within(1, 300)] = 10
    """REDIS, in a fleet: seconds after which the rooms of a silent daemon may be taken over."""
    backup: BackupSettings = BackupSettings()

    def __repr__(self) -> str:
        """Without the password, wherever it may be printed."""
        shown = (f"{name}={held!r}" for name, held in as_dict(self).items() if name != "password")
        return f"PersistenceSettings({', '.join(shown)})"


@value
class LimitSettings:
    max_rooms: Annotated[int, Within(1, limits.MAX_ROOMS)] = limits.MAX_ROOMS
    """Rooms in one store."""
    max_room_memory: Annotated[int, Within(limits.MIN_ROOM_MEMORY, limits.MAX_ROOM_MEMORY)] = limits.MAX_ROOM_MEMORY
    """Bytes of memory of a room that is created without asking for less; nobody gets more."""
    max_input_size: Annotated[int, Within(1, limits.MAX_INPUT_SIZE)] = limits.MAX_INPUT_SIZE
    """Bytes of one input."""
    max_output_size: Annotated[int, Within(1, limits.MAX_OUTPUT_SIZE)] = limits.MAX_OUTPUT_SIZE
    """Bytes an entity may send for one input."""
    entity_timeout: Annotated[float, Within(0.001, limits.MAX_TIMEOUT)] = limits.ENTITY_TIMEOUT
    """Seconds for one input, in rooms that are created without asking for other."""
    input_queue_depth: Annotated[int, Within(1, limits.INPUT_QUEUE_DEPTH)] = limits.INPUT_QUEUE_DEPTH
    """Inputs that may wait in one room."""
    memory_entries_max: Annotated[int, Within(1, limits.MEMORY_ENTRIES_MAX)] = limits.MEMORY_ENTRIES_MAX
    """Entries in one room."""
    concurrent_inputs: Annotated[int, Within(1, limits.CONCURRENT_INPUTS)] = limits.CONCURRENT_INPUTS
    """Inputs worked on at once, over all rooms."""


@value
class RotationSettings:
    enabled: bool = True
    """Whether a log file is rotated."""
    max_size: Annotated[str, SIZE] = "100MB"
    """Size at which it is."""
    max_age: Annotated[int, Within(1)] = 7
    """Days until a file is rotated whatever its size, and that rotated files are kept."""
    compress: bool = True
    """Whether rotated files are compressed (gzip)."""


@value
class LoggingSettings:
    level: Annotated[str, OneOf(LEVELS)] = "INFO"
    """Least severity that is logged."""
    format: Annotated[str, OneOf(("json", "text"))] = "json"
    """Shape of a log line."""
    output: Annotated[str, Like(r"^(stderr|[/~][^\u0000]*)$", "stderr, or a path that begins with / or ~")] = "stderr"
    """`stderr`, or a file."""
    rotation: RotationSettings = RotationSettings()


@value
class EntitySettings:
    init_timeout: Annotated[float, Within(0.001)] = 5
    """Seconds until a starting entity must be ready."""
    response_buffer: Annotated[int, Within(512)] = 8192
    """Bytes read from an entity at once."""
    memory_compression_threshold: Annotated[float, Within(0.01, 1)] = 0.85
    """Part of its capacity at which a room's memory is compressed."""
    enable_observations: bool = True
    """Whether an entity's observations are remembered."""
    default: str = "reference"
    """Entity of rooms that are created without asking for another: a line as `room.exe create --entity` takes."""
    require_seal: bool = False
    """Whether a room is refused an entity where any part of the seal cannot be had."""
    live_processes: Annotated[int, Within(1, limits.MAX_ROOMS)] = 128
    """Entities kept running; beyond, the one that was used least recently ends, and starts again when called for."""
    interrupt_grace: Annotated[float, Within(0.001, 60)] = 1
    """Seconds until an interrupted entity that does not end its turn is killed."""


@value
class ModelSettings:
    base_url: Annotated[str, Like(r"^https?://[^\s/]+(/[^\s]*)?$", "an http:// or https:// address")] = (
        "https://api.openai.com/v1"
    )
    """Where `llm:openai/...` rooms ask: OpenAI, or any server that speaks its protocol."""
    key_file: Annotated[str | None, Directory()] = None
    """File with the server's key, absolute or beginning with `~`; null: variable OPENAI_API_KEY, or no key at all."""
    connect_timeout: Annotated[float, Within(0.001, 3600)] = 10
    """Seconds to reach the server."""
    stall_timeout: Annotated[float, Within(0.001, 3600)] = 60
    """Seconds without a sign of the server until a call is given up."""
    call_timeout: Annotated[float, Within(0.001, 3600)] = 300
    """Seconds for one call of a model, with all its retries."""
    retries: Annotated[int, Within(0, 10)] = 2
    """Times a call is tried again after 408, 409, 429, 5xx or a connection that failed, before anything was said."""


@value
class DaemonSettings:
    enabled: bool = False
    """Whether commands start a daemon when there is none."""
    bind: Annotated[str, ADDRESS] = "127.0.0.1:9000"
    """Address and port."""
    token_file: Annotated[str | None, Directory()] = None
    """File with the token that clients of the port show, absolute or beginning with `~`; null: one beside the rooms."""
    workers: Annotated[int, Within(1, 64)] = 4
    """Threads that drive entities."""
    max_connections: Annotated[int, Within(1, 1024)] = 64
    """Clients at once."""
    connection_timeout: Annotated[int, Within(1)] = 300
    """Seconds after which a silent client is let go."""


@value
class MetricsSettings:
    enabled: bool = False
    """Whether metrics are served."""
    bind: Annotated[str, ADDRESS] = "127.0.0.1:9001"
    """Address and port."""
    path: Annotated[str, Like(r"^/[A-Za-z0-9._~/-]*$", "a path that begins with /")] = "/metrics"
    """Path of the metrics page."""


@value
class TracingSettings:
    enabled: bool = False
    """Whether spans are exported."""
    exporter: Annotated[str, OneOf(("jaeger", "otlp"))] = "jaeger"
    """`otlp`: OTLP over HTTP, to `endpoint`. `jaeger`: the same, to port 4318 of the endpoint's host."""
    endpoint: Annotated[str, Like(r"^https?://[^\s/]+(/[^\s]*)?$", "an http:// or https:// address")] = (
        "http://localhost:14268/api/traces"
    )
    """Address of the collector."""
    service_name: str = "room.exe"
    """Name in the traces."""
    sample_rate: Annotated[float, Within(0, 1)] = 1.0
    """Part of all traces that is exported."""


@value
class Settings:
    """The whole configuration. Made by `loading.load`; `Settings()` is the defaults."""

    persistence: PersistenceSettings = PersistenceSettings()
    limits: LimitSettings = LimitSettings()
    logging: LoggingSettings = LoggingSettings()
    entity: EntitySettings = EntitySettings()
    model: ModelSettings = ModelSettings()
    daemon: DaemonSettings = DaemonSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    sources: Mapping[str, str] = made(factory=dict)
    """Dotted name of every value that is not a default, to the file, variable or flag it came from."""
