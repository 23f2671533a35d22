"""Tabs: what is entered, what is only looked at, and what came meanwhile."""

from __future__ import annotations

from fleet import room_id

from backrooms_tui.tui.tabs import MAX_TABS, Tabs


def test_a_peek_is_not_entered_and_entering_keeps_its_tab() -> None:
    tabs = Tabs()
    tabs.open(room_id(1), entered=False)
    tabs.show(room_id(1))
    assert not tabs.entered
    tabs.open(room_id(1), entered=True)
    assert tabs.entered
    assert len(tabs) == 1


def test_peeking_again_does_not_leave_an_entered_room() -> None:
    tabs = Tabs()
    tabs.open(room_id(1), entered=True)
    assert tabs.open(room_id(1), entered=False).entered


def test_entries_of_rooms_out_of_sight_are_counted_until_they_are_seen() -> None:
    tabs = Tabs()
    for number in (1, 2):
        tabs.open(room_id(number), entered=True)
    tabs.show(room_id(1))
    assert not tabs.count(room_id(1), 5)
    assert tabs.count(room_id(2), 3)
    assert not tabs.count(room_id(9), 3)
    assert [tab.unread for tab in tabs] == [0, 3]
    tabs.show(room_id(2))
    assert [tab.unread for tab in tabs] == [0, 0]


def test_tabs_are_numbered_from_one_and_close_up() -> None:
    tabs = Tabs()
    for number in range(MAX_TABS):
        tabs.open(room_id(number), entered=False)
    assert tabs.full
    tabs.close(room_id(0))
    first = tabs.number(1)
    assert first is not None
    assert first.room_id == room_id(1)
    assert tabs.number(9) is None
    assert tabs.number(0) is None
    assert tabs.close(room_id(0)) is None
