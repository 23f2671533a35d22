"""EXPORT and BACKUP: what of a room's memory goes where, with the place written out before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.formats import ARCHIVE_COMPRESSIONS, EXPORT_FORMATS
from backrooms_tui.model.ids import RoomId, short
from backrooms_tui.tui.command_line import Command, equivalent
from backrooms_tui.tui.orders import BackupOrder, ExportOrder, backup_order, export_name, export_order
from backrooms_tui.tui.rows import Row, foreign, ink, row
from backrooms_tui.tui.typed_paths import typed_path, writable_directory

from .form import MAX_PATH, Field, Form

_SWITCH = ("no", "yes")


def _title(verb: str, rooms: Sequence[RoomId]) -> Row:
    what = short(rooms[0]) if len(rooms) == 1 else f"{len(rooms)} ROOMS"
    return row(ink("title", f"{verb} {what}"))


class ExportMemory(Form[ExportOrder]):
    """Dismissed with what is ordered, or None. Of several rooms each gets a file in a directory."""

    note_row = row(ink("dim", "enter EXPORT   esc CANCEL"))
    fields = (
        Field("format", "FORMAT", choices=EXPORT_FORMATS),
        Field("filter", "FILTER", "types: input,output,error"),
        Field("since", "SINCE", "2026-01-08, or seconds since 1970", limit=40),
        Field("until", "UNTIL", "the same", limit=40),
        Field("output", "OUTPUT", limit=MAX_PATH),
    )

    def __init__(self, rooms: Sequence[RoomId], given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.title_row = _title("EXPORT", rooms)
        self._rooms = tuple(rooms)

    def outcome(self, given: Mapping[str, str]) -> ExportOrder:
        order = export_order(given, self._output(given))
        if len(self._rooms) == 1:
            self.may_write(str(order.path))
        else:
            writable_directory(str(order.path))
        return order

    def command(self, given: Mapping[str, str]) -> str:
        return equivalent(Command("export", options={**given, "output": self._output(given)}), _named(self._rooms))

    def about(self, given: Mapping[str, str], width: int) -> tuple[Row, ...]:
        return _place(self._output(given), width, several=len(self._rooms) > 1)

    def placeholder(self, name: str) -> str:
        return {"filter": "all", "output": self._output(self.given() if self.is_mounted else {})}.get(name, "-")

    def _output(self, given: Mapping[str, str]) -> str:
        if "output" in given:
            return given["output"]
        return export_name(self._rooms[0], given.get("format", EXPORT_FORMATS[0])) if len(self._rooms) == 1 else "."


class BackUp(Form[BackupOrder]):
    """Dismissed with what is ordered, or None. Without a path archives go onto the shelf."""

    note_row = row(ink("dim", "enter BACKUP   esc CANCEL"))
    fields = (
        Field("compression", "COMPRESSION", choices=ARCHIVE_COMPRESSIONS),
        Field("include-config", "CONFIG", "whether it goes along", choices=_SWITCH),
        Field("output", "OUTPUT", limit=MAX_PATH),
    )

    def __init__(self, rooms: Sequence[RoomId], given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.title_row = _title("BACKUP", rooms)
        self._rooms = tuple(rooms)

    def outcome(self, given: Mapping[str, str]) -> BackupOrder:
        order = backup_order(given)
        if order.path is not None and len(self._rooms) == 1:
            self.may_write(str(order.path))
        elif order.path is not None:
            writable_directory(str(order.path))
        return order

    def command(self, given: Mapping[str, str]) -> str:
        options = {name: "" if name == "include-config" else text for name, text in given.items()}
        return equivalent(Command("backup", options=options), _named(self._rooms))

    def about(self, given: Mapping[str, str], width: int) -> tuple[Row, ...]:
        if "output" in given:
            return _place(given["output"], width, several=len(self._rooms) > 1)
        return (row(ink("dim", "  WRITES  "), ink("", "the backup shelf; recovery looks there")),)

    def placeholder(self, name: str) -> str:
        return "the shelf" if name == "output" else "-"


def _named(rooms: Sequence[RoomId]) -> str:
    return f"{short(rooms[0])}..." if len(rooms) == 1 else "<room_id>"


def _place(output: str, width: int, *, several: bool) -> tuple[Row, ...]:
    """The path as it was meant, from its end where it is too long."""
    try:
        path = str(typed_path(output) if not several else typed_path(output) / "<room>")
    except BackroomsError:
        path = "-"
    return (row(ink("dim", "  WRITES  "), foreign("", _ending(path, width - 10))),)


def _ending(path: str, width: int) -> str:
    return path if len(path) <= width else f"…{path[len(path) - width + 1 :]}"
