"""Plays a case: the seed's commands in a shell, on a real terminal, with the installed `room.exe`; in sessions with the
same program, whose prompt is patient.

Steps before a case, one a line:

    room A [OPTIONS]       create a room; {ID:A} is its id from then on
    say A TEXT | TEXT      type inputs in it
    run WORDS              any command of room.exe, which must succeed
    damage A               flip a bit in the entity state that is stored for the room
    file NAME TEXT         write a file into {TMP}
    env NAME=VALUE         set a variable for all that follows

The first three are lines of a batch, and cases that begin with the same ones get copies of the same rooms: nearly all
of the time goes into starting the program, and what is under test is the case, not the way to it.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from case_files import Case
from patterns import Bindings, wanting_typed
from room_exe import PATIENT, RoomExe, Terminal, held

from backrooms_tui import __version__
from backrooms_tui.config.loading import load
from backrooms_tui.config.paths import store_root
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.opening import open_store, store_options

PROMPT = "> "
CONFIRM = "Type room ID to confirm: "
QUEUED = "[QUEUED]"
STATUS = "[status "
LEAVE = "exit\n"
ERASED = "\r\x1b[K"
WIDTH = 160
"""Columns of a line that a failure tells."""
LAST_ROOM = "{LAST_ROOM_ID}"
SCRIPTS = Path(sysconfig.get_path("scripts"))


@dataclass
class Command:
    words: list[str]
    """The lines of a shell command."""
    shown: list[str]
    """What follows on the terminal, typed lines among it."""
    status: int = 0


class Player:
    """One home with its own rooms, for one case on one backend."""

    def __init__(self, home: Path, backend: str, environ: Mapping[str, str], shelf: Path | None) -> None:
        """`shelf` keeps the rooms of cases that begin alike; None: they are not in the home, and made for each."""
        self._shelf = shelf
        self.room_exe = RoomExe(home)
        self.room_exe.program = ["/bin/sh", "-c"]
        environment = self.room_exe.environ
        environment["PATH"] = f"{SCRIPTS}:{environment['PATH']}"
        environment |= {"ROOM_PERSISTENCE_BACKEND": backend, **environ}
        self.files = home / "tmp"
        self.files.mkdir()
        self._scripts = home / "bin"
        self.bindings = Bindings(ours=True)
        self.bindings.values |= {"TMP": str(self.files), "BACKEND": backend, "VERSION": __version__}

    def prepare(self, steps: list[str]) -> None:
        rest = steps[len(self._begin(list(takewhile(_is_line, steps)))) :]
        while rest:
            if lines := list(takewhile(_is_line, rest)):
                self._batch(lines)
                rest = rest[len(lines) :]
            else:
                verb, _, words = rest.pop(0).partition(" ")
                getattr(self, f"_{verb}")(self.bindings.fill(words).decode())

    def _begin(self, lines: list[str]) -> list[str]:
        """Carry out the lines that a case begins with, or take what they have left for another case; gives them."""
        if self._shelf is None or any("{TMP}" in line for line in lines):
            self._batch(lines)
            return lines
        kept = self._shelf / hashlib.sha256("\n".join(lines).encode()).hexdigest()
        rooms, names = self.room_exe.rooms.parent, kept / "names"
        if names.exists():
            shutil.copytree(kept / "rooms", rooms)
            for line in names.read_text().splitlines():
                self.bindings.bind("ID", *line.split())
        elif lines:
            self._batch(lines)
            shutil.copytree(rooms, kept / "rooms")
            bound = [key.partition(":")[2] for key in self.bindings.values if key.startswith("ID:")]
            names.write_text("".join(f"{name} {self.bindings.values[f'ID:{name}']}\n" for name in bound))
        return lines

    def play(self, case: Case) -> None:
        """Type the case; every line that appears must be the one that the case has there, to the letter."""
        for command in commands(case.our_lines):
            words = self.bindings.fill("\n".join(command.words)).decode()
            queueing = QUEUED in command.shown
            self._be_patient("ENTERING ROOM" in command.shown and not queueing)
            line = f"exec {words}" if queueing else words  # no shell between: all below the program is to be held
            with self.room_exe.terminal(line) as terminal:
                seen, status = self._perform(terminal, command.shown)
            self._compare(words, command.shown, seen)
            assert status == command.status, f"$ {words}\nended with {status}:\n{seen[-1000:]}"

    def _be_patient(self, patient: bool) -> None:
        """Have the prompt of a session wait for answers, however busy the machine is; else it is the installed one."""
        script, path = self._scripts / "room.exe", self.room_exe.environ["PATH"].removeprefix(f"{self._scripts}:")
        if patient:
            self._scripts.mkdir(exist_ok=True)
            script.write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(PATIENT)} "$@"\n')
            script.chmod(0o700)
            path = f"{self._scripts}:{path}"
        self.room_exe.environ["PATH"] = path

    def _perform(self, terminal: Terminal, shown: list[str]) -> tuple[str, int]:
        """Type what is to be typed; gives what was shown until then and the status. A session is left in the end."""
        typed = [n for n, line in enumerate(shown) if line.startswith((PROMPT, CONFIRM)) or line == PROMPT.strip()]
        first_queued = shown.index(QUEUED) if QUEUED in shown else None
        seen = None
        with ExitStack() as stack:
            for number in typed:
                line = shown[number]
                prompt = CONFIRM if line.startswith(CONFIRM) else PROMPT
                _await_lines(terminal, number)
                if number + 1 == first_queued:
                    stack.enter_context(held(terminal.process))  # nothing ends while we type
                terminal.expect(rf"(?:\A|\n){prompt}\Z")
                if line != PROMPT.strip():
                    terminal.type(self.bindings.fill(line.removeprefix(prompt)) + b"\n")
            if "ENTERING ROOM" in shown and "EXITING ROOM" not in shown:
                asked = shown[typed[-1]] == PROMPT.strip()
                if not asked:
                    _await_lines(terminal, len(shown))
                    terminal.expect(rf"\n{PROMPT}\Z")
                seen = terminal.seen if asked else terminal.seen.removesuffix(PROMPT)
                terminal.type(LEAVE)
        status = terminal.end()
        return _as_seen(terminal.seen if seen is None else seen), status

    def _compare(self, words: str, shown: list[str], seen: str) -> None:
        lines = [line.rstrip() for line in seen.rstrip().split("\n")] if seen.strip() else []
        for number, pattern in enumerate(shown):
            line = lines[number] if number < len(lines) else "(nothing more)"
            if not (wanting_typed(pattern) and line.startswith(PROMPT)):
                found = self.bindings.matches(pattern, line)
                assert found, f"$ {words}\n{_told(lines)}\nwanted: {pattern}\nshown:  {line[:WIDTH]}"
        assert len(lines) <= len(shown), f"$ {words}\n{_told(lines)}\nnot wanted: {lines[len(shown) :]}"

    # Steps.

    def _ok(self, words: str, typed: str = "") -> list[str]:
        return self.room_exe.ok(f"room.exe {words}", typed=typed)

    def _batch(self, lines: list[str]) -> None:
        """Rooms, inputs and commands, by as few starts of the program as can be."""
        made: list[str] = []
        typed: list[str] = []
        for line in lines:
            verb, _, rest = line.partition(" ")
            name, _, more = rest.partition(" ")
            if verb == "room":
                made.append(name)
                typed.append(f"create {more}")
                continue
            command = f"enter {{ID:{name}}}" if verb == "say" else rest
            command = command.replace(f"{{ID:{made[-1]}}}", LAST_ROOM) if made else command
            if any(f"{{ID:{earlier}}}" in command for earlier in made):
                self._type(typed, made)
                typed, made = [], []
            typed.append(self.bindings.fill(command).decode())
            typed += [*map(str.strip, more.split("|")), "exit"] if verb == "say" else []
        self._type(typed, made)

    def _type(self, typed: list[str], made: list[str]) -> None:
        if typed:
            shown = self._ok("batch", "".join(f"{line}\n" for line in typed))
            ids = [line.removeprefix("ROOM CREATED: ") for line in shown if line.startswith("ROOM CREATED: ")]
            for name, room_id in zip(made, ids, strict=True):
                self.bindings.bind("ID", name, room_id)

    def _file(self, rest: str) -> None:
        name, _, text = rest.partition(" ")
        (self.files / name).write_text(text)
        (self.files / name).chmod(0o600)

    def _env(self, rest: str) -> None:
        name, _, value = rest.partition("=")
        self.room_exe.environ[name] = value

    def _damage(self, name: str) -> None:
        environ = self.room_exe.environ
        settings = load(environ=environ)
        persistence = settings.persistence
        store = open_store(
            store_root(settings, environ), backend=persistence.backend, options=store_options(persistence)
        )
        key = keys.state(self.bindings.values[f"ID:{name}"])
        try:
            with store._rows.reading() as view:
                value = bytearray(view.get(key))
            value[-1] ^= 1
            batch = store._rows.batch(sync=True)
            batch.put(key, bytes(value))
            store._rows.write(batch)
        finally:
            store.close()


def _await_lines(terminal: Terminal, count: int) -> None:
    """Wait until that many lines are shown: a prompt that came back without an answer is like one that came after it."""
    terminal.until(lambda: terminal.seen.count("\n") >= count, f"{count} lines")


def _is_line(step: str) -> bool:
    return step.startswith(("room ", "say ", "run "))


def commands(lines: list[str]) -> Iterator[Command]:
    """The commands of a block. A comment, and an empty line before what is typed, are not shown by anything."""
    rest = [line for line in lines if not line.startswith("# ")]
    rest = [line for line, after in zip(rest, [*rest[1:], ""], strict=True) if line or not after.startswith(PROMPT)]
    while rest:
        first = rest.pop(0)
        if not first.startswith("$ "):
            raise ValueError(f"not after a command: {first}")
        words = [first.removeprefix("$ ")]
        while words[-1].endswith("\\"):
            words.append(rest.pop(0))
        if here := re.search(r"<<(\w+)$", words[-1]):
            end = rest.index(here[1]) + 1
            words += rest[:end]
            rest = rest[end + (not rest[end]) :]
        until = next((n for n, line in enumerate(rest) if line.startswith("$ ")), len(rest))
        shown, rest = rest[:until], rest[until:]
        while shown and not shown[-1]:
            shown.pop()
        status = 0
        if shown and shown[-1].startswith(STATUS):
            status = int(shown.pop().removeprefix(STATUS).removesuffix("]"))
        yield Command(words, shown, status)


def _as_seen(text: str) -> str:
    """What stays on the screen: a line that was taken back is not there any more."""
    return "\n".join(line.rpartition(ERASED)[2] for line in text.replace("\r\n", "\n").split("\n"))


def _told(lines: list[str]) -> str:
    return "\n".join(line[:WIDTH] for line in lines)
