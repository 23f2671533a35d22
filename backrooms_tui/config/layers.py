"""Layers of configuration, the later over the earlier, each value remembering where it came from.

Defaults, the system's file, the user's file, `--config`, the environment (`ROOM_PERSISTENCE_BACKEND`), flags. Every
mistake in every layer is collected and told at once, with its source: a configuration is valid or it is refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import ConfigInvalid
from backrooms_tui.model.value import as_dict, changed

from .loading import PREFIX
from .settings import Settings
from .values import Setting, Wrong, checked, is_section, schema

MAX_FILE = 1024 * 1024
MAX_PROBLEMS = 20


def layered(
    files: Sequence[Path],
    config: str | None,
    environ: Mapping[str, str],
    flags: Mapping[str, tuple[str, object]],
) -> Settings:
    """The defaults and what covers them. Raises ConfigInvalid with one line for each mistake."""
    known = schema()
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []

    def take(source: str, given: Mapping[str, object]) -> None:
        for name, raw in given.items():
            if name not in known:
                problems.append(f"{source}: {name[:80]!r} is not a setting.")
                continue
            try:
                values[name] = checked(known[name], raw)
            except Wrong as wrong:
                problems.append(f"{source}: {name} must be {wrong}.")
            else:
                sources[name] = source

    for path in files:
        take(str(path), _from_file(path, known, problems, required=False))
    if config:
        take(config, _from_file(Path(config), known, problems, required=True))
    for source, name, text in _from_environment(environ, known, problems):
        take(source, {name: text})
    for name, (spelling, value) in flags.items():
        take(spelling, {name: value})
    if problems:
        raise ConfigInvalid(*(_printable(line) for line in problems[:MAX_PROBLEMS]))
    settings: Settings = _applied(Settings(), values, "")
    return changed(settings, sources=sources)


def _applied(section: Any, values: Mapping[str, object], prefix: str) -> Any:
    changes = {}
    for name, held in as_dict(section).items():
        if is_section(held):
            changes[name] = _applied(held, values, f"{prefix}{name}.")
        elif prefix + name in values:
            changes[name] = values[prefix + name]
    return changed(section, **changes)


def _from_file(path: Path, known: Mapping[str, Setting], problems: list[str], *, required: bool) -> dict[str, object]:
    try:
        text = _read(path)
    except FileNotFoundError:
        if required:
            problems.append(f"{path}: there is no such file.")
        return {}
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror}).")
        return {}
    except (Wrong, UnicodeDecodeError) as wrong:
        problems.append(f"{path}: {wrong if isinstance(wrong, Wrong) else 'is not UTF-8 text'}.")
        return {}
    import json

    try:
        document = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError, Wrong) as error:
        problems.append(f"{path}: is not valid JSON ({error}).")
        return {}
    if not isinstance(document, dict):
        problems.append(f"{path}: must hold a JSON object.")
        return {}
    return dict(_flattened(document, known, ""))


def _read(path: Path) -> str:
    # Without O_NONBLOCK a FIFO in the file's place would hang every command.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise Wrong("is not a regular file")
        if mode & stat.S_IWOTH:
            raise Wrong("is writable by everybody, so nobody can trust it")
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise Wrong(f"is larger than {MAX_FILE} bytes")
    return data.decode("utf-8")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise Wrong("a key is given twice")
    return document


def _flattened(
    section: Mapping[str, object], known: Mapping[str, Setting], prefix: str
) -> Iterator[tuple[str, object]]:
    """Dotted names and values; a section given where a value should be stays whole, and is refused as one."""
    for key, value in section.items():
        name = prefix + key
        inner = any(setting.startswith(f"{name}.") for setting in known)
        if inner and isinstance(value, dict):
            yield from _flattened(value, known, f"{name}.")
        elif name != "$schema":
            yield name, value


def _from_environment(
    environ: Mapping[str, str], known: Mapping[str, Setting], problems: list[str]
) -> Iterator[tuple[str, str, str]]:
    """Variable, dotted name and text of each override.

    A variable that names one of our sections but no setting in it is a typing error; other `ROOM_` variables
    belong to somebody else.
    """
    by_variable = {PREFIX + name.replace(".", "_").upper(): name for name in known}
    sections = tuple({f"{PREFIX}{name.split('.')[0].upper()}_" for name in known})
    for variable, text in environ.items():
        if variable in by_variable:
            yield variable, by_variable[variable], text
        elif variable.startswith(sections):
            problems.append(f"{variable}: is not a setting.")


def _printable(line: str) -> str:
    from backrooms_tui.model.scrub import scrub

    return scrub(line)
