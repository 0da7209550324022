"""The terms of a sum of arrays: each with its sign and the axes of the sum that it has.

`h[:, None] + A - p[None, :]` has the terms `h` of axis 0, `A` of both and `-p` of axis 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constraints import shape_of
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import operand
from scancc.ir.shapes import dims_of, is_one_size, rank, scratch
from scancc.ir.slices import constant_entries, entry_values, kept_axes, slice_parts

Axes = tuple[int | None, ...]  # for each axis of an array, that of the sum; None: one element, which repeats


class Term(NamedTuple):
    """An array, or a number, that a sum adds or subtracts."""

    value: Value
    axes: Axes
    negative: bool

    @property
    def own(self) -> frozenset[int]:
        """The axes of the sum along which it changes."""
        return frozenset(axis for axis in self.axes if axis is not None)

    @property
    def opposite(self) -> Term:
        return self._replace(negative=not self.negative)


def terms(value: Value, axes: Axes, negative: bool = False) -> Iterator[Term]:
    """What a sum with these axes adds and subtracts, from left to right."""
    op = value.op
    if op is not None and op.name in ("arith.addf", "arith.subf") and not is_exact(op):
        lhs, rhs = op.operands
        yield from terms(lhs, axes, negative)
        yield from terms(rhs, axes, negative != (op.name == "arith.subf"))
    elif op is not None and op.name == "arith.negf":
        yield from terms(op.operands[0], axes, not negative)
    else:
        source, found = repeated(value, axes)
        if source is value:
            yield Term(value, found, negative)
        else:
            yield from terms(source, found, negative)


def repeated(value: Value, axes: Axes) -> tuple[Value, Axes]:
    """The array that `value` repeats, or has with its axes in another order, and the axes it has of a sum."""
    op = value.op
    if op is not None and op.name == "tensor.splat":
        return operand(op, "value"), ()
    if op is not None and op.name == "tensor.extract" and set(shape_of(operand(op, "source").type)) == {1}:
        return operand(op, "source"), (None,) * rank(operand(op, "source"))
    if op is not None and op.name == "scan.broadcast":
        source, places = operand(op, "source"), op.attrs["axes"].values
        sizes = shape_of(source.type)
        return source, tuple(None if n == 1 else axes[at] for n, at in zip(sizes, places, strict=True))
    if op is not None and op.name == "scan.transpose":
        order = op.attrs["permutation"].values
        return operand(op, "source"), tuple(axes[order.index(axis)] for axis in range(len(order)))
    if op is not None and op.name == "tensor.extract_slice" and _is_whole(op):
        kept = dict(zip(kept_axes(op), axes, strict=True))
        return operand(op, "source"), tuple(kept.get(axis) for axis in range(rank(operand(op, "source"))))
    return value, axes


def _is_whole(op: Op) -> bool:
    """Whether a slice has all elements, and leaves out but axes along which there is one."""
    source = operand(op, "source")
    if set(op.attrs["static_offsets"].values) != {0} or set(op.attrs["static_strides"].values) != {1}:
        return False
    with scratch() as b:
        return all(map(is_one_size, entry_values(b, op, "sizes"), dims_of(b, source)))


def axes_of(found: Iterable[Term]) -> tuple[int, ...]:
    """All axes along which terms change."""
    return tuple(sorted({axis for term in found for axis in term.own}))


class Frame:
    """The axes of a sum, and a builder of arrays over some of them."""

    def __init__(self, b: Builder, whole: Value, parts: Sequence[Term] | None = None) -> None:
        """Sizes are those of `whole`, or of parts of it where those have to do."""
        assert isinstance(whole.type, t.TensorType)
        self.b, self.shape, self.element = b, whole.type.shape, whole.type.element
        self.axes = tuple(range(len(self.shape)))
        self._sizes: dict[int, Value] = {}
        for term in [Term(whole, self.axes, False)] if parts is None else parts:
            if term.axes:
                self._sizes |= {axis: n for axis, n in zip(term.axes, dims_of(b, term.value), strict=True)
                                if axis is not None}

    def elsewhere(self, b: Builder) -> Frame:
        """The same, building in another place."""
        other = copy(self)
        other.b = b
        return other

    def number(self, value: float, over: Sequence[int]) -> Value:
        """One number, repeated."""
        return self.spread(self.b.const(value, self.element), (), over)

    def spread(self, value: Value, axes: Axes, over: Sequence[int]) -> Value:
        """`value`, which has `axes`, repeated along the other ones of `over`."""
        if None in axes:
            value, axes = self._without_ones(value, axes)
        type = t.TensorType(tuple(self.shape[axis] for axis in over), t.element(value.type))
        if not over or tuple(over) == axes and value.type == type:
            return value
        sizes = [self._sizes[axis] for axis in over if self.shape[axis] is None]
        return self._repeated(value, sizes, [over.index(axis) for axis in axes if axis is not None], type)

    def _without_ones(self, value: Value, axes: Axes) -> tuple[Value, Axes]:
        """`value` without those axes along which it has one element."""
        kept = tuple(axis for axis in axes if axis is not None)
        if not kept:
            return self.b.op("tensor.extract", [value, *[self.b.index(0)] * len(axes)], [t.element(value.type)]), ()
        shape = [n for n, axis in zip(shape_of(value.type), axes, strict=True) if axis is not None]
        groups, attrs = slice_parts([0] * len(axes), constant_entries(dims_of(self.b, value)), [1] * len(axes))
        type = t.TensorType(tuple(shape), t.element(value.type))
        return self.b.grouped("tensor.extract_slice", {"source": [value], **groups}, [type], attrs).result, kept

    def total(self, found: Iterable[Term], over: Sequence[int]) -> Value:
        """The sum of terms, from left to right."""
        first, *rest = ((self.spread(term.value, term.axes, over), term.negative) for term in found)
        total = self.b.negf(first[0]) if first[1] else first[0]
        for value, negative in rest:
            total = self.b.subf(total, value) if negative else self.b.addf(total, value)
        return total

    def reduced(self, kind: str, value: Value, axes: Sequence[int],
                along: Sequence[int]) -> tuple[Value, tuple[int, ...]]:
        """`value` over `axes`, combined along those of them that are in `along`; and the axes left."""
        left = tuple(axis for axis in axes if axis not in along)
        element = t.element(value.type)
        type = t.TensorType(tuple(self.shape[axis] for axis in left), element) if left else element
        places = t.DenseArray(t.i64, tuple(place for place, axis in enumerate(axes) if axis in along))
        return self.b.op("scan.reduce", [value], [type], {"kind": kind, "axes": places}), left

    def placed(self, value: Value, axes: Sequence[int], into: Axes, type: t.Type) -> Value:
        """`value` over `axes` as one of a given type, whose axes are those or have one element."""
        if not isinstance(type, t.TensorType) or value.type == type and tuple(axes) == into:
            return value
        sizes = [self._sizes[axis] for axis, size in zip(into, type.shape, strict=True)
                 if axis is not None and size is None]
        return self._repeated(value, sizes, [into.index(axis) for axis in axes], type)

    def _repeated(self, value: Value, sizes: Sequence[Value], places: Sequence[int], type: t.TensorType) -> Value:
        if not isinstance(value.type, t.TensorType):
            return self.b.op("tensor.splat", [value, *sizes], [type])
        axes = t.DenseArray(t.i64, tuple(places))
        return self.b.op("scan.broadcast", [value, *sizes], [type], {"axes": axes})
