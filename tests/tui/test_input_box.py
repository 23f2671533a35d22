"""The input box on a screen: sending, refusing, pasting, recalling, and what a flood of keys does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual import events
from textual.app import App, ComposeResult

from backrooms_tui.model.errors import QueueFull
from backrooms_tui.model.ids import RoomId
from backrooms_tui.tui.input import editor
from backrooms_tui.tui.input.box import CAPACITY, InputBox
from backrooms_tui.tui.input.drafts import Drafts
from backrooms_tui.tui.themes import load_themes, stylesheets

A, B = RoomId("a" * 64), RoomId("b" * 64)


class InputApp(App[None]):
    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__(css_path=[*stylesheets()])
        self.sent: list[tuple[str, bytes]] = []
        self.drafts = Drafts()
        theme = load_themes()["dark"]
        self.register_theme(theme)
        self.theme = theme.name

    def compose(self) -> ComposeResult:
        yield InputBox(drafts=self.drafts, id="input")

    def on_mount(self) -> None:
        self.box.show_room(A)
        self.box.focus()

    def on_input_box_submitted(self, event: InputBox.Submitted) -> None:
        self.sent.append((event.room_id, event.data))

    @property
    def box(self) -> InputBox:
        return self.query_one(InputBox)

    def screen_text(self) -> str:
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not true():  # noqa: ASYNC110 - what is waited for is a drawn screen, which sets no event
                await asyncio.sleep(0.005)

    def paste(self, text: str) -> None:
        self.box.editor.post_message(events.Paste(text))


async def test_enter_sends_and_acceptance_puts_it_into_the_history():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press(*"hi", "ctrl+j", *"you", "enter")
        assert app.sent == [(A, b"hi\nyou")]
        assert app.box.text == ""
        app.box.accepted()
        await pilot.press("up")
        assert app.box.text == "hi\nyou"
        await pilot.press("down", "down")
        assert app.box.text == ""


async def test_a_refusal_gives_the_draft_back_before_what_was_typed_since():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press(*"one", "enter", *"two")
        app.box.refused(QueueFull("16/16"))
        await pilot.pause()
        assert app.box.text == "one\ntwo"
        assert "QUEUE_FULL 16/16. DRAFT KEPT." in app.screen_text()


async def test_a_refusal_for_a_room_that_was_left_goes_to_its_draft():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press(*"one", "enter")
        app.box.show_room(B)
        app.box.refused(QueueFull())
        assert (app.box.text, app.drafts.draft(A)) == ("", "one")


async def test_answers_out_of_order_find_their_inputs():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press(*"one", "enter", *"exit", "enter")
        app.box.accepted(2)
        app.box.refused(QueueFull(), 1)
        assert (app.box.text, app.drafts.history(A)) == ("one", ("exit",))


async def test_each_room_has_its_own_draft():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press(*"for a")
        app.box.show_room(B)
        await pilot.press(*"for b")
        app.box.show_room(A)
        assert (app.box.text, app.drafts.draft(B)) == ("for a", "for b")


def insertions(app: InputApp) -> list[int]:
    """From now on, the sizes of what is put into the draft, piece by piece: each costs a rewrap."""
    sizes: list[int] = []
    replace = app.box.editor.replace

    def counted(text: str, *places: object, **options: object) -> object:
        sizes.append(len(text))
        return replace(text, *places, **options)  # type: ignore[arg-type]

    app.box.editor.replace = counted  # type: ignore[method-assign,assignment]
    return sizes


async def test_64_kib_pasted_are_put_in_at_once_and_are_sent():
    app = InputApp()
    text = ("0123456789abcde\n" * 4096)[:65_536]
    async with app.run_test(notifications=True) as pilot:
        sizes = insertions(app)
        app.paste(text)
        await app.until(lambda: len(app.box.text) == 65_536)
        await pilot.pause()
        assert sizes == [65_536]
        assert app.box.text == text
        assert "65536 B / 65536" in app.screen_text()
        await pilot.press("enter")
        assert app.sent == [(A, text.encode())]


async def test_one_byte_too_many_is_refused_here_and_the_draft_is_kept():
    app = InputApp()
    text = "é" * 32_768 + "x"
    async with app.run_test(notifications=True) as pilot:
        app.paste(text)
        await app.until(lambda: app.box.text)
        await pilot.press("enter")
        assert (app.sent, app.box.text) == ([], text)
        assert "INPUT_SIZE_EXCEEDED 65537 > 65536 B. DRAFT KEPT." in app.screen_text()


async def test_a_paste_that_no_draft_can_hold_is_not_taken():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press(*"mine")
        app.paste("x" * CAPACITY)
        await app.until(lambda: "NOT TAKEN" in app.screen_text())
        assert app.box.text == "mine"


async def test_a_full_queue_disables_sending_and_says_so():
    app = InputApp()
    async with app.run_test(notifications=True, size=(90, 12)) as pilot:
        app.box.set_queue(16)
        await pilot.press(*"x", "enter")
        assert app.sent == []
        assert "QUEUE_FULL 16/16. DRAFT KEPT." in app.screen_text()
        assert "■" * 16 + " 16/16" in app.screen_text()
        app.box.set_queue(3)
        await pilot.press("enter")
        assert app.sent == [(A, b"x")]


async def test_a_blocked_room_takes_no_input_and_says_why():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        app.box.block("ROOM_SUSPENDED BY ops@h2")
        await pilot.press(*"x", "enter")
        assert app.sent == []
        assert "ROOM_SUSPENDED BY ops@h2. DRAFT KEPT." in app.screen_text()


async def test_blank_input_is_not_sent():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press("space", "ctrl+j", "enter")
        assert app.sent == []


async def test_what_the_entity_does_is_told_in_seconds():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        app.box.set_processing(1.23, 30.0)
        await pilot.pause()
        assert "ENTITY PROCESSING 1.2s / 30s" in app.screen_text()
        app.box.set_processing(None)
        await pilot.pause()
        assert "PROCESSING" not in app.screen_text()


async def test_the_history_is_searched_while_typing_and_escape_returns_the_draft():
    app = InputApp()
    for text in ("status one", "noise", "status two"):
        app.drafts.sent(A, text)
    async with app.run_test(notifications=True) as pilot:
        await pilot.press(*"mine", "ctrl+r", *"stat")
        assert (app.box.text, "HISTORY SEARCH stat" in app.screen_text()) == ("status two", True)
        await pilot.press("ctrl+r")
        assert app.box.text == "status one"
        await pilot.press("escape")
        assert app.box.text == "mine"
        await pilot.press("ctrl+r", *"noi", "enter")
        assert app.sent == [(A, b"noise")]


async def test_readline_keys_do_what_fingers_expect():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        await pilot.press(*"one two three", "ctrl+w")
        assert app.box.text == "one two "
        await pilot.press("ctrl+a", "ctrl+k")
        assert app.box.text == ""
        await pilot.press(*"abc", "ctrl+a", *"x", "ctrl+e", *"y", "ctrl+u")
        assert app.box.text == ""


async def test_pasted_controls_are_kept_and_shown_as_marks():
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        app.paste("a\x1b]52;c;x\x07b[/]")
        await app.until(lambda: app.box.text)
        await pilot.pause()
        assert "a␛]52;c;x␇b[/]" in app.screen_text()
        assert "\x1b" not in app.screen_text()
        await pilot.press("enter")
        assert app.sent == [(A, b"a\x1b]52;c;x\x07b[/]")]


async def test_only_line_ends_of_a_paste_become_line_ends_of_the_draft():
    app = InputApp()
    odd = "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029"
    async with app.run_test(notifications=True) as pilot:
        app.paste(odd + "\rx\r\ny\nz")
        await app.until(lambda: app.box.text)
        assert app.box.text == odd + "\nx\ny\nz"
        app.box.show_room(B)
        app.box.show_room(A)
        await pilot.press("enter")
        assert app.sent == [(A, (odd + "\nx\ny\nz").encode())]


def keys(app: InputApp, text: str, gap: float) -> None:
    """Deliver keys as a terminal does that pastes without brackets."""
    now = time.monotonic()
    for i, char in enumerate(text):
        key = events.Key("enter" if char == "\n" else char, None if char == "\n" else char)
        key.time = now + i * gap
        app.box.editor.post_message(key)


async def test_an_enter_inside_a_storm_of_keys_is_a_line_and_the_last_one_sends():
    app = InputApp()
    async with app.run_test(notifications=True):
        lines = [f"line {i} " + "x" * 80 for i in range(20)]
        keys(app, "\n".join(lines) + "\n", 0.0005)
        await app.until(lambda: app.sent)
        assert app.sent == [(A, "\n".join(lines).encode())]


async def test_short_lines_of_a_script_are_sent_one_by_one():
    app = InputApp()
    async with app.run_test(notifications=True):
        keys(app, "remember x\nrecall\n", 0.0005)
        await app.until(lambda: len(app.sent) == 2)
        assert app.sent == [(A, b"remember x"), (A, b"recall")]


async def test_a_storm_of_keys_is_gathered_and_put_in_together(monkeypatch):
    monkeypatch.setattr(editor, "GATHER", 3600)
    app = InputApp()
    async with app.run_test(notifications=True) as pilot:
        sizes = insertions(app)
        keys(app, "word " * 2_000, 0.0005)
        await pilot.press("ctrl+e")
        await app.until(lambda: len(app.box.text) == 10_000)
        assert sizes == [1, 9_999]


async def test_gathered_keys_are_put_in_when_no_more_come():
    app = InputApp()
    async with app.run_test(notifications=True):
        keys(app, "word " * 20, 0.0005)
        await app.until(lambda: app.box.text == "word " * 20)


async def test_the_cursor_does_not_blink():
    app = InputApp()
    async with app.run_test(notifications=True):
        assert not app.box.editor.cursor_blink
