"""What was asked for as an entity, as the room keeps it: with its options, and with paths that stay true elsewhere."""

import pytest

from backrooms_tui.config.room_defaults import entity_line
from backrooms_tui.model.errors import UsageError


@pytest.fixture(autouse=True)
def in_a_directory(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("python:counter.py", "python:{}/here/counter.py"),
        ("python:../counter.py:Counter", "python:{}/counter.py:Counter"),
        ("python:~/counter.py", "python:{}/home/counter.py"),
        ("python:package.module:Class", "python:package.module:Class"),
        ("command:./talk -v 'a b'", "command:{}/here/talk -v 'a b'"),
        ("command:bc -q ./file", "command:bc -q ./file"),
        ("command:bc -q ../here", "command:bc -q {}/here"),
        ("command:sed s/here/there/ here", "command:sed s/here/there/ here"),
        ("reference", "reference"),
    ],
)
def test_a_path_becomes_absolute_when_the_room_is_made(asked, kept, tmp_path):
    assert entity_line("reference", asked) == kept.format(tmp_path)


def test_options_are_laid_over_what_was_asked_for_or_over_the_default():
    assert entity_line("reference", "command?mode=exit:jq .", ["mode=lines", "quiet=1s"]) == (
        "command?mode=lines&quiet=1:jq ."
    )
    assert entity_line("command:bc", None, ["threads=yes"]) == "command?threads=yes:bc"


def test_an_option_that_the_default_does_not_know_is_refused():
    with pytest.raises(UsageError, match="not one of reference: none"):
        entity_line("reference", None, ["mode=exit"])
