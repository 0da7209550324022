"""Take factors that no step changes out of sums, into the factors that those sums get.

    %a = arith.mulf(%d, %ten)
    %b = arith.mulf(%e, %ten)                           %ten_w = arith.mulf(%ten, %w)   (outside the scan)
    %s = arith.addf(%a, %b)                      ->     %s = arith.addf(%d, %e)
    %x = arith.mulf(%s, %w)                             %x = arith.mulf(%s, %ten_w)

for %ten and %w from outside the step, where all that is made of %a and %b goes into products with such factors: the
products with %ten are gone, and the others cost what they did.
Why: the methods of Runge and Kutta weight derivatives that have factors of their own; a step of Lorenz's equations
multiplies 27 times in place of 31, and products are what bounds it.
Only where `reassociate` is allowed: what had the factor is rounded, and may overflow, without it.
Conservative: a factor goes only where no product takes its place; sums and differences alone pass it on, across the
loop nests of a step.
Cost: linear, for each factor. Runs after `fuse`, which makes scalars of what is the same for all elements; before
`contract`, which joins what is left of products with sums.
Source: distributivity, as -ffast-math uses it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import permutations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark

_SUMS = ("arith.addf", "arith.subf", "arith.negf")
_TINY = 2.0 ** -100  # of a product of known factors
_Key = Value | float  # a factor: what is made outside the scan, or a number


def common_factors(module: Op) -> None:
    """Rewrite in the step of every scan in which `reassociate` is allowed."""
    for scan in [op for op in module.walk() if op.name == "scan.scan"]:
        if allowed(scan).allows("reassociate"):
            step = _Step(scan)
            for key in dict.fromkeys(step.factors.values()):
                if step.take_out(key):
                    step = _Step(scan)


class _Step:
    """The products and sums of a step, also in its loop nests, and who uses them.

    `made`: what stands for an element of a nest's result, where a nest reads it; `users`: who reads a value, None for
    all but products and sums; `factors`: the factor of a product that no step changes; `others`: its other one.
    """

    def __init__(self, scan: Op) -> None:
        self.scan = scan
        self.ops: dict[Op, int] = {}  # each with its place
        self.made: dict[Value, Value] = {}
        self.users: dict[Value, list[Op | None]] = {}
        self.factors: dict[Op, _Key] = {}
        self.others: dict[Op, Value] = {}
        for op in scan.body.ops:
            if op.name == "linalg.generic":
                self._enter(Nest(op))
            else:
                self._note(op)

    def _enter(self, nest: Nest) -> None:
        self._read(nest.outputs)
        for read in nest.reads:
            if read.value in self.made:
                self.made[read.arg] = self.made[read.value]
        *inner, _ = nest.op.body.ops
        for op in inner:
            self._note(op)
        if nest.is_parallel:
            self.made.update((result, self._of(v)) for result, v in zip(nest.op.results, nest.elements, strict=True))
        else:
            self._read(nest.elements)

    def _note(self, op: Op) -> None:
        if op.name not in (*_SUMS, "arith.mulf") or is_exact(op) or op.result.type not in (t.f32, t.f64):
            self._read(v for inner in op.walk() for v in inner.operands)
            return
        self.ops[op] = len(self.ops)
        for value in op.operands:
            self.users.setdefault(self._of(value), []).append(op)
        for value, other in permutations(op.operands) if op.name == "arith.mulf" else ():
            key = self._key(value)
            if key is not None and self._key(other) is None:
                self.factors[op], self.others[op] = key, self._of(other)

    def _read(self, values: Iterable[Value]) -> None:
        for value in values:
            self.users.setdefault(self._of(value), []).append(None)

    def _of(self, value: Value) -> Value:
        return self.made.get(value, value)

    def _key(self, value: Value) -> _Key | None:
        number = constant_of(value)
        if number is not None:
            return float(number) if math.isfinite(number) and number else None
        return None if defined_in(value, self.scan.body) else value

    # ---- one factor ----

    def take_out(self, key: _Key) -> bool:
        """Leave out the products with a factor whose results go into others with such; whether there are any."""
        free = self._free_of(key)
        gone = [op for op in free if self.factors.get(op) == key and not self._has(op, free)]
        users = {user for op in free for user in self.users[op.result] if user not in free}
        taking = [op for op in users if op is not None]
        if not gone or not all(self._can_take(op, key) for op in taking):
            return False
        for op in sorted(taking, key=self.ops.__getitem__):
            self._take(op, key)
        for op in gone:
            self._leave_out(op)
        return True

    def _free_of(self, key: _Key) -> dict[Op, None]:
        """Which results could be without the factor: all that is made of them could, or is a product with another."""
        free = dict.fromkeys(op for op in self.ops if self.factors.get(op) == key)
        pending = list(free)
        for op in pending:
            users = dict.fromkeys(user for user in self.users.get(op.result, ()) if user and user not in free)
            found = [user for user in users if self._has(user, free)]
            free.update(dict.fromkeys(found))
            pending += found
        left = [*free]
        while left:
            left = [op for op in free if not (self.factors.get(op) == key or self._has(op, free)) or not all(
                user and (user in self.factors or user in free) for user in self.users.get(op.result, [None]))]
            for op in left:
                del free[op]
        return free

    def _has(self, op: Op, free: dict[Op, None]) -> bool:
        """Whether the result has the factor because its operands do."""
        if op in self.factors:
            return self.others[op].op in free
        return op.name in _SUMS and all(self._of(v).op in free for v in op.operands)

    def _can_take(self, op: Op, key: _Key) -> bool:
        """Whether the product of two factors is one: known ones may be out of range."""
        own = self.factors[op]
        return not (isinstance(own, float) and isinstance(key, float)) or _TINY < abs(own * key) < 1 / _TINY

    def _take(self, op: Op, key: _Key) -> None:
        """Give a product the factor of what it multiplies."""
        assert op.parent is not None and self.scan.parent is not None
        own = next(v for v in op.operands if self._key(v) is not None)
        number = self.factors[op]
        b = Builder(op.parent, op, op.location)
        if isinstance(number, float) and isinstance(key, float):
            factor = b.const(number * key, own.type)
        else:
            with b.at(self.scan.parent, self.scan):
                factor = b.mulf(*(b.const(v, own.type) if isinstance(v, float) else v for v in (number, key)))
        op.replace_operand(own, factor)

    def _leave_out(self, op: Op) -> None:
        remark("common-factors", op, True, "a factor that no step changes is taken out of what goes into sums",
               part="reassociate")
        op.replace_by([next(v for v in op.operands if self._key(v) is None)])
