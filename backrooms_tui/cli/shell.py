"""What a command is given: its options, the settings, the service, and a place to put text or JSON.

Text is written line by line and flushed at once. What goes to a terminal is scrubbed; a pipe or a file gets the
bytes as they are stored.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeVar

from backrooms_tui.model.errors import BackroomsError, OutputFailed, UsageError
from backrooms_tui.model.scrub import scrub

from .commands import Command

if TYPE_CHECKING:
    from backrooms_tui.config.settings import Settings
    from backrooms_tui.daemon.client import RemoteService
    from backrooms_tui.model.ids import RoomId
    from backrooms_tui.model.reports import CheckReport, Progress
    from backrooms_tui.model.views import RoomView
    from backrooms_tui.observability.watch import Watch
    from backrooms_tui.service import RoomService

    from .lines import Lines

NOT_DURABLE = "WARNING: Persistence disabled. All state will be lost on exit."


ENTITY_SECONDS = 60.0
"""How long an entity is waited for: its own start is bounded by `entity.init_timeout`, the zygote's by 30 s."""


Told = TypeVar("Told")


class Stopped(SystemExit):
    """SIGTERM or SIGHUP arrived: leave through every `finally`, then with the status shells expect."""


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(128 + number)


def report_fault(error: BaseException) -> None:
    """A fault in one of the owner's threads: rooms go on, the operator is told where it is written down."""
    from .errors import error_text, record_fault

    sys.stderr.write(error_text(record_fault(error), as_json=False) + "\n")
    sys.stderr.flush()


def heed_endings() -> None:
    """Leave a command that is told to end, or whose terminal is gone, as if it had ended.

    What is meant for the daemon passes it by: `pidof -x room.exe` names us, too.
    """
    import signal

    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)


class Shell:
    """One run of one command. A context manager: leaving it closes the redirected output."""

    def __init__(self, options: SimpleNamespace, command: Command | None = None) -> None:
        """`options` are those of `parsing.parse`. Raises UsageError when the output cannot be opened."""
        self.options = options
        self.persist: bool = not options.no_persist
        self._on_screen = command is None
        self.format: str = _format(options, command)
        redirected = options.output is not None and not (command is not None and command.owns("--output"))
        self._redirected = open_output(options.output, append=False) if redirected else None
        self.out: TextIO = self._redirected or self.usual_output()
        self.is_terminal = self.out.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._redirected is not None:
            with suppress(OSError):  # what could not be written has been told: every line is flushed
                self._redirected.close()

    def usual_output(self) -> TextIO:
        """Where text goes that is not redirected."""
        return sys.stdout

    def speak_aside(self) -> None:
        """From now on what is said goes to stderr: stdout is for the data that was asked for."""
        self.out = sys.stderr
        self.is_terminal = self.out.isatty()

    @property
    def as_text(self) -> bool:
        return self.format not in ("json", "jsonl")

    def say(self, *lines: str) -> None:
        """Write lines for people, at once; nothing when the format is for programs."""
        if self.as_text and lines:
            self.write("\n".join(scrub(line) for line in lines) if self.is_terminal else "\n".join(lines))

    def emit(self, value: Any) -> None:
        """Write a value for programs; nothing when the format is text. A list is one object a line in `jsonl`."""
        if self.as_text:
            return
        if self.format == "json":
            self.write(self.encode(value, indent=2))
            return
        for line in value if isinstance(value, list) else [value]:
            self.write(self.encode(line))

    def encode(self, value: Any, *, indent: int | None = None) -> str:
        """JSON; for a terminal in ASCII, since JSON leaves C1 and bidirectional controls as they are."""
        import json

        return json.dumps(value, indent=indent, ensure_ascii=self.is_terminal)

    def write(self, text: str, *, end: str = "\n") -> None:
        """Write text that is already safe, and a newline, at once. Raises OutputFailed."""
        try:
            self.out.write(text + end)
            self.out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputFailed(f"REASON: {error.strerror}") from None

    def refuse(self, error: BackroomsError) -> None:
        """Tell of something that was refused while the command goes on."""
        from .errors import error_lines, error_value

        if self.as_text:
            self.say(*error_lines(error))
        else:
            self.write(self.encode(error_value(error)))

    def warn(self, *lines: str) -> None:
        """Tell people of what they should know, beside what the command says."""
        for line in lines:
            sys.stderr.write((scrub(line) if sys.stderr.isatty() else line) + "\n")
            sys.stderr.flush()

    def lines(self, path: str | None) -> AbstractContextManager[Lines]:
        """Where the command's input comes from: a file, or stdin. Raises UsageError."""
        from .lines import open_lines

        return open_lines(path)

    def typed(self) -> str:
        """A line that somebody types to confirm something."""
        return sys.stdin.buffer.readline(256).decode("utf-8", "replace").strip()

    def made(self, room_id: RoomId) -> None:
        """Called with every room that a command has made."""

    def settings(self, given: Mapping[str, tuple[str, object]] | None = None) -> Settings:
        """The settings in force. `given` maps a dotted name to a flag of the command and its value.

        Raises ConfigInvalid.
        """
        from backrooms_tui.config.loading import load

        flags = dict(given or ())
        if self.options.verbose:
            flags["logging.level"] = ("--verbose", "DEBUG")
        return load(config=self.options.config, flags=flags)

    def rooms(self) -> Sequence[RoomView]:
        """All rooms, for a command that wants nothing else. Raises like `service`."""
        return self._all_rooms(lambda owner: owner.rooms(), lambda views: views)

    def listing(self) -> Iterable[tuple[str, str]]:
        """Their ids and states alone. Raises like `service`."""
        return self._all_rooms(lambda owner: owner.listing(), ids_and_states)

    def _all_rooms(self, served: Callable[[RemoteService], Told], seen: Callable[[Sequence[RoomView]], Told]) -> Told:
        """What an owner tells of all rooms, or what is `seen` where they are ours."""
        if not self.persist or self.options.verbose:
            with self.service() as service:
                return seen(service.rooms())
        settings = self.settings()

        def stored() -> Told:
            from backrooms_tui.maintenance import stored_rooms

            found = stored_rooms(settings)
            self.warn(*found.warnings)
            return seen(found.rooms)

        return self._served_or(settings, served, stored)

    def check(self, progress: Progress) -> CheckReport:
        """What every byte of the store is worth. Raises like `service`."""
        if not self.persist:
            with self.service() as service:
                return service.check(progress)
        settings = self.settings()

        def stored() -> CheckReport:
            from backrooms_tui.maintenance import check_stored

            return check_stored(settings, progress, self.warn)

        return self._served_or(settings, lambda owner: owner.check(progress), stored)

    @contextmanager
    def service(self, *, on_fault: Callable[[BaseException], None] = report_fault) -> Iterator[RoomService]:
        """The rooms, for the time of a command: those of their owner, or opened and, whatever happens, closed again.

        SIGTERM and SIGHUP leave as if the command had ended. `on_fault` is told of exceptions in the owner's
        threads. Raises StoreBusy and all that opening a store can, ConnectionDenied, ConnectionLost.
        """
        settings = self.settings()
        heed_endings()
        with self.watched(settings) as watch, closing(self._opened(settings, watch, on_fault)) as service:
            self.warn(*service.status().warnings)
            yield service

    def _opened(
        self, settings: Settings, watch: Watch | None, on_fault: Callable[[BaseException], None]
    ) -> RoomService:
        from backrooms_tui.daemon.joining import joined_or_owned

        def own() -> RoomService:
            from backrooms_tui.model.telemetry import UNWATCHED
            from backrooms_tui.service import open_service

            telemetry = UNWATCHED if watch is None else watch.telemetry
            service = open_service(settings, persist=self.persist, on_fault=on_fault, telemetry=telemetry)
            if watch is not None:
                watch.attach(service)
            return service

        if not self.persist:
            self.warn(NOT_DURABLE)
            return own()
        return joined_or_owned(lambda: self.join(settings), own)

    def _served_or(
        self, settings: Settings, served: Callable[[RemoteService], Told], stored: Callable[[], Told]
    ) -> Told:
        """What the owner of the rooms tells or, where nobody serves them, what is in the store."""
        from backrooms_tui.daemon.joining import joined_or_owned

        def join() -> Told | None:
            if (owner := self.join(settings)) is None:
                return None
            with closing(owner):
                return served(owner)

        return joined_or_owned(join, stored)

    def join(self, settings: Settings, *, read_only: bool = False) -> RemoteService | None:
        """Become a client of whoever owns the rooms; None where nobody serves them, nor is to be made to."""
        from backrooms_tui.daemon.discovery import reach

        owner = reach(settings, who=operator(), read_only=read_only)
        if owner is None and settings.daemon.enabled:
            from backrooms_tui.daemon.starting import start_daemon, starting_alone

            config = self.options.config
            with starting_alone():
                if (owner := reach(settings, who=operator(), read_only=read_only)) is None:
                    start_daemon(settings, () if config is None else ("--config", str(Path(config).absolute())))
                    owner = reach(settings, who=operator(), read_only=read_only)
        return owner

    @contextmanager
    def watched(self, settings: Settings) -> Iterator[Watch | None]:
        """Logs and spans of what the command does itself, where somebody has asked for them."""
        from backrooms_tui.observability import start_command

        watch = start_command(settings, verbose=self.options.verbose, screen=self._on_screen, persist=self.persist)
        try:
            yield watch
        finally:
            if watch is not None:
                watch.close()


def ids_and_states(views: Iterable[RoomView]) -> list[tuple[str, str]]:
    return [(view.record.id, view.record.state) for view in views]


def _format(options: SimpleNamespace, command: Command | None) -> str:
    """What the command says is text or JSON; some have a `--format` that is about other things."""
    if getattr(options, "json", False):
        return "json"
    if command is not None and command.has_data_format:
        return "text"
    return options.format or "text"


def open_output(path: str, *, append: bool) -> TextIO:
    """Open a file for output, created for its owner only. Raises UsageError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if append else os.O_TRUNC)
    try:
        descriptor = os.open(path, flags, 0o600)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"OUTPUT: {path}: {reason}") from None
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")


def operator() -> str:
    """Who acts, as rooms remember it: user@host."""
    import pwd

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
