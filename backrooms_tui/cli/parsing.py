"""Words of a command line to options, and help pages, both made from the table of commands.

A mistake is a `UsageError`, never an exit from inside the parser, so that the console's command line can use the
same grammar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

from backrooms_tui.model.errors import UsageError

from .commands import COMMANDS, GLOBAL_OPTIONS, PROGRAM, Command, Operand, Option

_VALUED = frozenset(option.flag for option in GLOBAL_OPTIONS if option.value)
HELP = ("--help", "-h")


def options_of(command: Command) -> tuple[Option, ...]:
    """The command's own options, then the global ones it does not have an own form of."""
    return (*command.options, *(option for option in GLOBAL_OPTIONS if not command.owns(option.flag)))


def split(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Find the command's name; gives it and all other words in order. None when there is no such word.

    Global options may stand before the name, with their values.
    """
    skip = False
    for index, word in enumerate(words):
        if skip or word.startswith("-"):
            skip = not skip and word in _VALUED
            continue
        return word, [*words[:index], *words[index + 1 :]]
    return None, list(words)


def parse(command: Command, words: Sequence[str]) -> SimpleNamespace:
    """Read the words after (and before) a command's name. Raises UsageError."""
    return _read(f"{PROGRAM} {command.name}", command.operands, options_of(command), words)


def parse_globals(words: Sequence[str]) -> SimpleNamespace:
    """Read a command line that has no command. Raises UsageError."""
    if not words:  # the console's way in: 5 ms without argparse
        return SimpleNamespace(**{_name(o): None if o.value else False for o in GLOBAL_OPTIONS})
    return _read(PROGRAM, (), GLOBAL_OPTIONS, words)


def _name(option: Option) -> str:
    return option.flag.lstrip("-").replace("-", "_")


def _read(
    program: str, operands: Iterable[Operand], options: Iterable[Option], words: Sequence[str]
) -> SimpleNamespace:
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise UsageError(message[:1].upper() + message[1:], f"USE '{self.prog} --help'")

    parser = Parser(prog=program, add_help=False, allow_abbrev=False)
    for operand in operands:
        nargs: Any = "?" if operand.optional else None
        parser.add_argument(operand.name, metavar=operand.shown, nargs=nargs, choices=operand.choices or None)
    for option in options:
        if option.value is None:
            parser.add_argument(option.flag, action="store_true")
        else:
            parser.add_argument(
                option.flag,
                metavar=option.value,
                choices=option.choices or None,
                action="append" if option.repeatable else "store",
                type=str.upper if "".join(option.choices).isupper() else str,
            )
    return SimpleNamespace(**vars(parser.parse_args(words)))


def command_named(name: str) -> Command:
    """Raises UsageError."""
    if name not in COMMANDS:
        raise UsageError(f"UNKNOWN COMMAND: {name[:40]}", f"USE '{PROGRAM} --help'")
    return COMMANDS[name]


def usage_lines() -> list[str]:
    """The page of the whole program."""
    return [
        f"USAGE: {PROGRAM} [COMMAND] [OPTIONS]",
        "",
        "COMMANDS:",
        *(f"  {command.brief:<19} {command.summary}" for command in COMMANDS.values()),
        "",
        *_option_lines("OPTIONS:", GLOBAL_OPTIONS, width=19),
        "",
        "Without a command, on a terminal, the console opens.",
        f"EXAMPLE: {PROGRAM} create",
    ]


def help_lines(command: Command) -> list[str]:
    """The page of one command."""
    others = [option for option in GLOBAL_OPTIONS if not command.owns(option.flag)]
    lines = [f"USAGE: {PROGRAM} {command.usage} [OPTIONS]", "", f"{command.summary}.", ""]
    if command.options:
        lines += [*_option_lines("OPTIONS:", command.options, width=25), ""]
    lines += [*_option_lines("GLOBAL OPTIONS:", others, width=25), ""]
    return [*lines, "EXAMPLE:", f"  $ {PROGRAM} {command.example}"]


def _option_lines(title: str, options: Iterable[Option], *, width: int) -> list[str]:
    words = {option: f"{option.flag} {option.value or ''}".rstrip() for option in options}
    return [title, *(f"  {words[option]:<{width}} {option.help}" for option in words)]
