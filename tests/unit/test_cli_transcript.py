"""What a session shows of a line that comes in parts: each part once, the whole line once, nothing a terminal obeys."""

from io import StringIO
from types import SimpleNamespace

import pytest

from backrooms_tui.cli.shell import Shell
from backrooms_tui.cli.transcript import TextTranscript
from backrooms_tui.model.errors import QueueFull


@pytest.fixture
def shell():
    made = Shell(SimpleNamespace(no_persist=False, output=None, format=None))
    made.out = StringIO()
    made.is_terminal = True
    return made


@pytest.fixture
def transcript(shell):
    return TextTranscript(shell, None)


def test_a_line_is_ended_by_what_its_parts_left_out(transcript, shell):
    transcript.saying("The qu")
    transcript.saying("ick")
    assert transcript.begun
    transcript.said(1, "The quick fox")
    assert not transcript.begun
    assert shell.out.getvalue() == "ENTITY: The quick fox\n"


def test_a_line_that_lost_a_part_is_said_again_as_a_whole(transcript, shell):
    transcript.saying("The qu")
    transcript.saying("fox")
    transcript.said(1, "The quick fox")
    assert shell.out.getvalue() == "ENTITY: The qufox\nENTITY: The quick fox\n"


def test_a_line_that_was_wiped_away_is_said_as_a_whole(transcript, shell):
    transcript.saying("The qu")
    transcript.forget()
    transcript.said(1, "The quick")
    assert shell.out.getvalue().endswith("ENTITY: The quick\n")


def test_what_the_room_says_begins_a_line_of_its_own(transcript, shell):
    transcript.saying("The qu")
    transcript.refused(QueueFull())
    transcript.ended(1, "INTERRUPTED", 0.1)
    assert shell.out.getvalue() == "ENTITY: The qu\nERROR: QUEUE_FULL\n[INTERRUPTED]\n"


def test_no_part_of_a_line_reaches_a_terminal_raw(transcript, shell):
    for part in ("\x1b", "]52;c;eA==\x07", "\u202eexe.", "\x9b31m"):
        transcript.saying(part)
    transcript.said(1, "\x1b]52;c;eA==\x07\u202eexe.\x9b31m\x1b[2J")
    shown = shell.out.getvalue()
    assert "]52;c;" in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e")


def test_parts_are_for_terminals_alone(shell, tmp_path):
    with (tmp_path / "said").open("w") as file:
        assert not TextTranscript(shell, file).streams
    shell.is_terminal = False
    assert not TextTranscript(shell, None).streams
