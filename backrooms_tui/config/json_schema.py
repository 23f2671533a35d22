"""The JSON Schema of a configuration file, made from the settings: `python -m backrooms_tui.config.json_schema`.

`config/schema.json` is what this prints; an editor that is told of it (`"$schema"`) completes and checks files. The
words are the settings' own: a string that follows a field in `settings.py` is its documentation.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from typing import Any

from backrooms_tui.model.value import as_dict

from . import settings
from .values import Setting, is_section, schema

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def document() -> dict[str, Any]:
    """The whole schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "room.exe configuration",
        "description": "Every setting has a default: the smallest configuration is an empty object.",
        **_section(settings.Settings(), "", schema(), _documentation()),
    }


def _section(section: Any, prefix: str, known: dict[str, Setting], said: dict[tuple[str, str], str]) -> dict[str, Any]:
    properties: dict[str, Any] = {} if prefix else {"$schema": {"type": "string"}}
    for name, held in as_dict(section).items():
        if is_section(held):
            properties[name] = _section(held, f"{prefix}{name}.", known, said)
        elif prefix:
            properties[name] = _setting(known[prefix + name], said[type(section).__name__, name])
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _setting(setting: Setting, description: str) -> dict[str, Any]:
    rules: dict[str, Any] = {"description": description, "default": setting.default}
    rule = setting.rule
    if isinstance(rule, settings.OneOf):
        return rules | _choice(rule.choices)
    kind = _TYPES[setting.kind]
    rules["type"] = [kind, "null"] if setting.optional else kind
    if isinstance(rule, settings.Within):
        rules["minimum"] = rule.low
        if rule.high is not None:
            rules["maximum"] = rule.high
    if isinstance(rule, settings.Directory):
        rules["pattern"] = "^[/~][^\\u0000]*$"
    if isinstance(rule, settings.Like):
        rules["pattern"] = rule.pattern
    return rules


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
