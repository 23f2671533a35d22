"""The shell of a command that another command carries out: a line of a batch, or of a session with a daemon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import TextIO

from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.reports import CheckReport, Progress
from backrooms_tui.model.views import RoomView
from backrooms_tui.service import RoomService

from . import parsing
from .commands import Command
from .lines import Lines
from .shell import Shell, ids_and_states

_OUTER = ("config", "no_persist", "verbose")
"""Global options that are for the command around it: they all have one owner."""


class InnerShell(Shell):
    """It shares the other's service, input and output."""

    def __init__(
        self, outer: Shell, service: RoomService, lines: Lines, options: SimpleNamespace, command: Command
    ) -> None:
        self._outer = outer
        self._service = service
        self._lines = lines
        super().__init__(options, command)

    def usual_output(self) -> TextIO:
        return self._outer.out

    def settings(self, given: Mapping[str, tuple[str, object]] | None = None) -> Settings:
        return self._outer.settings(given)

    def rooms(self) -> Sequence[RoomView]:
        return self._service.rooms()

    def listing(self) -> Iterable[tuple[str, str]]:
        return ids_and_states(self.rooms())

    def check(self, progress: Progress) -> CheckReport:
        return self._service.check(progress)

    @contextmanager
    def service(self, **_: object) -> Iterator[RoomService]:
        yield self._service

    def lines(self, path: str | None) -> AbstractContextManager[Lines]:
        return nullcontext(self._lines) if path is None else super().lines(path)


def inner_command(words: Sequence[str], outer: Shell, what: str) -> tuple[Command, SimpleNamespace]:
    """The command that a line of `what` (a batch, a session) is, and its options. Raises UsageError."""
    name, rest = parsing.split(words)
    command = parsing.command_named(name or "")
    if not command.in_batch:
        raise UsageError(f"{command.name.upper()}: not in a {what}.")
    options = parsing.parse(command, rest)
    if given := [name for name in _OUTER if getattr(options, name)]:
        raise UsageError(f"--{given[0].replace('_', '-')}: is for the whole {what}.")
    if options.format is None and not command.has_data_format:
        options.format = outer.format
    return command, options
