"""Moves light elementwise ops and products before a scan into its step, so that what they make needs no memory.

    %a = math.absf(%x)                        %e = scan.scan(%n, %x, %e_0) {
    %e = scan.scan(%n, %a, %e_0) {            ^bb0(%t, %x_t, %e_tm1):
    ^bb0(%t, %a_t, %e_tm1):             ->      %a_t = math.absf(%x_t)
      ... %a_t, %e_tm1 ...                      ... %a_t, %e_tm1 ...
      scan.yield(%e) }                          scan.yield(%e) }

Why: a chain of the processor waits most of the time, and a light op in its shadow costs nothing; an array of T
numbers, written and read again, costs a pass over memory. Of a product of rows with a matrix `tile` makes one for a
tile of them, with the same bits, which the step reads from the cache.
Conservative: what keeps a core busy for long (`slicing/latencies.py`: division, elementary functions) stays, as
vectors before the loop are faster, and with it light work on several such arrays, which would all be kept where one
is; so does what others read too, what may fail, and rows that the step does more with than elementwise work, as a
product of all rows together wants them together. Products with a vector are as fast for all rows, of which one number
each is kept. `products=false`: all products stay, where no tiles are made.
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
from scancc.ir.ops import CHECKS, ELEMENTWISE, NO_SPECULATION, has_trait
from scancc.ir.parts import Read, ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import rank
from scancc.ir.wording import what
from scancc.late_dataclasses import dataclass

from .consuming.ahead import varies
from .consuming.chains import behind
from .fusing.build import Step, erase_unread
from .fusing.maps import rule_of
from .fusing.rows import Mapped, NoRow, Place, Plan
from .slicing.latencies import HEAVY, busy

_VIEWS = ("tensor.extract_slice", "tensor.splat", "scan.broadcast", "tensor.cast")


def fuse_producers(module: Op, products: bool = True) -> None:
    """Move into every scan what makes its sequences; into inner ones too."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            _visit(ScanView(op), products)


def _visit(scan: ScanView, products: bool) -> None:
    alone = _alone(scan, products and _may_multiply(scan))
    if alone:
        _move(scan, alone)
    for product in dict.fromkeys(x.op for x in scan.xs) if products else ():
        if product is not None and product.name == "scan.dot":
            remark("fuse-producers", scan.op, False,
                   f"{what(product)} of a sequence is made of all rows before the scan: {_why_before(product, scan)}")


def _move(scan: ScanView, alone: set[Op]) -> None:
    """Move into the step what of those that `alone` its sequences need makes rows of these."""
    op = scan.op
    assert op.parent is not None
    b = Builder(op.parent, op, op.location)
    plan = _Plan(scan, set(), b, lambda op: rule_of(op) if op in alone or _moves(op, False) else None,
                 linear(scan.length), alone=alone)
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


def _moves(op: Op, multiplies: bool) -> bool:
    """True for light work, which cannot fail, for views, and where the step `multiplies` for products."""
    light = has_trait(op, ELEMENTWISE) and not has_trait(op, NO_SPECULATION) and busy(op) < HEAVY
    return light or op.name in _VIEWS or multiplies and _is_product(op)


def _is_product(op: Op) -> bool:
    """Whether rows of floats are multiplied by a matrix."""
    return op.name == "scan.dot" and all(rank(v) == 2 for v in op.operands) and t.element(op.result.type) in (
        t.f32, t.f64)


def _may_multiply(scan: ScanView) -> bool:
    """Whether `tile` would take products out of a step for many rows: the first error is found first there."""
    return not scan.until and sum(has_trait(op, CHECKS) and varies(op, scan.op) for op in scan.op.walk()) <= 1


def _why_before(product: Op, scan: ScanView) -> str:
    if scan.until:
        return "it may stop before the last one"
    if not _is_product(product):
        return "with a vector, or of other numbers than floats, it is as fast so"
    if len(product.result.uses) > 1:
        return "others read it, too"
    if not _may_multiply(scan):
        return "a step may fail in several ways"
    return "the step does more with its rows than elementwise work"


def _alone(scan: ScanView, multiplies: bool) -> set[Op]:
    """What only makes the sequences of a scan, and may move into its step."""
    block, alone = scan.op.parent, set[Op]()
    assert block is not None
    if not any(x.op is not None and x.op.parent is block and _moves(x.op, multiplies) for x in scan.xs):
        return alone
    for op in reversed(block.ops[:block.ops.index(scan.op)]):
        if _moves(op, multiplies) and op.result.uses and all(
                user in alone or user is scan.op and n == scan.xs.count(op.result)
                for user, n in op.result.uses.items()) and allowed(op) == allowed(scan.op) and (
                scan.op not in op.result.uses or not _keeps_more(op)):
            alone.add(op)
    return alone


def _keeps_more(op: Op) -> bool:
    """Whether several arrays would be kept, which nobody else reads, for the step to make the rows of one of them."""
    inside, made = {op}, set[Op]()
    while True:
        sources = {v.op for one in inside for v in one.operands} - inside - made
        alone = [source for source in sources if source is not None and source.parent is op.parent
                 and _is_elementwise(source) and (inside | made).issuperset(source.result.uses)]
        if not alone:
            return len(made) > 1
        for source in alone:
            (inside if _moves(source, False) else made).add(source)


def _is_elementwise(op: Op) -> bool:
    """Whether it makes one array, element by element, or views one."""
    return has_trait(op, ELEMENTWISE) or op.name in _VIEWS or op.name == "linalg.generic" and len(op.results) == 1


@dataclass
class _Plan(Plan):
    """Rows of what is there before a scan."""

    alone: set[Op] = field(default_factory=set)

    def _comes_along(self, op: Op) -> bool:
        return op in self.alone or super()._comes_along(op)


def _row(plan: Plan, read: Read) -> Mapped | None:
    """What a row of a sequence is made of in the step, if something is."""
    if isinstance(read.arg.type, t.TensorType) and not all(
            has_trait(user, ELEMENTWISE) for user in behind(read.arg.uses, lambda op: op.name == "tensor.cast")):
        return None
    try:
        row = plan.row(read.xs, Place())
    except NoRow:
        return None
    return row if isinstance(row, Mapped) else None
