"""One daemon of the fleet campaign. It does what it is told on standard input, and says what came of it.

    fleet_host.py STORE SOCKET NAME LEASE

Words it takes: CREATE; INPUT room request; CLOSE. Lines it says, each by one unbuffered write: READY; ROOM id; ACK id
request seq; DONE id seq outcome text; ELSEWHERE id request; REFUSED id request code.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model.errors import BackroomsError, RoomLeasedElsewhere
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import RoomService, open_service

CLIENTS = 64


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def ask(service: RoomService, room: RoomId, request: str) -> None:
    try:
        receipt = service.submit(room, b"increment counter", source="campaign", request_id=request)
        say("ACK", room, request, receipt.seq)
        result = service.wait(receipt, timeout=60)
    except RoomLeasedElsewhere:
        say("ELSEWHERE", room, request)
    except BackroomsError as error:
        say("REFUSED", room, request, error.code)
    else:
        if result is not None:
            say("DONE", room, receipt.seq, result.outcome, result.entries[0].content)


def create(service: RoomService) -> None:
    room = service.create(RoomConfig()).record.id
    service.wait(service.submit(room, b"initialize counter at 0", source="campaign"), timeout=60)
    say("ROOM", room)


def main() -> None:
    store, socket, name, lease = sys.argv[1:]
    persistence = PersistenceSettings(path=store, backend="REDIS", host=socket, fleet=True, lease=float(lease))
    service = open_service(Settings(persistence=persistence), address=f"{name}:9000")
    service.resume_pending()
    say("READY")
    with ThreadPoolExecutor(CLIENTS) as clients:
        for line in sys.stdin:
            match line.split():
                case ["CREATE"]:
                    clients.submit(create, service)
                case ["INPUT", room, request]:
                    clients.submit(ask, service, RoomId(room), request)
                case ["CLOSE"]:
                    service.close()
                    os._exit(0)  # who waits for an input here will be told of it elsewhere


if __name__ == "__main__":
    main()
