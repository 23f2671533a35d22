"""The `:` line: the grammar of `room.exe`, and the console's own few words.

A line is read into a `Command`; `equivalent` writes the `room.exe ...` command that does the same from a shell, so
that the console teaches its own scripting. The room may be left out: then the verb means the marked rooms, or the
one under the cursor.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.ids import parse_handle
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.units import parse_seconds, parse_size


@dataclass(frozen=True, slots=True)
class Command:
    """A line that was understood."""

    verb: str
    room: str | None = None
    """Id prefix as typed."""
    options: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    """What follows the verb, for the console's own words."""


@dataclass(frozen=True, slots=True)
class _Grammar:
    usage: str
    help: str
    room: bool = False
    options: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    words: int = 0
    """How many plain words may follow."""
    shell: bool = True
    """Whether `room.exe` knows the verb too."""


def _any(text: str) -> str:
    return text


def _own(usage: str, text: str, words: int = 0) -> _Grammar:
    return _Grammar(usage, text, words=words, shell=False)


VERBS: dict[str, _Grammar] = {
    "create": _Grammar(
        "create [--memory-limit SIZE] [--timeout SECONDS] [--compression zstd|lz4|none] [--name ALIAS]",
        "CREATE ROOM",
        options={"memory-limit": parse_size, "timeout": parse_seconds, "compression": _any, "name": _any},
    ),
    "enter": _Grammar("enter [ROOM]", "ENTER ROOM", room=True),
    "inspect": _Grammar("inspect [ROOM]", "figures of a room", room=True),
    "stats": _Grammar("stats [ROOM]", "statistics of a room", room=True),
    "suspend": _Grammar("suspend [ROOM]", "SUSPEND", room=True),
    "resume": _Grammar("resume [ROOM]", "RESUME", room=True),
    "destroy": _Grammar("destroy [ROOM]", "DESTROY, after a confirmation", room=True),
    "list": _Grammar(
        "list [--state STATE] [--sort ORDER]",
        "filter and sort the list",
        options={"state": _any, "sort": _any},
    ),
    "leave": _Grammar("leave [ROOM]", "LEAVE a room", room=True, shell=False),
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
    if words[:1] == ["room.exe"]:
        words = words[1:]
    if not words:
        raise UsageError("COMMAND: nothing was typed.")
    grammar = VERBS.get(words[0])
    if grammar is None:
        raise UsageError(f"COMMAND: {words[0][:20]!r} is not one of {' '.join(VERBS)}.")
    options, plain = _split(words[1:], grammar)
    room = parse_handle(plain[0]) if grammar.room and plain else None
    if len(plain) > (1 if grammar.room else grammar.words):
        raise UsageError(f"USAGE: {grammar.usage}")
    return Command(words[0], room, options, () if grammar.room else tuple(plain))


def _split(words: list[str], grammar: _Grammar) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("--"):
            plain.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if name not in grammar.options:
            raise UsageError(f"USAGE: {grammar.usage}")
        given = value if equals else next(rest, None)
        if given is None:
            raise UsageError(f"--{name} needs a value.", f"USAGE: {grammar.usage}")
        grammar.options[name](given)
        options[name] = given
    return options, plain


def room_config(options: Mapping[str, str], defaults: RoomConfig) -> RoomConfig:
    """Make the configuration that `create` asks for; what is not named is as in `defaults`. Raises UsageError."""
    limit, timeout = options.get("memory-limit"), options.get("timeout")
    return RoomConfig(
        memory_limit=defaults.memory_limit if limit is None else parse_size(limit),
        timeout=defaults.timeout if timeout is None else parse_seconds(timeout),
        compression=options.get("compression", defaults.compression),
        entity=defaults.entity,
        name=options.get("name", defaults.name),
    ).validated()


def equivalent(command: Command, room: str | None = None) -> str:
    """Write the shell command that does the same; empty when there is none. `room` stands in for one left out."""
    grammar = VERBS[command.verb]
    if not grammar.shell:
        return ""
    words = ["room.exe", command.verb]
    target = command.room or room
    if grammar.room:
        words.append(target or "<room_id>")
    for name, value in command.options.items():
        words += [f"--{name}", shlex.quote(value)]
    if command.verb == "destroy":
        words.append("--confirm")
    return " ".join(words)


def complete(line: str) -> str:
    """Give the line with its verb completed, when only one verb begins like it."""
    word, space, rest = line.partition(" ")
    found = [verb for verb in VERBS if verb.startswith(word)]
    return f"{found[0]} {rest}" if word and not space and len(found) == 1 else line
