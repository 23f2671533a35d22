"""The JSON Schema of configuration files: the settings' own, and as strict as loading is."""

import json
import re

import pytest

from backrooms_tui.config.json_schema import document
from backrooms_tui.config.loading import load
from backrooms_tui.config.resources import config_path
from backrooms_tui.config.values import schema
from backrooms_tui.model.errors import ConfigInvalid


def test_the_shipped_schema_is_that_of_the_settings():
    assert json.loads((config_path() / "schema.json").read_text()) == document()


@pytest.mark.parametrize("name", ["default", "development", "production"])
def test_every_shipped_configuration_is_valid_by_the_schema(name):
    assert violations(document(), json.loads((config_path() / f"{name}.json").read_text())) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"limits": {"max_roms": 1}},
        {"nothing": {}},
        {"limits": {"max_rooms": 1025}},
        {"limits": {"max_rooms": "many"}},
        {"limits": {"max_rooms": True}},
        {"limits": 5},
        {"persistence": {"backend": "MYSQL"}},
        {"persistence": {"path": "rooms"}},
        {"persistence": {"backup": {"retention": 0}}},
        {"logging": {"output": "room.log"}},
        {"logging": {"rotation": {"max_size": "lots"}}},
        {"metrics": {"bind": "127.0.0.1"}},
        {"metrics": {"path": "metrics"}},
        {"tracing": {"endpoint": "localhost:4318"}},
    ],
)
def test_what_loading_refuses_the_schema_refuses(tmp_path, wrong):
    assert violations(document(), wrong)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(wrong))
    path.chmod(0o600)
    with pytest.raises(ConfigInvalid):
        load(config=str(path), environ={}, system=tmp_path / "missing")


def test_every_setting_is_described_in_the_schema_with_its_default():
    for name, entry in schema().items():
        found = document()
        for part in name.split("."):
            found = found["properties"][part]
        assert found["description"]
        assert found["default"] == entry.default


def violations(rules, value, place="$"):
    """What JSON Schema has against a value: the keywords that our schema uses, and no others."""
    known = {"$schema", "title", "description", "default", "type", "properties", "additionalProperties"}
    assert set(rules) <= known | {"enum", "minimum", "maximum", "pattern"}, rules
    if "enum" in rules and not any(value == word and type(value) is type(word) for word in rules["enum"]):
        return [f"{place}: not in the enumeration"]
    types = rules.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_a(value, kind) for kind in types):
        return [f"{place}: not {types}"]
    if isinstance(value, dict) and "properties" in rules:
        unknown = [f"{place}.{key}: unknown" for key in value if key not in rules["properties"]]
        inner = [
            (rules["properties"][key], item, f"{place}.{key}")
            for key, item in value.items()
            if key in rules["properties"]
        ]
        return unknown or [found for one in inner for found in violations(*one)]
    number = is_a(value, "number")
    outside = number and not rules.get("minimum", value) <= value <= rules.get("maximum", value)
    unlike = isinstance(value, str) and "pattern" in rules and not re.search(rules["pattern"], value)
    return [f"{place}: out of bounds"] if outside or unlike else []


def is_a(value, kind):
    if isinstance(value, bool):
        return kind == "boolean"
    python = {"object": dict, "string": str, "integer": int, "number": (int, float), "null": type(None)}
    return kind in python and isinstance(value, python[kind])
