"""The last view, kept in a private file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from fleet import room_id

from backrooms_tui.tui.view_state import ViewState, load_view, save_view

VIEW = ViewState(tabs=(room_id(1), room_id(2)), cursor=room_id(2), filter="state:idle", order="memory", theme="light")


def test_a_view_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state" / "console.json"
    save_view(path, VIEW)
    assert load_view(path) == VIEW


def test_the_file_is_the_operators_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "console.json"
    save_view(path, VIEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'{"tabs": 5}',
        b'{"tabs": ["short"]}',
        b'{"order": "colour"}',
        b'{"x": 1}',
        b'{"hints": "yes"}',
        b'{"filter": null}',
        b"[" * 70000,
        json.dumps({"tabs": ["a" * 64] * 10}).encode(),
    ],
)
def test_a_damaged_file_is_no_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "console.json"
    path.write_bytes(content)
    assert load_view(path) == ViewState()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "secret"
    save_view(target, VIEW)
    path = tmp_path / "console.json"
    path.symlink_to(target)
    assert load_view(path) == ViewState()
