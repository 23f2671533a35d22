"""The line that says what a room's entity is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.runtimes import (
    COMMAND_PROFILE,
    EXAMPLES,
    HERMETIC_PROFILE,
    KINDS,
    MAX_ENTITY,
    OPTIONS,
    Runtime,
    parse,
)


@pytest.mark.parametrize(
    "line",
    [
        "reference",
        "python:/srv/entities/counter.py",
        "python:package.module:Class",
        "command:bc -q",
        "command:sh -c 'read a?b; echo $a:$a'",
        "command?mode=frames&restore=fresh:perl todo.pl",
        "llm:scripted/echo",
        "llm?system=Answer briefly.%0AIn Welsh%3A yes%26no&tools=clock,notify:openai/gpt-5:mini",
    ],
)
def test_a_runtime_is_written_as_it_was_read(line):
    assert parse(line).text == line


@given(
    st.dictionaries(st.sampled_from(["system"]), st.text(min_size=1, max_size=200).filter(lambda t: "\0" not in t)),
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=80),
)
def test_any_option_text_survives_the_line(options, model):
    given = parse("llm:openai/x").with_options(f"{name}={text}" for name, text in options.items())
    line = Runtime("llm", f"openai/{model.strip() or 'm'}", given.options).text
    if line.isprintable():
        assert dict(parse(line).options) == options


def test_options_have_their_defaults_and_the_later_of_two_holds():
    runtime = parse("command:node").with_options(["quiet=300ms", "quiet=2s", "threads=on"])
    assert runtime.option("quiet") == "2"
    assert runtime.option("threads") == "yes"
    assert runtime.option("mode") == "lines"
    assert runtime.text == "command?quiet=2&threads=yes:node"


def test_a_command_has_words_and_the_profile_of_commands():
    assert parse("command:sh -c 'echo \"a b\"'").argv == ("sh", "-c", 'echo "a b"')
    profiles = {kind: parse(next(e.strip("'") for e in EXAMPLES if kind in e)).profile for kind in KINDS}
    assert profiles == {kind: COMMAND_PROFILE if kind == "command" else HERMETIC_PROFILE for kind in KINDS}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "is not one of"),
        ("magic", "is not one of"),
        ("reference\n", "is not one of"),
        ("reference:x", "takes no target"),
        ("command:", "of what"),
        ("command:''", "of what"),
        ("command:'a", "closing quotation"),
        ("python", "of what"),
        ("llm:gpt", "provider/model"),
        ("llm:/gpt", "provider/model"),
        ("llm:openai/", "provider/model"),
        ("command?mode=words:bc", "lines|exit|frames"),
        ("command?mode:bc", "name=value"),
        ("command?quiet=soon:bc", "300ms"),
        ("command?quiet=9999s:bc", "300ms"),
        ("llm?calls=0:openai/x", "whole number"),
        ("llm?calls=99999999999999999999999:openai/x", "whole number"),
        ("llm?tools=a b:openai/x", "names of tools"),
        ("python?mode=lines:x.py", "model, tools"),
        ("reference?mode=lines", "none"),
        ("command:" + "x" * MAX_ENTITY, str(MAX_ENTITY)),
    ],
)
def test_a_line_that_names_no_runtime_is_refused_in_words(line, told):
    with pytest.raises(UsageError) as refused:
        RoomConfig(entity=line).validated()
    assert told in refused.value.details[0]
    assert refused.value.details[0].isprintable()


def test_every_default_is_a_value_that_its_option_can_have():
    for known in OPTIONS.values():
        for option in known.values():
            assert option.default == "" or option.check(option.default) == option.default


def test_a_runtime_grants_the_model_and_the_tools_that_it_names_and_nothing_else():
    assert parse("llm:scripted/echo").calls == ("model",)
    assert parse("llm?tools=clock, notify:scripted/echo").calls == ("model", "tool:clock", "tool:notify")
    assert parse("python?model=openai/gpt-5:a.py").calls == ("model",)
    assert parse("command?mode=frames&tools=clock:a").calls == ("tool:clock",)
    assert parse("command:bc").calls == parse("python:a.py").calls == parse("reference").calls == ()


def test_what_bounds_calls_is_told_where_calls_are_granted():
    assert parse("python:a.py").effective == ()
    assert [name for name, _ in parse("python?tools=clock:a.py").effective] == ["tools", "calls", "tokens", "seconds"]


def test_an_option_that_would_grant_calls_to_a_plain_program_is_refused_also_when_it_is_added():
    for line in ("command?tools=clock:bc", "command?mode=exit&model=scripted/echo:wc"):
        with pytest.raises(UsageError, match="mode=frames"):
            parse(line)
    with pytest.raises(UsageError, match="mode=frames"):
        parse("command:bc").with_options(["tools=clock"])
