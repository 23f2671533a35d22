"""`value`: frozen, slotted classes made of fields, for a fifth of what `dataclass` takes to define one.

`dataclass(frozen=True, slots=True)` compiles six functions for a class, 0.31 ms; the console loads seventy of them
before its first frame. This compiles one and shares the rest. An instance is filled while it is of a class that can be
changed, and only then becomes one of this: a third of what it takes to go around `__setattr__` for every field.

Fields are annotations with or without a default, and `__post_init__` is called, as in a dataclass;
`made(factory=dict)` is a default made anew for each instance.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")

_SELDOM = 2
"""So many instances of a class are made without compiling anything for it; most commands make no more of most."""


class _Made:
    __slots__ = ("factory",)
    factory: Callable[[], Any]


def made(*, factory: Callable[[], T]) -> T:
    """A field's default that is made anew for each instance."""
    default: Any = _Made()
    default.factory = factory
    return default  # type: ignore[no-any-return]


@dataclass_transform(frozen_default=True, field_specifiers=(made,))
def value(cls: type[T]) -> type[T]:
    """Make the class a value: equal by its fields and type, hashable, printable, unchangeable."""
    namespace = dict(cls.__dict__)
    names = tuple(namespace.get("__annotations__", ()))
    defaults = {name: namespace.pop(name) for name in names if name in namespace}
    for made_anew in ("__dict__", "__weakref__"):
        namespace.pop(made_anew, None)
    shared = {
        "__new__": _compiled_when_used(names, defaults, checked="__post_init__" in namespace),
        "__eq__": _equal,
        "__hash__": _hash,
        "__repr__": _describe,
        "__reduce__": _reduce,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
    }
    members = {**shared, **namespace, "__slots__": names, "__match_args__": names, "__values__": _reader(names)}
    anew: Any = type(cls)  # slots cannot be added to a class that exists
    built: type[T] = anew(cls.__name__, cls.__bases__, members)
    return built


def as_dict(instance: object) -> dict[str, Any]:
    """The fields of a value by name, in order."""
    cls: Any = type(instance)
    return dict(zip(cls.__slots__, cls.__values__(instance), strict=True))


def changed(instance: T, /, **changes: Any) -> T:
    """Give a value like `instance` with some fields changed."""
    return type(instance)(**{**as_dict(instance), **changes})


def _compiled_when_used(names: tuple[str, ...], defaults: dict[str, Any], *, checked: bool) -> Any:
    """A `__new__` that puts a compiled one in its place once it is used often, or not as it should be."""
    count = 0
    draft: Any = None

    def first(cls: Any, *positional: Any, **named: Any) -> Any:
        nonlocal count, draft
        draft = draft or type(cls.__name__, cls.__bases__, {"__slots__": names})
        given = dict(zip(names, positional, strict=False)) | named
        filled = defaults | given
        count += 1
        fitting = len(given) == len(positional) + len(named) and filled.keys() == set(names)
        if count > _SELDOM or checked or not fitting:
            compiled = _maker(draft, names, defaults, checked=checked)
            cls.__new__ = staticmethod(compiled)
            return compiled(cls, *positional, **named)
        self = draft()
        for name, held in filled.items():
            setattr(self, name, held.factory() if isinstance(held, _Made) else held)
        self.__class__ = cls
        return self

    return first


def _maker(draft: type, names: tuple[str, ...], defaults: dict[str, Any], *, checked: bool) -> Any:
    parameters = "".join(f", {name}=_default_{name}" if name in defaults else f", {name}" for name in names)
    steps = [f"self.{name} = {name}" for name in names]
    for at, name in enumerate(names):
        if isinstance(defaults.get(name), _Made):
            steps[at] = f"self.{name} = {name}.factory() if {name} is _default_{name} else {name}"
    steps = ["self = _draft()", *steps, "self.__class__ = cls", *["self.__post_init__()"] * checked, "return self"]
    lines = "\n ".join(steps)
    scope: dict[str, Any] = {f"_default_{name}": default for name, default in defaults.items()}
    scope["_draft"] = draft
    exec(f"def __new__(cls{parameters}):\n {lines}", scope)  # noqa: S102 - the names are our own source's
    return scope["__new__"]


def _reader(names: tuple[str, ...]) -> staticmethod[[Any], tuple[Any, ...]]:
    """What gives an instance's field values in order."""
    if len(names) > 1:
        return staticmethod(attrgetter(*names))
    return staticmethod(lambda instance: tuple(getattr(instance, name) for name in names))


def _equal(self: Any, other: Any) -> bool:
    if type(other) is not type(self):
        return False
    return bool(self.__values__(self) == self.__values__(other))


def _hash(self: Any) -> int:
    return hash(self.__values__(self))


def _describe(self: Any) -> str:
    fields = ", ".join(f"{name}={item!r}" for name, item in zip(self.__slots__, self.__values__(self), strict=True))
    return f"{type(self).__qualname__}({fields})"


def _reduce(self: Any) -> tuple[type, tuple[Any, ...]]:
    return type(self), self.__values__(self)


def _refuse(self: Any, name: str, *_: object) -> NoReturn:
    raise AttributeError(f"{type(self).__name__} is a value; {name} cannot change")
