"""The grammar of the command line and its help pages."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.cli import parsing
from backrooms_tui.cli.commands import BACKENDS, COMMANDS, GLOBAL_OPTIONS
from backrooms_tui.config import settings
from backrooms_tui.model.errors import UsageError


def parsed(line):
    name, words = parsing.split(shlex.split(line))
    return name, parsing.parse(parsing.command_named(name), words)


def test_global_options_may_stand_before_or_after_the_command():
    for line in ("--config /c --no-persist create --name x", "create --name x --config /c --no-persist"):
        name, options = parsed(line)
        assert name == "create"
        assert (options.config, options.no_persist, options.verbose, options.name) == ("/c", True, False, "x")


def test_a_commands_own_option_stands_for_the_global_one_of_the_same_name():
    assert parsed("list --format table")[1].format == "table"
    with pytest.raises(UsageError):
        parsed("stats a3f7 --format table")


@pytest.mark.parametrize(
    "line",
    [
        "enter",
        "enter a b",
        "create extra",
        "create --bogus",
        "create --compression snappy",
        "create --mem 5M",
        "create --name",
        "list --sort size",
        "list --state terminated",
        "stats a3f7 --readonly",
        "stats a3f7 --verbose=yes",
        "stats a3f7 --output --verbose",
        "config",
        "config edit",
        "migrate --to MYSQL",
        "compare a3f7",
    ],
)
def test_wrong_words_are_a_usage_error_that_points_to_the_help_page(line):
    with pytest.raises(UsageError) as refused:
        parsed(line)
    assert refused.value.details[-1] == f"USE 'room.exe {line.split()[0]} --help'"


def test_values_may_be_attached_repeated_and_in_capitals_or_not():
    options = parsed("export a3f7 --filter=input --filter output,error --output=-x --json")[1]
    assert (options.filter, options.output, options.json) == (["input", "output,error"], "-x", True)
    assert parsed("migrate --to sqlite")[1].to == "SQLITE"
    assert parsed("export a3f7")[1].filter is None


def test_after_two_dashes_every_word_is_an_operand():
    assert parsed("restore -- --odd-name.tar.gz")[1].path == "--odd-name.tar.gz"
    assert parsed("batch -")[1].path == "-"
    assert parsed("batch")[1].path is None


def test_the_backends_of_the_table_are_those_of_the_settings():
    assert BACKENDS == settings.BACKENDS


def test_an_unknown_command_is_a_usage_error():
    with pytest.raises(UsageError):
        parsing.command_named("recreate")


@pytest.mark.parametrize(
    ("words", "name"),
    [([], None), (["--verbose"], None), (["--config", "create"], None), (["--config", "x", "create"], "create")],
)
def test_the_value_of_a_global_option_is_not_taken_for_the_command(words, name):
    assert parsing.split(words)[0] == name


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_words_are_parsed_or_refused_and_nothing_else(words):
    name, rest = parsing.split(words)
    try:
        if name is None:
            parsing.parse_globals(rest)
        else:
            parsing.parse(parsing.command_named(name), rest)
    except UsageError as refused:
        assert refused.details


def test_the_usage_page_has_the_layout_of_the_seed():
    lines = parsing.usage_lines()
    assert lines[0] == "USAGE: room.exe [COMMAND] [OPTIONS]"
    assert "  enter <room_id>     Enter room for interaction" in lines
    assert "  destroy <room_id>   Permanently delete room" in lines
    assert "  --config <path>     Configuration file path" in lines


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_help_page_lists_every_option_once_and_gives_an_example_that_parses(command):
    page = parsing.help_lines(command)
    assert page[0].startswith(f"USAGE: room.exe {command.name}")
    for option in parsing.options_of(command):
        assert sum(line.startswith(f"  {option.flag} ") for line in page) == 1
    example = page[-1].removeprefix("  $ room.exe ")
    assert parsed(example)[0] == command.name


def test_every_option_that_is_parsed_is_documented_and_the_reverse():
    for command in COMMANDS.values():
        given = [(operand.choices or ("a3f7c8d2",))[0] for operand in command.operands]
        known = set(vars(parsing.parse(command, given))) - {operand.name for operand in command.operands}
        listed = {option.flag[2:].replace("-", "_") for option in (*command.options, *GLOBAL_OPTIONS)}
        assert known == listed
