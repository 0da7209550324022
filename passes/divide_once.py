"""Divide once where a step divides by what it divided: by a quotient, or by a number and a quotient.

    %x = arith.divf(%a, %w)                      %n = arith.addf(%w, %a)
    %d = arith.addf(%one, %x)              ->    %q = arith.divf(%w, %n)
    %q = arith.divf(%one, %d)

    %v = arith.addf(%two, %double_x)             %u = arith.divf(%w, %n)
    %s = math.sqrt(%v)                     ->    %s = math.sqrt(%u)
    %y = arith.divf(%b, %s)                      %y = arith.mulf(%b_by_root_2, %s)

on the chain from a state to the next, for a state in %w: `p / (k + a/w)` is `p*w / (k*w + a)`, and so is a division
by the root of such a sum a product with the root of its inverse.
Why: a division takes 13 cycles, a root 20, a sum 3: two quotients that wait for each other become one, and one that
waits for a root goes before it (a Gibbs chain of two numbers: 58 cycles, 45 then).
Only where `approximate` is allowed: rounded as often, but what is divided by may overflow where it did not, and where
it is infinite the result is a NaN.
Conservative: float32 and float64; the parts other than the divisor are there no later than it; no step divides more
often than before. Signs and factors that are not constants end it.
Cost: linear. Runs after `reciprocal`, which takes divisors that do not change; before `contract`, for the new sums.
Source: Wallis's rule for continued fractions, Arithmetica infinitorum (1655).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value
from scancc.ir.fast_math import allowed
from scancc.ir.ops import is_dead
from scancc.ir.parts import Nest, ScanView
from scancc.ir.remarks import remark

from .slicing.latencies import latency
from .slicing.steps import CYCLE, newest, slice_of

_EARLY = -1  # what does not wait for the state
_Built = Callable[[Builder], Value]


class _Quotient(NamedTuple):
    """scale * above / below; `above` is a sum that is built where it is needed."""

    above: _Built
    below: Value
    scale: float = 1.0


def divide_once(module: Op) -> None:
    """Rewrite on the cycles of every scan in which `approximate` is allowed, also in its loop nests."""
    for scan in [op for op in module.walk() if op.name == "scan.scan"]:
        if not allowed(scan).allows("approximate") or all(op.name != "arith.divf" for op in scan.walk()):
            continue
        states = newest(ScanView(scan).carries)
        on_cycles = {op for op, kind in slice_of(scan).kind.items() if kind == CYCLE}
        _Step(states, on_cycles).visit(scan.body)
        for nest in [op for op in on_cycles if op.name == "linalg.generic"]:
            reads = [read.arg for read in Nest(nest).reads if read.value in states]
            _Step(reads, set(nest.body.ops)).visit(nest.body)


class _Step:
    """What is known of the values of a body: when those that wait for a state are there, and which are quotients."""

    def __init__(self, states: list[Value], on_cycles: set[Op]) -> None:
        self.ready = dict.fromkeys(states, 0)
        self.on_cycles = on_cycles
        self.known: dict[Value, _Quotient] = {}

    def visit(self, block: Block) -> None:
        for op in list(block.ops):
            if op in self.on_cycles and len(op.results) == 1 and op.result.type in (t.f32, t.f64):
                op = self._inverted(op) or op
                self._learn(op)
            late = [self.ready[v] for inner in op.walk() for v in inner.operands if v in self.ready]
            if late:
                self.ready.update(dict.fromkeys(op.results, max(late) + (latency(op) or 0)))

    def _at(self, value: Value) -> int:
        return self.ready.get(value, _EARLY)

    # ---- what is known ----

    def _learn(self, op: Op) -> None:
        found = _RULES[op.name](self, *op.operands) if op.name in _RULES else None
        if found is not None:
            self.known[op.result] = found

    def _ratio(self, above: Value, below: Value) -> _Quotient | None:
        waits = self._at(above) <= self._at(below) != _EARLY
        return _Quotient(lambda b: above, below) if waits else None

    def _product(self, x: Value, y: Value) -> _Quotient | None:
        value, factor = (x, y) if x in self.known else (y, x)
        number = constant_of(factor)
        if value not in self.known or number is None or not 0 < number < math.inf:
            return None
        found = self.known[value]
        return found._replace(scale=found.scale * number)

    def _sum(self, x: Value, y: Value) -> _Quotient | None:
        return self._joined("arith.addf", x, y)

    def _difference(self, x: Value, y: Value) -> _Quotient | None:
        return self._joined("arith.subf", x, y)

    def _joined(self, name: str, x: Value, y: Value) -> _Quotient | None:
        """k + s*n/d is (k*d + s*n) / d; the factor stays outside where k is s."""
        value, other = (x, y) if x in self.known else (y, x)
        found = self.known.get(value)
        if found is None or other in self.known or self._at(other) > self._at(found.below):
            return None
        above, below, scale = found
        outside = constant_of(other) == scale

        def built(b: Builder) -> Value:
            shared = below if outside else b.mulf(other, below)
            rest = above(b) if outside or scale == 1 else b.mulf(b.const(scale, below.type), above(b))
            turned = name == "arith.subf" and value is y
            return b.op(name, [shared, rest] if turned else [rest, shared], [below.type])
        return _Quotient(built, below, scale if outside else 1.0)

    # ---- what is divided by it ----

    def _inverted(self, op: Op) -> Op | None:
        """The op that stands for a division by a quotient, or by the root of one."""
        if op.name != "arith.divf" or op.parent is None:
            return None
        above, divisor = op.operands
        root = divisor.op if divisor.op is not None and divisor.op.name == "math.sqrt" else None
        found = self.known.get(divisor if root is None else root.operands[0])
        if found is None or self._at(above) > self._at(found.below) or root and sum(divisor.uses.values()) > 1:
            return None
        b = Builder(op.parent, op, op.location)
        made = _over(b, above, found) if root is None else _over_root(b, above, found)
        made.name = op.result.name
        remark("divide-once", op, True, "what it divides by is a quotient: a product with the inverse",
               part="approximate")
        op.replace_by([made])
        _erase_dead(divisor)
        return made.op


_RULES: dict[str, Callable[[_Step, Value, Value], _Quotient | None]] = {
    "arith.divf": _Step._ratio, "arith.mulf": _Step._product,
    "arith.addf": _Step._sum, "arith.subf": _Step._difference}


def _over(b: Builder, value: Value, found: _Quotient) -> Value:
    scaled = b.mulf(value, b.const(1 / found.scale, value.type)) if found.scale != 1 else value
    above = found.below if constant_of(scaled) == 1 else b.mulf(scaled, found.below)
    return b.divf(above, found.above(b))


def _over_root(b: Builder, value: Value, found: _Quotient) -> Value:
    scaled = b.mulf(value, b.const(1 / math.sqrt(found.scale), value.type)) if found.scale != 1 else value
    return b.mulf(scaled, b.math("sqrt", b.divf(found.below, found.above(b))))


def _erase_dead(value: Value) -> None:
    """What made a value that nothing reads any more."""
    op = value.op
    if op is not None and is_dead(op):
        operands = list(op.operands)
        op.erase()
        for operand in operands:
            _erase_dead(operand)
