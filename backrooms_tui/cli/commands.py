"""The table of commands: names, operands, options and an example of each.

It is the one place that knows them: the parsers, every `--help`, the usage page and the console's command line are
made from it. A command's module is loaded when the command is run.
"""

from __future__ import annotations

from backrooms_tui.model.value import value

PROGRAM = "room.exe"


@value
class Option:
    flag: str
    help: str
    value: str | None = None
    """Placeholder of its value; None for a switch."""
    choices: tuple[str, ...] = ()


@value
class Command:
    name: str
    summary: str
    module: str
    """Under `backrooms_tui.cli`; holds a function of the command's name that is given a `Shell`."""
    example: str
    operand: str | None = None
    options: tuple[Option, ...] = ()


FORMATS = ("text", "json", "jsonl")

GLOBAL_OPTIONS = (
    Option("--config", "Configuration file path", "<path>"),
    Option("--verbose", "Enable debug logging"),
    Option("--no-persist", "Disable state persistence (testing only)"),
    Option("--output", "Redirect output to file", "<path>"),
    Option("--format", "Output format (text|json|jsonl)", "<fmt>", FORMATS),
)
"""Understood by every command, before or after its name. A command's own option of the same flag stands for it."""

_ROOM = "<room_id>"

_CREATE = (
    Option("--memory-limit", "Room memory limit (default: 512M)", "<size>"),
    Option("--timeout", "Entity timeout (default: 30)", "<seconds>"),
    Option("--compression", "Compression algorithm (zstd|lz4|none)", "<algo>", ("zstd", "lz4", "none")),
    Option("--name", "Human-readable alias (metadata only)", "<alias>"),
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
    Option("--json", "The same as --format json"),
    Option("--show-memory", "Include memory dump"),
    Option("--show-config", "Include configuration"),
)
_DESTROY = (
    Option("--confirm", "Show the room and ask for its ID (always done without --force)"),
    Option("--force", "Do not ask"),
)

COMMANDS = {
    command.name: command
    for command in (
        Command("init", "Initialize room system", "system", "init"),
        Command("create", "Create new room", "rooms", "create --memory-limit 256M --timeout 60", None, _CREATE),
        Command("enter", "Enter room for interaction", "entering", "enter a3f7c8d2...", _ROOM, _ENTER),
        Command("list", "List all rooms", "facts", "list --state active --sort memory --limit 5", None, _LIST),
        Command("inspect", "Display room metadata", "facts", "inspect a3f7c8d2... --json", _ROOM, _INSPECT),
        Command("suspend", "Suspend room", "rooms", "suspend a3f7c8d2...", _ROOM),
        Command("resume", "Resume suspended room", "rooms", "resume a3f7c8d2...", _ROOM),
        Command("destroy", "Permanently delete room", "rooms", "destroy a3f7c8d2... --confirm", _ROOM, _DESTROY),
        Command("stats", "Display room statistics", "facts", "stats a3f7c8d2...", _ROOM),
        Command("version", "Display version information", "version", "version"),
    )
}
