"""The `:` line: the grammar of `room.exe`, and the console's own few words.

A line is read into a `Command`; `equivalent` writes the `room.exe ...` command that does the same from a shell, so
that the console teaches its own scripting. The room may be left out: then the verb means the marked rooms, or the
one under the cursor.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from backrooms_tui.config.room_defaults import entity_line
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.ids import parse_handle
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.runtimes import parse
from backrooms_tui.model.units import parse_seconds, parse_size
from backrooms_tui.model.value import value

_NONE: Mapping[str, Any] = MappingProxyType({})


@value
class Command:
    """A line that was understood. A switch is an option with an empty value."""

    verb: str
    room: str | None = None
    """Id prefix as typed."""
    options: Mapping[str, str] = _NONE
    words: tuple[str, ...] = ()
    """What follows the verb, where it is not one room."""
    several: Mapping[str, tuple[str, ...]] = _NONE
    """Options that may be given more than once."""


@value
class _Grammar:
    usage: str
    help: str
    room: bool = False
    options: Mapping[str, Callable[[str], object]] = _NONE
    switches: frozenset[str] = frozenset()
    """Options that take no value."""
    several: frozenset[str] = frozenset()
    """Options that may be given more than once."""
    words: int = 0
    """How many plain words may follow."""
    exe: str | None = ""
    """What `room.exe` calls it; empty: the same, None: it does not know it."""


def _any(text: str) -> str:
    return text


def _own(usage: str, text: str, words: int = 0) -> _Grammar:
    return _Grammar(usage, text, words=words, exe=None)


VERBS: dict[str, _Grammar] = {
    "create": _Grammar(
        "create [--memory-limit SIZE] [--timeout SECONDS] [--compression zstd|lz4|none] [--name ALIAS] "
        "[--entity WHAT] [--entity-option NAME=VALUE]",
        "CREATE ROOM",
        options={
            "memory-limit": parse_size,
            "timeout": parse_seconds,
            "compression": _any,
            "name": _any,
            "entity": parse,
        },
        several=frozenset({"entity-option"}),
    ),
    "enter": _Grammar("enter [ROOM]", "ENTER ROOM", room=True),
    "inspect": _Grammar("inspect [ROOM]", "figures of a room", room=True),
    "stats": _Grammar("stats [ROOM]", "statistics of a room", room=True),
    "interrupt": _Grammar("interrupt [ROOM]", "INTERRUPT the running input", room=True),
    "suspend": _Grammar("suspend [ROOM]", "SUSPEND", room=True),
    "resume": _Grammar("resume [ROOM]", "RESUME", room=True),
    "destroy": _Grammar(
        "destroy [ROOM]", "DESTROY, after a confirmation", room=True, switches=frozenset({"confirm", "force"})
    ),
    "list": _Grammar(
        "list [--state STATE] [--sort ORDER]",
        "filter and sort the list",
        options={"state": _any, "sort": _any},
    ),
    "export": _Grammar(
        "export [ROOM] [--format jsonl|csv|binary|sqlite] [--filter TYPES] [--since T] [--until T] [--output PATH]",
        "export memory; asks without --output",
        room=True,
        options=dict.fromkeys(("format", "filter", "since", "until", "output"), _any),
    ),
    "backup": _Grammar(
        "backup [ROOM] [--compression gzip|xz|zstd|none] [--include-config] [--output PATH]",
        "back up, onto the shelf without --output",
        room=True,
        options=dict.fromkeys(("compression", "output"), _any),
        switches=frozenset({"include-config"}),
    ),
    "restore": _Grammar("restore [PATH]", "bring a room back from an archive", words=1),
    "recover": _Grammar(
        "recover [ROOM] [--from-backup]", "RECOVER, after a question", room=True, switches=frozenset({"from-backup"})
    ),
    "compact": _Grammar("compact [ROOM]", "compress memory now", room=True),
    "compare": _Grammar("compare [ROOM [ROOM]]", "two rooms beside each other", words=2),
    "batch": _Grammar("batch [FILE]", "carry out the commands of a file", words=1),
    "check": _Grammar("check", "look at every byte of the store", exe="fsck"),
    "config": _Grammar("config", "settings, and where each came from", exe="config show"),
    "leave": _Grammar("leave [ROOM]", "LEAVE a room", room=True, exe=None),
    "jobs": _own("jobs", "what is under way, and what came of the rest"),
    "filter": _own("filter [WORDS]", "as / does", words=32),
    "search": _own("search [TEXT]", "search the output", words=32),
    "theme": _own("theme dark|light|ansi16|mono", "colours", words=1),
    "mouse": _own("mouse on|off", "let the console have the mouse", words=1),
    "ledger": _own("ledger", "notices and commands"),
    "help": _own("help", "keys"),
    "redraw": _own("redraw", "draw the screen anew"),
    "quit": _own("quit", "leave the console"),
}


def parse_command(line: str) -> Command:
    """Read a line. Raises UsageError saying what the verb understands."""
    try:
        words = shlex.split(line)
    except ValueError:
        raise UsageError("COMMAND: a quotation mark is not closed.") from None
    return parse_words(words)


def parse_words(words: list[str]) -> Command:
    """The same of a line that has been split. Raises UsageError."""
    if words[:1] == ["room.exe"]:
        words = words[1:]
    if not words:
        raise UsageError("COMMAND: nothing was typed.")
    grammar = VERBS.get(words[0])
    if grammar is None:
        raise UsageError(f"COMMAND: {words[0][:20]!r} is not one of {' '.join(VERBS)}.")
    options, several, plain = _split(words[1:], grammar)
    room = parse_handle(plain[0]) if grammar.room and plain else None
    if len(plain) > (1 if grammar.room else grammar.words):
        raise UsageError(f"USAGE: {grammar.usage}")
    return Command(words[0], room, options, () if grammar.room else tuple(plain), several)


def _split(words: list[str], grammar: _Grammar) -> tuple[dict[str, str], dict[str, tuple[str, ...]], list[str]]:
    options: dict[str, str] = {}
    several: dict[str, tuple[str, ...]] = {}
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("--"):
            plain.append(word)
            continue
        name, equals, text = word[2:].partition("=")
        if name in grammar.switches and not equals:
            options[name] = ""
            continue
        if name not in grammar.options and name not in grammar.several:
            raise UsageError(f"USAGE: {grammar.usage}")
        given = text if equals else next(rest, None)
        if given is None:
            raise UsageError(f"--{name} needs a value.", f"USAGE: {grammar.usage}")
        if name in grammar.several:
            several[name] = (*several.get(name, ()), given)
        else:
            grammar.options[name](given)
            options[name] = given
    return options, several, plain


def room_config(command: Command, defaults: RoomConfig) -> RoomConfig:
    """Make the configuration that `create` asks for; what is not named is as in `defaults`. Raises UsageError."""
    options = command.options
    limit, timeout = options.get("memory-limit"), options.get("timeout")
    return RoomConfig(
        memory_limit=defaults.memory_limit if limit is None else parse_size(limit),
        timeout=defaults.timeout if timeout is None else parse_seconds(timeout),
        compression=options.get("compression", defaults.compression),
        entity=entity_line(defaults.entity, options.get("entity"), command.several.get("entity-option", ())),
        name=options.get("name", defaults.name),
    ).validated()


def equivalent(command: Command, room: str | None = None) -> str:
    """Write the shell command that does the same; empty when there is none. `room` stands in for one left out."""
    grammar = VERBS[command.verb]
    if grammar.exe is None:
        return ""
    words = ["room.exe", grammar.exe or command.verb]
    target = command.room or room
    if grammar.room:
        words.append(target or "<room_id>")
    words += [_quoted(word) for word in command.words]
    for name, given in command.options.items():
        words += [f"--{name}"] if name in grammar.switches else [f"--{name}", _quoted(given)]
    words += [word for name, held in command.several.items() for one in held for word in (f"--{name}", _quoted(one))]
    if command.verb == "destroy" and not command.options:
        words.append("--confirm")
    return " ".join(words)


def _quoted(word: str) -> str:
    """For a shell, which reads `~/` only where it is not quoted."""
    return f"~/{shlex.quote(word[2:])}" if word.startswith("~/") and word[2:] else shlex.quote(word)


def complete(line: str) -> str:
    """Give the line with its verb completed, when only one verb begins like it."""
    word, space, rest = line.partition(" ")
    found = [verb for verb in VERBS if verb.startswith(word)]
    return f"{found[0]} {rest}" if word and not space and len(found) == 1 else line
