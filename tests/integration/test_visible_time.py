"""A machine on which clocks cannot be replaced: rooms live there, and nobody is told that time is sealed."""

from __future__ import annotations

import time

import pytest
from sealed_rooms import SUPPLIED, Room, await_condition

from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.model.errors import EntitySealFailed
from backrooms_tui.model.runtimes import HERMETIC_PROFILE

BOOTSTRAP = """
import sys; sys.path.append(sys.argv[1])
from backrooms_tui.entity.seal import clock

class Idle:
    def install(self):
        return clock.Clock(clock._map_pages())

clock.ClockPlan.make = classmethod(lambda cls: PLAN)
from backrooms_tui.entity.zygote.serving import main; main(int(sys.argv[2]))
"""
PLANS = {
    "there is none": "None",
    "the kernel refuses it": "cls((0, 4096), {}, ())",  # as one does that seals its own mappings
    "it has no effect": "Idle()",
}


@pytest.fixture(params=PLANS)
def bootstrap(request, monkeypatch):
    monkeypatch.setattr("backrooms_tui.entity.link._BOOTSTRAP", BOOTSTRAP.replace("PLAN)", f"{PLANS[request.param]})"))


@pytest.fixture
def host(bootstrap):
    host = ZygoteHost()
    yield host
    host.close()


def test_time_is_said_to_be_visible_and_is_and_everything_else_holds(host):
    room = Room(host)
    room.await_ready()
    await_condition(lambda: HERMETIC_PROFILE in host.seals, "hello")
    assert host.seals[HERMETIC_PROFILE].lines()[-1] == "TIME: VISIBLE"
    assert not [
        line for line in host.seals[HERMETIC_PROFILE].lines()[:-1] if "SEALED" not in line and "BOUNDED" not in line
    ]
    shown = int(room.said("import time; result = time.time_ns()"))
    assert abs(shown - time.time_ns()) < 3600 * 1_000_000_000
    assert shown > SUPPLIED
    assert room.said("result = self.now") == str(SUPPLIED + room.seq)
    room.end()


def test_who_requires_the_seal_gets_no_room_there(bootstrap):
    host = ZygoteHost(require_seal=True)
    try:
        host.measure()  # however long that takes here
        with pytest.raises(EntitySealFailed, match="REQUIRED, BUT TIME: VISIBLE"):
            Room(host)
    finally:
        host.close()
