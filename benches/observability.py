"""What it costs to be watched: the hooks when nobody is, logs, metrics and spans when somebody is.

    python benches/observability.py [--rounds 400] [--path DIR]

Musts: a hook that nobody wants costs at most 2x of calling an empty method. All that an input tells takes at most 5 % of
the input's own time with metrics and an INFO log, at most 30 % with TRACE and spans; from end to end, which on a busy
machine is mostly noise, at most 1.25x and 1.5x. A line is queued in at most half the time in which `logging` writes
it; a page of 1,024 rooms takes at most 2x of listing them.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from _harness import Row, interleave, print_table

from backrooms_tui import observability
from backrooms_tui.config.settings import LoggingSettings, PersistenceSettings, Settings, TracingSettings
from backrooms_tui.model.entries import EntryType, MemoryEntry
from backrooms_tui.model.events import InputAccepted, RoomChanged, Said, TurnEnded, TurnStarted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import QueuedInput, RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.telemetry import UNWATCHED, Telemetry
from backrooms_tui.model.views import TurnResult
from backrooms_tui.observability.lines import Level
from backrooms_tui.observability.logs import Log, LogPlan
from backrooms_tui.service import RoomService, open_service

CALLS = 1_000
ROOMS = 1_024


class Empty:
    def call(self, event: object) -> None:
        """Nothing."""


def many(call: Callable[[], object], count: int = CALLS) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(count):
            call()

    return repeated


@contextmanager
def collector() -> Iterator[str]:
    """Takes every span and forgets it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def owner(folder: Path, level: str | None, endpoint: str | None = None) -> Iterator[tuple[RoomService, Telemetry]]:
    """A service; watched when there is a `level`, traced when there is an `endpoint`."""
    settings = Settings(
        persistence=PersistenceSettings(path=str(folder / "rooms")),
        logging=LoggingSettings(level=level or "ERROR", output=str(folder / "room.log")),
        tracing=TracingSettings(enabled=endpoint is not None, exporter="otlp", endpoint=endpoint or "http://nowhere"),
    )
    watch = None if level is None else observability.start(settings)
    telemetry = UNWATCHED if watch is None else watch.telemetry
    service = open_service(settings, telemetry=telemetry)
    try:
        if watch is not None:
            watch.attach(service)
        yield service, telemetry
    finally:
        service.close()
        if watch is not None:
            watch.close()


def speaker(service: RoomService) -> Callable[[], None]:
    """One durable input of one room, from submission to its result."""
    room_id = service.create(RoomConfig()).record.id
    service.await_entity(room_id)
    number = iter(range(10**9))

    def say() -> None:
        service.wait(service.submit(room_id, f"irrelevant noise {next(number)}".encode(), source="bench"))

    return say


def hooks() -> list[Row]:
    told, empty = Telemetry(), Empty()
    times = interleave({"hook": many(lambda: told.event(None)), "call": many(lambda: empty.call(None))}, 300)  # type: ignore[arg-type]
    hook, call = times["hook"].median / CALLS, times["call"].median / CALLS
    return [Row("a hook that nobody wants", hook, "an empty method", call, must=2.0)]


def told_of_an_input(telemetry: Telemetry) -> Callable[[], None]:
    """Everything that the owner tells of one input, in its order."""
    room = RoomId("a3f7c8d2" * 8)
    text, metadata = "irrelevant noise", {"input": 1}
    typed = MemoryEntry(1, 1, EntryType.INPUT, text, {})
    said = MemoryEntry(2, 2, EntryType.OUTPUT, "Operational.", metadata)
    queued = QueuedInput(1, 1, None, 1)
    changed = RoomChanged(room, RoomState.ACTIVE)

    def tell() -> None:
        now = time.monotonic_ns()
        telemetry.batch_written(1, now, synced=True)
        telemetry.input_accepted(room, typed, now, now)
        telemetry.event(InputAccepted(room, typed, 0))
        telemetry.event(changed)
        telemetry.event(TurnStarted(room, 1, 1, now, 30.0))
        telemetry.event(Said(room, 1, 1, 0, now, said.content))
        telemetry.batch_written(1, now, synced=True)
        telemetry.turn_written(room, queued, text, TurnResult(1, "OUTPUT", (said,), 0.1), now, now)
        telemetry.event(TurnEnded(room, 1, "OUTPUT", (said,), 0.1, 0))
        telemetry.event(changed)

    return tell


def inputs(folder: Path, rounds: int) -> list[Row]:
    with ExitStack() as stack:
        endpoint = stack.enter_context(collector())
        cases = {"unwatched": (None, None), "usual": ("INFO", None), "all": ("TRACE", endpoint)}
        subjects = {}
        for name, (level, traced) in cases.items():
            place = folder / name
            place.mkdir()
            service, telemetry = stack.enter_context(owner(place, level, traced))
            subjects[name] = speaker(service)
            subjects[f"{name} hooks"] = many(told_of_an_input(telemetry), 10)
        times = interleave(subjects, rounds)
    floor = times["unwatched"].median
    hooks = {name: times[f"{name} hooks"].median / 10 for name in cases}
    return [
        Row("what an input tells, to nobody", hooks["unwatched"], "an input", floor, must=0.02),
        Row("to metrics and an INFO log", hooks["usual"], "an input", floor, must=0.05),
        Row("to a TRACE log and spans, too", hooks["all"], "an input", floor, must=0.3),
        Row("an input, metrics and an INFO log", times["usual"].median, "unwatched", floor, must=1.25),
        Row("an input, TRACE log and every span", times["all"].median, "unwatched", floor, must=1.5),
    ]


def lines(folder: Path) -> list[Row]:
    log = Log(LogPlan(Level.INFO, "json", folder / "ours.log"))
    theirs = logging.getLogger("bench")
    theirs.propagate = False
    theirs.setLevel(logging.INFO)
    theirs.addHandler(logging.FileHandler(folder / "theirs.log"))
    room = "a3f7c8d2" * 8

    def ours() -> None:
        log.line(Level.INFO, "entity processed input", room_id=room, bytes=42, duration_ms=352)

    def usual() -> None:
        theirs.info("entity processed input room_id=%s bytes=%d duration_ms=%d", room, 42, 352)

    def below() -> None:
        log.line(Level.DEBUG, "entity processed input", room_id=room, bytes=42, duration_ms=352)

    times = interleave({"ours": many(ours, 50), "logging": many(usual, 50), "below": many(below, 50)}, 300)
    log.close()
    floor = times["logging"].median / 50
    return [
        Row("queueing a log line", times["ours"].median / 50, "`logging` to a file", floor, must=0.5),
        Row("a line below the level", times["below"].median / 50, "`logging` to a file", floor, must=0.1),
    ]


def page(folder: Path) -> list[Row]:
    place = folder / "many"
    place.mkdir()
    settings = Settings(
        persistence=PersistenceSettings(path=str(place / "rooms")), logging=LoggingSettings(level="ERROR")
    )
    watch = observability.start(settings)
    service = open_service(settings, telemetry=watch.telemetry)
    watch.attach(service)
    for _ in range(ROOMS):
        service.create(RoomConfig())
    times = interleave({"page": lambda: watch.render_metrics(age=0), "rooms": service.rooms}, 100)
    service.close()
    watch.close()
    return [Row("the metrics page, 1,024 rooms", times["page"].median, "listing them", times["rooms"].median, must=2.0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--path", type=Path, default=None, help="directory on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.path) as temporary:
        folder = Path(temporary)
        print_table("Being watched", [*hooks(), *inputs(folder, options.rounds), *lines(folder), *page(folder)])


if __name__ == "__main__":
    main()
