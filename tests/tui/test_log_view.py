"""The log on a screen: rows, marks, what is repainted, hostile bytes."""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.geometry import Region

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome
from backrooms_tui.model.errors import BackroomsError, RoomCorrupted
from backrooms_tui.model.events import EntriesAdded, InputAccepted, Said, TurnEnded, TurnStarted
from backrooms_tui.model.ids import RoomId
from backrooms_tui.tui.log.pages import CallableSource
from backrooms_tui.tui.log.view import LogView
from backrooms_tui.tui.themes import load_themes, stylesheets

ROOM = RoomId("a" * 64)
START = 1_767_774_191_120_000_000  # 2026-01-07T08:23:11.120Z


class Memory:
    """A room's memory as a list, readable from threads."""

    def __init__(self) -> None:
        self.entries: list[MemoryEntry] = []
        self.threads: set[str] = set()
        self.error: BackroomsError | None = None

    def put(self, kind: EntryType, content: str, metadata: dict | None = None) -> MemoryEntry:
        at = START + len(self.entries) * 1_333_000_000
        entry = MemoryEntry(len(self.entries) + 1, at, kind, content, metadata or {})
        self.entries.append(entry)
        return entry

    def read(self, *, after: int | None = None, before: int | None = None, limit: int = 200) -> list[MemoryEntry]:
        self.threads.add(threading.current_thread().name)
        if self.error is not None:
            raise self.error
        if after is not None:
            return [e for e in self.entries if e.timestamp > after][:limit]
        return [e for e in self.entries if before is None or e.timestamp < before][-limit:]


class LogApp(App[None]):
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, memory: Memory) -> None:
        super().__init__(css_path=[*stylesheets()])
        self.memory = memory
        self.painted: list[Region] = []
        self.copied: list[str] = []
        theme = load_themes()["dark"]
        self.register_theme(theme)
        self.theme = theme.name

    def compose(self) -> ComposeResult:
        yield LogView()

    def on_mount(self) -> None:
        self.log_view.open(ROOM, source=CallableSource(self.memory.read))

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def rows(self) -> list[str]:
        return [self.log_view.render_line(y).text.rstrip() for y in range(self.log_view.size.height)]

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not true():  # noqa: ASYNC110 - what is waited for is a drawn screen, which sets no event
                await asyncio.sleep(0.005)

    async def shown(self, text: str) -> None:
        await self.until(lambda: any(text in row for row in self.rows()))


async def test_a_session_is_shown_with_its_gutters_and_times():
    memory = Memory()
    app = LogApp(memory)
    asked = memory.put(EntryType.INPUT, "describe current state")
    memory.put(EntryType.OUTPUT, "[INFO] Room operational.", {Meta.INPUT: asked.seq})
    noise = memory.put(EntryType.INPUT, "noise")
    memory.put(EntryType.STATE_CHANGE, "NO OUTPUT", {Meta.INPUT: noise.seq, Meta.OUTCOME: Outcome.SILENT})
    memory.put(EntryType.ERROR, "ERROR: ENTITY_TIMEOUT\nOPERATION ABORTED", {Meta.CODE: "ENTITY_TIMEOUT"})
    memory.put(EntryType.OBSERVATION, "door", {Meta.DATA: {"open": True}})
    async with app.run_test(size=(70, 10), notifications=True):
        await app.shown("END OF OUTPUT")
        assert app.rows() == [
            "08:23:11.120 > describe current state",
            "08:23:12.453 | ENTITY: [INFO] Room operational.",
            "08:23:13.786 > noise",
            "08:23:15.119 # NO OUTPUT (silence is valid)",
            "08:23:16.452 # ERROR: ENTITY_TIMEOUT",
            "             # OPERATION ABORTED",
            '08:23:17.785 | OBSERVATION: door {"open": true}',
            "- - - - - - - - - - - - - END OF OUTPUT - - - - - - - - - - - - -",
            "",
            "",
        ]


async def test_markup_is_shown_and_never_obeyed():
    memory = Memory()
    app = LogApp(memory)
    hostile = ["[INFO]", "[/]", "[b", "[@click=app.quit]x[/]", "[red]r"]
    for text in hostile:
        memory.put(EntryType.OUTPUT, text)
    async with app.run_test(size=(70, 10), notifications=True):
        await app.shown("END OF OUTPUT")
        assert [row.partition("ENTITY: ")[2] for row in app.rows()[: len(hostile)]] == hostile


async def test_no_byte_and_no_format_character_reaches_the_screen():
    memory = Memory()
    app = LogApp(memory)
    memory.put(EntryType.OUTPUT, bytes(range(256)).decode("latin-1"))
    controls = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) in {"Cf", "Cc"}]
    memory.put(EntryType.OUTPUT, "".join(controls))
    memory.put(EntryType.INPUT, "\x1b]52;c;aGk=\x07\x9b31m")
    async with app.run_test(size=(70, 30), notifications=True) as pilot:
        await app.shown("END OF OUTPUT")
        screen = "".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "␛]52;c;aGk=␇�31m" in screen
        assert {unicodedata.category(char) for char in screen}.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
        await pilot.pause()


async def test_pages_are_read_outside_the_loop_and_a_failure_is_told():
    memory = Memory()
    memory.error = RoomCorrupted("TYPE: CHECKSUM_MISMATCH")
    app = LogApp(memory)
    async with app.run_test(size=(70, 10), notifications=True):
        await app.until(lambda: app.log_view.status().message)
        assert app.log_view.status().message == "ROOM_CORRUPTED TYPE: CHECKSUM_MISMATCH"
        assert threading.main_thread().name not in memory.threads


async def test_a_held_pane_is_not_repainted_by_what_arrives():
    memory = Memory()
    for i in range(300):
        memory.put(EntryType.INPUT, f"input {i}")
    app = LogApp(memory)
    async with app.run_test(size=(70, 20), notifications=True) as pilot:
        await app.shown("END OF OUTPUT")
        app.log_view.action_page_up()
        await pilot.pause()
        rows = app.rows()
        repaints: list[object] = []
        app.log_view.refresh = lambda *regions, **_: repaints.append(regions)  # type: ignore[method-assign,assignment]
        for i in range(100):
            app.log_view.apply([EntriesAdded(ROOM, (memory.put(EntryType.STATE_CHANGE, f"later {i}"),))])
        assert app.log_view.status().new == 100
        assert (app.rows(), repaints) == (rows, [])


async def test_only_the_rows_that_changed_are_repainted():
    memory = Memory()
    memory.put(EntryType.INPUT, "one")
    app = LogApp(memory)
    async with app.run_test(size=(70, 20), notifications=True) as pilot:
        await app.shown("END OF OUTPUT")
        await pilot.pause()
        repaints: list[Region] = []
        app.log_view.refresh = lambda *regions, **_: repaints.extend(regions)  # type: ignore[method-assign,assignment]
        app.log_view.apply([EntriesAdded(ROOM, (memory.put(EntryType.STATE_CHANGE, "two"),))])
        assert [(region.y, region.height) for region in repaints] == [(1, 2)]


async def test_a_turn_is_shown_while_it_speaks_and_kept_when_it_commits():
    memory = Memory()
    app = LogApp(memory)
    async with app.run_test(size=(70, 8), notifications=True):
        await app.shown("END OF OUTPUT")
        asked = memory.put(EntryType.INPUT, "report")
        app.log_view.apply(
            [
                InputAccepted(ROOM, asked, 1),
                TurnStarted(ROOM, asked.seq, 1, asked.timestamp, 30.0),
                Said(ROOM, asked.seq, 1, 0, asked.timestamp + 1, "Beginning."),
            ]
        )
        assert app.rows()[1].endswith("| ENTITY: Beginning.")
        entry = memory.put(EntryType.OUTPUT, "Beginning.", {Meta.INPUT: asked.seq, Meta.OUTCOME: Outcome.OUTPUT})
        app.log_view.apply([TurnEnded(ROOM, asked.seq, Outcome.OUTPUT, (entry,), 0.1, 0)])
        assert app.rows()[1].endswith("| ENTITY: Beginning.")
        assert app.log_view.status().total == 2


async def test_search_finds_far_back_marks_it_and_goes_on():
    memory = Memory()
    for i in range(3_000):
        memory.put(EntryType.INPUT, "needle" if i in {5, 2_000} else f"input {i}")
    app = LogApp(memory)
    async with app.run_test(size=(70, 20), notifications=True):
        await app.shown("END OF OUTPUT")
        app.log_view.search("needle")
        await app.shown("needle")
        assert app.log_view.status().position > 2_000
        app.log_view.action_search_next()
        await app.shown("input 4")
        app.log_view.action_search_next()
        await app.until(lambda: app.log_view.status().message == "NOT FOUND")
        app.log_view.action_search_prev()
        await app.shown("input 2001")


async def test_only_matching_lines_can_be_left_on_the_screen():
    memory = Memory()
    for i in range(1_000):
        memory.put(EntryType.INPUT, f"input {i}")
    app = LogApp(memory)
    async with app.run_test(size=(70, 20), notifications=True):
        await app.shown("END OF OUTPUT")
        app.log_view.search("re:put 9?9$")
        app.log_view.action_end()
        app.log_view.action_toggle_only_matching()
        await app.until(lambda: "END OF OUTPUT" in app.rows()[2])
        assert [row[-8:] for row in app.rows()[:2]] == ["input 9".rjust(8), "input 99"]


async def test_errors_and_inputs_can_be_jumped_to():
    memory = Memory()
    memory.put(EntryType.ERROR, "ERROR: CRASH", {Meta.CODE: "CRASH"})
    for i in range(600):
        memory.put(EntryType.INPUT if i == 300 else EntryType.OUTPUT, f"text {i}")
    app = LogApp(memory)
    async with app.run_test(size=(70, 20), notifications=True):
        await app.shown("END OF OUTPUT")
        app.log_view.action_input_prev()
        await app.shown("> text 300")
        app.log_view.action_error_next()
        await app.shown("# ERROR: CRASH")


async def test_the_copy_of_a_line_and_an_entry_is_their_logical_text():
    memory = Memory()
    long = "x" * 10_000
    memory.put(EntryType.INPUT, f"first\tline\n{long}\n\x1b[201~")
    app = LogApp(memory)
    async with app.run_test(size=(30, 20), notifications=True):
        await app.shown("END OF OUTPUT")
        app.log_view.action_copy_entry()
        await app.until(lambda: app.copied)
        app.log_view.action_copy_line()
        await app.until(lambda: len(app.copied) == 2)
        assert app.copied == [f"first\tline\n{long}\n␛[201~", "␛[201~"]


async def test_a_selection_is_extended_line_by_line_and_copied():
    memory = Memory()
    for i in range(10):
        memory.put(EntryType.OUTPUT, f"text {i}")
    app = LogApp(memory)
    async with app.run_test(size=(70, 20), notifications=True):
        await app.shown("END OF OUTPUT")
        app.log_view.action_toggle_select()
        app.log_view.action_line_up()
        app.log_view.action_line_up()
        app.log_view.action_copy_line()
        await app.until(lambda: app.copied)
        assert app.copied == ["ENTITY: text 7\nENTITY: text 8\nENTITY: text 9"]
        assert app.log_view.stop()
        assert not app.log_view.status().selecting


async def test_the_time_column_cycles_and_long_lines_wrap_or_scroll():
    memory = Memory()
    asked = memory.put(EntryType.INPUT, "go")
    memory.put(EntryType.OUTPUT, "the quick brown fox jumps over the lazy dog", {Meta.INPUT: asked.seq})
    app = LogApp(memory)
    async with app.run_test(size=(50, 8), notifications=True):
        await app.shown("END OF OUTPUT")
        view = app.log_view
        assert app.rows()[1:3] == [
            "08:23:12.453 | ENTITY: the quick brown fox jumps",
            "             |         over the lazy dog",
        ]
        seen = []
        for _ in range(4):
            view.action_cycle_timestamps()
            seen.append(app.rows()[1].partition(" |")[0].strip())
        assert seen == [
            "2026-01-07T08:23:12.453Z",
            "+1.333s",
            "+1.333s",
            "| ENTITY: the quick brown fox jumps over the lazy",
        ]
        view.action_toggle_wrap()
        assert app.rows()[1] == "| ENTITY: the quick brown fox jumps over the lazy"
        view.action_scroll_sideways(1)
        assert app.rows()[1] == "| " + "ENTITY: the quick brown fox jumps over the lazy dog"[25:]


async def test_any_size_and_any_resize_is_survived():
    memory = Memory()
    for i in range(50):
        memory.put(EntryType.OUTPUT, f"{i} " + "漢字 é́ " * 20)
    app = LogApp(memory)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await app.shown("END OF OUTPUT")
        for size in ((1, 1), (20, 5), (59, 15), (300, 100), (3, 40), (80, 24)):
            await pilot.resize_terminal(*size)
            app.log_view.action_line_up()
            assert len(app.rows()) == app.log_view.size.height
            assert all(
                app.log_view.render_line(y).cell_length == app.log_view.size.width
                for y in range(app.log_view.size.height)
            )
