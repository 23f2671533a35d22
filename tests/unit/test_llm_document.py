"""docs/LLM_ROOMS.md says what is so."""

from __future__ import annotations

import re
import shlex

import pytest
from deployment_docs import commands
from support import ROOT

from backrooms_tui.broker import failures
from backrooms_tui.broker.providers import scripted
from backrooms_tui.broker.tools import TOOLS
from backrooms_tui.cli.parsing import command_named, parse, split
from backrooms_tui.config.settings import ModelSettings
from backrooms_tui.entity.calls import EXHAUSTED
from backrooms_tui.entity.inside import llm_tools
from backrooms_tui.model.runtimes import OPTIONS
from backrooms_tui.model.runtimes import parse as parse_entity
from backrooms_tui.model.value import as_dict

TEXT = (ROOT / "docs/LLM_ROOMS.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of the table rows under a heading, by what stands in backquotes in the first."""
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \| (.*) \|$", section, re.MULTILINE)
    return {name: rest.split(" | ") for name, rest in found}


def shown(value: object) -> str:
    return "`null`" if value is None else f"`{value}`"


def test_options_stand_there_with_their_defaults():
    given = {name: cells[0].strip("`") for name, cells in rows("Options of a room").items()}
    assert given.keys() == OPTIONS["llm"].keys()
    for name, option in OPTIONS["llm"].items():
        assert given[name] == (option.default or {"system": "a few words about the room", "tools": "none"}[name])


def test_settings_stand_there_with_their_defaults():
    given = {name: cells[0] for name, cells in rows("Models").items() if name.startswith("model.")}
    assert given == {f"model.{name}": shown(value) for name, value in as_dict(ModelSettings()).items()}


def test_all_tools_stand_there():
    assert rows("Tools").keys() == {*llm_tools.BY_NAME, *TOOLS}


def test_all_reasons_why_a_call_fails_stand_there():
    codes = {failures.FAILED, failures.TIMEOUT, failures.GARBAGE, failures.INVALID}
    assert rows("Errors").keys() == codes | {EXHAUSTED, "CONTEXT_TOO_LARGE"}


def test_the_whole_grammar_stands_there():
    given = {name.split()[0] for name in rows("The grammar of `scripted`")}
    assert given == {*scripted._SCRIPTS, *scripted._STEPS}


@pytest.mark.parametrize("line", commands("LLM_ROOMS.md"))
def test_commands_are_understood(line):
    program, *words = shlex.split(line)
    name, rest = split(words)
    options = parse(command_named(name), rest)
    assert program == "room.exe"
    assert parse_entity(options.entity).kind == "llm"
