"""What operands, results and attributes of an op may be, by name: the words that declarations use.

`KINDS` are of types: a scalar kind in the singular, and in the plural for what an elementwise op works on, scalars
or a vector or tensor of them. `ATTRIBUTES` are of attributes; `sum|prod` is one of these texts.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from .. import errors, fast_math
from . import types as t
from .core import Op
from .types import AffineMap, DenseArray, DialectAttr, FunctionType, IntAttr, Iterator, Symbol

Shape = tuple[int | None, ...]


def _is(*classes: type) -> Callable[[t.Type], bool]:
    return lambda type: isinstance(type, classes)


def _each(scalar: Callable[[t.Type], bool]) -> Callable[[t.Type], bool]:
    """A scalar for which `scalar` holds, or a vector or tensor of such."""
    return lambda type: scalar(type.element if isinstance(type, (t.TensorType, t.VectorType)) else type)


_scalar = _is(t.IndexType, t.IntType, t.FloatType, t.ComplexType)
_integer = _is(t.IndexType, t.IntType)

KINDS: dict[str, tuple[str, Callable[[t.Type], bool]]] = {
    "index": ("an index", _is(t.IndexType)),
    "truth": ("i1", lambda type: type == t.i1),
    "integer": ("an integer or index", _integer),
    "number": ("a scalar", _scalar),
    "truths": ("i1, or a vector or tensor of it", _each(lambda type: type == t.i1)),
    "words": ("an integer of known width, or a vector or tensor of it", _each(_is(t.IntType))),
    "integers": ("an integer or index, or a vector or tensor of it", _each(_integer)),
    "floats": ("a float, or a vector or tensor of it", _each(_is(t.FloatType))),
    "complexes": ("a complex number, or a tensor of it", _each(_is(t.ComplexType))),
    "numbers": ("a scalar, or a vector or tensor of it", _each(_scalar)),
    "tensor": ("a tensor", _is(t.TensorType)),
    "value": ("a scalar or tensor", _is(t.IndexType, t.IntType, t.FloatType, t.ComplexType, t.TensorType)),
    "reals": ("a tensor of floats", lambda type: isinstance(type, t.TensorType)
              and isinstance(type.element, t.FloatType)),
    "buffer": ("a memref", _is(t.MemRefType)),
    "bytes": ("memref<?xi8>", lambda type: type == t.MemRefType((None,), t.i8)),
    "vector": ("a vector of one axis", lambda type: isinstance(type, t.VectorType) and len(type.shape) == 1),
    "lane": ("a scalar or a vector", lambda type: _scalar(type) or isinstance(type, t.VectorType)),
}


def _list_of(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (list, tuple)) and all(isinstance(v, kind) for v in value)


def _is_kind(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _is_fast_math(text: str) -> bool:
    try:
        fast_math.parse(text)
    except ValueError:
        return False
    return True


def is_error(name: str) -> bool:
    """Whether Python or scancc has an exception of this name."""
    found = getattr(builtins, name, None) or getattr(errors, name, None)
    return isinstance(found, type) and issubclass(found, Exception)


_COMBINING = frozenset(f"#vector.kind<{kind}>" for kind in (
    "add", "mul", "and", "or", "xor", "maximumf", "minimumf", "maxsi", "minsi", "maxui", "minui"))
_NAME = re.compile(r"[A-Za-z$._-][A-Za-z0-9$._-]*")

ATTRIBUTES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("an integer, as in 1 : i64", lambda v: isinstance(v, IntAttr) and v.type == t.i64),
    "count": ("an integer from 0 on, as in 1 : i64", lambda v: isinstance(v, IntAttr) and v.type == t.i64
              and v.value >= 0),
    "bool": ("true or false", _is_kind(bool)),
    "text": ("a string", _is_kind(str)),
    "texts": ("a list of strings", _list_of(str)),
    "name": ("a string of letters, digits and $._- that begins with no digit",
             lambda v: isinstance(v, str) and _NAME.fullmatch(v) is not None),
    "error": ("the name of an exception of Python or scancc", lambda v: isinstance(v, str) and is_error(v)),
    "fast_math": ("what scancc.function takes as fast_math", lambda v: isinstance(v, str) and _is_fast_math(v)),
    "ints": ("array<i64: ...>", lambda v: isinstance(v, DenseArray) and v.element == t.i64),
    "counts": ("a list of integers from 1 on", lambda v: _list_of(IntAttr)(v) and all(n.value > 0 for n in v)),
    "maps": ("a list of affine maps", _list_of(AffineMap)),
    "iterators": ("a list of #linalg.iterator_type<parallel> or <reduction>", _list_of(Iterator)),
    "signature": ("a function's type", _is_kind(FunctionType)),
    "symbol": ("a function's @name", _is_kind(Symbol)),
    "constant": ("a number, true, false or dense<...>", _is_kind(IntAttr, t.FloatAttr, t.Dense)),
    "dense": ("dense<...>", _is_kind(t.Dense)),
    "axis": ("#gpu<dim x>, <dim y> or <dim z>", lambda v: isinstance(v, DialectAttr)
             and v.text in ("#gpu<dim x>", "#gpu<dim y>", "#gpu<dim z>")),
    "combining": ("#vector.kind<add>, <mul>, <and>, <or> or an extreme such as <maximumf>",
                  lambda v: isinstance(v, DialectAttr) and v.text in _COMBINING),
}


@cache
def attribute_kind(name: str) -> tuple[str, Callable[[Any], bool]]:
    """What a message says of an attribute's kind, and whether a value is of it."""
    if name in ATTRIBUTES:
        return ATTRIBUTES[name]
    words = tuple(name.split("|"))
    return "one of " + ", ".join(f'"{word}"' for word in words), lambda value: value in words


def split_kinds(entries: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names, and the kinds that stand behind their colons ('' where none does)."""
    pairs = [entry.partition(":") for entry in entries]
    return tuple(name for name, _, _ in pairs), tuple(kind for _, _, kind in pairs)


# ---- what several ops ask of their types ----

Rule = Callable[[Op], str | None]

_OF_TYPES = set[Rule]()
_PARTS: dict[Rule, tuple[Rule, ...]] = {}


def of_types(rule: Rule) -> Rule:
    """A rule that asks for nothing but types of operands and results: what it says of an op holds for all such."""
    _OF_TYPES.add(rule)
    return rule


def is_of_types(rule: Rule) -> bool:
    return rule in _OF_TYPES


def parts_of(rule: Rule) -> tuple[Rule, ...]:
    """The rules that a rule is all of."""
    return _PARTS.get(rule, (rule,))


def all_of(*rules: Rule) -> Rule:
    """The first broken rule of several."""
    def check(op: Op) -> str | None:
        for rule in rules:
            broken = rule(op)
            if broken is not None:
                return broken
        return None
    _PARTS[check] = rules
    return check


def shape_of(type: t.Type) -> Shape:
    return type.shape if isinstance(type, (t.TensorType, t.MemRefType, t.VectorType)) else ()


def open_sizes(shape: Shape) -> int:
    """How many sizes are known at run time only."""
    return sum(1 for n in shape if n is None)


def agree(a: Shape, b: Shape) -> bool:
    """Whether two shapes may be one: a size known at run time only agrees with any."""
    return len(a) == len(b) and all(m is None or n is None or m == n for m, n in zip(a, b, strict=True))


def wrong_shape(what: str, type: t.Type, shape: Shape, element: t.Type | None = None) -> str | None:
    """How `type` differs from a tensor of `shape`, a scalar where that is empty; None where it does not."""
    wanted = t.TensorType(shape, element or t.element(type)) if shape else element or t.element(type)
    agrees = isinstance(type, t.TensorType) == bool(shape) and agree(shape_of(type), shape)
    return None if agrees and t.element(type) == t.element(wanted) else f"{what} is {type}; it must be {wanted}"


def one_element(*numbers: int) -> Rule:
    """The operands `numbers`, and the result where there is one, have one element type."""
    def check(op: Op) -> str | None:
        types = [op.operands[n].type for n in numbers] + [r.type for r in op.results[:1]]
        if len({t.element(type) for type in types}) <= 1:
            return None
        return f"{', '.join(map(str, types))} must have one element type"
    return of_types(check)


def indexed(number: int) -> Rule:
    """Operand `number` is followed by an index for each of its axes."""
    def check(op: Op) -> str | None:
        type, given = op.operands[number].type, len(op.operands) - number - 1
        rank = len(shape_of(type))
        return None if given == rank else f"{type} needs {rank} indices, not {given}"
    return of_types(check)


def sized(first: int) -> Rule:
    """The operands from `first` on are the sizes of the result that its type leaves open."""
    def check(op: Op) -> str | None:
        type, given = op.results[0].type, len(op.operands) - first
        wanted = open_sizes(shape_of(type))
        return None if given == wanted else f"{type} leaves {wanted} sizes open, and {given} are given"
    return of_types(check)


def wrong_axes(axes: Iterable[int], rank: int) -> str | None:
    """What is wrong with `axes` of something of `rank` axes."""
    axes = list(axes)
    if len(set(axes)) == len(axes) and all(0 <= axis < rank for axis in axes):
        return None
    return f"the axes {axes} must be different ones from 0 to {rank - 1}" if rank else "a scalar has no axes"


def axis_in(type: t.Type, axis: int) -> str | None:
    return wrong_axes([axis], len(shape_of(type)))
