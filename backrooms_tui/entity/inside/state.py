"""The state an entity keeps between inputs: a mapping that knows which of its top-level keys a turn has changed.

Only changes cross the wire, so remembering one thing costs its own size and not that of everything remembered. A
container that was merely looked at may have been changed in place: it is copied when handed out, and compared when
the turn ends. The same copies put everything back when the turn fails.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

_MISSING: Any = object()


class State(MutableMapping[str, Any]):
    """JSON values under text keys. A nested list or dict has to be reached through the state in the turn that
    changes it; changing it through a reference kept from an earlier turn goes unnoticed.

    Values come back from a restart as JSON gives them: tuples as lists, keys of nested dicts as strings.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Any] = dict(values or {})
        self._before: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        if isinstance(value, list | dict):
            self._note(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"state keys are text, not {type(key).__name__}")
        self._note(key)
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        if key in self._values:
            self._note(key)
        del self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"State({self._values!r})"

    def delta(self) -> tuple[dict[str, Any], list[str]]:
        """What the turn has set and deleted so far."""
        values, before = self._values, self._before
        changed = {k: values[k] for k, old in before.items() if k in values and not _same(values[k], old)}
        return changed, [k for k, old in before.items() if k not in values and old is not _MISSING]

    def commit(self) -> None:
        """The turn ended well: what it changed is now how things are."""
        self._before.clear()

    def rollback(self) -> None:
        """The turn failed: every key is as it was before it."""
        for key, old in self._before.items():
            if old is _MISSING:
                self._values.pop(key, None)
            else:
                self._values[key] = old
        self._before.clear()

    def _note(self, key: str) -> None:
        """Keep what `key` held before this turn."""
        if key not in self._before:
            old = self._values.get(key, _MISSING)
            self._before[key] = copy.deepcopy(old) if isinstance(old, list | dict) else old


def _same(new: Any, old: Any) -> bool:
    """Equal and of one type: True is not 1, and 1.0 is not 1, where JSON is written."""
    if type(new) is not type(old):
        return False
    if isinstance(new, dict):
        return new.keys() == old.keys() and all(_same(new[k], old[k]) for k in new)
    if isinstance(new, list):
        return len(new) == len(old) and all(map(_same, new, old))
    return bool(new == old)
