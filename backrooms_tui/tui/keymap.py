"""Which key does what where: the action table's defaults, changed by `config/keymap.json` and the user's file.

A keymap file is a JSON object of action id to key, list of keys, or [] for none. Two actions on one key with the
same focus are a clash: both are named, and nothing of that file is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from backrooms_tui.model.errors import ConfigInvalid

from .actions import ACTIONS, BY_ID, Action, Focus

MAX_KEYMAP_BYTES = 64 * 1024

_ALIASES = {"escape": "esc", "pageup": "pgup", "pagedown": "pgdn"}
_NAMED = frozenset(
    {"enter", "esc", "space", "tab", "shift+tab", "up", "down", "left", "right", "home", "end", "pgup", "pgdn"}
    | {"backspace", "delete", "insert"}
    | {f"f{number}" for number in range(1, 13)}
)
RESERVED = frozenset({"ctrl+b", "ctrl+g", "ctrl+o", "ctrl+p", "ctrl+s", "ctrl+t", "f1", "f10", "f11"})
"""Keys that multiplexers, flow control and terminal emulators take for themselves."""


def key_name(key: str, character: str | None) -> str:
    """Give the name a keymap uses for a key press: the character when it prints, else the key's own name."""
    if character is not None and character.isprintable() and not character.isspace():
        return character
    return _ALIASES.get(key, key)


def _check_key(key: object, action_id: str) -> str:
    valid = isinstance(key, str) and (
        (len(key) == 1 and key.isprintable() and not key.isspace())
        or key in _NAMED
        or (key.startswith("ctrl+") and len(key) == 6 and key[5].isascii() and key[5].isalpha() and key.islower())
    )
    if not isinstance(key, str) or not valid:
        raise ConfigInvalid(f"KEYMAP: {str(key)[:20]!r} is not a key that {action_id} can have.")
    if key in RESERVED:
        raise ConfigInvalid(f"KEYMAP: {key} belongs to terminals and multiplexers; {action_id} cannot have it.")
    return key


class Keymap:
    """Keys to actions, by focus. Immutable; `changed` gives another one."""

    def __init__(self, keys: Mapping[str, tuple[str, ...]]) -> None:
        self._keys = dict(keys)
        self._actions = _index(self._keys)

    @classmethod
    def default(cls) -> Keymap:
        return cls({action.id: action.keys for action in ACTIONS})

    def action(self, focus: Focus, key: str) -> Action | None:
        """The action of a key; None when the key means nothing, or is the input box's own."""
        action = self._actions.get((focus, key))
        return None if action is None or action.fixed else action

    def keys(self, action_id: str) -> tuple[str, ...]:
        return self._keys[action_id]

    def changed(self, changes: Mapping[str, object]) -> Keymap:
        """Apply a keymap file's object. Raises ConfigInvalid naming what is wrong; the old map stays good."""
        keys = dict(self._keys)
        for action_id, value in changes.items():
            action = BY_ID.get(action_id)
            if action is None:
                raise ConfigInvalid(f"KEYMAP: {action_id[:40]!r} is not an action.")
            if action.fixed:
                raise ConfigInvalid(f"KEYMAP: {action_id} is a key of the input box and cannot be remapped.")
            listed = value if isinstance(value, list) else [value]
            keys[action_id] = tuple(_check_key(key, action_id) for key in listed)
        return Keymap(keys)


def _index(keys: Mapping[str, tuple[str, ...]]) -> dict[tuple[Focus, str], Action]:
    found: dict[tuple[Focus, str], Action] = {}
    for action_id, names in keys.items():
        action = BY_ID[action_id]
        for place in ((focus, name) for focus in action.where for name in names):
            other = found.setdefault(place, action)
            if other is not action:
                raise ConfigInvalid(f"KEYMAP: {place[1]} is both {other.id} and {action.id} in {place[0]}.")
            _refuse_letters_in_input(place, action)
    return found


def _refuse_letters_in_input(place: tuple[Focus, str], action: Action) -> None:
    focus, name = place
    if focus is Focus.INPUT and not action.fixed and len(name) == 1:
        raise ConfigInvalid(f"KEYMAP: {name} is a letter; {action.id} must be reachable while typing.")


def load_keymap(files: Iterable[Path]) -> tuple[Keymap, list[ConfigInvalid]]:
    """Read keymap files in order over the defaults; a missing one is fine, a wrong one is reported and skipped."""
    keymap, problems = Keymap.default(), []
    for path in files:
        try:
            keymap = keymap.changed(_read(path))
        except ConfigInvalid as problem:
            problems.append(ConfigInvalid(f"FILE: {path}", *problem.details))
    return keymap, problems


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_KEYMAP_BYTES + 1)
        loaded = json.loads(text) if len(text) <= MAX_KEYMAP_BYTES else None
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigInvalid(f"KEYMAP: cannot be read ({type(error).__name__}).") from None
    if not isinstance(loaded, dict):
        raise ConfigInvalid("KEYMAP: must be one JSON object of action ids to keys.")
    return loaded
