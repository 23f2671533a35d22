"""Lines, wrapping, the time column, queries: what one entry looks like on the log."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.events import Said
from backrooms_tui.model.ids import RoomId
from backrooms_tui.tui.log.fold import Folder, fold, hang
from backrooms_tui.tui.log.lines import ENTRY_CAP, LINE_CAP, Line, Look, lines_of, logical_text
from backrooms_tui.tui.log.live import LIVE_LINES, Live
from backrooms_tui.tui.log.pages import CallableSource, read_text
from backrooms_tui.tui.log.painter import Painter, Paper, end_rule
from backrooms_tui.tui.log.query import BUDGET, Query, SearchRefused, begins_error, begins_input
from backrooms_tui.tui.log.stamps import Stamps, label
from backrooms_tui.tui.log.viewport import END, Row

AT = 1_767_774_191_120_456_789
ROOM = RoomId("a" * 64)


def entry(kind: EntryType, content: str, metadata: dict | None = None, *, seq: int = 7) -> MemoryEntry:
    return MemoryEntry(seq, AT, kind, content, metadata or {})


def shown(one: MemoryEntry) -> list[str]:
    return [f"{line.look.gutter} {line.text}" for line in lines_of(one)]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (entry(EntryType.INPUT, "a\nb"), ["> a", "> b"]),
        (entry(EntryType.OUTPUT, "a\r\nb"), ["| ENTITY: a", "| ENTITY: b"]),
        (entry(EntryType.OUTPUT, "# ERROR: ENTITY_TIMEOUT"), ["| ENTITY: # ERROR: ENTITY_TIMEOUT"]),
        (entry(EntryType.OBSERVATION, "door", {Meta.DATA: [1, "é"]}), ['| OBSERVATION: door [1, "é"]']),
        (entry(EntryType.STATE_CHANGE, "ROOM SUSPENDED"), ["# ROOM SUSPENDED"]),
        (entry(EntryType.STATE_CHANGE, "x", {Meta.OUTCOME: Outcome.SILENT}), ["# NO OUTPUT (silence is valid)"]),
        (entry(EntryType.ERROR, "ERROR: X\nwhy"), ["# ERROR: X", "# why"]),
        (entry(EntryType.ERROR, "why", {Meta.CODE: "X"}), ["# ERROR: X", "# why"]),
        (entry(EntryType.OUTPUT, ""), ["| ENTITY: "]),
    ],
)
def test_every_line_stands_behind_the_gutter_of_its_origin(one, expected):
    assert shown(one) == expected


@given(st.sampled_from(EntryType), st.text(st.characters(), max_size=200))
def test_no_entry_puts_a_control_character_on_a_line(kind, content):
    for line in lines_of(entry(kind, content)):
        assert {unicodedata.category(char) for char in line.text}.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def test_a_long_line_is_cut_and_says_by_how_much():
    (line,) = lines_of(entry(EntryType.INPUT, "é" * (LINE_CAP + 31 * 1024)))
    assert line.text == "é" * LINE_CAP + " … +62.0 KB"


def test_an_entry_of_too_many_lines_is_cut_and_says_by_how_many():
    lines = lines_of(entry(EntryType.INPUT, "\n" * 65_535))
    assert (len(lines), lines[-1].text) == (ENTRY_CAP + 1, f"… +{65_536 - ENTRY_CAP:,} LINES")


def test_the_copy_of_an_entry_is_whole_and_harmless():
    text = logical_text(entry(EntryType.OUTPUT, "a\tb\x1b[201~\r\n" + "x" * 9_000))
    assert text == "ENTITY: a\tb␛[201~\nENTITY: " + "x" * 9_000


def test_a_copy_of_several_entries_reads_only_those():
    entries = [MemoryEntry(i, 1_000 + i, EntryType.INPUT, f"input {i}", {}) for i in range(1, 1_000)]

    def read(*, after: int | None = None, before: int | None = None, limit: int = 200) -> list[MemoryEntry]:
        return [one for one in entries if one.timestamp > (after or 0)][:limit]

    assert read_text(CallableSource(read), 1_002, 1_601) == "\n".join(f"input {i}" for i in range(2, 602))


@given(st.text(st.sampled_from("ab 漢é\u0301"), max_size=120), st.integers(1, 40), st.integers(0, 12))
def test_rows_fit_their_width_and_lose_nothing_but_the_spaces_they_break_at(text, width, indent):
    rows = fold(text, width, indent)
    assert rows[0][0] == 0
    assert rows[-1][1] == len(text)
    for i, (start, end) in enumerate(rows):
        room = width if i == 0 else width - hang(indent, width)
        piece = text[start:end]
        assert cell_len(piece) <= room or len(piece) == 1
        if i:
            assert text[rows[i - 1][1] : start] in ("", " ")


def test_words_are_kept_whole_where_they_fit():
    text = "ENTITY: the quick brown fox"
    assert [text[a:b] for a, b in fold(text, 20, 8)] == ["ENTITY: the quick", "brown fox"]


def test_folding_the_longest_line_is_quick():
    began = time.process_time()
    fold("漢" * LINE_CAP, 1, 0)
    fold("x" * LINE_CAP, 3, 0)
    assert time.process_time() - began < 0.5


def test_the_folder_gives_a_replaced_line_its_own_rows():
    folder = Folder(5)
    key = (1, 0, 0)
    assert len(folder.rows(Line(key, Look.ROOM, "a" * 10))) == 2
    assert len(folder.rows(Line(key, Look.ROOM, "a" * 20))) == 4


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (Stamps.TIME, "08:23:11.120"),
        (Stamps.UTC, "2026-01-07T08:23:11.120Z"),
        (Stamps.RELATIVE, "+1.500s"),
        (Stamps.LATENCY, "+99h59m"),
        (Stamps.OFF, ""),
    ],
)
def test_the_time_column_says_what_its_mode_is(stamps, expected):
    line = Line((AT, 0, 0), Look.ENTITY, "x")
    hours = (99 * 60 + 59) * 60 * 1_000_000_000
    text = label(stamps, line, previous=AT - 1_500_000_000, asked=AT - hours)
    assert text == expected
    assert len(text) < max(1, stamps.cells)
    assert label(stamps, Line((AT, 0, 1), Look.ENTITY, "x"), previous=1, asked=1) == ""


def test_the_modes_of_the_time_column_form_a_ring():
    seen = [Stamps.TIME]
    while (following := seen[-1].next()) is not Stamps.TIME:
        seen.append(following)
    assert set(seen) == set(Stamps)


def test_a_search_without_capitals_finds_capitals():
    line = Line((1, 0, 0), Look.ENTITY, "ENTITY: [WARN] x.y")
    assert Query.parse("[warn]")(line)
    assert not Query.parse("[Warn]")(line)
    assert not Query.parse("x+y")(line)
    assert Query.parse("re:x.y$")(line)
    assert Query.parse("[warn]").spans(line.text) == [(8, 14)]


@pytest.mark.parametrize("text", ["", "re:", "re:(", "re:[", "x" * 300, "re:a{99999999999}", "re:" + "(" * 200])
def test_what_is_no_pattern_is_refused_with_a_code(text):
    with pytest.raises(SearchRefused) as caught:
        Query.parse(text)
    assert isinstance(caught.value, BackroomsError)


@pytest.mark.parametrize("pattern", ["re:(a+)+$", "re:(a|aa)+$", "re:(.*)(.*)(.*)(.*)(.*)b$"])
def test_a_pattern_that_would_run_for_hours_is_ended_by_its_budget(pattern):
    line = Line((1, 0, 0), Look.ENTITY, "a" * LINE_CAP)
    began = time.process_time()
    with pytest.raises(SearchRefused):
        Query.parse(pattern + "c")(line)
    with pytest.raises(SearchRefused):
        Query.parse(pattern + "c").spans(line.text)
    assert time.process_time() - began < 20 * BUDGET


@given(st.text(max_size=40))
def test_any_search_text_is_a_query_or_a_refusal(text):
    line = Line((1, 0, 0), Look.ENTITY, "some text")
    for form in (text, f"re:{text}"):
        try:
            query = Query.parse(form)
            assert all(start < end for start, end in query.spans(line.text))
        except SearchRefused:
            pass


def test_errors_and_inputs_are_known_by_their_first_line():
    lines = [*lines_of(entry(EntryType.ERROR, "ERROR: X\nwhy")), *lines_of(entry(EntryType.INPUT, "a\nb"))]
    assert [begins_error(line) for line in lines] == [True, False, False, False]
    assert [begins_input(line) for line in lines] == [False, False, True, False]


def test_things_said_are_ordered_even_when_the_clock_goes_back():
    live = Live()
    live.begin(1, 1)
    live.add([Said(ROOM, 1, 1, n, at, f"{n}") for n, at in enumerate((50, 40, 60))])
    keys = [line.key for line in live]
    assert keys == sorted(keys)


def test_a_thing_said_twice_is_one():
    live = Live()
    live.begin(1, 1)
    said = [Said(ROOM, 1, 1, n, n, f"{n}") for n in range(3)]
    live.add(said)
    assert live.add(said) == []
    assert len(list(live)) == 3


@given(st.lists(st.integers(1, LIVE_LINES), max_size=8))
def test_what_is_kept_and_what_is_skipped_make_up_what_was_said(sizes):
    live, n = Live(), 0
    live.begin(1, 1)
    for size in sizes:
        live.add([Said(ROOM, 1, 1, n + i, n + i, "x") for i in range(size)])
        n += size
    kept = [line for line in live if line.look is Look.ENTITY]
    assert (len(kept) + live.skipped, live.said, len(kept) <= LIVE_LINES) == (n, n, True)


def test_strips_are_as_wide_as_the_pane_and_equal_rows_are_the_same_strip():
    painter = Painter(lambda name: Style(bold=name == "log--match"))
    line = Line((AT, 0, 0), Look.ENTITY, "ENTITY: 漢字 needle", indent=8)
    for width in (1, 3, 10, 17, 40):
        paper = Paper(width, Stamps.TIME, 0, Query.parse("needle"))
        for row in (Row(line, 0, len(line.text)), END):
            strip = painter.paint(row, paper, asked=0, selected=False)
            assert strip.cell_length == sum(cell_len(segment.text) for segment in strip) == width
            assert painter.paint(row, paper, asked=0, selected=False) is strip
    marked = [segment.text for segment in strip if segment.style and segment.style.bold]
    assert marked == []
    strip = painter.paint(Row(line, 0, len(line.text)), paper, asked=0, selected=False)
    assert [segment.text for segment in strip if segment.style and segment.style.bold] == ["needle"]


def test_the_end_of_output_fills_its_line():
    assert [end_rule(width) for width in (13, 21, 5)] == ["END OF OUTPUT", "- END OF OUTPUT -", "END O"]
    assert re.fullmatch(r"(- )+END OF OUTPUT( -)+", end_rule(72))
