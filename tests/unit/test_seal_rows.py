"""The rows of the seal: they say what a probe found, and never more."""

from __future__ import annotations

import pytest

from backrooms_tui.entity.seals import hermetic

HELD = {"landlock": 7, "files": True, "network": True, "process": True, "native": True, "memory": True, "time": True}


def test_everything_held():
    assert hermetic(HELD).lines() == (
        "FILESYSTEM: SEALED (seccomp, landlock 7)",
        "NETWORK: SEALED (seccomp, landlock 7)",
        "PROCESS: SEALED (no children, no threads)",
        "NATIVE CODE: SEALED (seccomp)",
        "MEMORY: BOUNDED (address space)",
        "TIME: SEALED (virtual clock)",
    )


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        ("files", "FILESYSTEM: UNSEALED"),
        ("network", "NETWORK: UNSEALED"),
        ("process", "PROCESS: UNSEALED"),
        ("native", "NATIVE CODE: UNSEALED"),
        ("memory", "MEMORY: UNBOUNDED"),
        ("time", "TIME: VISIBLE"),
    ],
)
def test_what_did_not_hold_is_not_called_sealed(fact, line):
    assert line in hermetic(HELD | {fact: False}).lines()


def test_a_wall_that_is_not_there_is_not_named():
    assert hermetic(HELD | {"landlock": 0}).filesystem == "SEALED (seccomp)"
