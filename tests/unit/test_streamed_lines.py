"""A line that is shown while it is being said: at once, once, bounded, harmless, and healed by the whole of it."""

import pytest

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.events import InputAccepted, Lagged, Said, Saying, TurnEnded, TurnStarted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.tui.log.document import Document
from backrooms_tui.tui.log.lines import LINE_CAP
from backrooms_tui.tui.log.pages import page_of

ROOM = RoomId("a" * 64)
INPUT = MemoryEntry(1, 1_000, EntryType.INPUT, "tell", {})


class Told:
    """A document whose room is at work on its first input, and what the entity says."""

    def __init__(self, *, watched=True, width=None):
        self.doc = Document(width=width, height=10)
        self.clock = 2_000
        self.n = 0
        entries = [] if watched else [INPUT]
        self.doc.deliver(self.doc.want(), page_of(entries))
        if watched:
            self.doc.apply([InputAccepted(ROOM, INPUT, 1), TurnStarted(ROOM, 1, 1, 1_500, 30.0)])

    def part(self, text, attempt=1):
        self.clock += 1
        return Saying(ROOM, 1, attempt, self.n, self.clock, text)

    def whole(self, text, attempt=1):
        self.clock += 1
        self.n += 1
        return Said(ROOM, 1, attempt, self.n - 1, self.clock, text)

    def parts(self, *texts):
        self.doc.apply([self.part(text) for text in texts])

    def ended(self, *texts):
        entries = [
            MemoryEntry(2 + n, self.clock + 1 + n, EntryType.OUTPUT, text, {Meta.INPUT: 1})
            for n, text in enumerate(texts)
        ]
        self.doc.apply([TurnEnded(ROOM, 1, Outcome.OUTPUT, tuple(entries), 0.1, 0)])

    @property
    def shown(self):
        """What stands on the screen below the input."""
        texts = [row.line.text for row in self.doc.rows() if row.line is not None]
        assert texts.pop(0) == "tell"
        return texts


@pytest.fixture
def told():
    return Told()


def test_parts_stand_in_one_line_that_grows(told):
    told.parts("The qu")
    assert told.shown == ["ENTITY: The qu"]
    told.parts("ick ", "fox")
    assert told.shown == ["ENTITY: The quick fox"]


def test_the_whole_line_and_then_memory_take_its_place(told):
    told.parts("The qu")
    told.doc.apply([told.part("ick"), told.whole("The quick"), told.part("ju")])
    assert told.shown == ["ENTITY: The quick", "ENTITY: ju"]
    told.ended("The quick", "jump")
    assert told.shown == ["ENTITY: The quick", "ENTITY: jump"]
    assert not any(row.line.provisional for row in told.doc.rows() if row.line is not None)


def test_parts_that_were_lost_are_marked_and_healed_by_the_whole_line(told):
    told.parts("The ")
    told.doc.apply([Lagged(3)])
    told.doc.deliver(told.doc.want(), page_of([INPUT]))
    told.parts("fox")
    assert told.shown == ["ENTITY: The … fox"]
    told.doc.apply([told.whole("The quick fox")])
    assert told.shown == ["ENTITY: The quick fox"]


def test_a_reader_who_comes_in_the_middle_of_a_line_sees_that_its_begin_is_missing():
    told = Told(watched=False)
    told.parts("ick")
    assert told.shown == ["ENTITY: … ick"]
    told.doc.apply([told.whole("The quick"), told.part("fox")])
    assert told.shown == ["ENTITY: The quick", "ENTITY: fox"]


def test_lines_before_the_first_part_that_is_seen_are_named_as_skipped():
    told = Told(watched=False)
    told.n = 5
    told.parts("six")
    assert told.shown == ["SKIPPED 5 LINES", "ENTITY: … six"]


def test_a_second_attempt_replaces_what_the_first_had_begun(told):
    told.parts("The qu")
    told.doc.apply([TurnStarted(ROOM, 1, 2, 3_000, 30.0), told.part("A", attempt=2)])
    assert told.shown == ["ENTITY: A"]


def test_no_more_of_a_line_is_held_than_is_shown(told):
    told.parts(*["0123456789abcdef"] * 1024)
    (line,) = told.shown
    assert line.startswith("ENTITY: 0123456789abcdef0123")
    assert line.endswith("… +12.0 KB")
    assert len(line) < LINE_CAP + 40


def test_what_a_terminal_would_obey_is_harmless_however_it_is_cut(told):
    told.parts("\x1b", "]52;c;eA==", "\x07", "\u202e", "[/]", "\r")
    (line,) = told.shown
    assert "]52;c;eA==" in line
    assert not set(line) & set("\x1b\x07\u202e\r")


def test_a_reader_who_holds_keeps_his_place_while_a_line_grows():
    told = Told(width=20)
    for number in range(30):
        told.doc.apply([told.whole(f"line {number}")])
    told.doc.scroll(-5)
    before = [row.line.text for row in told.doc.rows()]
    told.parts(*["word "] * 50)
    assert [row.line.text for row in told.doc.rows()] == before
    assert not told.doc.follow


def test_parts_and_lines_in_turn_come_to_the_lines_alone_wherever_they_are_cut(told):
    events = [event for number in range(8) for event in (told.part("a"), told.part("b"), told.whole(f"ab {number}"))]
    told.doc.apply(events[:10])
    told.doc.apply(events[10:11])
    told.doc.apply(events[11:])
    assert told.shown == [f"ENTITY: ab {number}" for number in range(8)]
