"""The program: which command is meant, and the one place where whatever goes wrong becomes one message.

Imports stay inside functions: `version` is to load next to nothing, and a command only what it needs.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

TYPE_CHECKING = False  # typing would be loaded for nothing else
if TYPE_CHECKING:
    from .commands import Command
    from .shell import Shell

COLLECT_AFTER = 100_000
"""Objects between collections: imports and 1,024 rooms make no garbage, and looking for it took 8 % of a list."""
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What shells report of a process that a closed pipe ended."""


def run(words: Sequence[str]) -> int:
    """Carry out one command line (without the program's name); gives the exit status and never raises."""
    try:
        return _run(words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _quieten()
        return BROKEN_PIPE
    except Exception as error:  # the boundary of the program: nobody else can tell the operator
        return _tell(error, words)


def _run(words: Sequence[str]) -> int:
    _prepare_streams()
    gc.set_threshold(COLLECT_AFTER)
    if list(words) == ["version"]:
        from .version import lines

        _print(lines())
        return 0
    from . import parsing

    name, rest = parsing.split(words)
    if any(word in parsing.HELP for word in rest):
        _print(parsing.usage_lines() if name is None else parsing.help_lines(parsing.command_named(name)))
        return 0
    if name is None:
        return _without_command(rest)
    command = parsing.command_named(name)
    options = parsing.parse(command, rest)
    from .shell import Shell

    with Shell(options, command) as shell:
        return run_command(command, shell)


def run_command(command: Command, shell: Shell) -> int:
    """Give the exit status. May raise anything."""
    from importlib import import_module

    status: int = getattr(import_module(f"backrooms_tui.cli.{command.module}"), command.name)(shell)
    return status


def _without_command(words: Sequence[str]) -> int:
    from . import parsing

    options = parsing.parse_globals(words)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _print(parsing.usage_lines())
        return 2
    from .console import console
    from .shell import Shell

    with Shell(options) as shell:
        return console(shell)


def _prepare_streams() -> None:
    """Whatever the locale, text goes out as UTF-8, and what has no UTF-8 form is shown escaped, not raised."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from .closed_streams import fill

        fill()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]


def _print(lines: Sequence[str]) -> None:
    try:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        from backrooms_tui.model.errors import OutputFailed

        raise OutputFailed(f"REASON: {error.strerror}") from None


def _quieten() -> None:
    """Nobody takes our output: keep the interpreter's own last flush from complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(error: Exception, words: Sequence[str]) -> int:
    from backrooms_tui.model.errors import BackroomsError, OutputFailed

    from .errors import error_text, record_fault

    if isinstance(error, OutputFailed):
        _quieten()
    if not isinstance(error, BackroomsError):
        error = record_fault(error)
    sys.stderr.write(error_text(error, as_json=_wants_json(words)) + "\n")
    return error.exit_status


def _wants_json(words: Sequence[str]) -> bool:
    """Also of a command line that could not be parsed."""
    from .commands import COMMANDS
    from .parsing import split

    command = COMMANDS.get(split(words)[0] or "")
    if "--json" in words or (command is not None and command.has_data_format):
        return "--json" in words
    pairs = zip(words, [*words, ""][1:], strict=True)
    return any(
        word in ("--format=json", "--format=jsonl") or (word == "--format" and value in ("json", "jsonl"))
        for word, value in pairs
    )
