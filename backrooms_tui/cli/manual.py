"""`man`: the manual page, made from the table of commands. `docs/room.exe.1` is what it prints."""

from __future__ import annotations

from collections.abc import Iterable

from .commands import COMMANDS, GLOBAL_OPTIONS, PROGRAM, Command, Option
from .shell import Shell

FILES = (
    ("/etc/room.exe/config.json", "Configuration of the machine."),
    ("~/.config/room.exe/config.json", "Configuration of the user; covers that of the machine."),
    ("~/.local/share/room.exe/rooms", "Rooms of a user; /var/lib/room.exe/rooms for a system service."),
    ("~/.local/share/room.exe/backups", "The shelf of backups."),
    ("~/.local/state/room.exe", "History, drafts and fault files."),
)
STATUS = (
    ("0", "Done."),
    ("1", "Refused or failed; fsck and doctor: something is wrong."),
    ("2", "The words of the command, or the configuration, are wrong; nothing was done."),
    ("3", "Another process owns the store."),
    ("130", "Interrupted by Ctrl-C."),
)
VARIABLES = (
    ("ROOM_SECTION_KEY", "Overrides one setting, such as ROOM_PERSISTENCE_BACKEND=SQLITE; see room.exe config show."),
    ("XDG_DATA_HOME, XDG_STATE_HOME, XDG_CONFIG_HOME", "Where the user's files are."),
    ("STATE_DIRECTORY, LOGS_DIRECTORY, CONFIGURATION_DIRECTORY", "The same for a service of systemd."),
    ("NO_COLOR, COLORTERM, TERM", "What the console may draw."),
)


def man(shell: Shell) -> int:
    """Print the page as troff."""
    lines = page()
    shell.say(*lines)
    shell.emit({"name": PROGRAM, "section": 1, "troff": "\n".join(lines)})
    return 0


def page() -> list[str]:
    lines = [
        f'.TH {_text(PROGRAM).upper()} 1 "" "Backrooms Terminal"',
        ".SH NAME",
        f"{_text(PROGRAM)} \\- sealed, durable rooms with one entity in each",
        ".SH SYNOPSIS",
        f".B {_text(PROGRAM)}",
        r"[\fICOMMAND\fR] [\fIOPTIONS\fR]",
        ".SH DESCRIPTION",
        _text("A room is a sealed, durable execution context with one entity in it. Without a command, on a terminal,"),
        _text("the console opens. A room is named by any unambiguous prefix of its id with at least four digits."),
        ".SH COMMANDS",
    ]
    for command in COMMANDS.values():
        lines += _command(command)
    lines += [".SH OPTIONS", *_options(GLOBAL_OPTIONS)]
    for title, rows in (("EXIT STATUS", STATUS), ("FILES", FILES), ("ENVIRONMENT", VARIABLES)):
        lines += [f".SH {title}", *(line for term, text in rows for line in _row(term, text))]
    return lines


def _command(command: Command) -> list[str]:
    return [
        f".SS {_text(command.usage)}",
        f"{_text(command.summary)}.",
        *_options(command.options),
        ".PP",
        ".EX",
        f"$ {PROGRAM} {_text(command.example)}",
        ".EE",
    ]


def _options(options: Iterable[Option]) -> Iterable[str]:
    return (line for o in options for line in _row(f"{o.flag} {o.value or ''}".rstrip(), o.help))


def _row(term: str, text: str) -> list[str]:
    return [".TP", rf"\fB{_text(term)}\fR", _text(text)]


def _text(text: str) -> str:
    """What troff would take for its own is written so that it does not."""
    safe = text.replace("\\", r"\e").replace("-", r"\-").replace("~", r"\(ti").replace("'", r"\(aq")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe
