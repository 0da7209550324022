"""Elementwise ops on scalars and on arrays: the op table's NumPy meaning, with short cuts for the
scalar arithmetic of loops."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .. import types as t
from ..core import Op
from ..dialects.arith import CMPF, CMPI
from ..ops import evaluate
from .arrays import element_dtype, to_scalar

Meaning = Callable[..., Any]

_SHAPED = (t.TensorType, t.VectorType)


def array_meaning(op: Op, lanes: bool) -> Meaning:
    """The op on arrays. NumPy's broadcasting is wanted among lanes only: tensors must agree."""
    meaning, dtype = partial(evaluate, op), element_dtype(op.result.type)
    shaped = [i for i, v in enumerate(op.operands) if isinstance(v.type, _SHAPED)]

    def call(*values: Any) -> np.ndarray:
        if not lanes:
            _same_shape([values[i] for i in shaped])
        return np.asarray(meaning(*values)).astype(dtype, copy=False)
    return call


def _same_shape(arrays: list[np.ndarray]) -> None:
    for array in arrays[1:]:
        if array.shape != arrays[0].shape:
            raise ValueError(f"operands of shapes {arrays[0].shape} and {array.shape}")


def scalar_meaning(op: Op) -> Meaning:
    """The op on scalars."""
    short = _short_cut(op)
    if short is not None:
        return short
    convert, meaning = to_scalar(op.result.type), partial(evaluate, op)
    return lambda *values: convert(meaning(*values))


def _short_cut(op: Op) -> Meaning | None:
    """Python's operator of the same meaning, several times faster than a ufunc on scalars."""
    type = op.operands[0].type
    if _is_of_class(op):
        return to_scalar(op.result.type)
    if op.name == "arith.select":
        return _select
    if op.name == "arith.cmpf":
        return _CMPF.get(CMPF[op.attrs["predicate"].value])
    if type == t.i1:
        return _BITS.get(op.name)
    if op.name == "arith.cmpi":
        return _CMPI.get(CMPI[op.attrs["predicate"].value])
    return _INDEX.get(op.name) if type == t.index else _NUMBERS.get(op.name)


def _is_of_class(op: Op) -> bool:
    """Whether a conversion is what the class of the result's scalars makes of any number."""
    source = op.operands[0].type
    if op.name in ("arith.extui", "arith.uitofp"):
        return source == t.i1
    if op.name == "arith.index_cast":
        return source != t.i1 and op.result.type in (t.index, t.i64)
    return op.name in ("arith.extf", "arith.truncf") or (
        op.name in ("arith.extsi", "arith.sitofp") and source not in (t.i1, t.index))


def _select(condition: Any, x: Any, y: Any) -> Any:
    return x if condition else y


def _wrapped(function: Callable[[int, int], int]) -> Meaning:
    def call(a: int, b: int) -> int:
        answer = function(a, b)
        return answer if -(2**63) <= answer < 2**63 else (answer + 2**63) % 2**64 - 2**63
    return call


_CMPF: dict[str, Meaning] = {
    "oeq": operator.eq, "une": operator.ne, "olt": operator.lt, "ole": operator.le,
    "ogt": operator.gt, "oge": operator.ge,
}
_CMPI: dict[str, Meaning] = {
    "eq": operator.eq, "ne": operator.ne, "slt": operator.lt, "sle": operator.le,
    "sgt": operator.gt, "sge": operator.ge,
}
_BITS: dict[str, Meaning] = {
    "arith.andi": operator.and_, "arith.ori": operator.or_, "arith.xori": operator.xor,
}
_INDEX: dict[str, Meaning] = {
    "arith.addi": _wrapped(operator.add), "arith.subi": _wrapped(operator.sub),
    "arith.muli": _wrapped(operator.mul), "arith.maxsi": max, "arith.minsi": min, **_BITS,
}
_NUMBERS: dict[str, Meaning] = {  # NumPy scalars: they wrap and round as their type does
    "arith.addf": operator.add, "arith.subf": operator.sub, "arith.mulf": operator.mul,
    "arith.divf": operator.truediv, "arith.negf": operator.neg, "arith.addi": operator.add,
    "arith.subi": operator.sub, "arith.muli": operator.mul, **_BITS,
}
