"""What a session looks like: the seed's lines for people, one JSON object a line for programs."""

from __future__ import annotations

from typing import Protocol, TextIO

from backrooms_tui.model.entries import EntryType, MemoryEntry, Outcome
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.scrub import scrub

from .shell import Shell

KILLED = frozenset({Outcome.TIMEOUT, Outcome.CRASH, Outcome.VIOLATION})
"""Outcomes after which the room has a fresh entity."""
ENTITY = "ENTITY: "


class Transcript(Protocol):
    streams: bool
    """Whether parts of lines are shown."""

    @property
    def begun(self) -> bool:
        """Whether a line has been shown in part and has no end yet."""
        ...

    def entering(self, output: str | None) -> None: ...

    def saying(self, text: str) -> None:
        """Part of the line that the entity says next; only where it `streams`."""
        ...

    def forget(self) -> None:
        """What was begun has been wiped off the screen."""
        ...

    def said(self, seq: int, text: str) -> None: ...
    def queued(self, seq: int) -> None: ...
    def refused(self, error: BackroomsError) -> None: ...

    def failed(self, seq: int, outcome: str, error: MemoryEntry, timeout: float) -> None:
        """The turn ended otherwise than the entity wanted; `error` is the entry that says how."""
        ...

    def recovered(self, seq: int, outcome: str, state: str) -> None:
        """After a KILLED outcome: a fresh entity is ready."""
        ...

    def ended(self, seq: int, outcome: str, latency: float) -> None: ...
    def leaving(self, state: str) -> None: ...


class TextTranscript:
    """Entity output goes to `file` when there is one; prompts, refusals and the room's own lines never do."""

    def __init__(self, shell: Shell, file: TextIO | None) -> None:
        self._shell = shell
        self._file = file
        self._parts: list[str] = []
        """Of the line that has been begun."""
        self.streams = file is None and shell.is_terminal

    @property
    def begun(self) -> bool:
        return bool(self._parts)

    def saying(self, text: str) -> None:
        self._shell.write(scrub(text) if self._parts else f"{ENTITY}{scrub(text)}", end="")
        self._parts.append(text)

    def forget(self) -> None:
        self._parts.clear()

    def _finish(self, text: str | None = None) -> bool:
        """End the line that was begun; gives whether it is the whole of `text` now, and not only some parts of it."""
        if not self._parts:
            return False
        shown = "".join(self._parts)
        self._parts.clear()
        whole = text is not None and text.startswith(shown)
        self._shell.write(scrub(text[len(shown) :]) if text is not None and whole else "")
        return whole

    def _entity(self, *lines: str) -> None:
        self._finish()
        if self._file is None:
            self._shell.say(*lines)
            return
        safe = map(scrub, lines) if self._file.isatty() else lines
        self._file.write("\n".join(safe) + "\n")
        self._file.flush()

    def entering(self, output: str | None) -> None:
        self._shell.say("ENTERING ROOM", *([f"OUTPUT REDIRECTED: {output}"] if output else []))

    def said(self, seq: int, text: str) -> None:
        del seq
        if not self._finish(text):
            self._entity(f"{ENTITY}{text}")

    def queued(self, seq: int) -> None:
        del seq
        self._finish()
        self._shell.say("[QUEUED]")

    def refused(self, error: BackroomsError) -> None:
        self._finish()
        self._shell.refuse(error)

    def failed(self, seq: int, outcome: str, error: MemoryEntry, timeout: float) -> None:
        del seq
        head = [f"[{timeout:g} second timeout]"] if outcome == Outcome.TIMEOUT else []
        tail = ["", "ATTEMPTING RECOVERY..."] if outcome == Outcome.CRASH else []
        self._entity(*head, *(scrub(line) for line in error.content.split("\n")), *tail)

    def recovered(self, seq: int, outcome: str, state: str) -> None:
        del seq
        if outcome == Outcome.CRASH:
            self._entity("ENTITY REINITIALIZED", f"STATE: {state}", "MEMORY: INTACT", "LAST INPUT: [discarded]")
        else:
            self._entity("ENTITY RESTARTED", f"STATE: {state} (recovered)")

    def ended(self, seq: int, outcome: str, latency: float) -> None:
        """Silence, like most ends, has no line of its own."""
        del seq, latency
        self._finish()
        if outcome == Outcome.INTERRUPTED:
            self._shell.say("[INTERRUPTED]")

    def leaving(self, state: str) -> None:
        self._finish()
        self._shell.say("EXITING ROOM", f"ROOM STATE: {state}")


class JsonTranscript:
    """Every event is an object with an `event`, refusals are objects with an `error`."""

    streams = False
    begun = False

    def saying(self, text: str) -> None:
        """Programs are told whole lines."""

    def forget(self) -> None:
        """Nothing is ever begun."""

    def __init__(self, shell: Shell, file: TextIO | None) -> None:
        self._shell = shell
        self._file = file

    def _tell(self, event: str, **facts: object) -> None:
        line = self._shell.encode({"event": event, **facts})
        if self._file is not None and "seq" in facts:
            self._file.write(line + "\n")
            self._file.flush()
        else:
            self._shell.write(line)

    def entering(self, output: str | None) -> None:
        self._tell("entered", output=output)

    def said(self, seq: int, text: str) -> None:
        self._tell("output", seq=seq, text=text)

    def queued(self, seq: int) -> None:
        self._tell("queued", seq=seq)

    def refused(self, error: BackroomsError) -> None:
        self._shell.refuse(error)

    def failed(self, seq: int, outcome: str, error: MemoryEntry, timeout: float) -> None:
        self._tell("failed", seq=seq, outcome=outcome, timeout=timeout, text=error.content)

    def recovered(self, seq: int, outcome: str, state: str) -> None:
        self._tell("recovered", seq=seq, outcome=outcome, state=state)

    def ended(self, seq: int, outcome: str, latency: float) -> None:
        self._tell("ended", seq=seq, outcome=outcome, latency=latency)

    def leaving(self, state: str) -> None:
        self._tell("left", state=state)


def error_entry(entries: tuple[MemoryEntry, ...]) -> MemoryEntry | None:
    """The entry of a turn that says what went wrong."""
    return next((entry for entry in entries if entry.type is EntryType.ERROR), None)
