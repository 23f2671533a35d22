"""What the operator's view looked like, kept for the next start in a private file.

Only the view: what rooms hold is the store's. Entered rooms come back as pinned peeks, because entering is a state
change of the room and starting a console is not. A file that cannot be read is an empty one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.ids import ID_LENGTH
from backrooms_tui.persistence.private_files import private_directory, read_private, replace_private

from .rooms_model import ORDERS
from .tabs import MAX_TABS

MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ViewState:
    tabs: tuple[str, ...] = ()
    """Ids of the rooms in tabs, in order."""
    cursor: str | None = None
    filter: str = ""
    order: str = "created"
    reversed: bool = False
    theme: str | None = None
    """None: chosen by the terminal."""
    hints: bool = True

    def checked(self) -> ViewState:
        """Give itself, or raise ValueError where a value cannot be one of ours."""
        texts = (*self.tabs, self.filter, self.order, self.theme or "", self.cursor or "")
        flags = (self.reversed, self.hints)
        if not all(isinstance(text, str) for text in texts) or not all(isinstance(flag, bool) for flag in flags):
            raise ValueError("wrong types")
        if self.order not in ORDERS or len(self.tabs) > MAX_TABS:
            raise ValueError("unknown values")
        if any(len(room_id) != ID_LENGTH for room_id in self.tabs):
            raise ValueError("not ids")
        return self


def load_view(path: Path) -> ViewState:
    """Read the last view; defaults when there is none or it is damaged."""
    try:
        loaded = json.loads(read_private(path, limit=MAX_BYTES) or b"{}")
        return ViewState(**{**loaded, "tabs": tuple(loaded.get("tabs", ()))}).checked()
    except (BackroomsError, OSError, ValueError, TypeError, AttributeError, RecursionError):
        return ViewState()


def save_view(path: Path, view: ViewState) -> None:
    """Write the view, 0600, atomically. Raises UnsafePath, StoreFailed, OSError."""
    private_directory(path.parent)
    replace_private(path, json.dumps(asdict(view), indent=1).encode())
