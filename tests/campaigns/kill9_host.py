"""The program that the kill -9 campaign kills: an owner under load that says what it was told, line by line.

    kill9_host.py STORE ROOMS RESEND BACKEND SOCKET

One client thread per room submits `increment counter` as fast as it is answered, keeping two inputs in flight.
RESEND is a file of `room request_id` lines whose outcome the killer does not know; they are sent again first.
Meanwhile the rooms are compressed, one after the other, again and again; and the backups' thread archives them.
Lines, each written by one unbuffered write: ROOM id, SUB id request, ACK id request seq, DONE id seq outcome text.
"""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path

from backrooms_tui.config.settings import BackupSettings, PersistenceSettings, Settings
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.views import Receipt
from backrooms_tui.service import RoomService, open_service

Words = Callable[[str], str]
IN_FLIGHT = 2
COMPACTING = 0.05
"""Seconds between two compressions: the load is the inputs."""


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def one_line(text: str) -> str:
    """An input that is discarded is answered in several."""
    return text.replace("\n", "\\n")


def submit(service: RoomService, room: RoomId, request: str, words: Words) -> Receipt:
    say("SUB", room, request)
    receipt = service.submit(room, words(request).encode(), source="campaign", request_id=request)
    say("ACK", room, request, receipt.seq)
    return receipt


def increment(request: str) -> str:
    del request
    return "increment counter"


def client(service: RoomService, room: RoomId, unknown: list[str], words: Words = increment) -> None:
    """Keep two inputs in flight for ever; `words` gives what is typed for a request."""
    waiting: deque[Receipt] = deque(submit(service, room, request, words) for request in unknown)
    while True:
        while len(waiting) < IN_FLIGHT:
            waiting.append(submit(service, room, uuid.uuid4().hex, words))
        receipt = waiting.popleft()
        result = service.wait(receipt, timeout=60)
        if result is None:
            say("STUCK", room, receipt.seq)
            return
        say("DONE", room, receipt.seq, result.outcome, one_line(result.entries[0].content))


def main() -> None:
    store, rooms, resend, backend, socket = sys.argv[1:]
    shelf = BackupSettings(interval=1, path=store + ".backups")
    persistence = PersistenceSettings(path=store, backend=backend, host=socket, backup=shelf)
    service = open_service(Settings(persistence=persistence))
    service.resume_pending()
    while len(service.rooms()) < int(rooms):
        service.create(RoomConfig())
    ids = []
    for view in service.rooms():
        ids.append(view.record.id)
        if view.record.tail.seq == 0:
            service.submit(view.record.id, b"initialize counter at 0", source="campaign")
    unknown: dict[str, list[str]] = {}
    for line in Path(resend).read_text().splitlines():
        room, request = line.split()
        unknown.setdefault(room, []).append(request)
    for room in ids:
        say("ROOM", room)
        threading.Thread(target=client, args=(service, room, unknown.get(room, []))).start()
    pause = threading.Event()
    while True:
        for room in ids:
            service.compact(room)
            pause.wait(COMPACTING)


if __name__ == "__main__":
    main()
