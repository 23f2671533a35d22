"""Attempts that take more than one input: the host, the zygote, or many rooms have a part in them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from backrooms_tui.model.entries import Outcome
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import value
from backrooms_tui.model.views import RoomView

from .arena import PATIENCE, SOURCE, WORD, Arena, Hung
from .attempts import DIED, HELD, NOTHING, PREAMBLE, PROTOCOL, outcomes
from .probes import ENTITY, KEEP

FLOODING = 64
FLOOD_SECONDS = 1.0
"""Until the deadline of those that have not reached the bound of their output."""
QUEUED = 16
_WIRE = "WIRE = 3\n" + PREAMBLE
_FLOOD = PREAMBLE + 'line = (\'x\' * 60_000).encode()\nwhile True: send(b\'{"type":"output","text":"%s"}\\n\' % line)'
_GROW = PREAMBLE + (
    "half = 'x' * (1 << 19)\n"
    'for n in range(18): send((\'{"type":"state","set":{"%s%d":"%s"}}\\n\' % (NAME, n, half)).encode())'
)
_LETTERS = {Outcome.CRASH: DIED, Outcome.VIOLATION: PROTOCOL}

Played = tuple[str, str, str]
"""Outcome, detail, and what was wrong with the rooms afterwards."""


@value
class Scenario:
    """A row like an Attempt's, played by the host."""

    group: str
    name: str
    play: Callable[[Arena, str], Played]
    hermetic: str
    command: str
    calm: bool = True
    """Whether the neighbour has a right to its calm: not when its own process is ended with all others."""

    def expected(self, profile: str) -> frozenset[str]:
        return outcomes(profile, self.hermetic, self.command)


def _queue_behind_a_crash(arena: Arena, profile: str) -> Played:
    room = arena.room(profile)
    crash = arena.submit(room, f"{PREAMBLE}wait(200)\nos.abort()")
    behind = [arena.submit(room, f"{KEEP}{n}") for n in range(QUEUED - 1)]
    behind.append(arena.submit(room, f"{KEEP}{WORD}"))
    first = arena.await_result(crash)
    others = [arena.await_result(receipt).outcome for receipt in behind]
    wrong = "" if others == [Outcome.SILENT] * QUEUED else f"the inputs behind it ended {others}"
    return _LETTERS.get(first.outcome, HELD), first.outcome, wrong or arena.answers(room)


def _queue_of_crashes(arena: Arena, profile: str) -> Played:
    """Five deaths in ten seconds, and the restarts stop until somebody resumes the room: nothing is lost by it."""
    room = arena.room(profile)
    crashes = [arena.submit(room, f"{PREAMBLE}wait(50)\nos.abort()", 5.0) for _ in range(QUEUED)]
    ended = {arena.await_result(crashes[0]).outcome}
    for _ in range(QUEUED):
        if (seen := _await_rest(arena, room)).state is RoomState.SUSPENDED:
            arena.service.resume(room, by=SOURCE)
            arena.service.await_entity(room, PATIENCE)
        elif not seen.queued:
            break
    results = (arena.service.wait(crash, PATIENCE) for crash in crashes[1:])
    ended |= {"NO RESULT" if result is None else result.outcome for result in results}
    return DIED if ended == {Outcome.CRASH} else HELD, " ".join(sorted(ended)), arena.answers(room)


def _await_rest(arena: Arena, room: RoomId) -> RoomRecord:
    """Wait until the room works on nothing, for want of inputs or of an entity."""
    view = _await(lambda: arena.service.room(room), lambda seen: _rests(seen.record))
    return view.record


def _rests(record: RoomRecord) -> bool:
    return record.state is RoomState.SUSPENDED or not record.queued


def _kill_at_init(arena: Arena, _: str) -> Played:
    entity = arena.entity("slow.py", f"{PREAMBLE}wait(200)\n{ENTITY}")
    room = arena.room("HERMETIC", entity=entity)
    _end_entity(arena, room)
    arena.submit(room, f"{KEEP}{WORD}")
    starting = _await(lambda: arena.service.room(room), lambda view: view.entity == "STARTING" and view.entity_pid)
    _kill(starting.entity_pid)
    return DIED, "", arena.answers(room)


def _at_birth(name: str, code: str) -> Callable[[Arena, str], Played]:
    """An entity that does something before it is ready, at every start: nothing can be had of it, and that is said."""

    def play(arena: Arena, _: str) -> Played:
        entity = arena.entity(f"{name}.py", f"{_WIRE}{code}\n{ENTITY}")
        room = arena.room_without_entity(entity)
        receipt = arena.submit(room, f"{KEEP}{WORD}")
        if arena.service.wait(receipt, PATIENCE) is not None:
            return HELD, "", "it was given an input"
        record = arena.service.room(room).record
        damage = "" if record.damage is None else record.damage.type
        return PROTOCOL, damage, "" if record.state is RoomState.CORRUPTED else f"the room is {record.state}"

    return play


def _zygote_killed(arena: Arena, profile: str) -> Played:
    room = arena.room(profile)
    _end_entity(arena, room)
    zygote = arena.zygote()
    os.kill(zygote, signal.SIGSTOP)  # so that the process is asked for, and not made
    arena.submit(room, f"{KEEP}{WORD}")
    _kill(zygote)
    return DIED, "", arena.answers(room) or arena.answers(arena.sibling)


def _flood(arena: Arena, profile: str) -> Played:
    rooms = [arena.room(profile) for _ in range(FLOODING)]
    floods = [arena.submit(room, _FLOOD, FLOOD_SECONDS) for room in rooms]
    ended = {arena.await_result(flood, FLOOD_SECONDS).outcome for flood in floods}
    wrong = next(filter(None, map(arena.answers, rooms)), "")
    for room in rooms:
        arena.done_with(room)
    stopped = ended <= {Outcome.VIOLATION, Outcome.TIMEOUT}
    return PROTOCOL if stopped else HELD, " ".join(sorted(ended)), wrong


def _growing_state(arena: Arena, profile: str) -> Played:
    room = arena.room(profile)
    ended = [arena.ask(room, f"NAME = {name!r}\n{_GROW}") for name in "ab"]
    told = ended[1].entries[-1].content.splitlines()
    wrong = "" if ended[0].outcome == Outcome.SILENT else f"the first half ended {ended[0].outcome}"
    return _LETTERS.get(ended[1].outcome, HELD), told[0], wrong or arena.answers(room)


def _end_entity(arena: Arena, room: RoomId) -> None:
    """Kill a room's process, and wait until the host knows."""
    _kill(arena.service.room(room).entity_pid)
    _await(lambda: arena.service.room(room), lambda view: view.entity == "COLD")


def _kill(pid: int | None) -> None:
    if pid is not None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _await(look: Callable[[], RoomView], holds: Callable[[RoomView], object]) -> RoomView:
    """Look until it holds. Raises Hung."""
    deadline = time.monotonic() + PATIENCE
    while not holds(seen := look()):
        if time.monotonic() > deadline:
            raise Hung(f"the room stayed {seen.entity}")
        time.sleep(0.001)
    return seen


SCENARIOS = (
    Scenario("crash", "16 queued inputs while crashing", _queue_behind_a_crash, DIED, DIED),
    Scenario("crash", "16 queued inputs that all crash", _queue_of_crashes, DIED, DIED),
    Scenario("crash", "killed during init", _kill_at_init, DIED, NOTHING),
    Scenario("crash", "zygote killed in mid-spawn", _zygote_killed, DIED, DIED, calm=False),
    Scenario(
        "wire",
        "done before ready",
        _at_birth("early", 'send(b\'{"type":"done","seq":1}\\n\')'),
        PROTOCOL,
        NOTHING,
    ),
    Scenario("wire", "garbage before ready", _at_birth("garbage", "send(bytes(2 << 20))"), PROTOCOL, NOTHING),
    Scenario(
        "wire",
        "a version that nobody offered",
        _at_birth("version", 'send(b\'{"type":"ready","v":2,"name":"","version":""}\\n\')'),
        PROTOCOL,
        NOTHING,
    ),
    Scenario("wire", "state of 17 MiB over two inputs", _growing_state, PROTOCOL, PROTOCOL),
    Scenario("res", "64 rooms flooding at once", _flood, PROTOCOL, PROTOCOL),
)
