"""Palettes: read from `styles/themes.json`, handed to Textual as themes; no colour is written in Python.

Four of them: DARK (lights off), LIGHT (the wallpaper), ANSI16 and MONO on the terminal's own colours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from textual.theme import Theme

from backrooms_tui.config.resources import styles_path

PREFIX = "room-"
"""Of every CSS variable of ours: `$room-accent`."""


def load_themes() -> dict[str, Theme]:
    """Give all palettes by name."""
    palettes = json.loads((styles_path() / "themes.json").read_text("utf-8"))
    return {name: _theme(name, palette) for name, palette in palettes.items()}


def _theme(name: str, palette: Mapping[str, object]) -> Theme:
    colours = palette["colours"]
    assert isinstance(colours, dict)
    return Theme(
        name=f"backrooms-{name}",
        primary=colours["accent"],
        secondary=colours["suspended"],
        warning=colours["idle"],
        error=colours["corrupted"],
        success=colours["active"],
        accent=colours["accent"],
        foreground=colours["text"],
        background=colours["ground"],
        surface=colours["ground"],
        panel=colours["panel"],
        dark=bool(palette["dark"]),
        ansi=bool(palette["ansi"]),
        variables={
            **{f"{PREFIX}{key}": value for key, value in colours.items()},
            "text-muted": colours["dim"],
            "input-cursor-background": colours["accent"],
            "input-cursor-foreground": colours["ground"],
            "input-selection-background": colours["cursor-ground"],
            "screen-selection-background": colours["cursor-ground"],
            "screen-selection-foreground": colours["cursor-text"],
            **_textual(palette),
        },
    )


def _textual(palette: Mapping[str, object]) -> dict[str, str]:
    """Variables that Textual's own styles need and that it does not derive from the colours."""
    extra = palette.get("textual", {})
    assert isinstance(extra, dict)
    return extra


def stylesheets() -> tuple[str, ...]:
    """Paths of all stylesheets, base first."""
    folder = styles_path()
    rest = sorted(path.name for path in folder.glob("*.tcss") if path.name != "base.tcss")
    return tuple(str(folder / name) for name in ("base.tcss", *rest))
