"""From what a file, a variable or a flag says to what a setting holds: types, choices and bounds.

JSON values must have the setting's type; text, from the environment, is read as that type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import Field
from typing import Any

_TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class Wrong(Exception):
    """A value is not one the setting can have; the text says what it should be."""


def checked(entry: Field[Any], raw: object) -> object:
    """The value as the setting holds it. Raises Wrong, saying what it should be."""
    wanted = str(entry.type)
    if raw is None and wanted.endswith("| None"):
        return None
    rules = entry.metadata
    if "choices" in rules:
        return _choice(raw, rules["choices"])
    value = _READERS.get(wanted, _str)(raw)
    if "low" in rules:
        _bounded(value, rules["low"], rules["high"])
    if "directory" in rules and not (value.startswith(("/", "~")) and "\0" not in value):
        raise Wrong("an absolute path, or one that begins with ~")
    return value


def _bool(raw: object) -> bool:
    value = _TRUTH.get(raw.lower()) if isinstance(raw, str) else raw
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


def _int(raw: object) -> int:
    if isinstance(raw, str):
        digits = raw.removeprefix("-")
        raw = int(raw) if digits.isdecimal() and digits.isascii() and len(digits) < 20 else raw
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise Wrong("a whole number")
    return raw


def _float(raw: object) -> float:
    try:
        value = float(raw) if isinstance(raw, str | int | float) and not isinstance(raw, bool) else None
    except (ValueError, OverflowError):
        value = None
    if value is None or not math.isfinite(value):
        raise Wrong("a number")
    return value


def _str(raw: object) -> str:
    if not isinstance(raw, str):
        raise Wrong("text")
    return raw


def _choice(raw: object, choices: tuple[str, ...]) -> str:
    if isinstance(raw, bool) and "none" in choices:  # seed 000's LevelDB example says `"compression": true`
        raw = "zstd" if raw else "none"
    for choice in choices:
        if isinstance(raw, str) and choice.lower() == raw.lower():
            return choice
    raise Wrong(f"one of {', '.join(choices)}")


def _bounded(value: float, low: float, high: float | None) -> None:
    if value < low or (high is not None and value > high):
        raise Wrong(f"at least {low:g}" if high is None else f"within {low:g}..{high:g}")


_READERS: dict[str, Callable[[object], Any]] = {"bool": _bool, "int": _int, "float": _float}
