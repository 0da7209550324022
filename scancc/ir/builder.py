"""Makes ops at an insertion point, folding index arithmetic as it goes.

Index arithmetic (sizes, bounds, offsets) is simplified at once, so that equal sizes become one
value and `x[-1]` reads as `n - 1`; everything else is made as asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from . import types as t
from .core import Attributes, Block, Location, Op, Region, Value
from .dialects.arith import CMPF, CMPI
from .ops import grouped_operands, operand
from .types import IntAttr


def constant_of(value: Value) -> Any | None:
    """The number that a constant is, else None (also for a constant tensor)."""
    attr = _constant(value)
    return None if attr is None or isinstance(attr, t.Dense) else attr.value


def array_of(value: Value) -> np.ndarray | None:
    """The elements of a constant tensor, else None."""
    attr = _constant(value)
    return attr.data if isinstance(attr, t.Dense) else None


def measured(value: Value) -> tuple[Value, int] | None:
    """The array and the axis of which a value was asked for as the size."""
    op = value.op
    if op is None or op.name not in ("tensor.dim", "memref.dim"):
        return None
    axis = constant_of(operand(op, "axis"))
    return None if axis is None else (operand(op, "source"), axis)


def _constant(value: Value) -> Any | None:
    op = value.op
    return op.attrs["value"] if op is not None and op.name == "arith.constant" else None


_integer = lru_cache(maxsize=1024, typed=True)(IntAttr)


class Builder:
    """Appends ops to `block`, or inserts them before `anchor`.

    `pool`: a block that dominates all that is built, at whose start index constants go, each number once.
    """

    def __init__(self, block: Block, anchor: Op | None = None, location: Location | None = None,
                 pool: Block | None = None) -> None:
        self.block = block
        self.anchor = anchor
        self.location = location
        self.pool = pool
        self._pooled: dict[int, Value] = {}
        self._place = 0  # where the anchor stood last

    # ---- making ops ----

    def insert(self, op: Op) -> Op:
        if op.location is None:
            op.location = self.location
        if self.anchor is None:
            return self.block.append(op)
        ops, at = self.block.ops, self._place
        if at >= len(ops) or ops[at] is not self.anchor:
            at = self.block.place_of(self.anchor)
        ops.insert(at, op)
        op.parent = self.block
        self._place = at + 1
        return op

    def make(self, name: str, operands: Sequence[Value] = (), results: Sequence[t.Type] = (),
             attrs: Attributes | None = None, regions: Sequence[Region] = ()) -> Op:
        """Make and insert an op."""
        return self.insert(Op(name, operands, results, attrs, regions, self.location))

    def op(self, name: str, operands: Sequence[Value], results: Sequence[t.Type],
           attrs: Attributes | None = None) -> Value:
        """Make and insert an op of one result, and give that."""
        return self.make(name, operands, results, attrs).result

    def grouped(self, name: str, groups: Mapping[str, Sequence[Value]], results: Sequence[t.Type],
                attrs: Mapping[str, Any] | None = None, regions: Sequence[Region] = ()) -> Op:
        """Make and insert an op whose operand groups need their sizes. Groups not given are empty."""
        operands, sizes = grouped_operands(name, groups)
        return self.make(name, operands, results, {**(attrs or {}), "operandSegmentSizes": sizes}, regions)

    @contextmanager
    def at(self, block: Block, anchor: Op | None = None) -> Iterator[Builder]:
        """Build elsewhere for a while."""
        saved = self.block, self.anchor
        self.block, self.anchor = block, anchor
        try:
            yield self
        finally:
            self.block, self.anchor = saved

    # ---- constants ----

    def const(self, value: Any, type: t.Type) -> Value:
        """A scalar constant, or the same number in all lanes or elements of a shaped type."""
        kind = t.element(type)
        scalar = self._scalar_constant(value, kind)
        if isinstance(type, t.VectorType):
            return self.op("vector.broadcast", [scalar], [type])
        if isinstance(type, t.TensorType):
            raise TypeError("make tensor constants with `dense` or `splat`")
        return scalar

    def _scalar_constant(self, value: Any, kind: t.Type) -> Value:
        if isinstance(kind, t.ComplexType):
            data = np.asarray(value, t.numpy_dtype(kind))
            re, im = (self.const(float(v), kind.element) for v in (data.real, data.imag))
            return self.op("complex.create", [re, im], [kind])
        attr: Any
        if isinstance(kind, t.FloatType):
            attr = t.FloatAttr(float(np.asarray(value, t.numpy_dtype(kind))), kind)
        else:
            attr = _integer(_wrap(int(value), kind), kind)
        return self.op("arith.constant", [], [kind], {"value": attr})

    def dense(self, data: np.ndarray, type: t.TensorType) -> Value:
        """A constant tensor."""
        return self.op("arith.constant", [], [type], {"value": t.Dense(data, type)})

    def index(self, value: int) -> Value:
        if self.pool is None:
            return self.const(value, t.index)
        if value not in self._pooled:
            op = Op("arith.constant", [], [t.index], {"value": _integer(value, t.index)}, location=self.location)
            op.parent = self.pool
            self.pool.ops.insert(len(self._pooled), op)
            self._pooled[value] = op.result
        return self._pooled[value]

    # ---- arithmetic: the same spelling for scalars, vectors and tensors ----

    def binary(self, name: str, lhs: Value, rhs: Value) -> Value:
        folded = fold_binary(self, name, lhs, rhs)
        return folded if folded is not None else self.op(f"arith.{name}", [lhs, rhs], [lhs.type])

    def addf(self, x: Value, y: Value) -> Value:
        return self.binary("addf", x, y)

    def subf(self, x: Value, y: Value) -> Value:
        return self.binary("subf", x, y)

    def mulf(self, x: Value, y: Value) -> Value:
        return self.binary("mulf", x, y)

    def divf(self, x: Value, y: Value) -> Value:
        return self.binary("divf", x, y)

    def negf(self, x: Value) -> Value:
        return self.op("arith.negf", [x], [x.type])

    def addi(self, x: Value, y: Value) -> Value:
        return self.binary("addi", x, y)

    def subi(self, x: Value, y: Value) -> Value:
        return self.binary("subi", x, y)

    def muli(self, x: Value, y: Value) -> Value:
        return self.binary("muli", x, y)

    def minsi(self, x: Value, y: Value) -> Value:
        return self.binary("minsi", x, y)

    def maxsi(self, x: Value, y: Value) -> Value:
        return self.binary("maxsi", x, y)

    def math(self, name: str, *operands: Value) -> Value:
        return self.op(f"math.{name}", operands, [operands[0].type])

    def cmpf(self, predicate: str, x: Value, y: Value) -> Value:
        attrs = {"predicate": IntAttr(CMPF.index(predicate), t.i64)}
        return self.op("arith.cmpf", [x, y], [t.shaped(t.i1, x.type)], attrs)

    def cmpi(self, predicate: str, x: Value, y: Value) -> Value:
        if t.element(x.type) == t.index or isinstance(x.type, t.IntType):
            a, b = constant_of(x), constant_of(y)
            if x is y and not isinstance(x.type, (t.TensorType, t.VectorType)):
                return self.const(predicate in ("eq", "sle", "sge", "ule", "uge"), t.i1)
            if isinstance(a, int) and isinstance(b, int) and (
                    predicate in ("eq", "ne") or predicate[0] != "u" and x.type != t.i1):
                return self.const(_COMPARE[predicate](a, b), t.i1)
        attrs = {"predicate": IntAttr(CMPI.index(predicate), t.i64)}
        return self.op("arith.cmpi", [x, y], [t.shaped(t.i1, x.type)], attrs)

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        known = constant_of(condition)
        if known is not None:
            return x if known else y
        return x if x is y else self.op("arith.select", [condition, x, y], [x.type])

    def index_cast(self, x: Value, type: t.Type) -> Value:
        known = constant_of(x)
        if known is not None:
            return self.const(known, type)
        source = x.op
        if source is not None and source.name == "arith.index_cast" and source.operands[0].type == type:
            return source.operands[0]
        return x if x.type == type else self.op("arith.index_cast", [x], [type])

    def condition(self, name: str, x: Value, y: Value) -> Value:
        """`andi` or `ori` of truth values."""
        return self.binary(name, x, y)

    def opposite(self, x: Value) -> Value:
        """True where a truth value, or a lane of them, is false."""
        return self.op("arith.xori", [x, self.const(1, x.type)], [x.type])


_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "slt": lambda a, b: a < b,
    "sle": lambda a, b: a <= b, "sgt": lambda a, b: a > b, "sge": lambda a, b: a >= b,
}
_FOLD: dict[str, Callable[[int, int], int]] = {
    "addi": lambda a, b: a + b, "subi": lambda a, b: a - b, "muli": lambda a, b: a * b,
    "minsi": min, "maxsi": max, "andi": lambda a, b: a & b, "ori": lambda a, b: a | b,
}


def fold_binary(b: Builder, name: str, lhs: Value, rhs: Value) -> Value | None:
    """Integer arithmetic on scalars that needs no op; None where it does (or for floats)."""
    type = lhs.type
    if name not in _FOLD or not (type == t.index or isinstance(type, t.IntType)):
        return None
    if type == t.i1 and name in ("minsi", "maxsi"):
        return None  # true is -1 there
    x, y = constant_of(lhs), constant_of(rhs)
    if x is not None and y is not None:
        return b.const(_wrap(_FOLD[name](int(x), int(y)), type), type)
    if x is not None and name in ("addi", "muli", "andi", "ori"):
        lhs, rhs, x, y = rhs, lhs, y, x
    if y is not None:
        return _fold_right_constant(b, name, lhs, int(y))
    if lhs is rhs:
        return b.const(0, type) if name == "subi" else lhs if name not in ("addi", "muli") else None
    return _fold_cancel(name, lhs, rhs)


def _wrap(value: int, type: t.Type) -> int:
    """The signed value of the low bits."""
    width = type.width if isinstance(type, t.IntType) else 64
    if width == 1:
        return value & 1
    return (value + (1 << (width - 1))) % (1 << width) - (1 << (width - 1))


def _fold_right_constant(b: Builder, name: str, lhs: Value, y: int) -> Value | None:
    if (name in ("addi", "subi") and y == 0) or (name == "muli" and y == 1):
        return lhs
    if name == "muli" and y == 0:
        return b.const(0, lhs.type)
    if name in ("andi", "ori") and lhs.type == t.i1:
        return (b.const(0, t.i1) if not y else lhs) if name == "andi" else (b.const(1, t.i1) if y else lhs)
    inner = lhs.op
    if name in ("addi", "subi") and inner is not None and inner.name in ("arith.addi", "arith.subi"):
        z = constant_of(inner.operands[1])
        if isinstance(z, int):  # (x ± z) ± y
            total = _wrap((z if inner.name == "arith.addi" else -z) + (y if name == "addi" else -y), lhs.type)
            base = inner.operands[0]
            return b.subi(base, b.const(-total, lhs.type)) if total < 0 and -total == _wrap(-total, lhs.type) else (
                b.addi(base, b.const(total, lhs.type)))
    if name == "addi" and y < 0 and -y == _wrap(-y, lhs.type) and lhs.type == t.index:
        return b.subi(lhs, b.const(-y, lhs.type))
    return None


def _fold_cancel(name: str, lhs: Value, rhs: Value) -> Value | None:
    """n - (n - k) is k; (n - k) + k and (n + k) - k are n."""
    left, right = lhs.op, rhs.op
    if name == "subi" and right is not None and right.name == "arith.subi" and right.operands[0] is lhs:
        return right.operands[1]
    if name == "addi" and left is not None and left.name == "arith.subi" and left.operands[1] is rhs:
        return left.operands[0]
    if name == "subi" and left is not None and left.name == "arith.addi" and left.operands[1] is rhs:
        return left.operands[0]
    return None
