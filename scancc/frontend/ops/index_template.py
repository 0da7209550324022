"""An index as a template: the places that it fixes, apart from the operands that hold the values.

A template has an entry for each axis: 'i' an integer, `('s', start, stop, step)` a slice, where True means that an
int64 operand follows, and 'a' an array of integers. The arrays have the same rank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import int64
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops.elementwise import Cast, Elemwise, cast
from scancc.frontend.ops.scalars import lt, maximum, minimum, switch

SliceEntry = tuple[str, bool, bool, bool]


Entry = str | SliceEntry


Template = tuple[Entry, ...]


FULL: SliceEntry = ("s", False, False, False)


WIDE = ("int64", "int32")  # a sum that wraps in them begins a slice beyond any array


def numpy_index(template: Template, operands: Sequence[np.ndarray]) -> tuple[Any, ...]:
    """The NumPy index that a template and its operands stand for."""
    values = iter(operands)
    return tuple(_numpy_entry(entry, values) for entry in template)


def _numpy_entry(entry: Entry, values: Iterator[np.ndarray]) -> Any:
    if entry == "i":
        return int(next(values))
    if entry == "a":
        return next(values)
    start, stop, step = (int(next(values)) if given else None for given in entry[1:])
    if step == 0:
        raise ValueError("the step of a slice is 0; it must be positive or negative")
    return slice(start, stop, step)


def pieces(template: Template, operands: Sequence[Variable]) -> list[tuple[Entry, list[Variable]]]:
    """Each entry of a template with the operands that belong to it."""
    values = iter(operands)
    return [(entry, [next(values) for _ in range(arity(entry))]) for entry in template]


def arity(entry: Entry) -> int:
    return 1 if isinstance(entry, str) else sum(entry[1:])


def slice_parts(entry: SliceEntry, operands: Sequence[Variable]) -> list[Variable | None]:
    """Start, stop and step of a slice; None for what is left out."""
    values = iter(operands)
    return [next(values) if given else None for given in entry[1:]]


def surely_fits(entry: Entry, values: list[Variable], length: int | None) -> bool:
    if entry == "i":
        return length is not None and constant_int(values[0]) is not None  # `infer` has looked
    assert not isinstance(entry, str)
    step = slice_parts(entry, values)[2]
    return step is None or constant_int(step) is not None


def length_of_entry(entry: Entry, values: list[Variable], length: int | None, axis: int) -> int | None:
    if entry == "i":
        position = constant_int(values[0])
        if position is not None and length is not None and not -length <= position < length:
            raise IndexError(f"index {position} is out of range for axis {axis}, which has length {length}")
        return None
    assert not isinstance(entry, str)
    bounds = slice_parts(entry, values)
    known = [None if b is None else constant_int(b) for b in bounds]
    if known[2] == 0:
        raise ValueError("the step of a slice is 0; it must be positive or negative")
    if any(b is not None and k is None for b, k in zip(bounds, known, strict=True)):
        return None
    if length is None:
        return 0 if _surely_empty(*known) else None
    return len(range(*slice(*known).indices(length)))


def _surely_empty(start: int | None, stop: int | None, step: int | None) -> bool:
    return stop == 0 and (step is None or step > 0) and (start is None or start >= 0)


def most_of_entry(entry: Entry, values: list[Variable]) -> int | None:
    """The most elements that a slice takes of an axis of any length, where the index alone tells that number."""
    if isinstance(entry, str):
        return None
    start, stop, step = slice_parts(entry, values)
    if step is not None:
        return None
    if stop is None:
        first = constant_int(start)
        return -first if first is not None and first < 0 else None
    (base, last), (other, first) = summands(stop), (None, 0) if start is None else summands(start)
    # `a: a + k` takes k at most, for a below 0 too; `a: a - k` may take all but k
    if base is other:
        return last - first if last >= first else None
    lowest, highest = bounds_of(stop)
    if lowest is None or highest is None or lowest < 0:
        return None
    before, _ = (0, 0) if start is None else bounds_of(start)
    return highest - min(max(before or 0, 0), highest)


def bounds_of(x: Variable, depth: int = 8) -> tuple[int | None, int | None]:
    """The least and the most that an integer may be, as far as the way it is written tells."""
    known, node = constant_int(x), x.owner
    if known is not None or node is None or depth == 0 or x.dtype not in WIDE:
        return known, known
    if isinstance(node.op, Cast) and np.can_cast(node.inputs[0].dtype, node.op.dtype):
        return bounds_of(node.inputs[0], depth - 1)
    rule = _BOUNDS.get(node.op.fn) if isinstance(node.op, Elemwise) else None
    if rule is None:
        return None, None
    (a, b), (c, d) = (bounds_of(v, depth - 1) for v in node.inputs)
    return rule(a, b, c, d)


Bound = int | None


def _of_mod(a: Bound, b: Bound, c: Bound, d: Bound) -> tuple[Bound, Bound]:
    """That of n % c for a number c above 0."""
    return (0, d - 1) if c == d and d is not None and d > 0 else (None, None)


def _of_minimum(a: Bound, b: Bound, c: Bound, d: Bound) -> tuple[Bound, Bound]:
    return (None if a is None or c is None else min(a, c)), min((n for n in (b, d) if n is not None), default=None)


def _of_maximum(a: Bound, b: Bound, c: Bound, d: Bound) -> tuple[Bound, Bound]:
    return max((n for n in (a, c) if n is not None), default=None), (None if b is None or d is None else max(b, d))


_BOUNDS: dict[str, Callable[[Bound, Bound, Bound, Bound], tuple[Bound, Bound]]] = {
    "add": lambda a, b, c, d: (_sum(a, c), _sum(b, d)), "sub": lambda a, b, c, d: (_sum(a, d, -1), _sum(b, c, -1)),
    "mod": _of_mod, "minimum": _of_minimum, "maximum": _of_maximum}


def _sum(a: Bound, b: Bound, sign: int = 1) -> Bound:
    return None if a is None or b is None else a + sign * b


def summands(x: Variable) -> tuple[Variable | None, int]:
    """An integer as a variable, or nothing, and a number that is added to it."""
    number = 0
    while (node := x.owner) is not None:
        if isinstance(node.op, Cast) and np.can_cast(node.inputs[0].dtype, node.op.dtype):
            x = node.inputs[0]
            continue
        if not isinstance(node.op, Elemwise) or node.op.fn not in ("add", "sub") or x.dtype not in WIDE:
            break
        one, other = node.inputs
        if node.op.fn == "add" and constant_int(one) is not None:
            one, other = other, one
        added = constant_int(other)
        if added is None:
            break
        x, number = one, number + (added if node.op.fn == "add" else -added)
    known = constant_int(x)
    return (x, number) if known is None else (None, number + known)


def extent_of_slice(length: Variable, start: Variable | None, stop: Variable | None,
                  step: Variable | None) -> Variable | None:
    """The length of a slice in the cases where it is one subtraction or less."""
    if start is None and stop is None and (step is None or constant_int(step) == -1):
        return length
    if step is not None:
        return None
    if stop is None:
        first = constant_int(start)
        return _not_negative(length - first) if first is not None and first >= 0 else None
    last = constant_int(stop)
    if start is None and last is not None and last < 0:
        return _not_negative(length + last)
    return None


def length_of_slice(length: Variable, start: Variable | None, stop: Variable | None) -> Variable:
    """The length of a slice whose step is 1, whatever its bounds are."""
    first = int64(0) if start is None else _inside(start, length)
    return _not_negative((length if stop is None else _inside(stop, length)) - first)


def _inside(place: Variable, length: Variable) -> Variable:
    """Where a bound of a slice is: from the end if it is negative, and at most at an end."""
    place = cast(place, "int64")
    return switch(lt(place, int64(0)), _not_negative(place + length), minimum(place, length))


def _not_negative(n: Variable) -> Variable:
    return maximum(n, int64(0))
