"""Rewrite a state's approach to a target so that its chain is one multiply-add.

    %d = arith.subf(%x, %y)               %k = arith.subf(%one, %a)
    %p = arith.mulf(%a, %d)               %q = arith.mulf(%a, %x)
    %s = arith.addf(%y, %p)         ->    %p = arith.mulf(%k, %y)
                                          %s = arith.addf(%p, %q)

for a state %y, where %a and %x do not wait for it: `y + a*(x - y)` is `(1 - a)*y + a*x`. Only one
product and one sum then stand between a state and the next (4 cycles as a fused multiply-add, 7
before), and %k is invariant where %a is.
Only where `reassociate` is allowed: the new form does not keep a constant series (x = y) to the last bit, has other
results at infinities, and its error is a rounding of the size of a*x and a*y, not of y. No proof about %a changes the
first two, so there is no guard under which it would be done by default.
Conservative: exactly this form (and `y - a*(y - x)`), with each part used once; a constant %a outside [0, 1], which
would cost digits, stays. A multiply-add comes of it where `contract`, which runs next, finds a target that has one.
Cost: linear. Source: exponential smoothing as it is usually written against its affine form.
"""

from __future__ import annotations

from itertools import permutations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value, defined_in
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.parts import Nest, ScanView
from scancc.ir.remarks import remark


def latency(module: Op) -> None:
    """Rewrite in the step of every scan, also inside its loop nests."""
    for op in list(module.walk()):
        if op.name == "scan.scan":
            _rewrite(op.body, set(ScanView(op).carry_args))
        elif op.name == "linalg.generic":
            scan = op.parent_op()
            if scan is not None and scan.name == "scan.scan":
                states = ScanView(scan).carry_args
                _rewrite(op.body, {read.arg for read in Nest(op).reads if read.value in states})


def _rewrite(block: Block, states: set[Value]) -> None:
    waiting = set(states)
    for op in list(block.ops):
        found = _approach(op, states, waiting)
        if found is not None and _may_rewrite(op, found[1]):
            waiting.add(_affine(op, *found))
        elif any(v in waiting for v in op.operands) or any(
                v in waiting for inner in op.walk() for v in inner.operands):
            waiting.update(op.results)


def _may_rewrite(op: Op, factor: Value) -> bool:
    """Whether `reassociate` is allowed, and does not cost digits; says so in a remark."""
    known = constant_of(factor)
    permitted = allowed(op).allows("reassociate") and not is_exact(op)
    if not permitted:
        remark("latency", op, False, "y + a*(x - y) is left as it is: (1 - a)*y + a*x rounds otherwise",
               "fast_math='reassociate' allows it, and its chain from state to state is shorter")
    elif known is not None and not 0 <= known <= 1:
        remark("latency", op, False, f"y + a*(x - y) with a = {known}, outside [0, 1], would lose digits as "
               "(1 - a)*y + a*x")
    else:
        remark("latency", op, True, "y + a*(x - y) became (1 - a)*y + a*x", part="reassociate")
    return permitted and (known is None or bool(0 <= known <= 1))


def _approach(op: Op, states: set[Value], waiting: set[Value]) -> tuple[Value, Value, Value] | None:
    """(y, a, x) if `op` is y + a*(x - y) or y - a*(y - x)."""
    if op.name not in ("arith.addf", "arith.subf") or not isinstance(op.result.type, t.FloatType):
        return None
    adds = op.name == "arith.addf"
    for y, product in permutations(op.operands) if adds else [op.operands]:
        mul = product.op
        if y not in states or mul is None or mul.name != "arith.mulf" or mul.parent is not op.parent:
            continue
        for a, difference in permutations(mul.operands):
            sub = difference.op
            if sub is None or sub.name != "arith.subf" or sub.parent is not op.parent or a in waiting:
                continue
            x, other = sub.operands if adds else reversed(sub.operands)
            if other is y and x not in waiting and _once(product) and _once(difference):
                return y, a, x
    return None


def _once(value: Value) -> bool:
    return sum(value.uses.values()) == 1


def _affine(op: Op, y: Value, a: Value, x: Value) -> Value:
    block = op.parent
    assert block is not None
    b = Builder(block, op, op.location)
    outside = op.parent_op()
    if outside is not None and not defined_in(a, block) and outside.parent is not None:
        with b.at(outside.parent, outside):
            rest = b.subf(b.const(1.0, a.type), a)
    else:
        rest = b.subf(b.const(1.0, a.type), a)
    made = b.addf(b.mulf(rest, y), b.mulf(a, x))
    made.name = op.result.name
    op.replace_by([made])
    return made
