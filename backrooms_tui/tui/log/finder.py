"""Searching through memory, page by page, from the reader's place: the display lives on between two pages.

The finder asks for pages as the document does and keeps none of them but the one that holds what was found.
"""

from __future__ import annotations

from collections.abc import Iterable

from backrooms_tui.model.value import value

from .document import Document
from .lines import Key, Line
from .pages import Page, Request, Where
from .query import Wanted


@value
class Found:
    key: Key
    page: Page | None
    """Where it is, when the document's window does not have it."""


class Finder:
    """One search in one direction. Done when `found` is set or `exhausted` is true."""

    def __init__(self, document: Document, wanted: Wanted, *, backwards: bool, start: Key) -> None:
        """Look for the next line after (or before) `start`; its window is looked through at once.

        Raises SearchRefused, as `deliver` does.
        """
        self.found: Found | None = None
        self.exhausted = False
        self.looked_at = 0
        """Lines so far."""
        self._wanted = wanted
        self._backwards = backwards
        self._start = start
        self._cursor = 0
        self._look_through(document)

    def _look_through(self, document: Document) -> None:
        window = document.window
        at = window.index(self._start)
        if self._backwards:
            lines: Iterable[Line] = reversed(window.lines[:at])
            self._cursor, self.exhausted = window.low, window.at_start
        else:
            lines = (line for line in window.lines[at:] if line.key > self._start)
            self._cursor, self.exhausted = window.high, window.at_end
        self._take(lines, None)

    def want(self) -> Request | None:
        """Give the next page to read; None when it is done."""
        if self.exhausted or self.found is not None:
            return None
        return Request(Where.OLDER if self._backwards else Where.NEWER, self._cursor)

    def deliver(self, page: Page) -> None:
        self._cursor = page.low if self._backwards else page.high
        self.exhausted = not page.full
        self._take(reversed(page.lines) if self._backwards else page.lines, page)

    def _take(self, lines: Iterable[Line], page: Page | None) -> None:
        for line in lines:
            self.looked_at += 1
            if self._wanted(line):
                self.found = Found(line.key, page)
                return
