"""One editable line without a screen: the text, the cursor, and the readline keys that everybody's fingers know."""

from __future__ import annotations


class LineEdit:
    """Text with a cursor. `press` says whether a key was its own."""

    def __init__(self, text: str = "", *, limit: int = 1024) -> None:
        self.text = text
        self.cursor = len(text)
        self._limit = limit

    def set(self, text: str) -> None:
        self.text = text[: self._limit]
        self.cursor = len(self.text)

    def insert(self, text: str) -> None:
        """Insert printable characters at the cursor; the rest, and what goes over the limit, is dropped."""
        clean = "".join(char for char in text if char.isprintable())[: self._limit - len(self.text)]
        self.text = self.text[: self.cursor] + clean + self.text[self.cursor :]
        self.cursor += len(clean)

    def press(self, key: str, character: str | None) -> bool:
        """Take a key by its name, or the character it typed; False when it means nothing here."""
        if key in ("left", "right", "home", "end", "ctrl+a", "ctrl+e"):
            self._move(key)
        elif key in ("backspace", "delete", "ctrl+w", "ctrl+u", "ctrl+k"):
            self._delete(key)
        elif character is not None and character.isprintable():
            self.insert(character)
        else:
            return False
        return True

    def _move(self, key: str) -> None:
        places = {"left": self.cursor - 1, "right": self.cursor + 1, "home": 0, "ctrl+a": 0}
        self.cursor = min(max(places.get(key, len(self.text)), 0), len(self.text))

    def _delete(self, key: str) -> None:
        start, end = {
            "backspace": (self.cursor - 1, self.cursor),
            "delete": (self.cursor, self.cursor + 1),
            "ctrl+w": (self.text[: self.cursor].rstrip().rfind(" ") + 1, self.cursor),
            "ctrl+u": (0, self.cursor),
            "ctrl+k": (self.cursor, len(self.text)),
        }[key]
        start = max(0, start)
        self.text = self.text[:start] + self.text[end:]
        self.cursor = start
