"""The program that the campaign over runtimes kills: an owner whose rooms hold one kind of entity, under load.

    runtimes_host.py STORE ROOMS RESEND KIND FOLDER BASE_URL

Like `kill9_host.py`, whose lines it writes; and before operators are told something by a room, `NOTE text`.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from kill9_host import Words, client, increment, say

from backrooms_tui.config.settings import ModelSettings, PersistenceSettings, Settings
from backrooms_tui.model.events import Notice
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.telemetry import Telemetry
from backrooms_tui.service import open_service

COUNTER = """
from backrooms_tui.entity.base import Entity

class Counter(Entity):
    def on_input(self, text):
        for _ in range(100_000):  # some milliseconds, in which to be killed
            pass
        self.state["counter"] = self.state.get("counter", 0) + 1
        self.output(f"Counter: {self.state['counter']}")
"""
SHELL = (
    "command:sh -c 'n=0; while read -r line; do n=$((n+1)); "
    'i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done; echo "Counter: $n"; done\''
)
"""So slow that fifty owners do not get to the number of inputs that a program is given again."""


class Told(Telemetry):
    """What operators are told is an effect: it is written down in the call that has it."""

    def notice(self, notice: Notice, *, foreign: bool) -> None:
        if notice.text.startswith("NOTIFIED"):
            say("NOTE", notice.text.rpartition(" ")[2])


def entity(kind: str, folder: Path) -> tuple[str, Words]:
    """The line of a room, and what is typed into it."""
    if kind == "python":
        file = folder / "counter.py"
        file.write_text(COUNTER)
        return f"python:{file}", increment
    if kind == "command":
        return SHELL, increment
    if kind == "llm":
        return "llm?tools=notify&window=3:openai/counted", str
    return "reference", increment


def main() -> None:
    store, rooms, resend, kind, folder, base_url = sys.argv[1:]
    settings = Settings(persistence=PersistenceSettings(path=store), model=ModelSettings(base_url=base_url))
    service = open_service(settings, telemetry=Told())
    service.resume_pending()
    line, words = entity(kind, Path(folder))
    while len(service.rooms()) < int(rooms):
        service.create(RoomConfig(entity=line))
    unknown: dict[str, list[str]] = {}
    for told in Path(resend).read_text().splitlines():
        room, request = told.split()
        unknown.setdefault(room, []).append(request)
    for view in service.rooms():
        room = view.record.id
        if kind == "reference" and view.record.tail.seq == 0:
            service.submit(room, b"initialize counter at 0", source="campaign")
        say("ROOM", room)
        threading.Thread(target=client, args=(service, room, unknown.get(room, []), words)).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
