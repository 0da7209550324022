"""Do eight steps as one where each multiplies a state with the same array, or adds the same.

    %p = scan.scan(%n, %h) {              %m = %n / 8 if %n >= 16 and all of %a are in the middle of the range, else 0
      %q = arith.mulf(%p, %a)      ->     %p = scan.scan(%n - 7 * %m, %h) {
      scan.yield %q }                       %a8 = ((%a * %a) squared) squared
                                            %q = arith.mulf(%p, arith.select(%t < %m, %a8, %a)) }

Why: a product with the eighth power is one product in place of eight (`A**k` of scan's tutorial, k = 100,
1000 numbers of float64, Zen 3: 6.0 us one by one, 3.1 so).
Changes numbers, so only where `reassociate` is allowed; the bound in docs/floating_point.md is that of steps which
are combined. What does not overflow step by step does not here: where an eighth power is outside 2**-496 to 2**496
(float32: 2**-48 to 2**48), or NaN, the steps go one by one.
Conservative: one state, an array of float32 or float64, of which the last value alone is read; states that are
numbers are left to `time-parallel`.
Cost: linear. Runs after `licm`, which takes what does not change out of the step, and after what says that no rows
are kept; before `fuse`. The powers leave the loop over steps with the second `licm`.
Source: exponentiation by squaring, to the third square.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, defined_in
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.needs import TENSORS
from scancc.ir.ops import set_operands
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import unknown_dims

NEEDS = (TENSORS,)
SQUARES = 3
TOGETHER = 2 ** SQUARES
FEWEST = 16  # steps for which it is asked whether they may go together
RANGE: dict[t.Type, int] = {t.f64: 62, t.f32: 6}  # exponents of 2 up to which what is multiplied may go


def repeated_squaring(module: Op) -> None:
    """Rewrite every such scan of the module."""
    for op in list(module.walk()):
        if op.name == "scan.scan":
            step = _step(ScanView(op))
            if step is not None:
                _visit(op, step)


def _step(scan: ScanView) -> Op | None:
    """The one op of the step: the state with what does not change."""
    if len(scan.init) != 1 or scan.xs or scan.ys or scan.until or scan.depths != [1] or len(scan.op.body.ops) != 2:
        return None
    op, state = scan.op.body.ops[0], scan.carry_args[0]
    if op.name not in ("arith.mulf", "arith.addf") or scan.next[0] is not op.result or is_exact(op):
        return None
    type = state.type
    if op.operands.count(state) != 1 or not isinstance(type, t.TensorType) or type.element not in RANGE:
        return None
    known = constant_of(scan.length)
    return op if known is None or known >= FEWEST else None


def _visit(scan: Op, step: Op) -> None:
    if not allowed(scan).allows("reassociate"):
        remark("repeated-squaring", scan, False, "steps that do the same are not done eight at a time: floats would "
               "be rounded otherwise", "fast_math='reassociate' allows it")
        return
    (same,) = (v for v in step.operands if v is not ScanView(scan).carry_args[0])
    if defined_in(same, scan.body):
        return
    _rewrite(scan, step, same)
    remark("repeated-squaring", scan, True, f"{TOGETHER} steps that do the same are one", part="reassociate")


def _rewrite(scan: Op, step: Op, same: Value) -> None:
    assert scan.parent is not None and isinstance(same.type, t.TensorType)
    b, length = Builder(scan.parent, scan, scan.location), ScanView(scan).length
    eights = _eights(b, scan, step, same)
    set_operands(scan, length=[b.subi(length, b.muli(eights, b.index(TOGETHER - 1)))])
    inside = Builder(scan.body, step, step.location)
    first = inside.cmpi("slt", ScanView(scan).counter, eights)
    all = inside.op("tensor.splat", [first, *unknown_dims(b, same)], [t.TensorType(same.type.shape, t.i1)])
    powers = same
    for _ in range(SQUARES):
        powers = inside.op(step.name, [powers, powers], [same.type])
    chosen = inside.select(all, powers, same)
    step.replace_operand(same, chosen)


def _eights(b: Builder, scan: Op, step: Op, same: Value) -> Value:
    """How many eights are done as one: none where the steps are few, or a part of eight could leave the range."""
    length, asked, no = ScanView(scan).length, Block(), Block()
    _yield(asked, scan, lambda there: [_is_in_range(there, step, same)])
    _yield(no, scan, lambda there: [there.const(0, t.i1)])
    enough = b.cmpi("sge", length, b.index(FEWEST))
    (together,) = b.make("scf.if", [enough], [t.i1], None, [Region([asked]), Region([no])]).results
    return b.select(together, b.op("arith.shrui", [length, b.index(SQUARES)], [t.index]), b.index(0))


def _yield(block: Block, scan: Op, values: Callable[[Builder], Sequence[Value]]) -> None:
    """Let a block give what is built in it."""
    there = Builder(block, None, scan.location)
    there.make("scf.yield", values(there))


def _is_in_range(b: Builder, step: Op, same: Value) -> Value:
    """Whether no part of eight steps leaves the range where the steps do not; false for NaN."""
    if step.name == "arith.addf":
        return b.cmpf("ole", *_extreme(b, "max", same, 2 * TOGETHER))
    most, least = (_extreme(b, kind, same, times) for kind, times in (("max", 1), ("min", -1)))
    return b.condition("andi", b.cmpf("ole", *most), b.cmpf("oge", *least))


def _extreme(b: Builder, kind: str, same: Value, times: int) -> tuple[Value, Value]:
    """The largest or smallest magnitude, and so many times the exponent of what is multiplied."""
    assert isinstance(same.type, t.TensorType)
    element, axes = same.type.element, t.DenseArray(t.i64, tuple(range(len(same.type.shape))))
    found = b.op("scan.reduce", [b.math("absf", same)], [element], {"kind": kind, "axes": axes})
    return found, b.const(2.0 ** (times * RANGE[element]), element)
