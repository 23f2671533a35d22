"""Layouts, palettes, signs and rows: what does not need a screen to be looked at."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from fleet import NOW, Fleet, room_id
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.config.resources import styles_path
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import changed
from backrooms_tui.tui.figures import Page, Subject, page_rows
from backrooms_tui.tui.layout import Layout, choose, room_columns
from backrooms_tui.tui.leaving import exit_line
from backrooms_tui.tui.reading import Figures
from backrooms_tui.tui.rows import Row, ends, foreign, ink, row
from backrooms_tui.tui.signs import SIGNS, bar, sparkline
from backrooms_tui.tui.terminal import fitting_theme, title_sequence

PALETTES = json.loads((styles_path() / "themes.json").read_text())
STATES = ("active", "idle", "suspended", "corrupted", "terminated")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["dark", "light"])
@pytest.mark.parametrize("word", [*STATES, "text", "dim", "accent"])
def test_every_word_is_readable_on_its_ground(name: str, word: str) -> None:
    colours = PALETTES[name]["colours"]
    assert contrast(colours[word], colours["ground"]) >= 4.5


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_cursors_row_is_readable(name: str) -> None:
    colours = PALETTES[name]["colours"]
    assert contrast(colours["cursor-text"], colours["cursor-ground"]) >= 4.5


def test_all_palettes_name_the_same_colours() -> None:
    names = [set(palette["colours"]) for palette in PALETTES.values()]
    assert all(one == other for one, other in pairwise(names))


def test_no_palette_without_colour_has_one() -> None:
    colours = {key: value for key, value in PALETTES["mono"]["colours"].items() if key != "cursor-style"}
    assert set(colours.values()) == {"ansi_default"}


def test_states_differ_in_glyph_word_and_style() -> None:
    for attribute in ("glyph", "ascii", "word", "style"):
        assert len({getattr(sign, attribute) for sign in SIGNS.values()}) == len(RoomState)


@pytest.mark.parametrize(
    ("environ", "wanted", "palette"),
    [
        ({"TERM": "xterm-256color"}, None, "dark"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, None, "dark"),
        ({"TERM": "xterm"}, None, "ansi16"),
        ({"TERM": "linux"}, "light", "light"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "light", "mono"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, None, "dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, None, "light"),
    ],
)
def test_the_palette_is_one_that_the_terminal_can_show(
    environ: dict[str, str], wanted: str | None, palette: str
) -> None:
    assert fitting_theme(environ, wanted) == palette


@pytest.mark.parametrize(
    ("size", "layout"),
    [
        ((59, 40), Layout.TOO_SMALL),
        ((200, 15), Layout.TOO_SMALL),
        ((60, 16), Layout.NARROW),
        ((80, 24), Layout.NARROW),
        ((120, 29), Layout.NARROW),
        ((100, 30), Layout.WIDE),
        ((120, 40), Layout.WIDE),
        ((200, 50), Layout.HUGE),
    ],
)
def test_a_terminal_gets_the_layout_it_has_room_for(size: tuple[int, int], layout: Layout) -> None:
    assert choose(*size) is layout


def test_columns_go_one_by_one_as_the_list_narrows() -> None:
    widths = [len(room_columns(width)) for width in range(100, 10, -1)]
    assert widths == sorted(widths, reverse=True)
    assert room_columns(38) == ("id", "state", "mem", "last", "queue")
    assert room_columns(1) == ("id", "state")


@given(st.text(max_size=40), st.integers(0, 60))
def test_a_row_is_exactly_as_wide_as_it_is_told_whatever_is_in_it(text: str, width: int) -> None:
    assert Row((foreign("dim", text), ink("", "end"))).fit(width).cell_len == width
    assert ends(Row((foreign("", text),)), row("right"), width).cell_len == width


@pytest.mark.parametrize("page", list(Page))
def test_figures_are_true_to_the_record_in_every_state(page: Page) -> None:
    fleet = Fleet()
    for view in fleet.rooms():
        entries = tuple(fleet.read(view.record.id))
        read = Figures(fleet.status(), fleet.store_facts(), entries, tuple(fleet.backups(view.record.id)))
        rows = page_rows(page, Subject(view, NOW, read, (0.5, 1.0)), 40)
        text = "\n".join(one.plain for one in rows)
        assert "\x1b" not in text
        assert (view.record.damage is not None) == ("by its last sound record" in text)


def test_statistics_are_those_of_the_latencies() -> None:
    fleet = Fleet()
    view = fleet.room(room_id(0))
    rows = page_rows(Page.STATS, Subject(view, NOW, Figures(facts=fleet.store_facts())), 60)
    text = " ".join(one.plain for one in rows)
    for fraction in (0.5, 0.95, 0.99):
        assert f"{view.record.latencies.percentile(fraction):.3f}" in text
    assert "SILENT 2" in text


def test_a_running_sparkline_and_a_bar_never_hide_a_small_value() -> None:
    assert sparkline([], 5) == ""
    assert sparkline([0.0, 0.0], 5) == "▁▁"
    assert sparkline([0.001, 1.0], 5)[-1] == "█"
    assert bar(0.0001, 10) == "█░░░░░░░░░"
    assert bar(2.0, 4) == "████"


def test_the_window_title_holds_nothing_that_an_entity_or_a_name_said() -> None:
    view = Fleet().room(room_id(0))
    named = changed(view, record=view.record.with_(config=changed(view.record.config, name="\x07evil")))
    assert re.fullmatch(r"\x1b\]2;room\.exe [0-9a-f]{8} [A-Z]+\x07", title_sequence(named))


def test_the_line_on_the_shell_says_what_became_of_the_rooms() -> None:
    assert exit_line(8, 3, durable=True) == "CONSOLE CLOSED. 3 ENTITIES STOPPED. 8 ROOMS KEPT."
    assert exit_line(1, 1, durable=False) == "CONSOLE CLOSED. NOTHING WAS STORED: 1 ROOM GONE."
