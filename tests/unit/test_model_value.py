"""Values: frozen, slotted classes of fields."""

from __future__ import annotations

import copy

import pytest

from backrooms_tui.model.value import changed, value


@value
class Point:
    x: int
    y: int = 0


@value
class Place:
    x: int
    y: int = 0


@value
class Nothing:
    """No fields."""


@value
class Positive:
    number: int

    def __post_init__(self) -> None:
        if self.number <= 0:
            raise ValueError("not positive")


def test_fields_are_given_by_place_or_name_and_have_defaults() -> None:
    assert (Point(1).x, Point(1).y, Point(x=1, y=2).y) == (1, 0, 2)
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]


def test_values_are_equal_by_type_and_fields_and_hash_alike() -> None:
    assert Point(1) == Point(1, 0)
    assert hash(Point(1)) == hash(Point(1, 0))
    assert Point(1) != Point(2)
    assert Point(1) != Place(1)
    assert Nothing() == Nothing()


def test_nothing_can_be_changed_added_or_deleted() -> None:
    point = Point(1)
    for act in (lambda: setattr(point, "x", 2), lambda: setattr(point, "z", 2), lambda: delattr(point, "x")):
        with pytest.raises(AttributeError):
            act()
    assert point == Point(1)


def test_changed_gives_another_value_and_checks_it_too() -> None:
    assert changed(Point(1, 2), x=5) == Point(5, 2)
    assert changed(Positive(1), number=2).number == 2
    with pytest.raises(ValueError, match="not positive"):
        changed(Positive(1), number=0)
    with pytest.raises(TypeError):
        changed(Point(1), z=3)


def test_values_are_printed_matched_and_copied_like_dataclasses() -> None:
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
    match Point(3, 4):
        case Point(x, y):
            assert (x, y) == (3, 4)
    assert copy.deepcopy(Point(1, 2)) == Point(1, 2)
