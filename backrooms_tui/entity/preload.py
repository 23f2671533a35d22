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
from collections.abc import Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec

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
    """Answers every import that is not loaded yet."""

    @staticmethod
    def find_spec(name: str, _path: Sequence[str] | None = None, _target: types.ModuleType | None = None) -> ModuleSpec:
        raise ModuleNotFoundError(
            f"No module named {name!r}: the room is sealed, nothing is loaded from files", name=name
        )


def seal_imports() -> None:
    """No import looks at files any more: they would all be refused, slowly."""
    sys.path[:] = []
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, _Sealed]


def load_source(source: str, name: str) -> types.ModuleType:
    """Run `source` as the module `name`; tracebacks show its lines. Raises what it raises."""
    filename = f"{name}.py"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = types.ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module
    exec(compile(source, filename, "exec"), module.__dict__)  # noqa: S102 - the seal is around it
    return module
