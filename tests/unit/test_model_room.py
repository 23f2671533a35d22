"""Room configurations and errors as values."""

import inspect

import pytest

from backrooms_tui.model import errors
from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.room import RoomConfig


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"memory_limit": 0}, "MEMORY_LIMIT"),
        ({"memory_limit": 513 * 1024 * 1024}, "MEMORY_LIMIT"),
        ({"timeout": 0}, "TIMEOUT"),
        ({"timeout": 86_401}, "TIMEOUT"),
        ({"timeout": float("nan")}, "TIMEOUT"),
        ({"compression": "snappy"}, "COMPRESSION"),
        ({"name": "x" * 129}, "NAME"),
        ({"name": "bell\x07"}, "NAME"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(changes, named):
    with pytest.raises(UsageError) as refused:
        RoomConfig(**changes).validated()
    assert refused.value.details[0].startswith(named)


def test_the_defaults_and_the_seeds_example_are_valid():
    assert RoomConfig().validated() == RoomConfig()
    RoomConfig(memory_limit=268_435_456, timeout=60, compression="lz4", name="a name").validated()


KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BackroomsError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_line_with_its_code_then_its_details(kind):
    error = kind("KEY: value")
    assert str(error) == f"ERROR: {error.code}\nKEY: value"
    assert error.exit_status in (1, 2, 3)
    assert error.code == error.code.upper()


def test_codes_are_unique_where_they_are_not_inherited():
    own = [kind.code for kind in KINDS if "code" in vars(kind)]
    assert len(own) == len(set(own))
