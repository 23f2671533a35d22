"""Places for a bounded number of rooms: kept for who has waited longest, and never forgotten."""

from __future__ import annotations

from backrooms_tui.supervisor.places import Places


class Room:
    """Takes a place when it is called, if it still wants one."""

    def __init__(self, places: Places, name: str, log: list[str], *, wants: bool = True) -> None:
        self.places, self.name, self.log, self.wants = places, name, log, wants

    def ask(self) -> bool:
        taken = self.places.take(self.name, self.again)  # type: ignore[arg-type]
        if taken:
            self.log.append(self.name)
        return taken

    def again(self) -> None:
        if self.wants:
            self.ask()
        self.places.release(self.name)  # type: ignore[arg-type]


def some(places: Places, log: list[str], names: str) -> list[Room]:
    return [Room(places, name, log) for name in names]


def test_no_more_are_taken_than_there_are_and_the_others_come_in_order():
    places, log = Places(2), []
    assert [room.ask() for room in some(places, log, "abcd")] == [True, True, False, False]
    places.give()
    places.give()
    assert log == ["a", "b", "c", "d"]


def test_nobody_overtakes_who_a_place_is_kept_for():
    places, log = Places(1), []
    first, second, third = some(places, log, "abc")
    first.ask()
    places.take(second.name, lambda: None)  # it will come, later
    places.give()
    assert third.ask() is False
    assert second.ask() is True
    assert log == ["a", "b"]


def test_a_place_that_is_not_wanted_any_more_is_the_next_ones():
    places, log = Places(1), []
    rooms = some(places, log, "abcd")
    for room in rooms:
        room.ask()
    rooms[1].wants = rooms[2].wants = False
    places.give()
    assert log == ["a", "d"]


def test_who_asks_again_keeps_its_turn_and_waits_once():
    places, log = Places(1), []
    first, second, third = some(places, log, "abc")
    first.ask()
    for room in (second, third, second, second):
        room.ask()
    assert places.waiting == 2
    places.give()
    places.give()
    assert log == ["a", "b", "c"]


def test_when_it_settles_nothing_more_is_given_and_it_waits_for_what_is_out():
    places, log = Places(2), []
    first, second = some(places, log, "ab")
    first.ask()
    assert places.settle(0) is False
    assert second.ask() is False
    places.give()
    assert places.settle(0) is True
    assert log == ["a"]
