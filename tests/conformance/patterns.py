"""The pattern language of the cases: `{ID:A}`, `{TIME}`, `{N}` stand for what differs from run to run.

A placeholder is strict: it fits one form and nothing else. One with a name (`{N:entries}`) stands for the same text
wherever it is repeated in a case. Everything outside placeholders is meant by letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SIZE = r"(?:\d+ B|\d+\.\d (?:KB|MB|GB))"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@dataclass(frozen=True)
class Form:
    """What a placeholder fits: in the seed, and in what our program prints (None: the same)."""

    seed: str
    ours: str | None = None
    typed: bytes | None = None
    """What is typed for it, when the seed only names it."""


FORMS = {
    "ID": Form("[0-9a-f]{64}"),
    "ID8": Form(r"[0-9a-f]{8}\.\.\."),
    "HANDLE": Form("<room_id>", "[0-9a-f]{64}"),
    "TIME": Form(_TIME),
    "MINUTE": Form(r"\d{4}-\d\d-\d\d-\d{4}"),
    "MILLIS": Form(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "EPOCH": Form(r"\d{10}"),
    "SIZE": Form(_SIZE),
    "COMPACT": Form(r"\d+(?:B|KB|MB|GB)"),
    "DURATION": Form(r"(?:\d+h \d{1,2}m \d{1,2}s|\d{1,2}m \d{1,2}s|\d{1,2}s)"),
    "AGE": Form(r"\d+[smhd]"),
    "AGO": Form(r"\d+ (?:second|minute|hour|day)s?"),
    "N": Form(r"\d+"),
    "N1": Form(r"\d+\.\d"),
    "N2": Form(r"\d+\.\d\d"),
    "N3": Form(r"\d+\.\d{3}"),
    "SECONDS": Form(r"\d+", r"\d+(?:\.\d+)?"),
    "OFFSET": Form("0x[0-9A-F]{8}"),
    "ADDRESS": Form("0x[0-9a-f]{16}"),
    "FRAME": Form(r"\w+\+0x[0-9a-f]+", r"\w+ \([\w.<>]+:\d+\)|[\w.+-]+\+0x[0-9a-f]+ \(by the kernel\)"),
    "USER": Form("user@hostname", r"\S+@\S+"),
    "COMMIT": Form("[0-9a-f]{40}", r"(?:[0-9a-f]{40}|unknown)"),
    "BUILD": Form(_TIME, "(?:source|wheel)"),
    "PYTHON": Form(r"\d+\.\d+\.\d+"),
    "WORD": Form(r"[\w.-]+"),
    "SEALED": Form(r"(?!)", r"[A-Z ]+: (?:SEALED|BOUNDED|VISIBLE)[\w ,()]*"),
    "WHERE": Form(r"(?!)", r"[\x21-\x7e]+(?: [\x21-\x7e]+)*"),
    "OVERSIZED": Form(r"\[input (?:exceeding 64KB|containing 70000 bytes of data)\]", "x+", b"x" * 70_000),
    "BINARY": Form(r"\{binary_data_0x00FF\}", ".*", b"\x00\xff"),
    # Fixed for a run: the player binds them.
    "TMP": Form("/tmp|/backup"),
    "BACKEND": Form("FILESYSTEM|SQLITE|LEVELDB|REDIS"),
    "VERSION": Form(r"2\.1\.0"),
}
_PLACEHOLDER = re.compile(r"\{(" + "|".join(sorted(FORMS, key=len, reverse=True)) + r")(?::(\w+))?\}")


@dataclass
class Bindings:
    """What named placeholders stand for, on one side: the seed's, or ours."""

    ours: bool
    values: dict[str, str] = field(default_factory=dict)

    def matches(self, pattern: str, text: str) -> bool:
        """Whether the line fits; names that it is the first to use are bound by it."""
        match = re.fullmatch(self._expression(pattern), text)
        if match is None:
            return False
        for group, value in match.groupdict().items():
            form, _, name = group.partition("__")
            self.bind(form, name, value)
        return True

    def bind(self, form: str, name: str, value: str) -> None:
        self.values[_key(form, name)] = value
        if form == "ID":
            self.values[_key("ID8", name)] = f"{value[:8]}..."
            self.values[_key("HANDLE", name)] = value

    def fill(self, pattern: str) -> bytes:
        """The line as it is typed. Raises KeyError for a placeholder that nothing stands for."""
        pieces = re.split(f"({_PLACEHOLDER.pattern})", pattern)
        out = pieces[0].encode()
        for form, name, literal in zip(pieces[2::4], pieces[3::4], pieces[4::4], strict=True):
            typed = FORMS[form].typed
            out += self.values[_key(form, name)].encode() if typed is None else typed
            out += literal.encode()
        return out

    def _expression(self, pattern: str) -> str:
        seen: set[str] = set()
        out, at = "", 0
        for match in _PLACEHOLDER.finditer(pattern):
            out += re.escape(pattern[at : match.start()]) + self._group(match[1], match[2], seen)
            at = match.end()
        return out + re.escape(pattern[at:])

    def _group(self, form: str, name: str | None, seen: set[str]) -> str:
        bound = self.values.get(_key(form, name))
        if bound is not None:
            return re.escape(bound)
        expression = FORMS[form].seed
        if self.ours:
            expression = FORMS[form].ours or expression
        elif form == "ID" and (short := self.values.get(_key("ID8", name))):
            expression = f"{short[:8]}[0-9a-f]{{56}}"
        if name is None:
            return f"(?:{expression})"
        group = f"{form}__{name}"
        if group in seen:
            return f"(?P={group})"
        seen.add(group)
        return f"(?P<{group}>{expression})"


def _key(form: str, name: str | None) -> str:
    return f"{form}:{name}" if name else form


def wanting_typed(pattern: str) -> bool:
    """Whether a line holds a placeholder for bytes that are not shown as they are typed."""
    return any(FORMS[match[1]].typed is not None for match in _PLACEHOLDER.finditer(pattern))
