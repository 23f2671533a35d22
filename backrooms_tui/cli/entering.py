"""`enter`: a session in a room."""

from __future__ import annotations

from contextlib import ExitStack, closing

from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.errors import RoomSuspended
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.units import parse_seconds
from backrooms_tui.service import RoomService

from .program import INTERRUPTED
from .session import Session
from .shell import ENTITY_SECONDS, Shell, open_output
from .transcript import JsonTranscript, TextTranscript, Transcript

RECENT = 20
"""Entries shown on a read-only entry, where nothing new may ever be said."""


def enter(shell: Shell) -> int:
    """Enter a room, until `exit` or the end of the input.

    Status 1 when the input came from a pipe or file and some of it was refused.
    """
    options = shell.options
    timeout = None if options.timeout is None else parse_seconds(options.timeout)
    with ExitStack() as stack:
        lines = stack.enter_context(shell.lines(options.input))
        file = stack.enter_context(open_output(options.output, append=True)) if options.output else None
        service = stack.enter_context(shell.service())
        room_id = service.resolve(options.room_id)
        transcript = (TextTranscript if shell.as_text else JsonTranscript)(shell, file)
        counted = _come(service, room_id, read_only=options.readonly)
        try:
            session = Session(
                service, room_id, lines=lines, transcript=transcript, timeout=timeout, read_only=options.readonly
            )
            with closing(session):
                transcript.entering(options.output)
                if options.readonly:
                    _show_recent(service, room_id, transcript)
                interrupted = _run(session, service, room_id, read_only=options.readonly)
        finally:
            if counted:
                service.leave(room_id)
        transcript.leaving(service.room(room_id).record.state)
    if interrupted:
        return INTERRUPTED
    return 1 if session.refused and not lines.interactive else 0


def _come(service: RoomService, room_id: RoomId, *, read_only: bool) -> bool:
    """Enter; gives whether we are counted among those who are there. A suspended room can be looked at all the same."""
    try:
        service.enter(room_id, read_only=read_only)
    except RoomSuspended:
        if not read_only:
            raise
        return False
    return True


def _run(session: Session, service: RoomService, room_id: RoomId, *, read_only: bool) -> bool:
    """Give whether Ctrl-C ended the session."""
    try:
        if not read_only:
            service.await_entity(room_id, ENTITY_SECONDS)
        session.run()
    except KeyboardInterrupt:
        return True
    return False


def _show_recent(service: RoomService, room_id: RoomId, transcript: Transcript) -> None:
    for entry in service.read(room_id, limit=RECENT):
        if entry.type is EntryType.OUTPUT:
            transcript.said(entry.seq, entry.content)
