"""Words of a command line to options, and help pages, both made from the table of commands.

A mistake is a `UsageError`, never an exit from inside the parser, so that the console's command line can use the
same grammar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

from backrooms_tui.model.errors import UsageError

from .commands import COMMANDS, CONSOLE_OPTIONS, GLOBAL_OPTIONS, PROGRAM, Command, Operand, Option

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
    return _Reading(f"{PROGRAM} {command.name}", command.operands, options_of(command)).read(words)


def parse_globals(words: Sequence[str]) -> SimpleNamespace:
    """Read a command line that has no command. Raises UsageError."""
    return _Reading(PROGRAM, (), (*GLOBAL_OPTIONS, *CONSOLE_OPTIONS)).read(words)


class _Reading:
    """One command line being read. Not argparse: loading and filling that takes longer than listing 1,024 rooms."""

    def __init__(self, program: str, operands: Sequence[Operand], options: Iterable[Option]) -> None:
        self._program = program
        self._operands = operands
        self._options = {option.flag: option for option in options}
        self._values: dict[str, Any] = {_name(o): None if o.value else False for o in self._options.values()}

    def read(self, words: Sequence[str]) -> SimpleNamespace:
        rest = list(words)
        given: list[str] = []
        while rest:
            word = rest.pop(0)
            if word == "--":
                given += rest
                break
            if word.startswith("-") and word != "-":
                self._option(word, rest)
            else:
                given.append(word)
        self._place(given)
        return SimpleNamespace(**self._values)

    def _option(self, word: str, rest: list[str]) -> None:
        flag, attached, text = word.partition("=")
        option = self._options.get(flag)
        if option is None:
            raise self._wrong(f"{flag[:40]}: there is no such option.")
        if option.value is None:
            if attached:
                raise self._wrong(f"{flag}: takes no value.")
            self._values[_name(option)] = True
            return
        if not attached:
            if not rest or rest[0].startswith("--"):
                raise self._wrong(f"{flag}: {option.value} is missing.")
            text = rest.pop(0)
        held = self._chosen(flag, text, option.choices)
        if option.repeatable:
            held = [*(self._values[_name(option)] or ()), held]
        self._values[_name(option)] = held

    def _place(self, given: Sequence[str]) -> None:
        for operand, text in zip_longest(self._operands, given[: len(self._operands)]):
            if text is None and not operand.optional:
                raise self._wrong(f"{operand.shown} is missing.")
            self._values[operand.name] = None if text is None else self._chosen(operand.name, text, operand.choices)
        if extra := given[len(self._operands) :]:
            raise self._wrong(f"{extra[0][:40]!r} is one word too many.")

    def _chosen(self, name: str, text: str, choices: tuple[str, ...]) -> Any:
        """Choices that are written in capitals are read in any case."""
        read = text.upper() if "".join(choices).isupper() else text
        if choices and read not in choices:
            raise self._wrong(f"{name}: {text[:40]!r} is not one of {'|'.join(choices)}.")
        return read

    def _wrong(self, reason: str) -> UsageError:
        return UsageError(reason, f"USE '{self._program} --help'")


def _name(option: Option) -> str:
    return option.flag.lstrip("-").replace("-", "_")


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
        *_option_lines("OPTIONS:", (*GLOBAL_OPTIONS, *CONSOLE_OPTIONS), width=19),
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
