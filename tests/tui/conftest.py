"""Pictures of the console, kept under `snapshots/`: an SVG and beside it the same screen as text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_textual_snapshot
from fleet import NOW, Fleet
from seeing import rests, screen_text, watched
from support import ROOT
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.pilot import Pilot

from backrooms_tui.tui.app import BackroomsApp

Steps = Callable[[Pilot[Any]], Awaitable[None]]


def _folder(test_location: Any) -> str:
    """`snapshots/tui/test_screens`: the last part must stay the test file's stem, or syrupy cannot relate the two."""
    return str(ROOT / "snapshots" / Path(test_location.filepath).relative_to(ROOT / "tests").with_suffix(""))


class Picture(pytest_textual_snapshot.SVGImageExtension):  # type: ignore[misc]
    """The plugin's SVGs in our own folder. The last two members are what syrupy 5 will ask for."""

    file_extension = "svg"

    @classmethod
    def dirname(cls, *, test_location: Any) -> str:
        return _folder(test_location)

    def read_snapshot_data_from_location(self, **kwargs: Any) -> Any:
        data = super().read_snapshot_data_from_location(**kwargs)
        return data if data is None else pytest_textual_snapshot.normalize_svg(data)


class Grid(SingleFileSnapshotExtension):
    """The screen as text: what a reviewer reads first, and what a change of colours leaves alone."""

    _file_extension = file_extension = "txt"
    _write_mode = WriteMode.TEXT

    @classmethod
    def dirname(cls, *, test_location: Any) -> str:
        return _folder(test_location)


def pytest_configure(config: pytest.Config) -> None:
    pytest_textual_snapshot.SVGImageExtension = Picture


@pytest.fixture
def console() -> Iterator[Callable[..., BackroomsApp]]:
    """Make consoles over the recorded fleet, with time standing still; their threads end with the test."""
    made: list[BackroomsApp] = []

    def make(service: Any = None, **options: Any) -> BackroomsApp:
        app: Any = BackroomsApp(service or Fleet(), clock=lambda: NOW, **options)
        app.rested = watched(app)
        made.append(app)
        return app

    yield make
    for app in made:
        app.stop_threads()


@pytest.fixture
def picture(snap_compare: Any, snapshot: Any) -> Callable[..., None]:
    """Compare a screen of a `console` with its picture and its text, after `steps`."""

    def compare(app: BackroomsApp, size: tuple[int, int], steps: Steps) -> None:
        grids: list[str] = []

        async def run(pilot: Pilot[Any]) -> None:
            await steps(pilot)
            await rests(pilot)
            grids.append(screen_text(app))

        same = snap_compare(app, terminal_size=size, run_before=run)
        assert grids[0] == snapshot(extension_class=Grid)
        assert same

    return compare
