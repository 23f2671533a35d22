"""The one filter between entity text and a terminal.

Terminals obey control bytes: an entity that prints them could write the clipboard, retitle the window or make the
terminal type back. `scrub` leaves text that no terminal acts on; every control, bidirectional, zero-width or tag
character becomes a visible mark. It is applied at the border of every face, never to what is stored.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

MARK = "\N{SYMBOL FOR ESCAPE}"
"""Stands for ESC; other C0 controls show as their own control picture."""

_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\N{SYMBOL FOR DELETE}"}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# C0, DEL, C1, soft hyphen, combining grapheme joiner's neighbours, Arabic letter mark, Hangul fillers,
# zero-width and bidirectional marks, separators, deprecated format characters, variation selectors supplement,
# surrogates, private use, interlinear annotation, tags, non-characters.
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f"
    "\u2060-\u206f\u3164\ud800-\uf8ff\ufeff\uffa0\ufff0-\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)


@lru_cache(maxsize=1)
def _unsafe() -> re.Pattern[str]:
    """Compiled when the first text needs it: 2 ms that most commands never spend."""
    import re

    return re.compile(_UNSAFE)


def _visible(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    if code == 0x09:
        return "    "
    if code == 0x202F:  # narrow no-break space: harmless, but terminals disagree on its width
        return " "
    return _PICTURES.get(code) or _REPLACEMENT


def scrub(text: str) -> str:
    """Make one line of foreign text safe for a terminal: a newline in it becomes a mark too.

    Tabs become four spaces. The result holds no character of Unicode category Cc, Cf, Cs, Co, Zl or Zp.
    """
    if text.isascii() and text.isprintable():
        return text
    cleaned = _unsafe().sub(_visible, text)
    if cleaned.isprintable():
        return cleaned
    import unicodedata

    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else _REPLACEMENT for c in cleaned)
