"""The modules that a sealed entity can import: all of them are loaded before the seal, none after.

Loaded once in the zygote and shared by every room, they cost no room anything. What is not here raises
ModuleNotFoundError inside, with a message that says why.
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
import linecache
import re
import sys
import types
from collections.abc import Mapping, Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec
from typing import Any

MODULES = (
    "_strptime", "abc", "array", "ast", "base64", "bisect", "binascii", "calendar", "cmath", "collections",
    "collections.abc", "colorsys", "contextlib", "copy", "csv", "ctypes", "dataclasses", "datetime", "decimal",
    "difflib", "enum", "errno", "faulthandler", "fractions", "functools", "graphlib", "hashlib", "heapq", "hmac",
    "html", "html.parser", "inspect", "io", "itertools", "json", "keyword", "linecache", "locale", "math", "mmap",
    "numbers", "operator", "os", "pprint", "queue", "random", "re", "resource", "secrets", "select", "shlex",
    "signal", "socket", "statistics", "string", "stringprep", "struct", "subprocess", "textwrap", "threading",
    "time", "tokenize", "traceback", "types", "typing", "unicodedata", "urllib.parse", "uuid", "warnings", "weakref",
    "zlib",
)  # fmt: skip
CODECS = ("ascii", "latin-1", "utf-8", "utf-8-sig", "utf-16", "utf-32", "hex", "base64", "rot13", "idna", "punycode")


def load() -> None:
    """Import everything that rooms may use."""
    for name in MODULES:
        importlib.import_module(name)
    for name in CODECS:
        codecs.lookup(name)
    re.compile("")  # the compiler's tables


def deepen_stack() -> None:
    """Use the C stack once, as deep as the interpreter lets anybody, so that it is mapped: a room that has used up
    its address space could not grow it any more, and would die of SIGSEGV where a MemoryError is due.
    """

    def deeper(_: int) -> None:
        list(map(deeper, (0,)))

    with contextlib.suppress(RecursionError):
        deeper(0)


class _Sealed:
    """Answers every import that is not loaded yet, and that the entity has not brought along."""

    @staticmethod
    def find_spec(name: str, _path: Sequence[str] | None = None, _target: types.ModuleType | None = None) -> ModuleSpec:
        public = ", ".join(module for module in MODULES if not module.startswith("_"))
        raise ModuleNotFoundError(
            f"No module named {name!r}: the room is sealed, nothing is loaded from files. "
            f"It has the entity's own modules, and of Python's: {public}",
            name=name,
        )


class _Brought:
    """Finds and loads the entity's own modules, from memory."""

    def __init__(self, modules: Mapping[str, Mapping[str, Any]]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        module = self._modules.get(name)
        if module is None:
            return None
        itself: Any = self
        spec = ModuleSpec(name, itself, origin=module["file"], is_package=module["package"])
        spec.has_location = True  # gives it a __file__
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """None: as modules are made by default."""

    def exec_module(self, module: types.ModuleType) -> None:
        text, file = (self._modules[module.__name__][field] for field in ("text", "file"))
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the seal is around it


def seal_imports() -> None:
    """No import looks at files any more: they would all be refused, slowly."""
    sys.path[:] = []
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, _Sealed]


def load_sources(sources: Mapping[str, Any]) -> types.ModuleType:
    """Run an entity's own code, as `init.sources` brings it; gives its main module. Raises what the code raises.

    Its other modules run when they are imported, and tracebacks show the lines of all of them.
    """
    sys.meta_path.insert(-1, _Brought(sources["modules"]))
    return importlib.import_module(sources["main"])
