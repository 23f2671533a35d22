"""`connect`: a session with a daemon, in which commands are typed, one a line.

A line is a command with or without the program's name; `enter` makes the lines that follow a room's inputs, up to
`exit`. `disconnect`, `exit` or the end of the input ends the session. What fails is told and the session goes on, but
for a connection that is lost: then there is nothing to go on with.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from backrooms_tui.batch import shell_words
from backrooms_tui.daemon.client import RemoteService
from backrooms_tui.daemon.client import connect as connected
from backrooms_tui.daemon.discovery import VARIABLE, directory, find
from backrooms_tui.model.errors import BackroomsError, ConnectionDenied, ConnectionLost, UsageError

from . import parsing
from .commands import PROGRAM
from .errors import error_text
from .inner import InnerShell, inner_command
from .lines import Lines
from .program import INTERRUPTED, run_command
from .shell import Shell, heed_endings, operator

ENDINGS = (["disconnect"], ["exit"], ["quit"])


def connect(shell: Shell) -> int:
    """Status 1 when the input came from a pipe or file and some of it failed, or the connection was lost."""
    if not shell.persist:
        raise UsageError("--no-persist: rooms in memory are their own process's alone.")
    heed_endings()
    with closing(_connected(shell)) as service, shell.lines(None) as lines:
        shell.say("CONNECTED", f"SESSION_ID: {service.session}")
        shell.emit({"connected": True, "address": _shown(service), "session": service.session})
        talk = _Talk(shell, service, lines)
        interrupted = talk.go()
        shell.say("DISCONNECTING FROM DAEMON")
    shell.say("SESSION CLOSED")
    if interrupted:
        return INTERRUPTED
    return 1 if talk.failed and not lines.interactive else 0


def _connected(shell: Shell) -> RemoteService:
    """Raises ConnectionLost, ConnectionDenied."""
    options = shell.options
    given = {}
    if options.token_file is not None:
        given["daemon.token_file"] = ("--token-file", str(Path(options.token_file).absolute()))
    settings = shell.settings(given)
    named = find(settings, {VARIABLE: options.address}) if options.address else find(settings)
    if named is not None and named.named:
        shell.say(f"CONNECTING TO DAEMON: {named.address}")
        return connected(named.address, who=operator(), token=named.token, read_only=options.readonly)
    service = shell.join(settings, read_only=options.readonly)
    if service is None:
        shell.say(f"CONNECTING TO DAEMON: {settings.daemon.bind}")
        raise ConnectionLost(f"REASON: no daemon serves {directory(settings)}", f"USE '{PROGRAM} daemon'")
    shell.say(f"CONNECTING TO DAEMON: {_shown(service)}")
    return service


def _shown(service: RemoteService) -> str:
    """Where the daemon is for everybody, if it is; we may have come by its socket."""
    return service.welcome.address or service.address


class _Talk:
    def __init__(self, shell: Shell, service: RemoteService, lines: Lines) -> None:
        self._shell = shell
        self._service = service
        self._lines = lines
        self.failed = 0

    def go(self) -> bool:
        """Carry out lines until the session is to end; gives whether Ctrl-C ended it. Raises ConnectionLost."""
        try:
            while (line := self._lines.read()) is not None:
                if not self._carry_out(line):
                    return False
        except KeyboardInterrupt:
            return True
        return False

    def _carry_out(self, line: bytes) -> bool:
        """Gives whether the session goes on."""
        try:
            words = _words(line)
            if words in ENDINGS:
                return False
            status = self._run(words) if words else 0
        except (ConnectionLost, ConnectionDenied):
            raise
        except BackroomsError as error:
            status = 1
            sys.stderr.write(error_text(error, as_json=not self._shell.as_text) + "\n")
            sys.stderr.flush()
        self.failed += status not in (0, INTERRUPTED)
        return status != INTERRUPTED or self._lines.interactive

    def _run(self, words: Sequence[str]) -> int:
        if words in (["help"], ["--help"]):
            self._shell.say(*parsing.usage_lines())
            return 0
        name, rest = parsing.split(words)
        if any(word in parsing.HELP for word in rest):
            self._shell.say(*parsing.help_lines(parsing.command_named(name or "")))
            return 0
        command, options = inner_command(words, self._shell, "session")
        if self._shell.options.readonly and command.name == "enter":
            options.readonly = True
        with InnerShell(self._shell, self._service, self._lines, options, command) as inner:
            return run_command(command, inner)


def _words(line: bytes) -> list[str]:
    """The words of a line without the program's name. Raises UsageError."""
    words = shell_words(line)
    return words[1:] if words[:1] == [PROGRAM] else words
