"""The configuration in force as rows: each value, and the file, variable or flag that it came from."""

from __future__ import annotations

import json

from backrooms_tui.config.paths import SYSTEM_CONFIG, state_directory, user_config
from backrooms_tui.config.settings import Settings
from backrooms_tui.config.values import Given, settings_in_force

from .rows import EMPTY, Row, foreign, ink, row
from .safe import SafeText

_NAME, _VALUE = 32, 26


def settings_rows(settings: Settings, store: str | None) -> tuple[Row, ...]:
    """Section by section, in the order of the reference; at the end where things are. `store` is None in memory."""
    rows: list[Row] = [row(ink("dim", "SETTING".ljust(_NAME) + "VALUE".ljust(_VALUE + 1) + "SOURCE"))]
    section = ""
    for setting in settings_in_force(settings):
        first = setting.name.partition(".")[0]
        if first != section:
            rows.append(EMPTY)
            section = first
        rows.append(_setting(setting))
    places = (
        ("STORE", store or "NONE (in memory only)"),
        ("STATE", str(state_directory())),
        ("SYSTEM FILE", str(SYSTEM_CONFIG)),
        ("USER FILE", str(user_config())),
    )
    return (*rows, EMPTY, *(row(ink("dim", label.ljust(_NAME)), foreign("", path)) for label, path in places))


def _setting(setting: Given) -> Row:
    style = "" if setting.source is None else "strong"
    return row(
        ink("dim", setting.name.ljust(_NAME)),
        (style, SafeText.of(_shown(setting.value)).fit(_VALUE)),
        " ",
        ink("dim", "default") if setting.source is None else foreign("accent", setting.source),
    )


def _shown(held: object) -> str:
    """As a configuration file has it, and text without its quotation marks."""
    return held if isinstance(held, str) else json.dumps(held)
