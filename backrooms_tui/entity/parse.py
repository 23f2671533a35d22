"""One line of `room-entity/1` as a frame. Every line is the word of a hostile process until it has passed here.

What JSON allows and others choke on is refused at this border: NaN and Infinity, numbers beyond a float, integers of
more than 4,300 digits, nesting that would exhaust a stack. Lone surrogates decode but can never be encoded again;
they become U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from .frames import Call, Done, Fail, Frame, Log, Observation, Output, Ready, Silent, StateSet, StateValue, Terminate

VERSION = 1
"""The version of the protocol spoken here."""
MAX_DEPTH = 100
"""Nesting of JSON values; whoever encodes them again has a deeper stack than the decoder had."""
MAX_WORD = 128
"""Characters of names, versions, levels and error classes; more is cut."""
INTERRUPTS = ("", "frame", "signal")
MAX_TRACE = 64 * 1024
"""Characters of a `fail` frame's text and of its trace; more is cut."""

Fields = Mapping[str, Any]
_SURROGATES = re.compile("[\ud800-\udfff]")


class Broken(Exception):
    """The line is not a frame; the message says why."""


def parse(line: bytes) -> Frame:
    """The frame of one line, without its newline. Raises Broken."""
    fields = _fields(line)
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise Broken("a frame without a type")
    build = _BUILDERS.get(kind)
    if build is None:
        raise Broken(f"unknown frame type {clean(kind[:MAX_WORD])!r}")
    return build(fields)


def clean(text: str) -> str:
    """The text with lone surrogates replaced by U+FFFD."""
    return text if text.isascii() else _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def _constant(name: str) -> NoReturn:
    raise Broken(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Broken("a number beyond a float")
    return value


_decode = json.JSONDecoder(parse_constant=_constant, parse_float=_float).decode


def _fields(line: bytes) -> Fields:
    try:
        fields = _decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise Broken(f"not JSON: {type(error).__name__}") from None
    if not isinstance(fields, dict):
        raise Broken("not a JSON object")
    if b"\\u" in line or line.count(b"[") + line.count(b"{") > MAX_DEPTH:
        return {clean(key): _sound(value, 1) for key, value in fields.items()}
    return fields


def _sound(value: Any, depth: int) -> Any:
    """The value without lone surrogates; raises Broken when it is nested too deeply."""
    if isinstance(value, str):
        return clean(value)
    if not isinstance(value, list | dict):
        return value
    if depth >= MAX_DEPTH:
        raise Broken(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, list):
        return [_sound(item, depth + 1) for item in value]
    return {clean(key): _sound(item, depth + 1) for key, item in value.items()}


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise Broken(f"{fields['type']}: {name} is not text")
    return value


def _word(fields: Fields, name: str) -> str:
    return _text(fields, name)[:MAX_WORD]


def _ready(fields: Fields) -> Frame:
    if type(version := fields.get("v")) is not int or version != VERSION:
        raise Broken(f"ready: no common version, offered [{VERSION}]")
    interrupt = fields.get("interrupt", "")
    if interrupt not in INTERRUPTS:
        raise Broken("ready: interrupt is neither frame nor signal")
    return Ready(_word(fields, "name"), _word(fields, "version"), interrupt)


def _state(fields: Fields) -> Frame:
    if "value" in fields:
        value = fields["value"]
        if not isinstance(value, dict):
            raise Broken("state: value is not an object")
        return StateValue(value)
    changed, gone = fields.get("set", {}), fields.get("del", [])
    if not isinstance(changed, dict) or not isinstance(gone, list) or not all(isinstance(k, str) for k in gone):
        raise Broken("state: set is not an object, or del is not a list of keys")
    return StateSet(changed, tuple(gone))


def _call(fields: Fields) -> Frame:
    args = fields.get("args", {})
    if not isinstance(args, dict):
        raise Broken("call: args is not an object")
    call = Call(_text(fields, "id"), _text(fields, "name"), args)
    if not (0 < len(call.id) <= MAX_WORD and 0 < len(call.name) <= MAX_WORD):
        raise Broken(f"call: id and name have 1 to {MAX_WORD} characters")
    return call


def _fail(fields: Fields) -> Frame:
    return Fail(_word(fields, "error"), _text(fields, "text")[:MAX_TRACE], _text(fields, "trace")[:MAX_TRACE])


def _done(fields: Fields) -> Frame:
    if type(seq := fields.get("seq")) is not int:
        raise Broken("done: seq is not a number")
    return Done(seq)


_BUILDERS: dict[str, Callable[[Fields], Frame]] = {
    "ready": _ready,
    "output": lambda fields: Output(_text(fields, "text"), fields.get("more") is True),
    "silent": lambda _: Silent(),
    "observation": lambda fields: Observation(_text(fields, "text"), fields.get("data")),
    "state": _state,
    "log": lambda fields: Log(_word(fields, "level"), _text(fields, "text")),
    "call": _call,
    "terminate": lambda fields: Terminate(_text(fields, "reason")),
    "fail": _fail,
    "done": _done,
}
