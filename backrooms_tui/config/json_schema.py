"""The JSON Schema of a configuration file, made from the settings: `python -m backrooms_tui.config.json_schema`.

`config/schema.json` is what this prints; an editor that is told of it (`"$schema"`) completes and checks files. The
words are the settings' own: a string that follows a field in `settings.py` is its documentation.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from dataclasses import Field, fields, is_dataclass
from typing import Any

from . import settings

_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}


def document() -> dict[str, Any]:
    """The whole schema."""
    said = _documentation()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "room.exe configuration",
        "description": "Every setting has a default: the smallest configuration is an empty object.",
        **_section(settings.Settings(), said),
    }


def _section(section: Any, said: dict[tuple[str, str], str]) -> dict[str, Any]:
    properties: dict[str, Any] = {"$schema": {"type": "string"}} if isinstance(section, settings.Settings) else {}
    for entry in fields(section):
        value = getattr(section, entry.name)
        if is_dataclass(value):
            properties[entry.name] = _section(value, said)
        elif entry.name != "sources":
            properties[entry.name] = _setting(entry, value, said[type(section).__name__, entry.name])
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _setting(entry: Field[Any], default: object, description: str) -> dict[str, Any]:
    optional = str(entry.type).endswith(" | None")
    kind = _TYPES[str(entry.type).removesuffix(" | None")]
    rules = entry.metadata
    schema: dict[str, Any] = {"description": description, "default": default}
    if "choices" in rules:
        return schema | _choice(rules["choices"])
    schema["type"] = [kind, "null"] if optional else kind
    if "low" in rules:
        schema["minimum"] = rules["low"]
        if rules["high"] is not None:
            schema["maximum"] = rules["high"]
    if "directory" in rules:
        schema["pattern"] = "^[/~][^\\u0000]*$"
    return schema


def _choice(choices: tuple[str, ...]) -> dict[str, Any]:
    """The words as they are printed; loading takes them in any case. Where `none` is one of them true and false are,
    too, as in seed 000's LevelDB example.
    """
    return {"enum": [*choices, True, False] if "none" in choices else [*choices]}


def _documentation() -> dict[tuple[str, str], str]:
    """What follows each field in the source."""
    said = {}
    for section in ast.parse(inspect.getsource(settings)).body:
        if isinstance(section, ast.ClassDef):
            for field, text in zip(section.body, section.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    said[section.name, ast.unparse(field.target)] = ast.literal_eval(text.value)
    return said


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=2) + "\n")
