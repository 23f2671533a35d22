"""CREATE ROOM: the options of `room.exe create`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from textwrap import wrap

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.runtimes import COMMAND, KINDS, LLM, MAX_ENTITY, OPTIONS, PYTHON, REFERENCE, Runtime, parse
from backrooms_tui.model.scrub import scrub
from backrooms_tui.tui.command_line import Command, equivalent, room_config
from backrooms_tui.tui.rows import Row, ink, row

from .form import Field, Form

TARGETS = {
    REFERENCE: "-",
    PYTHON: "file.py, file.py:Class or package.module:Class",
    COMMAND: "program and its words: bc -q",
    LLM: "provider/model: scripted/echo, openai/...",
}
"""What an empty target field says, by runtime."""
_ABOUT = {
    REFERENCE: "The entity that comes with the product.",
    PYTHON: "A class of your own, derived from Entity.",
    COMMAND: "Any program that reads its input and prints its answer.",
    LLM: "A language model. The room has no network: the host asks for it.",
}


class CreateRoom(Form[RoomConfig]):
    """Dismissed with a valid configuration, or None."""

    title_row = row(ink("title", "CREATE ROOM"))
    note_row = row(ink("dim", "enter CREATE   esc CANCEL"))
    checked_while_typing = True

    def __init__(self, defaults: RoomConfig) -> None:
        self._defaults = defaults
        self._default = parse(defaults.entity)
        kinds = (self._default.kind, *(kind for kind in KINDS if kind != self._default.kind))
        self.fields = (
            Field("memory-limit", "MEMORY LIMIT", "bytes, K, M: 16M to 512M"),
            Field("timeout", "TIMEOUT", "seconds for one input"),
            Field("compression", "COMPRESSION", "zstd, lz4 or none"),
            Field("name", "NAME", "for people; never a handle"),
            Field("kind", "ENTITY", choices=kinds),
            Field("target", "TARGET", limit=MAX_ENTITY),
            Field("options", "OPTIONS", limit=MAX_ENTITY),
        )
        super().__init__()

    def outcome(self, given: Mapping[str, str]) -> RoomConfig:
        return room_config(self._command(given), self._defaults)

    def command(self, given: Mapping[str, str]) -> str:
        try:
            return equivalent(self._command(given))
        except UsageError:  # what is typed of the options is no words yet
            return ""

    def _command(self, given: Mapping[str, str]) -> Command:
        """Raises UsageError."""
        options = {name: held for name, held in given.items() if name not in ("kind", "target", "options")}
        if "kind" in given or "target" in given:
            options["entity"] = Runtime(self._kind(given), given.get("target", "")).text
        try:
            words = tuple(shlex.split(given.get("options", "")))
        except ValueError:
            raise UsageError("ENTITY OPTION: a quotation mark is not closed.") from None
        return Command("create", options=options, several={"entity-option": words} if words else {})

    def _kind(self, given: Mapping[str, str]) -> str:
        return given.get("kind", self._default.kind)

    def about(self, given: Mapping[str, str], width: int) -> tuple[Row, ...]:
        kind = self._kind(given)
        known = " ".join(f"{name}={option.default}" for name, option in OPTIONS[kind].items())
        lines = wrap(f"OPTIONS: {known}" if known else "It has no options.", max(20, width - 4))
        persists = "The room persists until it is destroyed."
        return tuple(row(ink("dim", f"  {line}")) for line in (_ABOUT[kind], *lines, persists))

    def placeholder(self, name: str) -> str:
        defaults, kind = self._defaults, self._kind(self.given())
        own = kind == self._default.kind
        texts = {
            "memory-limit": f"{defaults.memory_limit // (1024 * 1024)}M",
            "timeout": f"{defaults.timeout:g}",
            "compression": defaults.compression,
            "target": self._default.target if own and self._default.target else TARGETS[kind],
            "options": " ".join(f"{name}={held}" for name, held in self._default.options) if own else "",
        }
        return scrub(texts.get(name) or "-")
