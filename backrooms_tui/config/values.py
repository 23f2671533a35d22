"""From what a file, a variable or a flag says to what a setting holds: types, choices and bounds.

JSON values must have the setting's type; text, from the environment, is read as that type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, get_args, get_type_hints

from backrooms_tui.model.value import as_dict, value

from .settings import Directory, Like, OneOf, Settings, Within

_TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


HIDDEN = frozenset({"persistence.password"})
"""Settings whose values are never shown: whoever looks over a shoulder need not learn them."""


class Wrong(Exception):
    """A value is not one the setting can have; the text says what it should be."""


@value
class Setting:
    """What is known of a setting beside its value."""

    kind: type
    """bool, int, float or str."""
    optional: bool
    """Whether it may be null."""
    default: object
    rule: Within | OneOf | Directory | Like | None


def schema() -> dict[str, Setting]:
    """Every setting by its dotted name, in the order of the sections."""
    return dict(_leaves(Settings(), ""))


@value
class Given:
    """One setting as it is shown."""

    name: str
    value: Any
    """Stars for a secret."""
    source: str | None
    """The file, variable or flag that it came from; None: it is the default."""


def settings_in_force(settings: Settings) -> tuple[Given, ...]:
    """Every setting with its value and source, in the order of the sections."""
    return tuple(Given(name, _shown(name, settings), settings.sources.get(name)) for name in schema())


def _shown(name: str, settings: Settings) -> Any:
    held = attrgetter(name)(settings)
    return "***" if name in HIDDEN and held is not None else without_credentials(held)


def without_credentials(held: object) -> object:
    """An address without the name and password in it; anything else as it is."""
    if not (isinstance(held, str) and "://" in held):
        return held
    from urllib.parse import urlsplit, urlunsplit  # only who shows settings needs it

    parts = urlsplit(held)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _leaves(section: Any, prefix: str) -> Iterator[tuple[str, Setting]]:
    annotations = get_type_hints(type(section), include_extras=True)
    for name, default in as_dict(section).items():
        if is_section(default):
            yield from _leaves(default, f"{prefix}{name}.")
        elif prefix:  # the top level holds sections only; `sources` is not a setting
            yield prefix + name, _setting(annotations[name], default)


def is_section(held: object) -> bool:
    return hasattr(held, "__values__")


def _setting(annotation: Any, default: object) -> Setting:
    rule = None
    if hasattr(annotation, "__metadata__"):
        (rule,) = annotation.__metadata__
        annotation = annotation.__origin__
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
    return Setting(kinds[0], kinds[0] is not annotation, default, rule)


def checked(setting: Setting, raw: object) -> object:
    """The value as the setting holds it. Raises Wrong, saying what it should be."""
    if raw is None and setting.optional:
        return None
    rule = setting.rule
    if isinstance(rule, OneOf):
        return _choice(raw, rule.choices)
    held = _READERS[setting.kind](raw)
    if isinstance(rule, Within):
        _bounded(held, rule)
    if isinstance(rule, Directory) and not (held.startswith(("/", "~")) and "\0" not in held):
        raise Wrong("an absolute path, or one that begins with ~")
    if isinstance(rule, Like) and not re.fullmatch(rule.pattern, held):
        raise Wrong(rule.said)
    return held


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


def _bounded(held: float, rule: Within) -> None:
    if held < rule.low or (rule.high is not None and held > rule.high):
        raise Wrong(f"at least {rule.low:g}" if rule.high is None else f"within {rule.low:g}..{rule.high:g}")


_READERS: dict[type, Callable[[object], Any]] = {bool: _bool, int: _int, float: _float, str: _str}
