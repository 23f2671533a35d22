"""What docs/*.md tell an operator to type, so that tests can type it."""

from __future__ import annotations

from support import ROOT

FENCE = "```"
PROMPT = "$ "


def blocks(document: str, section: str | None = None) -> list[list[str]]:
    """The fenced blocks of a document, or of what stands under one heading of it, lines as they are."""
    found: list[list[str]] = []
    heading, inside = None, False
    for line in (ROOT / "docs" / document).read_text(encoding="utf-8").splitlines():
        if line.startswith(FENCE):
            inside = not inside
            if inside:
                found.append([])
                wanted = section is None or heading == section
            elif not wanted:
                found.pop()
        elif inside:
            found[-1].append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    return found


def commands(document: str, section: str | None = None, block: int | None = None) -> list[str]:
    """The lines with a prompt, without it; a line that ends in a backslash goes on."""
    typed: list[str] = []
    of_blocks = blocks(document, section)
    for lines in of_blocks if block is None else [of_blocks[block]]:
        going_on = False
        for line in lines:
            if going_on:
                typed[-1] = typed[-1][:-1] + line.strip()
            elif line.startswith(PROMPT):
                typed.append(line.removeprefix(PROMPT))
            going_on = (going_on or line.startswith(PROMPT)) and line.endswith("\\")
    return typed
