"""The client in the documents, run against an owner."""

import subprocess
import sys

import pytest
from served import Served
from support import ROOT

EXAMPLE = ROOT / "docs/example_client.py"


@pytest.fixture
def served(tmp_path):
    one = Served(tmp_path)
    yield one
    one.close()
    assert one.faults == []


def run(*words):
    return subprocess.run(
        [sys.executable, "-I", str(EXAMPLE), *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_example_is_short_and_needs_nothing_of_ours():
    source = EXAMPLE.read_text()
    assert len(source.splitlines()) <= 60
    assert "backrooms_tui" not in source


def test_the_example_asks_a_room_and_prints_what_is_said_as_it_is_said(served):
    ended = run(served.path, "initialize counter at 41", "increment counter", "stream 3 lines")
    assert ended.stderr == ""
    assert ended.stdout.splitlines()[0] == "Counter initialized."
    assert ended.stdout.splitlines()[1] == "Counter: 42"
    assert len(ended.stdout.splitlines()) == 5
    assert served.service.rooms() == []


def test_the_example_tells_of_a_refusal(served):
    ended = run(served.path, " ")
    assert ended.returncode == 1
    assert ended.stderr == "ERROR: INPUT_EMPTY\n"
