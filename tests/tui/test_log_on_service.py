"""The log on the real service: a real entity answers, memory is read back, nothing differs."""

from __future__ import annotations

import asyncio
from functools import partial

from textual.app import App, ComposeResult

from backrooms_tui.config.settings import Settings
from backrooms_tui.model.events import TurnEnded
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.service import RoomService, open_service
from backrooms_tui.tui.log.pages import CallableSource
from backrooms_tui.tui.log.view import LogView
from backrooms_tui.tui.themes import load_themes, stylesheets


class RoomApp(App[None]):
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, service: RoomService, room_id: RoomId) -> None:
        super().__init__(css_path=[*stylesheets()])
        self.service, self.room_id = service, room_id
        theme = load_themes()["dark"]
        self.register_theme(theme)
        self.theme = theme.name

    def compose(self) -> ComposeResult:
        yield LogView()

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def open(self) -> None:
        self.log_view.open(self.room_id, source=CallableSource(partial(self.service.read, self.room_id)))

    def rows(self) -> list[str]:
        rows = [self.log_view.render_line(y).text.rstrip() for y in range(self.log_view.size.height)]
        return [row[13:] if row[2:3] == ":" else row for row in rows]

    async def shown(self, text: str) -> None:
        async with asyncio.timeout(30):
            while not any(text in row for row in self.rows()):  # noqa: ASYNC110 - a drawn screen sets no event
                await asyncio.sleep(0.005)


async def test_what_was_shown_live_is_what_memory_gives_back():
    service = open_service(Settings(), persist=False)
    try:
        room_id = (await asyncio.to_thread(service.create, RoomConfig())).record.id
        await asyncio.to_thread(service.enter, room_id)
        subscription = service.subscribe([room_id])
        app = RoomApp(service, room_id)
        async with app.run_test(size=(100, 30), notifications=True):
            app.open()
            await app.shown("END OF OUTPUT")
            ended = 0
            for text in (b"generate report", b"explain memory model"):
                receipt = await asyncio.to_thread(service.submit, room_id, text, source="test")
                assert await asyncio.to_thread(service.wait, receipt, 60)
            async with asyncio.timeout(60):
                while ended < 2:
                    events = await asyncio.to_thread(subscription.get, 1)
                    app.log_view.apply(events)
                    ended += sum(isinstance(event, TurnEnded) for event in events)
            await app.shown("Overflow triggers compression.")
            live = app.rows()
            app.open()
            await app.shown("Overflow triggers compression.")
            assert app.rows() == live
            assert "> generate report" in live
            assert "| ENTITY: Memory is append-only." in live
    finally:
        await asyncio.to_thread(service.close)
