"""The op that applies an elementwise function, and casts; the functions are in `scalars`.

Broadcasting is explicit: the operands of an `Elemwise` have the same rank and the dtype the function
computes in; an axis known to have length 1 stretches, any other must agree when the program runs.

Semantics, which the reference and the native code share:
- integers wrap; integer division and modulo round towards minus infinity, and by zero give 0;
- an integer to a negative power gives 0, unless it is 1 or -1, whose powers are whole;
- a shift by the width or more gives 0 (`>>` of a negative: -1);
- maximum, minimum and sgn give NaN where an operand is NaN; comparisons with NaN are False, `neq` True;
- a float becomes a bool by `!= 0`, and an integer by cutting towards zero; beyond the integer's range the
  nearest one there is, NaN 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from scancc.casts import converted
from scancc.frontend.graph.constants import (
    as_operand,
    float_for,
    is_discrete,
    is_weak,
    kind,
    promote_dtypes,
    result_dtype,
    strong,
)
from scancc.frontend.graph.dims import SameShape, dim, dimshuffle, int64, require_possible, same_scalar
from scancc.frontend.graph.variables import Apply, Constant, Op, Run, TensorType, Variable, dtype_name
from scancc.frontend.ops.signatures import SCALARS, ScalarFn, Signature, signature
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Elemwise(Op):
    """`SCALARS[fn]` on each element; operands have the same rank, axes of static length 1 stretch."""

    fn: str

    decides_shapes = False

    @property
    def name(self) -> str:
        return self.fn

    @property
    def is_cheap(self) -> bool:
        return not (self.scalar.approximated or self.scalar.is_slow)

    @property
    def scalar(self) -> ScalarFn:
        return SCALARS[self.fn]

    def infer(self, *inputs: Variable) -> list[TensorType]:
        out = signature(self.fn, tuple(v.dtype for v in inputs)).out
        return [TensorType(out, broadcast_shape(self.fn, inputs))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = signature(self.fn, tuple(x.dtype.name for x in inputs))
        return [_compute(self.scalar, found, inputs)]

    def executor(self, node: Apply) -> Run:
        entry = self.scalar
        found = signature(self.fn, tuple(v.dtype for v in node.inputs))
        stretches = [v.broadcastable for v in node.inputs]

        def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            if len(inputs) > 1:
                check_lengths(self.fn, inputs, stretches)
            return [_compute(entry, found, inputs)]

        return run

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        for operand in node.inputs:
            if operand.type.shape[axis] != 1:
                return dim(operand, axis)
        return None

    def is_total(self, node: Apply) -> bool:
        """True where all lengths are known to agree."""
        for axis in range(node.outputs[0].ndim):
            first, *others = [dim(v, axis) for v in node.inputs if v.type.shape[axis] != 1] or [int64(1)]
            if not all(same_scalar(first, other) for other in others):
                return False
        return True

    def is_finite(self, node: Apply) -> bool:
        known = self.scalar.is_finite
        return known if isinstance(known, bool) else known(node)


def _compute(entry: ScalarFn, found: Signature, inputs: Sequence[np.ndarray]) -> np.ndarray:
    operands = [x.astype(t, copy=False) for x, t in zip(inputs, found.compute, strict=True)]
    with np.errstate(all="ignore"):
        return np.asarray(entry.numpy(*operands), dtype=found.out)


def broadcast_shape(what: str, operands: Sequence[Variable]) -> tuple[int | None, ...]:
    """The static shape that operands of one rank broadcast to; ValueError where they cannot."""
    if len({v.ndim for v in operands}) > 1:
        raise ValueError(f"{what}: operands have different numbers of dimensions: {_types(operands)}")
    shape: list[int | None] = []
    for axis, lengths in enumerate(zip(*(v.type.shape for v in operands), strict=True)):
        known = {n for n in lengths if n is not None and n != 1}
        if len(known) > 1:
            raise ValueError(
                f"{what}: the lengths of axis {axis} do not agree: {_types(operands)}; "
                "they must be equal, or known to be 1"
            )
        shape.append(known.pop() if known else None if None in lengths else 1)
    return tuple(shape)


def _types(operands: Sequence[Variable]) -> str:
    return ", ".join(f"{v!r}" for v in operands)


def check_lengths(what: str, arrays: Sequence[np.ndarray], stretches: Sequence[tuple[bool, ...]]) -> None:
    """ValueError unless axes agree where they may not stretch."""
    first = arrays[0].shape
    if all(x.shape == first for x in arrays):
        return
    for axis in range(len(first)):
        lengths = {x.shape[axis] for x, s in zip(arrays, stretches, strict=True) if not s[axis]}
        if len(lengths) > 1:
            shapes = " and ".join(str(x.shape) for x in arrays)
            raise ValueError(
                f"{what}: shapes {shapes} do not agree on axis {axis}; lengths must be equal, or known to be "
                "1 when the function is built (T.row, T.col, T.addbroadcast or dimshuffle with 'x')"
            )
    axes = zip(*(x.shape for x in arrays), strict=True)
    require_possible(what, [next((n for n in lengths if n != 1), 1) for lengths in axes])


def align(operands: Sequence[Variable]) -> list[Variable]:
    """`operands` with leading axes of length 1 added, so that all have the same rank."""
    ndim = max(v.ndim for v in operands)
    return [v if v.ndim == ndim else pad_axes(v, ndim) for v in operands]


def pad_axes(x: Variable, ndim: int) -> Variable:
    return dimshuffle(x, ("x",) * (ndim - x.ndim) + tuple(range(x.ndim)))


def apply_scalar(fn: str, *values: object) -> Variable:
    """`SCALARS[fn]` of variables, arrays and numbers, with promotion, casts and broadcasting."""
    entry = SCALARS[fn]
    if len(values) != entry.n_in:
        raise TypeError(f"{fn} takes {entry.n_in} operands, not {len(values)}")
    operands = _typed(entry, [as_operand(v) for v in values])
    if entry.dtype_rule.floats and any(is_discrete(v.dtype) for v in operands):
        dtype = float_for(promote_dtypes(*(v.dtype for v in operands)))
        operands = [cast(v, dtype) for v in operands]
    found = signature(fn, tuple(v.dtype for v in operands))
    if found.compute[-1] == "float16" and entry.approximated:
        return cast(apply_scalar(fn, *(cast(v, "float32") for v in operands)), found.out)
    operands = [v if v.dtype == t else cast(v, t) for v, t in zip(operands, found.compute, strict=True)]
    if all(isinstance(v, Constant) and v.ndim == 0 and is_discrete(v.dtype) for v in operands):
        value = Constant(_compute(entry, found, [v.data for v in operands]))  # type: ignore[attr-defined]
        return value.computed(partial(apply_scalar, fn), *operands)
    return Elemwise(fn)(*align(operands))


def _typed(entry: ScalarFn, operands: list[Variable]) -> list[Variable]:
    """`operands` with weak constants made constants of the dtype they take here."""
    truths = operands[: entry.dtype_rule.truths]
    others = operands[len(truths):]
    dtype = result_dtype(others) if any(is_weak(v) for v in others) else ""
    return [*(strong(v, "bool") for v in truths), *(strong(v, dtype) for v in others)]


# ---- cast -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cast(SameShape, Op):
    """Another dtype: floats to integers cut towards zero and kept in their range (NaN: 0), anything to bool
    by `!= 0`."""

    dtype: str

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        if kind(x.dtype) == "c" and kind(self.dtype) != "c":
            raise TypeError(f"casting {x.dtype} to {self.dtype} drops the imaginary part; use T.real first")
        return [TensorType(self.dtype, x.type.shape)]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [converted(inputs[0], self.dtype)]

    def is_total(self, node: Apply) -> bool:
        return True


def cast(x: object, dtype: object) -> Variable:
    """`x` in another dtype ('floatX': config.floatX).

    The shape of `x`. TypeError for a dtype that no tensor has.
    """
    var, name = as_operand(x), dtype_name(dtype)
    if isinstance(var, Constant) and (var.weak or var.dtype != name):
        if kind(var.dtype) == "c" and kind(name) != "c":
            Cast(name).infer(var)
        return Constant(converted(var.data, name), name=var.name).computed(partial(cast, dtype=name), var)
    return var if var.dtype == name else Cast(name)(var)
