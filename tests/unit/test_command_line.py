"""The `:` line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.tui.command_line import VERBS, complete, equivalent, parse_command, room_config


@pytest.mark.parametrize(
    ("line", "shell"),
    [
        ("create --memory-limit 256M --timeout 60", "room.exe create --memory-limit 256M --timeout 60"),
        ("create --name='two words'", "room.exe create --name 'two words'"),
        ("room.exe suspend a3f7", "room.exe suspend a3f7"),
        ("suspend", "room.exe suspend b9e4..."),
        ("destroy a3f7c8d2...", "room.exe destroy a3f7c8d2 --confirm"),
        ("list --state active", "room.exe list --state active"),
        ("theme light", ""),
        ("export a3f7 --format csv --output ~/a.csv", "room.exe export a3f7 --format csv --output ~/a.csv"),
        ("backup --include-config --output '/x y'", "room.exe backup b9e4... --include-config --output '/x y'"),
        ("restore ~/'one two.tar'", "room.exe restore ~/'one two.tar'"),
        ("recover --from-backup", "room.exe recover b9e4... --from-backup"),
        ("compare a3f7 b9e4", "room.exe compare a3f7 b9e4"),
        ("destroy a3f7 --force", "room.exe destroy a3f7 --force"),
        ("check", "room.exe fsck"),
        ("config", "room.exe config show"),
        ("jobs", ""),
    ],
)
def test_a_line_shows_the_shell_command_that_does_the_same(line: str, shell: str) -> None:
    assert equivalent(parse_command(line), room="b9e4...") == shell


@pytest.mark.parametrize(
    "line",
    [
        "",
        "  ",
        "evict x",
        "create --colour red",
        "create --memory-limit",
        "create --memory-limit much",
        "create x",
        "suspend a3f7 b9e4",
        "suspend xyz!",
        "create --name 'open",
        "theme light dark",
        "restore one two",
        "backup --include-config=yes",
        "compare a b c",
    ],
)
def test_a_line_that_cannot_be_meant_is_refused(line: str) -> None:
    with pytest.raises(BackroomsError):
        parse_command(line)


def test_what_create_does_not_name_is_as_configured() -> None:
    command = parse_command("create --memory-limit 256M")
    config = room_config(command, RoomConfig(timeout=12, compression="lz4"))
    assert config == RoomConfig(memory_limit=256 * 1024 * 1024, timeout=12, compression="lz4")


def test_create_takes_any_entity_with_its_options_and_writes_them_for_a_shell() -> None:
    command = parse_command("create --entity 'command:bc -q' --entity-option mode=exit --entity-option children=yes")
    assert room_config(command, RoomConfig()).entity == "command?children=yes&mode=exit:bc -q"
    assert equivalent(command) == (
        "room.exe create --entity 'command:bc -q' --entity-option mode=exit --entity-option children=yes"
    )


@pytest.mark.parametrize(
    "line",
    ["create --entity bash", "create --entity command:bc --entity-option x=1", "create --entity-option mode=exit"],
)
def test_an_entity_that_cannot_be_meant_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="ENTITY"):
        room_config(parse_command(line), RoomConfig())


@pytest.mark.parametrize("option", ["--memory-limit 1K", "--timeout 1e9", "--compression brotli"])
def test_create_keeps_the_bounds_of_a_room(option: str) -> None:
    with pytest.raises(UsageError):
        room_config(parse_command(f"create {option}"), RoomConfig())


def test_a_verb_is_completed_when_only_one_begins_so() -> None:
    assert complete("cr") == "create "
    assert complete("re") == "re"
    assert complete("create --na") == "create --na"


@given(st.text(max_size=80))
def test_whatever_is_typed_is_a_command_or_a_refusal(line: str) -> None:
    try:
        command = parse_command(line)
    except BackroomsError as refusal:
        assert refusal.code in ("INVALID_USAGE", "INVALID_ROOM_ID")
    else:
        assert command.verb in VERBS
        equivalent(command)
