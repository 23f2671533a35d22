"""docs/ENTITY_PROTOCOL.md against the code: options, frames, bounds and words are those that are built."""

from __future__ import annotations

import re

import pytest
from support import ROOT

from backrooms_tui.entity import parse, sources
from backrooms_tui.entity.base import Entity
from backrooms_tui.entity.crash import report_lines
from backrooms_tui.entity.frames import MAX_LINE, MAX_TURN_BYTES, MAX_TURN_FRAMES
from backrooms_tui.entity.process import ExitReport
from backrooms_tui.entity.programs import lines, one_shot
from backrooms_tui.entity.programs.program import MAX_NAMED
from backrooms_tui.entity.seal import command as command_seal
from backrooms_tui.entity.zygote import command_child
from backrooms_tui.model.limits import FILE_DESCRIPTORS, MAX_STATE_SIZE
from backrooms_tui.model.runtimes import KINDS, MAX_ENTITY, OPTIONS
from backrooms_tui.model.runtimes import parse as parse_runtime
from backrooms_tui.supervisor import calls, deaths, replaying

TEXT = (ROOT / "docs/ENTITY_PROTOCOL.md").read_text()


def section(title: str) -> str:
    """The text under a heading, up to the next."""
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert match, title
    return match[1]


def rows(title: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    table = re.findall(r"^\| *(.*?) *\|$", section(title), re.MULTILINE)[2:]
    return [re.split(r" +\| +| *\|$|(?<=\S) \|", row) for row in table]


def test_every_option_of_every_runtime_stands_in_the_table_with_what_holds_without_it():
    told = {}
    for name, help_text, default in rows("Options"):
        kind, option = re.findall(r"`(\w+)`", name)
        told[kind, option] = (help_text, default.strip("`").replace("nothing", ""))
    built = {(kind, name): option for kind, known in OPTIONS.items() for name, option in known.items()}
    assert told.keys() == built.keys()
    for which, option in built.items():
        help_text, default = told[which]
        assert default == option.default, which
        assert help_text.replace("`", "").startswith(option.help.partition(",")[0].replace("`", "")), which


def test_the_examples_of_a_line_are_lines():
    example = re.search(r"```\n(reference\n.*?)```", TEXT, re.DOTALL)
    assert example
    kinds = {parse_runtime(line).kind for line in example[1].splitlines()}
    assert kinds == set(KINDS)
    assert f"{MAX_ENTITY:,} characters" in TEXT


def test_every_frame_of_an_entity_stands_in_the_table():
    told = {re.search(r"`(\w+)`", row[0])[1] for row in rows("Entity to host")}
    assert told == parse._BUILDERS.keys()


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Bounds", [f"{MAX_LINE:,} bytes for one line", f"{MAX_TURN_BYTES:,} bytes for one input"]),
        ("Bounds", [f"{MAX_TURN_FRAMES:,} frames", f"{MAX_STATE_SIZE:,} bytes of state", f"{parse.MAX_DEPTH} levels"]),
        ("Bounds", [f"at most {parse.MAX_WORD} characters", f"cut at\n{parse.MAX_TRACE:,}"]),
        ("Bounds", [f"more than {calls.MAX_OPEN} open", f"more than {calls.MAX_ASKED:,} for one input"]),
        ("Calls", [f"{calls.MAX_OPEN} at most", f"{calls.MAX_ASKED:,} for one input"]),
        (
            "Writing an entity in Python",
            ["At most 1 MiB", f"{sources.MAX_MODULES} modules", f"module `{sources.ALONE}`"],
        ),
        ("Endings", [f"within {'ten' if deaths.WITHIN == 10 else deaths.WITHIN} seconds", deaths.CODE]),
        ("Hermetic: `reference`, `python`, `llm`", [f"{FILE_DESCRIPTORS} descriptors"]),
        ("Command: any program", [f"{command_seal.FILE_DESCRIPTORS} descriptors"]),
        ("`exit`: a program that is run once for each input", [f"{one_shot._MAX_COMPLAINT:,} characters"]),
        (
            "`lines`: a program that knows nothing of rooms",
            [f"{lines.SECOND_LOOK * 1000:.0f} ms", f"{lines.START_PATIENCE:.0f} s"],
        ),
        (
            "`lines`: a program that knows nothing of rooms",
            [f"more than {replaying.MOST_INPUTS:,} of them", f"{replaying.MOST_CHARACTERS:,} characters"],
        ),
        ("What a program is given", [f"`{name}={held}`" for name, held in command_child.ENVIRONMENT.items()]),
        ("What a program is given", ["the first eight" if MAX_NAMED == 8 else f"the first {MAX_NAMED}"]),
    ],
)
def test_figures_are_those_of_the_code(title, words):
    assert sources.MAX_BYTES == 1 << 20
    assert not [word for word in words if word not in section(title)]


def test_everything_that_an_entity_can_do_is_told():
    methods = {name for name in vars(Entity) if not name.startswith("_")} - {"name", "version", "on_input"}
    table = section("Writing an entity in Python")
    assert not [name for name in methods if f"self.{name}(" not in table]


def test_the_crash_report_looks_as_it_is_told():
    stack = 'File "/x/__init__.py", line 519 in string_at\nFile "entity.py", line 3 in on_input\n'
    report = ExitReport(1, 11, None, killed_by_host=False, stack=stack, address=0, frame0="libc.so.6+0x156219")
    assert "\n".join(report_lines(report)) in TEXT
