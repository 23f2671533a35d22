"""An edited line as runs: the text, the cursor in it, and what stands there while it is empty."""

from __future__ import annotations

from .line_edit import LineEdit
from .rows import Row, blank, foreign, ink


def field_row(edit: LineEdit, width: int, *, here: bool, placeholder: str = "") -> Row:
    """Draw a field `width` cells wide; the cursor shows only where the typing goes (`here`)."""
    if not here:
        shown = foreign("", edit.text) if edit.text else ink("dim", placeholder)
        return Row((shown,)).fit(width)
    start = max(0, edit.cursor - width + 1)
    before, at, after = (
        edit.text[start : edit.cursor],
        edit.text[edit.cursor : edit.cursor + 1],
        edit.text[edit.cursor + 1 :],
    )
    ghost = [ink("dim", placeholder[1:])] if not edit.text else []
    under_cursor = at or (placeholder[:1] if not edit.text else "") or " "
    runs = (foreign("", before), foreign("text-cursor", under_cursor), *ghost, foreign("", after))
    return Row(runs).fit(width) if width else Row((("", blank(0)),))
