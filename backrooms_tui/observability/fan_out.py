"""One `Telemetry` for the owner, made of those that watch it.

A hook that nobody wants stays the protocol's own no-op. A mistake in one that somebody wants must not reach the turn
that it watches: it is counted, and the turn goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from backrooms_tui.model.telemetry import Telemetry

HOOKS = tuple(name for name in vars(Telemetry) if not name.startswith("_"))


class FanOut(Telemetry):
    def __init__(self) -> None:
        self.faults = 0
        """Mistakes of those that watch."""

    def watch(self, sinks: Iterable[Telemetry]) -> None:
        """From now on tell these and no others."""
        sinks = tuple(sinks)
        for name in HOOKS:
            idle = getattr(Telemetry, name)
            wanted = [getattr(sink, name) for sink in sinks if getattr(type(sink), name) is not idle]
            # In the instance's own namespace they stand before the class's.
            vars(self)[name] = self._spread(wanted) if wanted else getattr(super(), name)

    def _spread(self, hooks: list[Callable[..., None]]) -> Callable[..., None]:
        def spread(*positional: Any, **named: Any) -> None:
            for hook in hooks:
                try:
                    hook(*positional, **named)
                except Exception:
                    self.faults += 1

        return spread
