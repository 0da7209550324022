"""Moves light elementwise ops before a scan into its step, so that what they make needs no memory.

    %a = math.absf(%x)                        %e = scan.scan(%n, %x, %e_0) {
    %e = scan.scan(%n, %a, %e_0) {            ^bb0(%t, %x_t, %e_tm1):
    ^bb0(%t, %a_t, %e_tm1):             ->      %a_t = math.absf(%x_t)
      ... %a_t, %e_tm1 ...                      ... %a_t, %e_tm1 ...
      scan.yield(%e) }                          scan.yield(%e) }

Why: a chain of the processor waits most of the time, and a light op in its shadow costs nothing; an array of T
numbers, written and read again, costs a pass over memory.
Conservative: what keeps a core busy for long (`slicing/latencies.py`: division, elementary functions) stays, as
vectors before the loop are faster; so does what others read too, what may fail, and rows that the step does more with
than elementwise work, as a product of all rows together wants them together.
Cost: a walk over the ops before each scan. Runs after `fuse-scans`, which decides what is one loop, and before
`licm`, which takes what does not change in the step out again. Source: producer fusion, as in Halide's `compute_at`.
"""

from __future__ import annotations

from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op
from scancc.ir.fast_math import allowed
from scancc.ir.linear import linear
from scancc.ir.ops import ELEMENTWISE, NO_SPECULATION, has_trait
from scancc.ir.parts import Read, ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import what
from scancc.late_dataclasses import dataclass

from .fusing.build import Step, erase_unread
from .fusing.maps import rule_of
from .fusing.rows import Mapped, NoRow, Place, Plan
from .slicing.latencies import HEAVY, busy

_VIEWS = ("tensor.extract_slice", "tensor.splat", "scan.broadcast", "tensor.cast")


def fuse_producers(module: Op) -> None:
    """Move into every scan what makes its sequences; into inner ones too."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            _visit(op)


def _visit(op: Op) -> None:
    scan = ScanView(op)
    alone = _alone(scan)
    if not alone:
        return
    assert op.parent is not None
    b = Builder(op.parent, op, op.location)
    plan = _Plan(scan, set(), b, lambda op: rule_of(op) if _moves(op) else None, linear(scan.length), alone=alone)
    made = [(read, row) for read in scan.reads if (row := _row(plan, read)) is not None]
    if not made:
        return
    step = Step(scan, plan.steps, before=op.body.ops[0])
    for read, row in made:
        read.arg.replace_by(step.value(row))
        remark("fuse-producers", op, True, f"{what(row.op)} of a sequence runs in the step")
    moved = {read for read, _ in made}
    arrays = [read.xs for read, _ in made]
    scan.rebuilt(xs=[*(x for x in scan.reads if x not in moved), *step.reads])
    erase_unread(arrays)


def _moves(op: Op) -> bool:
    """True for light work, which cannot fail, and for views."""
    light = has_trait(op, ELEMENTWISE) and not has_trait(op, NO_SPECULATION) and busy(op) < HEAVY
    return light or op.name in _VIEWS


def _alone(scan: ScanView) -> set[Op]:
    """What only makes the sequences of a scan, and may move into its step."""
    block, alone = scan.op.parent, set[Op]()
    assert block is not None
    if not any(x.op is not None and x.op.parent is block and _moves(x.op) for x in scan.xs):
        return alone
    for op in reversed(block.ops[:block.ops.index(scan.op)]):
        if _moves(op) and op.result.uses and all(
                user in alone or user is scan.op and n == scan.xs.count(op.result)
                for user, n in op.result.uses.items()) and allowed(op) == allowed(scan.op):
            alone.add(op)
    return alone


@dataclass
class _Plan(Plan):
    """Rows of what is there before a scan."""

    alone: set[Op] = field(default_factory=set)

    def _comes_along(self, op: Op) -> bool:
        return op in self.alone or super()._comes_along(op)


def _row(plan: Plan, read: Read) -> Mapped | None:
    """What a row of a sequence is made of in the step, if something is."""
    if isinstance(read.arg.type, t.TensorType) and not all(has_trait(user, ELEMENTWISE) for user in read.arg.uses):
        return None
    try:
        row = plan.row(read.xs, Place())
    except NoRow:
        return None
    return row if isinstance(row, Mapped) else None
