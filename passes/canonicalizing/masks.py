"""Small masks that follow from places alone, as that of `T.eye(3)`, are constants once they are numbers."""

from __future__ import annotations

import math

import numpy as np

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constraints import shape_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import evaluate

from .rules import Outcome, rule

MOST_ELEMENTS = 64  # of a constant: a step reads it faster than it compares places
MOST_DEEP = 8  # ops, one of another
_WHOLE = frozenset(f"arith.{name}" for name in ("addi", "subi", "muli", "cmpi", "andi", "ori", "xori"))


@rule("arith.uitofp", of_arrays=True)
def known_mask(op: Op, b: Builder) -> Outcome:
    shape = shape_of(op.result.type)
    if t.element(op.operands[0].type) != t.i1 or math.prod(n or MOST_ELEMENTS + 1 for n in shape) > MOST_ELEMENTS:
        return None
    mask = _known(op.operands[0], MOST_DEEP)
    return None if mask is None else b.dense(mask.astype(_dtype(op.result)), op.result.type)  # type: ignore[arg-type]


def _known(value: Value, depth: int) -> np.ndarray | None:
    """What a value is, if it is made of constants and places; None where it is not, or not in so few ops."""
    op, shape = value.op, shape_of(value.type)
    if op is None or depth == 0 or None in shape:
        return None
    if op.name == "arith.constant":
        attr = op.attrs["value"]
        return np.asarray(attr.data if isinstance(attr, t.Dense) else attr.value).astype(_dtype(value))
    if op.name not in _WHOLE and op.name not in ("tensor.splat", "scan.iota", "scan.broadcast"):
        return None
    given = [_known(v, depth - 1) for v in op.operands]
    known = [array for array in given if array is not None]
    return _made(op, known, tuple(n or 0 for n in shape)) if len(known) == len(given) else None


def _made(op: Op, given: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """What an op makes of arrays."""
    if op.name == "tensor.splat":
        return np.full(shape, given[0])
    if op.name == "scan.iota":
        return np.asarray(given[0] + np.arange(*shape) * given[1]).astype(_dtype(op.result))
    if op.name == "scan.broadcast":
        axes = op.attrs["axes"].values
        lengths = dict(zip(axes, given[0].shape, strict=True))
        turned = given[0].transpose(np.argsort(axes))
        return np.broadcast_to(turned.reshape([lengths.get(axis, 1) for axis in range(len(shape))]), shape)
    return np.asarray(evaluate(op, *given)).astype(_dtype(op.result))


def _dtype(value: Value) -> np.dtype:
    return t.numpy_dtype(t.element(value.type))
