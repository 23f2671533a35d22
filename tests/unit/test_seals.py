"""Which SEAL lines a room is shown: its profile's, and never more than its options leave of them."""

import pytest

from backrooms_tui.model.runtimes import parse
from backrooms_tui.model.seals import seal_lines
from backrooms_tui.model.views import ServiceStatus

HERMETIC = ("FILESYSTEM: SEALED (seccomp)", "PROCESS: SEALED (no children, no threads)", "TIME: SEALED (virtual clock)")
COMMAND = ("FILESYSTEM: READ-ONLY", "PROCESS: SEALED (no children, no threads)", "TIME: VISIBLE")


def lines(entity, command=COMMAND):
    status = ServiceStatus("1", 1, 1, True, None, 0, HERMETIC, command_seal=command)
    return seal_lines(parse(entity), status)


@pytest.mark.parametrize("entity", ["reference", "python:a.b:C", "llm?tools=clock:scripted/echo"])
def test_a_hermetic_room_is_shown_the_hermetic_lines(entity):
    assert lines(entity) == HERMETIC


def test_a_command_is_shown_the_lines_of_its_own_profile():
    assert lines("command:bc -q") == COMMAND


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("children=yes", "PROCESS: CHILDREN ALLOWED (children die with it, no threads)"),
        ("threads=yes", "PROCESS: THREADS ALLOWED (no children, threads)"),
        ("children=yes&threads=yes", "PROCESS: CHILDREN AND THREADS ALLOWED (children die with it, threads)"),
    ],
)
def test_what_a_room_was_allowed_is_not_called_sealed(options, line):
    assert lines(f"command?{options}:sh") == (COMMAND[0], line, COMMAND[2])


def test_what_did_not_hold_is_not_called_allowed_either():
    assert lines("command?children=yes:sh", ("PROCESS: UNSEALED",)) == ("PROCESS: UNSEALED",)


def test_before_anything_was_probed_nothing_is_said():
    assert lines("command:bc", ()) == ()
