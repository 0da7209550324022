"""Take complex products apart into real ones where these may join sums, which `contract` then does.

    %p = complex.mul(%a, %x)             %m = arith.subf(complex.re(%v), arith.mulf(complex.im(%a), complex.im(%x)))
    %s = complex.add(%p, %v)      ->     %r = arith.addf(%m, arith.mulf(complex.re(%a), complex.re(%x)))
                                         ... the imaginary part ...
                                         %s = complex.create(%r, %i)

Why: a complex product and its sum are eight operations and wait for three of them, one after the other; as real ones
six, and wait for two (a state-space layer of 64 complex128 states: 453 us, 314 so).
Conservative: only where `contract` is allowed; what is added to a product is taken first only where `reassociate` is.
Numbers in straight code and in loop nests; what a nest adds up stays complex.
Cost: linear. Runs after those that know complex products and states, and before `contract`.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Value
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark

from .complex_states import APART
from .reducing.parts import PARTS, part_of

_Parts = tuple[Value, Value]


def complex_parts(module: Op) -> None:
    """Take apart the complex arithmetic of every block that has a product whose parts may be joined."""
    for op in list(module.walk()):
        if op.name in ("linalg.generic", "scan.scan", "func.func"):
            products = [inner for inner in op.body.ops if _is_product(inner)]
            if products:
                _Apart(op.body, Nest(op).running if op.name == "linalg.generic" else []).run()
                remark("complex-parts", op, True, "complex products are real ones, which may join sums",
                       part="contract")


def _is_product(op: Op) -> bool:
    return op.name == "complex.mul" and _is_number(op) and allowed(op).allows("contract")


def _is_number(op: Op) -> bool:
    values = (*op.operands, *op.results)
    return not is_exact(op) and all(isinstance(v.type, t.ComplexType | t.FloatType) for v in values)


class _Apart:
    """A block of numbers; `running` is what a nest adds up."""

    def __init__(self, block: Block, running: Sequence[Value]) -> None:
        self.block, self.running = block, set(running)
        self.parts: dict[Value, _Parts] = {}
        self.products: dict[Value, tuple[_Parts, _Parts]] = {}  # the factors of numbers made here

    def run(self) -> None:
        for op in list(self.block.ops):
            if op.name in APART and _is_number(op) and self.running.isdisjoint(op.operands):
                self._take_apart(op, Builder(self.block, op, op.location))

    def _of(self, value: Value, b: Builder) -> _Parts:
        """The real and the imaginary part of a value."""
        if value not in self.parts:
            re, im = (part_of(b, value, name) for name in PARTS)
            self.parts[value] = re, im
        return self.parts[value]

    def _take_apart(self, op: Op, b: Builder) -> None:
        name = op.name.partition(".")[2]
        if name == "create":
            return
        if name in ("re", "im"):
            op.replace_by([self._of(op.operands[0], b)[name == "im"]])
            return
        parts = [self._of(v, b) for v in op.operands]
        if name == "mul":
            factors = parts[0], parts[1]
            re, im = _product(b, *factors)
        elif (side := self._joins(op)) is not None:
            factors = self.products[op.operands[side]]
            re, im = _with_product(b, parts[1 - side], *factors)
        else:
            re, im = (b.op(f"arith.{name}f", list(pair), [pair[0].type]) for pair in zip(*parts, strict=True))
        made = b.op("complex.create", [re, im], [op.result.type])
        self.parts[made] = re, im
        if name == "mul":
            self.products[made] = factors
        made.name = op.result.name
        op.replace_by([made])

    def _joins(self, op: Op) -> int | None:
        """Which side of a sum is a product that nobody else reads, whose parts may be added one by one."""
        if op.name != "complex.add" or not allowed(op).allows("reassociate"):
            return None
        return next((side for side, v in enumerate(op.operands) if v in self.products and v.uses == {op: 1}), None)


def _product(b: Builder, one: _Parts, other: _Parts) -> _Parts:
    (a, c), (x, y) = one, other
    return b.subf(b.mulf(a, x), b.mulf(c, y)), b.addf(b.mulf(a, y), b.mulf(c, x))


def _with_product(b: Builder, term: _Parts, one: _Parts, other: _Parts) -> _Parts:
    """A product and a term, which comes first: each part has two multiply-adds."""
    (a, c), (x, y), (re, im) = one, other, term
    return b.addf(b.subf(re, b.mulf(c, y)), b.mulf(a, x)), b.addf(b.addf(im, b.mulf(c, x)), b.mulf(a, y))
