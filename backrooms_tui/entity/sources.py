"""The Python code of a room's entity, as the host reads it for the sealed child, which can read no file.

    python:/srv/entities/counter.py         that file; its one entity
    python:/srv/entities/counter.py:Counter
    python:package.module:Class             on the host's import path: the whole package it belongs to
    python:/srv/entities/package.module     the same, looked for in that directory

Nothing is imported or run here. Modules are found as files, read within bounds, and sent to the child as text.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from importlib.util import decode_source
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import EntityInitFailed
from backrooms_tui.model.runtimes import PYTHON, Runtime
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.value import changed, value

MAX_BYTES = 1024 * 1024
"""Of all files together."""
MAX_MODULES = 256
ALONE = "entity"
"""Name of the module that a single file becomes: its own might be that of a module of Python."""


@value
class Module:
    """One file."""

    file: str
    """What tracebacks call it: its path within the package, never where it stood on the host."""
    text: str
    package: bool = False


@value
class Sources:
    """All of an entity's own code."""

    modules: tuple[tuple[str, Module], ...]
    """By name."""
    main: str
    """The module that defines the entity."""
    entity: str = ""
    """The entity's class; empty when it is the only one."""

    @property
    def wire(self) -> dict[str, Any]:
        """As `init.sources` carries it."""
        modules = {name: {"file": m.file, "text": m.text, "package": m.package} for name, m in self.modules}
        return {"main": self.main, "class": self.entity, "modules": modules}


def load(runtime: Runtime) -> Sources | None:
    """What a room of this runtime is made of, read now; None for runtimes that bring no code of their own.

    Raises EntityInitFailed when it is not to be had: missing, unreadable, too large, not text.
    """
    if runtime.kind != PYTHON:
        return None
    place, entity = split_target(runtime.target)
    try:
        found = _single(place) if place.endswith(".py") else _package(place)
    except OSError as error:
        raise _missing(place, (error.strerror or "UNREADABLE").upper()) from None
    except (SyntaxError, UnicodeError) as error:
        raise _missing(place, f"NOT TEXT: {error}") from None
    return changed(found, entity=entity)


def split_target(target: str) -> tuple[str, str]:
    """The place and the class of a target; the class may be empty."""
    place, colon, entity = target.rpartition(":")
    return (place, entity) if colon and entity.isidentifier() else (target, "")


def _missing(place: str, why: str) -> EntityInitFailed:
    return EntityInitFailed(f"ENTITY SOURCE: {scrub(place)}: {scrub(why)}")


def _single(place: str) -> Sources:
    path = Path(place)
    return Sources(((ALONE, Module(path.name, _read(path, MAX_BYTES))),), ALONE)


def _package(place: str) -> Sources:
    folder, slash, dotted = place.rpartition("/")
    names = dotted.split(".")
    if not all(name.isidentifier() for name in names):
        raise _missing(place, "NEITHER A FILE.py NOR A MODULE'S NAME")
    if names[0] in sys.stdlib_module_names or names[0] == __name__.partition(".")[0]:
        raise _missing(place, f"{names[0]} IS THE NAME OF A MODULE THAT EVERY ROOM HAS")
    where, is_package = _find(names[0], [folder or "/"] if slash else sys.path, place)
    files = _files_of(where, names[0]) if is_package else [(names[0], where)]
    modules = dict(_read_all(files, where.parent.parent if is_package else where.parent, place))
    if dotted not in modules:
        raise _missing(place, "NO SUCH MODULE IN THE PACKAGE")
    return Sources(tuple(modules.items()), dotted)


def _find(name: str, path: Sequence[str], place: str) -> tuple[Path, bool]:
    """The file of a top-level module, and whether it is a package. Nothing is imported, nothing remembered."""
    for folder in path:
        spec = FileFinder(folder or ".", (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(name)
        if spec is not None and spec.origin is not None:
            return Path(spec.origin), spec.submodule_search_locations is not None
    raise _missing(place, "NO SUCH MODULE")


def _files_of(initial: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Every module of the package whose `__init__` is given, in order of name."""
    yield name, initial
    for entry in sorted(initial.parent.iterdir()):
        child = f"{name}.{entry.stem}"
        if entry.suffix == ".py" and entry.stem.isidentifier() and entry.name != "__init__.py":
            yield child, entry
        elif entry.name.isidentifier() and (entry / "__init__.py").is_file() and not entry.is_symlink():
            yield from _files_of(entry / "__init__.py", child)


def _read_all(files: Iterable[tuple[str, Path]], root: Path, place: str) -> Iterator[tuple[str, Module]]:
    left = MAX_BYTES
    for count, (name, path) in enumerate(files, 1):
        if count > MAX_MODULES:
            raise _missing(place, f"MORE THAN {MAX_MODULES} MODULES IN THE PACKAGE")
        text = _read(path, left)
        left -= len(text.encode())
        yield name, Module(str(path.relative_to(root)), text, path.name == "__init__.py")


def _read(path: Path, most: int) -> str:
    """The text of a regular file of at most so many bytes. Raises OSError, SyntaxError, UnicodeError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would have us wait for ever
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "NOT A FILE")
        data = file.read(max(most, 0) + 1)
    if len(data) > most:
        raise OSError(0, f"MORE THAN {MAX_BYTES} BYTES OF SOURCE")
    return decode_source(data)
