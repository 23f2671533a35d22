"""Going back through a room's history: by the arrow keys, and by a search that narrows while it is typed."""

from __future__ import annotations

from collections.abc import Sequence


class Recall:
    """A walk through a history that gives the draft back at its end."""

    def __init__(self, history: Sequence[str], draft: str) -> None:
        self._texts = [*history, draft]
        self._at = len(history)
        self._needle: str | None = None

    @property
    def text(self) -> str:
        """What the editor should show."""
        return self._texts[self._at]

    @property
    def draft(self) -> str:
        """What was typed before the walk began."""
        return self._texts[-1]

    @property
    def needle(self) -> str | None:
        """What is searched for; None while nothing is."""
        return self._needle

    @property
    def away(self) -> bool:
        """Whether an old input is shown and not the draft."""
        return self._at < len(self._texts) - 1

    def older(self) -> bool:
        """Go one back; False at the oldest."""
        if self._at == 0:
            return False
        self._at -= 1
        return True

    def newer(self) -> bool:
        """Go one forward; False at the draft."""
        if not self.away:
            return False
        self._at += 1
        return True

    def search(self, needle: str) -> bool:
        """Show the newest input that holds `needle`, whatever its case; False leaves what is shown."""
        self._needle = needle
        return self._seek(len(self._texts) - 2, other_than=None)

    def search_older(self) -> bool:
        """Show the next older one that differs from what is shown."""
        return self._needle is not None and self._seek(self._at - 1, other_than=self.text)

    def _seek(self, start: int, *, other_than: str | None) -> bool:
        needle = (self._needle or "").casefold()
        for at in range(start, -1, -1):
            if needle in self._texts[at].casefold() and self._texts[at] != other_than:
                self._at = at
                return True
        return False
