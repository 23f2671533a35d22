"""The configuration in force as rows: each value, and the file, variable or flag that it came from."""

from __future__ import annotations

from operator import attrgetter

from backrooms_tui.config.paths import SYSTEM_CONFIG, state_directory, user_config
from backrooms_tui.config.settings import Settings
from backrooms_tui.config.values import schema

from .rows import EMPTY, Row, foreign, ink, row
from .safe import SafeText

_NAME, _VALUE = 32, 26


def settings_rows(settings: Settings, store: str | None) -> tuple[Row, ...]:
    """Section by section, in the order of the reference; at the end where things are. `store` is None in memory."""
    rows: list[Row] = [row(ink("dim", "SETTING".ljust(_NAME) + "VALUE".ljust(_VALUE + 1) + "SOURCE"))]
    section = ""
    for name in schema():
        first = name.partition(".")[0]
        if first != section:
            rows.append(EMPTY)
            section = first
        rows.append(_setting(name, settings))
    places = (
        ("STORE", store or "NONE (in memory only)"),
        ("STATE", str(state_directory())),
        ("SYSTEM FILE", str(SYSTEM_CONFIG)),
        ("USER FILE", str(user_config())),
    )
    return (*rows, EMPTY, *(row(ink("dim", label.ljust(_NAME)), foreign("", path)) for label, path in places))


def _setting(name: str, settings: Settings) -> Row:
    source = settings.sources.get(name)
    shown = _shown(name, attrgetter(name)(settings))
    style = "" if source is None else "strong"
    return row(
        ink("dim", name.ljust(_NAME)),
        (style, SafeText.of(shown).fit(_VALUE)),
        " ",
        ink("dim", "default") if source is None else foreign("accent", source),
    )


def _shown(name: str, held: object) -> str:
    if held is None:
        return "null"
    if isinstance(held, bool):
        return "true" if held else "false"
    # Whoever looks over a shoulder need not learn it.
    return "***" if name.endswith("password") else str(held)
