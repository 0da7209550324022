"""`dataclass` with methods that are made when they are first used.

The standard one writes each method as text and compiles it, 0.6 ms for a frozen class, and a program loads a hundred
classes, most of which it makes no instance of. Here a class gets what stands for its methods, and for its fields (the
standard ones take 0.1 ms). The first instances are filled without a method, as most classes that have any have two or
three: making one for them took a tenth of what a first function takes whose code the disk cache has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from reprlib import recursive_repr
from types import FunctionType
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(kind: type | None = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
        """As `dataclasses.dataclass`, of which it knows these options; a class may have an `__init__` of its own."""
        return _with_fields(kind, frozen, eq) if kind is not None else lambda kind: _with_fields(kind, frozen, eq)


class _Factory:
    """Stands for a value that a field's factory makes."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()
_N_BY_HAND = 4


def _with_fields(kind: type, frozen: bool, eq: bool) -> type:
    own = dict(vars(kind))
    kind.__doc__ = own.get("__doc__") or kind.__name__  # else its signature, for which all methods would be made
    if any(type(value) is dataclasses.Field for value in own.values()):
        _describe(kind)  # puts defaults in the place of these
    else:
        for name in ("__dataclass_fields__", "__dataclass_params__", "__match_args__"):
            setattr(kind, name, _Description(name, kind))
    methods: dict[str, Any] = {"__init__": _LateInit("__init__", kind, _init, frozen), "__repr__": _repr}
    if eq:
        methods["__eq__"] = _Late("__eq__", kind, _eq)
        hashed = _Late("__hash__", kind, _hash) if frozen else None
        if own.get("__hash__") is None:  # Python gives a class with an `__eq__` this one, too
            kind.__hash__ = hashed  # type: ignore[assignment]
    if frozen:
        methods |= _refusals(kind)
    for name, method in methods.items():
        if name not in own:
            setattr(kind, name, method)
    return kind


def _describe(kind: type) -> None:
    """Give a class its fields, and what says how it was made."""
    dataclasses.dataclass(init=False, repr=False, eq=False)(kind)


class _Description:
    """What `_describe` gives a class, when it is asked for: by two threads at once, twice."""

    def __init__(self, name: str, kind: type) -> None:
        self.name, self.kind = name, kind

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if self.name == "__match_args__":  # which `_describe` leaves as it is
            places = tuple(f.name for f in dataclasses.fields(self.kind) if f.init and not f.kw_only)
            setattr(self.kind, self.name, places)
        else:
            _describe(self.kind)
        return vars(self.kind)[self.name]


class _Late:
    """A method that is made when it is asked for, and then stands in its place: by two threads at once, twice."""

    def __init__(self, name: str, kind: type, make: Callable[..., FunctionType], *options: bool) -> None:
        self.name, self.kind, self.make, self.options = name, kind, make, options

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        method = self.make(self.kind, *self.options)
        method.__qualname__ = f"{self.kind.__qualname__}.{self.name}"
        setattr(self.kind, self.name, method)
        return method if instance is None else method.__get__(instance, owner)


class _LateInit(_Late):
    """An `__init__` that is made when the first instances are there, or where one is given what it does not take."""

    n_left = _N_BY_HAND

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None or not self.n_left:
            return super().__get__(instance, owner)
        self.n_left -= 1
        return partial(self._fill, instance)

    def _fill(self, instance: object, *given: Any, **named: Any) -> None:
        found = _values_of(self.kind, given, named)
        if found is None:
            super().__get__(instance)(*given, **named)  # which says what is wrong
            return
        put = object.__setattr__ if self.options[0] else setattr
        for name, value in found.items():
            put(instance, name, value)
        if hasattr(self.kind, "__post_init__"):
            instance.__post_init__()  # type: ignore[attr-defined]


@cache
def _fields(kind: type) -> Sequence[dataclasses.Field[Any]]:
    """As `dataclasses.fields`, from the annotations alone where these say all: in a tenth of the time."""
    found: dict[str, dataclasses.Field[Any]] = {}
    for base in reversed(kind.__mro__):
        if "__dataclass_fields__" not in vars(base):
            continue
        annotations = vars(base).get("__annotations__")
        if annotations is None or not isinstance(vars(base)["__dataclass_fields__"], _Description):
            return dataclasses.fields(kind)
        if not all(map(_is_plain, annotations.values())):
            return dataclasses.fields(kind)
        found |= {name: _plain_field(name, told, getattr(base, name, dataclasses.MISSING))
                  for name, told in annotations.items()}
    return list(found.values())


def _is_plain(annotation: object) -> bool:
    return isinstance(annotation, str) and not any(word in annotation for word in ("ClassVar", "InitVar", "KW_ONLY"))


def _plain_field(name: str, told: str, default: Any) -> dataclasses.Field[Any]:
    made: dataclasses.Field[Any] = dataclasses.field(default=default, kw_only=False)
    made.name, made.type = name, told
    return made


def _values_of(kind: Any, given: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields that an instance gets, in their order; None where it cannot have what is given."""
    fields = _fields(kind)
    places = (f.name for f in fields if f.init and not f.kw_only)
    values: dict[str, Any] = {**dict(zip(places, given, strict=False)), **named}
    if len(values) < len(given) + len(named) or not values.keys() <= {f.name for f in fields if f.init}:
        return None
    for f in fields:
        if f.name not in values and f.default_factory is not dataclasses.MISSING:
            values[f.name] = f.default_factory()
        elif f.name not in values and f.init:
            values[f.name] = f.default
    found = {f.name: values[f.name] for f in fields if f.name in values}
    return None if any(value is dataclasses.MISSING for value in found.values()) else found


def _init(kind: type, frozen: bool) -> FunctionType:
    fields = _fields(kind)
    known: dict[str, Any] = {"_set": object.__setattr__, "_FACTORY": _FACTORY}
    for f in fields:
        known |= {f"_default_{f.name}": f.default, f"_make_{f.name}": f.default_factory}
    given = [f for f in fields if f.init and not f.kw_only], [f for f in fields if f.init and f.kw_only]
    parameters = ["self", *map(_parameter, given[0]), *["*"] * bool(given[1]), *map(_parameter, given[1])]
    values = [(f.name, _value(f)) for f in fields if f.init or f.default_factory is not dataclasses.MISSING]
    lines = [f"_set(self, {n!r}, {value})" if frozen else f"self.{n} = {value}" for n, value in values]
    lines += ["self.__post_init__()"] * hasattr(kind, "__post_init__")
    method = _function(kind, "__init__", parameters, lines or ["pass"], known)
    method.__annotations__ = {f.name: f.type for f in (*given[0], *given[1])} | {"return": None}
    return method


def _parameter(f: dataclasses.Field[Any]) -> str:
    if f.default_factory is not dataclasses.MISSING:
        return f"{f.name}=_FACTORY"
    return f.name if f.default is dataclasses.MISSING else f"{f.name}=_default_{f.name}"


def _value(f: dataclasses.Field[Any]) -> str:
    if f.default_factory is dataclasses.MISSING:
        return f.name
    return f"_make_{f.name}() if {f.name} is _FACTORY else {f.name}" if f.init else f"_make_{f.name}()"


def _eq(kind: type) -> FunctionType:
    compared = [f.name for f in _fields(kind) if f.compare]
    lines = ["if other.__class__ is not self.__class__:", "    return NotImplemented",
             f"return {_tuple('self', compared)} == {_tuple('other', compared)}"]
    return _function(kind, "__eq__", ["self", "other"], lines, {})


def _hash(kind: type) -> FunctionType:
    hashed = [f.name for f in _fields(kind) if (f.compare if f.hash is None else f.hash)]
    return _function(kind, "__hash__", ["self"], [f"return hash({_tuple('self', hashed)})"], {})


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{type(self).__qualname__}({shown})"


def _refusals(kind: Any) -> dict[str, Any]:
    """What refuses to change the fields of a frozen class, and all attributes of its own instances."""
    def refused(self: object, name: str) -> bool:
        return type(self) is kind or name in kind.__dataclass_fields__

    def __setattr__(self: object, name: str, value: object) -> None:
        if refused(self, name):
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(kind, self).__setattr__(name, value)

    def __delattr__(self: object, name: str) -> None:
        if refused(self, name):
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(kind, self).__delattr__(name)

    return {"__setattr__": __setattr__, "__delattr__": __delattr__}


def _tuple(of: str, names: Iterable[str]) -> str:
    return f"({''.join(f'{of}.{name}, ' for name in names)})"


def _function(kind: type, name: str, parameters: Iterable[str], lines: Iterable[str],
              known: dict[str, Any]) -> FunctionType:
    text = f"def {name}({', '.join(parameters)}):\n" + "".join(f"    {line}\n" for line in lines)
    known["__name__"] = kind.__module__  # so that its frames are its module's
    exec(text, known)
    made: FunctionType = known[name]
    return made
