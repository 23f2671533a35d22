"""The log's hands: moving, searching, marking, on a document and without a screen.

`LogView` turns keys into calls here and draws what comes of them.
"""

from __future__ import annotations

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.value import value

from .document import Document
from .finder import Finder
from .lines import Key, Line
from .pages import Page, Request
from .query import Query, SearchRefused, Wanted, begins_error, begins_input

_LAST: Key = (2**63, 0, 0)


@value
class CopyJob:
    """What a copy takes: entries by their timestamps, or text when it is not in memory yet."""

    first: int
    last: int
    line: int | None = None
    """Only this line of the entry."""
    text: str | None = None
    """Ready text, of provisional lines."""


class Reader:
    """State of one reader of one document. Not thread-safe; belongs to the display's loop."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.query: Query | None = None
        self.finder: Finder | None = None
        self.message: str | None = None
        """Result of the last search when it is not a place."""
        self.current: Key | None = None
        """The line that was found or is being selected from."""
        self._mark: Key | None = None

    @property
    def selecting(self) -> bool:
        return self._mark is not None

    def scroll(self, by: int) -> None:
        """Move by rows; while selecting, by lines with the selection's end."""
        if self._mark is not None:
            self._extend(by)
        else:
            self.document.scroll(by)

    def search(self, text: str) -> None:
        """Look back from the screen for a substring, or `re:` a regular expression; "" ends searching.

        Raises SearchRefused.
        """
        self.finder = None
        self.query = Query.parse(text) if text else None
        self.message = None
        if self.query is not None:
            self.find(self.query, backwards=True)

    def find_again(self, *, backwards: bool) -> None:
        """Go on with the search; without one, jump among errors."""
        self.find(begins_error if self.query is None else self.query, backwards=backwards)

    def find_error(self, *, backwards: bool) -> None:
        self.find(begins_error, backwards=backwards)

    def find_input(self, *, backwards: bool) -> None:
        self.find(begins_input, backwards=backwards)

    def find(self, wanted: Wanted, *, backwards: bool) -> None:
        """Begin a search from the current line if it is on the screen, otherwise from the screen's edge."""
        self.message = None
        self.finder = Finder(self.document, wanted, backwards=backwards, start=self._edge(backwards=backwards))
        self._conclude()

    def _edge(self, *, backwards: bool) -> Key:
        keys = self._visible()
        if self.current in keys:
            return self.current or _LAST
        if not keys:
            return _LAST if backwards else (0, 0, 0)
        if not backwards:
            return (*keys[0][:2], keys[0][2] - 1)
        return (*keys[-1][:2], keys[-1][2] + 1)

    def _visible(self) -> list[Key]:
        return [row.line.key for row in self.document.rows() if row.line is not None]

    def want(self) -> Request | None:
        """Give the search's next page, None when there is no search under way."""
        return self.finder.want() if self.finder is not None else None

    def deliver(self, request: Request, page: Page) -> None:
        """Take the search's page; one of a search that was replaced is dropped."""
        if self.finder is None or self.finder.want() != request:
            return
        try:
            self.finder.deliver(page)
        except SearchRefused as error:
            self.finder, self.message = None, _one_line(error)
        else:
            self._conclude()

    def _conclude(self) -> None:
        if self.finder is None:
            return
        found = self.finder.found
        if found is not None:
            self.document.go_to(found.key, page=found.page)
            self.current = found.key
        elif self.finder.exhausted:
            self.message = "NOT FOUND"
        else:
            return
        self.finder = None

    def fail(self, error: BackroomsError) -> None:
        """Pages cannot be read, or the filter cannot be applied: say so, and ask for no more."""
        self.finder = None
        self.document.problem = _one_line(error)

    def stop(self) -> bool:
        """End a search under way, else a selection, else the filter, else the search's marks. False: nothing was."""
        if self.finder is not None:
            self.finder, self.message = None, "STOPPED"
        elif self._mark is not None:
            self._mark = self.current = None
        elif self.document.filter is not None:
            self.document.only_matching(None)
        elif self.query is not None or self.current is not None:
            self.query = self.current = None
        else:
            return False
        return True

    def toggle_only_matching(self) -> None:
        """Hide what the search does not match, or show it again. Without a search nothing changes."""
        if self.document.filter is not None:
            self.document.only_matching(None)
        elif self.query is not None:
            self.document.only_matching(self.query)

    def toggle_select(self) -> None:
        """Begin selecting at the current line (else the last one on the screen), or drop the selection."""
        if self._mark is not None:
            self._mark = self.current = None
            return
        keys = self._visible()
        if keys:
            self.current = self.current if self.current in keys else keys[-1]
            self._mark = self.current

    def _extend(self, by: int) -> None:
        lines = self.document.window.lines
        assert self.current is not None
        if not lines:
            return
        at = min(max(self.document.window.index(self.current) + by, 0), len(lines) - 1)
        self.current = lines[at].key
        for _ in range(abs(by) + self.document.view.height):
            if self.current in self._visible():
                return
            self.document.scroll(1 if by > 0 else -1)

    def is_selected(self, line: Line) -> bool:
        if self._mark is None or self.current is None:
            return line.key == self.current
        return min(self._mark, self.current) <= line.key <= max(self._mark, self.current)

    def copy_line(self) -> CopyJob | None:
        """What `y` takes: the selection's entries, else the current line, else the last one on the screen."""
        if self._mark is not None and self.current is not None:
            return self._range(min(self._mark, self.current), max(self._mark, self.current))
        line = self._pointed()
        if line is None:
            return None
        if line.provisional or not line.seq:
            return CopyJob(0, 0, text=line.text)
        return CopyJob(line.timestamp, line.timestamp, line=line.key[2])

    def copy_entry(self) -> CopyJob | None:
        """What `Y` takes: the whole entry of the current line, else of the last one on the screen."""
        line = self._pointed()
        return None if line is None else self._range((*line.key[:2], 0), (*line.key[:2], 2**31))

    def _pointed(self) -> Line | None:
        keys = self._visible()
        key = self.current if self.current in keys else keys[-1] if keys else None
        return None if key is None else self.document.window.find(key)

    def _range(self, first: Key, last: Key) -> CopyJob:
        window = self.document.window
        lines = [line for line in window.lines[window.index(first) :] if line.key <= last]
        if any(line.provisional for line in lines):
            return CopyJob(0, 0, text="\n".join(line.text for line in lines))
        return CopyJob(first[0], last[0])


def _one_line(error: BackroomsError) -> str:
    return " ".join((error.code, *error.details))
