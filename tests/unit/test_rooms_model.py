"""The room list without a screen."""

from __future__ import annotations

import pytest
from fleet import Fleet, room_id
from hypothesis import given, settings
from hypothesis import strategies as st

from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import changed
from backrooms_tui.tui.room_filter import parse_filter
from backrooms_tui.tui.rooms_model import ORDERS, RoomsModel


@pytest.fixture
def rooms() -> RoomsModel:
    model = RoomsModel()
    model.replace_all(Fleet().rooms())
    return model


def ids(*numbers: int) -> list[str]:
    return [room_id(number) for number in numbers]


def test_rooms_stand_in_the_order_of_their_creation_at_first(rooms: RoomsModel) -> None:
    assert rooms.visible == ids(*range(8))
    assert rooms.cursor == room_id(0)


def test_sorting_compares_raw_values_and_not_what_is_shown(rooms: RoomsModel) -> None:
    rooms.set_order("memory")
    assert rooms.visible[:3] == ids(7, 2, 0)
    rooms.set_order("memory", reverse=True)
    assert rooms.visible[:2] == ids(4, 3)


def test_rooms_of_equal_value_stay_in_order_of_creation(rooms: RoomsModel) -> None:
    rooms.set_order("errors")
    assert rooms.visible == ids(0, 7, 2, 1, 3, 4, 5, 6)


def test_the_cursor_follows_its_room_and_not_its_row(rooms: RoomsModel) -> None:
    rooms.go(7)
    rooms.set_order("memory")
    assert (rooms.cursor, rooms.cursor_row) == (room_id(7), 0)


def test_new_figures_never_move_a_row(rooms: RoomsModel) -> None:
    rooms.set_order("memory")
    before = list(rooms.visible)
    view = rooms.view(room_id(4))
    assert view is not None
    rooms.put(changed(view, record=view.record.with_(memory_usage=2**40)))
    assert rooms.visible == before
    rooms.reorder()
    assert rooms.visible[0] == room_id(4)


def test_a_new_room_is_placed_by_the_order(rooms: RoomsModel) -> None:
    rooms.set_order("memory")
    view = rooms.view(room_id(0))
    assert view is not None
    newer = changed(view, record=view.record.with_(id=room_id(50), memory_usage=300 * 1024 * 1024))
    rooms.put(newer)
    assert rooms.visible.index(room_id(50)) == 1


def test_a_room_that_stops_matching_leaves_the_filtered_list_and_comes_back(rooms: RoomsModel) -> None:
    rooms.set_filter(parse_filter("state:active"))
    view = rooms.view(room_id(1))
    assert view is not None
    idle = changed(view, record=view.record.with_(state=RoomState.IDLE))
    rooms.put(idle)
    assert rooms.visible == ids(0, 2)
    assert rooms.hidden == 6
    rooms.put(view)
    assert set(rooms.visible) == set(ids(0, 1, 2))


def test_a_filter_that_hides_the_cursors_room_gives_it_back_later(rooms: RoomsModel) -> None:
    rooms.go(5)
    rooms.set_filter(parse_filter("nothing-like-it"))
    assert rooms.cursor is None
    rooms.set_filter(parse_filter("state:active"))
    assert rooms.cursor == room_id(0)
    rooms.set_filter(parse_filter(""))
    assert rooms.cursor == room_id(5)


def test_marks_belong_to_rooms_and_outlive_a_filter(rooms: RoomsModel) -> None:
    rooms.toggle_mark()
    rooms.go(3)
    rooms.mark_range()
    assert rooms.marks == set(ids(0, 1, 2, 3))
    rooms.set_filter(parse_filter("state:idle"))
    assert rooms.marks_hidden == 3
    assert set(rooms.targets()) == set(ids(0, 1, 2, 3))


def test_mark_visible_takes_only_what_the_filter_shows(rooms: RoomsModel) -> None:
    rooms.set_filter(parse_filter("state:idle"))
    rooms.mark_visible()
    assert rooms.marks == set(ids(3, 4, 7))
    rooms.clear_marks()
    assert rooms.targets() == (room_id(3),)


def test_a_destroyed_room_takes_its_mark_with_it_and_the_cursor_stays_in_its_row(rooms: RoomsModel) -> None:
    rooms.go(2)
    rooms.toggle_mark()
    rooms.remove(room_id(2))
    assert not rooms.marks
    assert rooms.cursor == room_id(3)


def test_the_last_room_gone_leaves_no_cursor(rooms: RoomsModel) -> None:
    for number in range(8):
        rooms.remove(room_id(number))
    assert rooms.cursor is None
    assert rooms.targets() == ()
    rooms.move(1)
    rooms.toggle_mark()
    assert rooms.cursor is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(-20, 20)),
        st.tuples(st.just("go"), st.integers(-20, 20)),
        st.tuples(st.just("filter"), st.sampled_from(["", "state:active", "mem:>100m", "!a", "~x", "zzz"])),
        st.tuples(st.just("order"), st.sampled_from(sorted(ORDERS))),
        st.tuples(st.just("remove"), st.integers(0, 7)),
        st.tuples(st.just("put"), st.integers(0, 7)),
        st.tuples(st.just("mark"), st.just(0)),
        st.tuples(st.just("range"), st.just(0)),
    ),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=150)
def test_whatever_happens_the_cursor_is_on_a_visible_row_and_rows_are_the_matching_rooms(steps: list) -> None:
    fleet = Fleet()
    rooms = RoomsModel()
    rooms.replace_all(fleet.rooms())
    for step, value in steps:
        match step:
            case "move":
                rooms.move(value)
            case "go":
                rooms.go(value)
            case "filter":
                rooms.set_filter(parse_filter(value))
            case "order":
                rooms.set_order(value)
            case "remove":
                rooms.remove(room_id(value))
            case "put":
                rooms.put(fleet.room(room_id(value)))
            case "mark":
                rooms.toggle_mark()
            case _:
                rooms.mark_range()
        assert rooms.cursor in rooms.visible if rooms.visible else rooms.cursor is None
        assert len(set(rooms.visible)) == len(rooms.visible)
        assert set(rooms.visible) == {v.record.id for v in rooms.views() if rooms.filter.matches(v)}
        assert rooms.marks <= {v.record.id for v in rooms.views()}
