"""The open room's log: anchors, paging, provisional lines, bounds."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.events import EntriesAdded, Event, InputAccepted, Lagged, Said, TurnEnded, TurnStarted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.tui.log.document import Document
from backrooms_tui.tui.log.live import LIVE_LINES
from backrooms_tui.tui.log.pages import PAGE, read_page
from backrooms_tui.tui.log.query import Query
from backrooms_tui.tui.log.window import MAX_CHARACTERS, MAX_LINES

ROOM = RoomId("a" * 64)
HEIGHT = 10


class Memory:
    """A room's memory as a list, with the reading rule of `RoomStore.read`, counting what is read."""

    def __init__(self, inputs: int = 0) -> None:
        self.entries: list[MemoryEntry] = []
        self.reads = 0
        self.given = 0
        self.clock = 1_000
        for i in range(inputs):
            self.put(EntryType.INPUT, f"input {i}")

    def put(self, kind: EntryType, content: str, metadata: dict | None = None) -> MemoryEntry:
        self.clock += 1
        entry = MemoryEntry(len(self.entries) + 1, self.clock, kind, content, metadata or {})
        self.entries.append(entry)
        return entry

    def read(self, *, after: int | None = None, before: int | None = None, limit: int = PAGE) -> list[MemoryEntry]:
        self.reads += 1
        if after is not None:
            page = [e for e in self.entries if e.timestamp > after and (before is None or e.timestamp < before)][:limit]
        else:
            page = [e for e in self.entries if before is None or e.timestamp < before][-limit:]
        self.given += len(page)
        return page


class Session:
    """Memory, a document on it, and a turn at work: what the supervisor would tell."""

    def __init__(self, inputs: int = 0, *, width: int | None = None) -> None:
        self.memory = Memory(inputs)
        self.doc = Document(width=width, height=HEIGHT)
        self.turn: tuple[int, int] | None = None
        self.said: list[str] = []
        self.read()

    def read(self) -> None:
        for _ in range(200):
            request = self.doc.want()
            if request is None:
                return
            self.doc.deliver(request, read_page(self.memory, request))
        raise AssertionError("the document never has enough")

    def ask(self, text: str = "hello") -> InputAccepted:
        return InputAccepted(ROOM, self.memory.put(EntryType.INPUT, text), 1)

    def start(self) -> list[Event]:
        accepted = self.ask()
        self.turn, self.said = (accepted.entry.seq, 1), []
        return [accepted, TurnStarted(ROOM, accepted.entry.seq, 1, self.memory.clock, 30.0)]

    def say(self, *texts: str) -> list[Event]:
        assert self.turn is not None
        events: list[Event] = []
        for text in texts:
            self.memory.clock += 1
            events.append(Said(ROOM, *self.turn, len(self.said), self.memory.clock, text))
            self.said.append(text)
        return events

    def commit(self, outcome: str = Outcome.OUTPUT) -> TurnEnded:
        assert self.turn is not None
        seq = self.turn[0]
        entries = tuple(self.memory.put(EntryType.OUTPUT, text, {Meta.INPUT: seq}) for text in self.said)
        self.turn = None
        return TurnEnded(ROOM, seq, outcome, entries, 0.1, 0)

    def texts(self) -> list[str]:
        return ["END" if row.line is None else row.line.text[row.start : row.end] for row in self.doc.rows()]


def test_follows_the_last_line_of_memory():
    session = Session(50)
    assert session.texts() == [*(f"input {i}" for i in range(41, 50)), "END"]


def test_an_empty_room_shows_the_end_and_nothing_else():
    assert Session().texts() == ["END"]


def test_opening_reads_no_more_of_a_large_room_than_of_a_small_one():
    small, large = Session(1_000), Session(20_000)
    assert (small.memory.reads, small.memory.given) == (large.memory.reads, large.memory.given) == (1, PAGE)


def test_scrolls_back_to_the_very_first_entry_line_by_line():
    session = Session(1_500)
    for _ in range(2_000):
        session.doc.scroll(-1)
        session.read()
    assert session.texts() == [f"input {i}" for i in range(10)]
    assert not session.doc.follow


def test_home_of_a_large_room_reads_one_page():
    session = Session(20_000)
    before = session.memory.given
    session.doc.home()
    session.read()
    assert session.texts()[0] == "input 0"
    assert session.memory.given - before <= PAGE


def test_end_after_home_follows_again():
    session = Session(5_000)
    session.doc.home()
    session.read()
    session.doc.end()
    session.read()
    assert session.texts()[-2:] == ["input 4999", "END"]
    assert session.doc.follow


def test_scrolling_down_past_the_last_line_follows_again():
    session = Session(50)
    session.doc.scroll(-3)
    assert not session.doc.follow
    session.doc.scroll(3)
    assert session.doc.follow


def test_a_screen_that_shows_everything_is_not_held_by_scrolling_up():
    session = Session(3)
    session.doc.scroll(-1)
    assert session.doc.follow


def test_a_held_reader_keeps_his_top_line_while_far_more_than_the_window_arrives():
    session = Session(200)
    session.doc.scroll(-25)
    session.read()
    top = session.texts()
    for _ in range(50):
        session.doc.apply(
            [EntriesAdded(ROOM, tuple(session.memory.put(EntryType.STATE_CHANGE, "x") for _ in range(1000)))]
        )
        session.read()
    assert session.texts() == top
    assert session.doc.new == 50_000
    assert len(session.doc.window.lines) <= MAX_LINES + PAGE


def test_a_held_reader_scrolls_down_through_everything_that_came():
    session = Session(100)
    session.doc.scroll(-5)
    for i in range(9_000):
        session.doc.apply([EntriesAdded(ROOM, (session.memory.put(EntryType.STATE_CHANGE, f"later {i}"),))])
    seen: list[str] = session.texts()
    while not session.doc.follow:
        session.doc.scroll(HEIGHT)
        session.read()
        seen += session.texts()
    assert [f"later {i}" for i in range(9_000)] == [t for t in dict.fromkeys(seen) if t.startswith("later")]


def test_what_is_said_shows_at_once_and_memory_takes_its_place():
    session = Session(2)
    session.doc.apply([*session.start(), *session.say("one", "two")])
    shown = session.texts()
    assert shown[-3:] == ["ENTITY: one", "ENTITY: two", "END"]
    session.doc.apply([session.commit()])
    assert session.texts() == shown
    assert not any(line.provisional for line in session.doc.window.lines)


def test_the_commit_does_not_move_a_reader_among_the_provisional_lines():
    session = Session(2)
    session.doc.apply([*session.start(), *session.say(*(f"line {i}" for i in range(100)))])
    session.doc.scroll(-40)
    shown = session.texts()
    session.doc.apply([session.commit()])
    assert session.texts() == shown
    session.read()
    assert session.texts() == shown


def test_a_second_attempt_replaces_what_the_first_said():
    session = Session()
    session.doc.apply([*session.start(), *session.say("lost", "work")])
    assert session.turn is not None
    session.turn, session.said = (session.turn[0], 2), []
    session.doc.apply([TurnStarted(ROOM, *session.turn, session.memory.clock, 30.0), *session.say("again")])
    assert session.texts() == ["hello", "ENTITY: again", "END"]


def test_a_flood_keeps_the_newest_lines_and_says_how_many_it_skipped():
    session = Session()
    session.doc.apply(session.start())
    for _ in range(5):
        session.doc.apply(session.say(*(["x"] * 1_000)))
    assert session.doc.live.skipped == 5_000 - LIVE_LINES
    marks = [line.text for line in session.doc.window.lines if line.text.startswith("SKIPPED")]
    assert marks == [f"SKIPPED {5_000 - LIVE_LINES:,} LINES"]
    session.doc.apply([session.commit()])
    assert not [line for line in session.doc.window.lines if line.text.startswith("SKIPPED")]
    session.doc.scroll(-4_990)
    session.read()
    session.doc.scroll(-20)
    session.read()
    assert session.texts()[0] == "hello"


def test_lines_that_the_subscription_lost_are_named_as_skipped():
    session = Session()
    session.doc.apply(session.start())
    lost = session.say("a", "b", "c")
    session.doc.apply([Lagged(3), *session.say("d")])
    session.read()
    assert len(lost) == 3
    assert session.texts() == ["hello", "SKIPPED 3 LINES", "ENTITY: d", "END"]


def test_lagging_behind_is_made_good_from_memory():
    session = Session(10)
    for i in range(1_000):
        session.memory.put(EntryType.STATE_CHANGE, f"missed {i}")
    session.doc.apply([Lagged(1_000)])
    session.read()
    assert session.texts()[-2:] == ["missed 999", "END"]


def test_a_gap_in_the_sequence_is_noticed_without_being_told():
    session = Session(10)
    session.memory.put(EntryType.STATE_CHANGE, "missed")
    session.doc.apply([EntriesAdded(ROOM, (session.memory.put(EntryType.STATE_CHANGE, "told"),))])
    session.read()
    assert session.texts()[-3:] == ["missed", "told", "END"]


def test_entries_that_arrive_while_the_first_page_is_read_are_not_lost():
    memory = Memory(10)
    doc = Document(width=None, height=HEIGHT)
    request = doc.want()
    assert request is not None
    page = read_page(memory, request)
    doc.apply([EntriesAdded(ROOM, (memory.put(EntryType.STATE_CHANGE, "meanwhile"),))])
    doc.deliver(request, page)
    while (request := doc.want()) is not None:
        doc.deliver(request, read_page(memory, request))
    assert [row.line.text for row in doc.rows() if row.line is not None][-1] == "meanwhile"


def test_an_answer_for_another_window_is_dropped():
    session = Session(5_000)
    session.doc.home()
    request = session.doc.want()
    assert request is not None
    page = read_page(session.memory, request)
    session.doc.end()
    session.doc.deliver(request, page)
    session.read()
    assert session.texts()[-2] == "input 4999"


def test_an_input_that_waits_is_marked_as_queued():
    session = Session()
    session.doc.apply(session.start())
    session.doc.apply([session.ask("second")])
    assert session.texts() == ["hello", "second", "QUEUED", "END"]


def test_only_matching_lines_are_shown_and_searched_for_to_the_start():
    session = Session(3_000)
    session.doc.only_matching(Query.parse("input 7"))
    session.read()
    expected = [f"input {i}" for i in range(3_000) if "input 7" in f"input {i}"]
    assert session.texts() == [*expected[-9:], "END"]
    session.doc.scroll(-1_000)
    session.read()
    assert session.texts()[0] == "input 7"
    session.doc.only_matching(None)
    session.read()
    assert session.texts()[:2] == ["input 7", "input 8"]


def test_the_window_is_bounded_in_characters_too():
    session = Session()
    for _ in range(2_000):
        session.doc.apply([EntriesAdded(ROOM, (session.memory.put(EntryType.STATE_CHANGE, "x" * 100_000),))])
    assert sum(len(line.text) for line in session.doc.window.lines) <= MAX_CHARACTERS
    assert session.texts()[-1] == "END"


def test_wrapping_and_resizing_keep_the_words_at_the_top():
    session = Session(width=200)
    for i in range(100):
        session.memory.put(EntryType.OUTPUT, " ".join(f"w{i}.{j}" for j in range(40)))
    session.doc.end()
    session.doc.apply([Lagged(1)])
    session.read()
    session.doc.scroll(-31)
    top = session.doc.rows()[0]
    assert top.line is not None
    for width in (30, 60, 200, None, 17):
        session.doc.resize(width=width, height=HEIGHT)
        row = session.doc.rows()[0]
        assert row.line is top.line
        assert row.start <= top.start < max(row.end, row.start + 1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.just(0)),
        st.tuples(st.just("say"), st.integers(1, 3_000)),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("ask"), st.just(0)),
        st.tuples(st.just("scroll"), st.integers(-60, 60)),
        st.tuples(st.just("far"), st.integers(-6_000, 6_000)),
        st.tuples(st.just("home"), st.just(0)),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("lag"), st.just(0)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("resize"), st.integers(1, 60)),
    ),
    max_size=25,
)


def step(session: Session, what: str, by: int) -> list[Event]:
    """One step of a reader or of the room; gives the events that are told."""
    if what == "start" and session.turn is None:
        return session.start()
    if what == "say" and session.turn is not None:
        return session.say(*(f"{len(session.said) + i}" for i in range(by)))
    if what == "commit" and session.turn is not None:
        return [session.commit()]
    if what == "ask":
        return [session.ask()]
    if what == "lag":
        session.memory.put(EntryType.STATE_CHANGE, "unseen")
        return [Lagged(1)]
    if what in {"scroll", "far"}:
        session.doc.scroll(by)
    elif what in {"home", "end"}:
        getattr(session.doc, what)()
    elif what == "resize":
        session.doc.resize(width=by * 2, height=by)
    elif what == "read":
        session.read()
    return []


@settings(max_examples=60)
@given(STEPS)
@example([("start", 0), ("say", 3_000), ("say", 3_000), ("resize", 1)])
@example([("home", 0), ("far", 2895), ("resize", 1), ("read", 0), ("resize", 4), ("ask", 0)])
def test_whatever_happens_lines_stay_ordered_bounded_and_complete(steps):
    session = Session(600, width=80)
    for what, by in steps:
        held = not session.doc.follow
        before = session.doc.rows()
        events = step(session, what, by)
        if events:
            session.doc.apply(events)
            if held and before and what in {"ask", "say", "commit"} and before[0].line.look.value != "room":
                assert session.doc.rows()[0].line.text == before[0].line.text
        shown, window = session.doc.rows(), session.doc.window
        assert len(shown) == session.doc.view.height or not window.at_end or shown == session.doc.view.bottom()
        keys = [line.key for line in window.lines]
        assert keys == sorted(set(keys))
        assert len(keys) <= MAX_LINES + 2 * PAGE
    session.read()
    session.doc.end()
    session.read()
    if session.turn is not None:
        session.doc.apply([session.commit()])
    session.read()
    durable = [line.seq for line in session.doc.window.lines if line.look.value != "room" or line.text == "unseen"]
    assert durable == list(range(durable[0], len(session.memory.entries) + 1)) if durable else True
    assert session.texts()[-1] == "END"
