"""A hash of a program's graph, by which compiled code is found before anything is lowered."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from scancc.frontend.graph.shared import Container
from scancc.hashes import sha256

from .program import Program

_KNOWN = {"scancc", "numpy", *sys.stdlib_module_names} - {"__main__"}  # whose versions are in every key of the cache
_COUNTED = ("id", "serial")  # numbers that go on with each variable and scan that a process makes
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


class _NoKeyError(Exception):
    """The graph holds something whose parts are not told."""


def graph_key(program: Program) -> str | None:
    """A hash of all that the graph is made of, but what shared variables hold; None where it has no such hash.

    It goes through every field of every object that can be reached, so that no parameter of any op is forgotten.
    Programs of one hash are the same; those of two may be, as a graph remembers what was asked of it.
    """
    found = _Parts()
    try:
        found.walk(program.settled())
    except _NoKeyError:
        return None
    return sha256("\0".join([*found.texts, *found.ranks()]).encode("utf-8", "surrogatepass")).hexdigest()


class _Parts:
    """The texts of what can be reached from an object, in order; an object met again is its number."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.counted: dict[str, list[int]] = {name: [] for name in _COUNTED}
        self.pending: list[Any] = []

    def walk(self, start: object) -> None:
        numbers: dict[int, int] = {}
        texts, pending = self.texts, self.pending
        pending.append(start)
        while pending:
            value = pending.pop()
            kind = type(value)
            if kind in _PLAIN:
                texts.append(repr(value))
            elif (number := numbers.get(id(value))) is not None:
                texts.append(f"#{number}")
            else:
                numbers[id(value)] = len(numbers)
                _OPENERS.get(kind, _Parts._object)(self, value)

    def ranks(self) -> list[str]:
        """The order of the numbers that a process counts, which go on elsewhere in another process."""
        return [rank for numbers in self.counted.values() for rank in _ranks(numbers)]

    def _sequence(self, value: Sequence[Any]) -> None:
        self.texts.append(f"{type(value).__name__} {len(value)}")
        self.pending += reversed(value)

    def _dict(self, value: dict[Any, Any]) -> None:
        self.texts.append(f"dict {len(value)}")
        self.pending += value.values()
        self.pending += value

    def _set(self, value: set[Any]) -> None:
        self.texts.append(f"set {len(value)}")
        self.pending += sorted(value, key=repr)

    def _array(self, value: np.ndarray) -> None:
        numbers = sha256(value.tobytes()).hexdigest()
        self.texts.append(f"array {value.dtype} {value.shape} {numbers}")

    def _named(self, value: Any) -> None:
        self.texts.append(_global_name(value))

    def _partial(self, value: partial[Any]) -> None:
        self.texts.append("partial")
        self.pending += (value.keywords, value.args, value.func)

    def _told(self, value: Any) -> None:
        self.texts.append(f"{type(value).__name__} {value!r}")

    def _identity(self, value: object) -> None:
        """Nothing but where it is met again."""
        self.texts.append("object")

    def _object(self, value: Any) -> None:
        """An object of a class of the compiler's: its fields."""
        if isinstance(value, type):
            self._named(value)
            return
        if isinstance(value, tuple):  # with names
            self._named(type(value))
            self._sequence(value)
            return
        name, slots, counted = _fields(type(value))  # type: ignore[arg-type]  # a class is hashable
        fields = getattr(value, "__dict__", {})
        self.texts.append(name)
        self.texts += fields
        self.pending += fields.values()
        self.pending += [getattr(value, slot, None) for slot in slots]
        for slot in counted:
            self.counted[slot].append(getattr(value, slot))


_OPENERS: dict[type, Callable[[_Parts, Any], None]] = {
    tuple: _Parts._sequence, list: _Parts._sequence, dict: _Parts._dict, set: _Parts._set, frozenset: _Parts._set,
    np.ndarray: _Parts._array, type: _Parts._named, FunctionType: _Parts._named, BuiltinFunctionType: _Parts._named,
    np.ufunc: _Parts._named, partial: _Parts._partial, np.dtype: _Parts._told, object: _Parts._identity,
    Container: _Parts._identity,
}


def _ranks(numbers: list[int]) -> list[str]:
    place = {number: str(place) for place, number in enumerate(sorted(set(numbers)))}
    return [place[number] for number in numbers]


@cache
def _fields(kind: type) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The name of a class, and what lies in slots: fields, and numbers that a process counts."""
    slots = [s for base in kind.__mro__ for s in _tuple(base.__dict__.get("__slots__", ()))
             if s not in ("__weakref__", "__dict__", "finite")]  # which tells nothing new
    if not slots and kind.__dictoffset__ == 0 and kind.__basicsize__ > object.__basicsize__:
        raise _NoKeyError(kind)  # written in C: nothing tells its parts
    return (_global_name(kind), tuple(s for s in slots if s not in _COUNTED),
            tuple(s for s in slots if s in _COUNTED))


def _tuple(slots: str | Iterable[str]) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _global_name(value: Any) -> str:
    """The name of a function or class of the compiler or its libraries; a user's may change under its name."""
    module = getattr(value, "__module__", None) or "numpy"
    name = getattr(value, "__qualname__", value.__name__)
    if module.partition(".")[0] not in _KNOWN or "<" in name:
        raise _NoKeyError(name)
    return f"{module}.{name}"
