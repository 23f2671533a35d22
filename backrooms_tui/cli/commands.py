"""The table of commands: names, operands, options and an example of each.

It is the one place that knows them: the parsers, every `--help`, the usage page and the console's command line are
made from it. A command's module is loaded when the command is run.
"""

from __future__ import annotations

from backrooms_tui.model.formats import ARCHIVE_COMPRESSIONS, EXPORT_FORMATS
from backrooms_tui.model.value import value

PROGRAM = "room.exe"


@value
class Operand:
    """A word that is no option."""

    name: str
    """As commands know it: `options.room_id`."""
    optional: bool = False
    choices: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        text = "|".join(self.choices) or self.name
        return f"[{text}]" if self.optional else f"<{text}>"


@value
class Option:
    flag: str
    help: str
    value: str | None = None
    """Placeholder of its value; None for a switch."""
    choices: tuple[str, ...] = ()
    repeatable: bool = False
    """Whether it may be given more than once; its value is then a list, or None."""


@value
class Command:
    name: str
    summary: str
    module: str
    """Under `backrooms_tui.cli`; holds a function of the command's name that is given a `Shell`."""
    example: str
    operands: tuple[Operand, ...] = ()
    options: tuple[Option, ...] = ()
    in_batch: bool = True
    """Whether a line of a batch may be this command."""

    @property
    def usage(self) -> str:
        """Its name and operands: `compare <id1> <id2>`."""
        return " ".join((self.name, *(operand.shown for operand in self.operands)))

    @property
    def brief(self) -> str:
        """Its name and what must be given, for the page of all commands: `batch`, `config <what>`, `entity check`.

        A word that is always the same stands for what follows it.
        """
        words = [self.name]
        for operand in self.operands:
            if len(operand.choices) == 1:
                return " ".join((*words, *operand.choices))
            words += [] if operand.optional else [f"<{operand.name}>"]
        return " ".join(words)

    @property
    def has_data_format(self) -> bool:
        """Whether its `--format` is of the data it writes, and not of what it says."""
        return any(option.flag == "--format" and "text" not in option.choices for option in self.options)

    def owns(self, flag: str) -> bool:
        """Whether the command has its own meaning for an option that is global otherwise."""
        return any(option.flag == flag for option in self.options)


BACKENDS = ("LEVELDB", "FILESYSTEM", "SQLITE", "REDIS")
"""Those of `config.settings`, which costs 10 ms to load; a test compares them."""
FORMATS = ("text", "json", "jsonl")
_FORMAT = Option("--format", "Output format (text|json|jsonl)", "<fmt>", FORMATS)

GLOBAL_OPTIONS = (
    Option("--config", "Configuration file path", "<path>"),
    Option("--verbose", "Enable debug logging"),
    Option("--no-persist", "Disable state persistence (testing only)"),
    Option("--output", "Redirect output to file", "<path>"),
    _FORMAT,
)
"""Understood by every command, before or after its name. A command's own option of the same flag stands for it."""
CONSOLE_OPTIONS = (Option("--readonly", "Console: look only, change nothing"),)
"""Understood without a command."""

_ROOM = (Operand("room_id"),)
_JSON = Option("--json", "The same as --format json")

_CREATE = (
    Option("--memory-limit", "Room memory limit (default: 512M)", "<size>"),
    Option("--timeout", "Entity timeout (default: 30)", "<seconds>"),
    Option("--compression", "Compression algorithm (zstd|lz4|none)", "<algo>", ("zstd", "lz4", "none")),
    Option("--name", "Human-readable alias (metadata only)", "<alias>"),
    Option("--entity", "What lives in it: reference, python:FILE, command:PROGRAM, llm:PROVIDER/MODEL", "<what>"),
    Option("--entity-option", "Option of the entity, name=value (may be repeated)", "<option>", repeatable=True),
)
_ENTER = (
    Option("--output", "Redirect entity output to file", "<path>"),
    Option("--input", "Read input from file instead of stdin", "<path>"),
    Option("--timeout", "Override entity timeout", "<seconds>"),
    Option("--readonly", "Enter in read-only mode (no state changes)"),
)
_LIST = (
    Option(
        "--state",
        "Filter by state (active|idle|suspended|corrupted)",
        "<state>",
        ("active", "idle", "suspended", "corrupted"),
    ),
    Option("--sort", "Sort by field (created|active|memory|age)", "<field>", ("created", "active", "memory", "age")),
    Option("--limit", "Limit output to n rooms", "<n>"),
    Option("--format", "Output format (text|json|jsonl|table)", "<fmt>", (*FORMATS, "table")),
)
_INSPECT = (
    _FORMAT,
    Option("--show-memory", "Include memory dump"),
    Option("--show-config", "Include configuration"),
    _JSON,
)
_DESTROY = (
    Option("--confirm", "Show the room and ask for its ID (always done without --force)"),
    Option("--force", "Do not ask"),
)

_RECOVER = (Option("--from-backup", "Put the newest valid backup in the room's place"),)
_EXPORT = (
    Option("--format", "Export format (jsonl|csv|binary|sqlite)", "<fmt>", EXPORT_FORMATS),
    Option("--output", "Output file path", "<path>"),
    Option("--filter", "Filter by entry type (may be repeated)", "<type>", repeatable=True),
    Option("--since", "Export entries since timestamp (seconds or ISO 8601)", "<timestamp>"),
    Option("--until", "Export entries until timestamp (seconds or ISO 8601)", "<timestamp>"),
    Option("--json", "Report for programs"),
)
_BACKUP = (
    Option("--output", "Backup file path (default: the shelf of automatic backups)", "<path>"),
    Option("--compression", "Compression (gzip|xz|zstd|none)", "<algo>", ARCHIVE_COMPRESSIONS),
    Option("--include-config", "Include configuration in backup"),
)
_BATCH = (
    Option("--input", "Read commands from file instead of stdin", "<path>"),
    Option("--stop-on-error", "Stop at the first line that fails"),
)
_TOKEN = Option("--token-file", "File with the token of the port (default: one beside the rooms)", "<path>")
_DAEMON = (
    Option("--bind", "Address and port (default: 127.0.0.1:9000)", "<address>"),
    Option("--workers", "Threads that drive entities (default: 4)", "<n>"),
    _TOKEN,
)
_CONNECT = (Option("--readonly", "Only look: nothing can be changed"), _TOKEN)
_DOCTOR = (Option("--escape", "Try to get out of rooms of its own, in every way known (a minute)"),)
_ENTITY = (Option("--mode", "How a program is spoken to (default: frames)", "<mode>", ("lines", "exit", "frames")),)
_MIGRATE = (
    Option("--to", "Backend of the copy (LEVELDB|FILESYSTEM|SQLITE|REDIS)", "<backend>", BACKENDS),
    Option("--path", "Directory of the copy (default: the store's, with the backend's name)", "<path>"),
)

COMMANDS = {
    command.name: command
    for command in (
        Command("init", "Initialize room system", "system", "init"),
        Command("create", "Create new room", "rooms", "create --memory-limit 256M --timeout 60", (), _CREATE),
        Command("enter", "Enter room for interaction", "entering", "enter a3f7c8d2...", _ROOM, _ENTER),
        Command("list", "List all rooms", "listing", "list --state active --sort memory --limit 5", (), _LIST),
        Command("inspect", "Display room metadata", "facts", "inspect a3f7c8d2... --json", _ROOM, _INSPECT),
        Command("suspend", "Suspend room", "rooms", "suspend a3f7c8d2...", _ROOM),
        Command("resume", "Resume suspended room", "rooms", "resume a3f7c8d2...", _ROOM),
        Command("destroy", "Permanently delete room", "rooms", "destroy a3f7c8d2... --confirm", _ROOM, _DESTROY),
        Command("recover", "Attempt room recovery", "archives", "recover a3f7c8d2... --from-backup", _ROOM, _RECOVER),
        Command(
            "export",
            "Export room memory",
            "exporting",
            "export a3f7c8d2... --format csv --output /tmp/memory.csv",
            _ROOM,
            _EXPORT,
        ),
        Command("stats", "Display room statistics", "facts", "stats a3f7c8d2...", _ROOM),
        Command(
            "compare",
            "Compare two rooms",
            "facts",
            "compare a3f7c8d2... b9e4d1a7...",
            (Operand("id1"), Operand("id2")),
        ),
        Command(
            "backup",
            "Create room backup",
            "archives",
            "backup a3f7c8d2... --output /backup/room.tar.gz --compression gzip",
            _ROOM,
            _BACKUP,
        ),
        Command("restore", "Restore room from backup", "archives", "restore /backup/room.tar.gz", (Operand("path"),)),
        Command(
            "batch",
            "Execute batch commands",
            "batch",
            "batch --input commands.txt",
            (Operand("path", optional=True),),
            _BATCH,
            in_batch=False,
        ),
        Command(
            "daemon",
            "Run as background daemon",
            "daemon",
            "daemon --bind 127.0.0.1:9000 --workers 4",
            (),
            _DAEMON,
            in_batch=False,
        ),
        Command(
            "connect",
            "Connect to running daemon",
            "connect",
            "connect",
            (Operand("address", optional=True),),
            _CONNECT,
            in_batch=False,
        ),
        Command("version", "Display version information", "version", "version"),
        Command("interrupt", "Interrupt the running input", "rooms", "interrupt a3f7c8d2...", _ROOM),
        Command("compact", "Compress room memory now", "upkeep", "compact a3f7c8d2...", _ROOM),
        Command("fsck", "Check every byte of the store", "upkeep", "fsck"),
        Command(
            "migrate",
            "Copy the store to another backend",
            "migrating",
            "migrate --to SQLITE --path /srv/rooms-sqlite",
            (),
            _MIGRATE,
            in_batch=False,
        ),
        Command("doctor", "Check the environment", "doctor", "doctor", (), _DOCTOR, in_batch=False),
        Command(
            "entity",
            "Tell the author of an entity what it does wrong",
            "entity",
            "entity check 'perl ./todo.pl'",
            (Operand("what", choices=("check",)), Operand("entity")),
            _ENTITY,
            in_batch=False,
        ),
        Command(
            "config",
            "Display configuration or its schema",
            "configuration",
            "config show",
            (Operand("what", choices=("show", "schema")),),
        ),
        Command(
            "completion",
            "Print shell completion",
            "completing",
            "completion bash",
            (Operand("shell", choices=("bash", "zsh", "fish")),),
        ),
        Command("man", "Print the manual page", "manual", "man"),
    )
}
