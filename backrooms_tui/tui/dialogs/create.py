"""CREATE ROOM: the four options of `room.exe create`."""

from __future__ import annotations

from collections.abc import Mapping

from backrooms_tui.model.room import RoomConfig
from backrooms_tui.tui.command_line import Command, equivalent, room_config
from backrooms_tui.tui.rows import Row, ink, row

from .form import Field, Form


class CreateRoom(Form[RoomConfig]):
    """Dismissed with a valid configuration, or None."""

    title_row = row(ink("title", "CREATE ROOM"))
    note_row = row(ink("dim", "enter CREATE   esc CANCEL"))
    checked_while_typing = True
    fields = (
        Field("memory-limit", "MEMORY LIMIT", "bytes, K, M: 16M to 512M"),
        Field("timeout", "TIMEOUT", "seconds for one input"),
        Field("compression", "COMPRESSION", "zstd, lz4 or none"),
        Field("name", "NAME", "for people; never a handle"),
    )

    def __init__(self, defaults: RoomConfig) -> None:
        super().__init__()
        self._defaults = defaults

    def outcome(self, given: Mapping[str, str]) -> RoomConfig:
        return room_config(given, self._defaults)

    def command(self, given: Mapping[str, str]) -> str:
        return equivalent(Command("create", options=given))

    def about(self, given: Mapping[str, str], width: int) -> tuple[Row, ...]:
        del given, width
        return (row(ink("dim", "  The room persists until it is destroyed. Its entity is sealed.")),)

    def placeholder(self, name: str) -> str:
        defaults = self._defaults
        texts = {
            "memory-limit": f"{defaults.memory_limit // (1024 * 1024)}M",
            "timeout": f"{defaults.timeout:g}",
            "compression": defaults.compression,
        }
        return texts.get(name, "-")
