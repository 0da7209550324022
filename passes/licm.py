"""Moves what a loop computes anew in each step, though it never changes, before the loop.

    %r = "scan.scan"(%n, %x, %init) ({                   %w = "math.exp"(%a)
    ^bb0(%t: index, %xt: f64, %h: f64):                  %r = "scan.scan"(%n, %x, %init) ({
      %w = "math.exp"(%a)                         ->     ^bb0(%t: index, %xt: f64, %h: f64):
      %s = "arith.mulf"(%w, %h)                            %s = "arith.mulf"(%w, %h)

Why: an expression over parameters only, written inside the step, costs once instead of T times.
Loops are scan.scan, scf.for and the bodies of linalg.generic; inner ones first, so that an op may
leave several. An invariant `scan.check` moves too: it then holds if its condition does *or the loop
has no step*. Conservative about: code under scf.if (it may not run), and what may trap or read past
an end where no step runs: an integer division moves if its divisor is positive or a constant but 0 and -1,
a slice, gather or element access if its place is known to be inside, or if the loop surely runs.
Cost: one walk; each op is moved once for each loop that it leaves.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of, measured
from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import (
    CHECKS,
    LOOP,
    NO_SPECULATION,
    OPS,
    PLACED,
    group,
    has_trait,
    is_pure,
    operand,
    set_operands,
    whole,
)
from scancc.ir.parts import Loop, ScanView
from scancc.ir.remarks import remark
from scancc.ir.slices import COLUMNS, Entry, entries

from .canonicalizing.intervals import interval


def licm(module: Op) -> None:
    for region in module.regions:
        for block in region.blocks:
            _visit(block)


def _visit(block: Block) -> None:
    for op in list(block.ops):
        for region in op.regions:
            for inner in region.blocks:
                _visit(inner)
        if has_trait(op, LOOP):
            _empty_of_invariants(op)


def _empty_of_invariants(loop: Op) -> None:
    body = loop.body
    runs = _surely_runs(loop)  # until a check that stays: what follows it may not be reached
    for op in list(body.ops):
        checks = CHECKS in OPS[op.name].traits
        if OPS[op.name].parents:
            continue  # it says where it stands: `linalg.index` in its nest
        if _varies(op, body):
            runs = runs and not _may_end(op)
        elif checks and loop.name != "linalg.generic":
            _move_check(op, loop)
        elif is_pure(op) and (runs or all(safe_anywhere(inner) for inner in op.walk())):
            _move(op, loop)
        elif is_pure(op):
            remark("licm", op, False, "the loop may have no step, and this may divide by 0 or read outside",
                   "compute it before the loop, or give the loop a constant number of steps")
        else:
            runs = runs and not _may_end(op)


def _varies(op: Op, body: Block) -> bool:
    """Whether an op of a body, or one inside it, uses what the body makes beside it."""
    for inner in op.walk():
        for value in inner.operands:
            if _is_beside(value, op, body):
                return True
    return False


def _is_beside(value: Value, op: Op, body: Block) -> bool:
    block: Block | None = value.block
    while block is not None and block is not body:
        around = block.parent_op()
        block = None if around is None or around is op else around.parent
    return block is body


def _move(op: Op, loop: Op) -> None:
    assert loop.parent is not None
    loop.parent.insert_before(loop, op.detach())
    if op.results and t.element(op.results[0].type) not in (t.index, t.i1) and op.name != "arith.constant":
        remark("licm", op, True, f"does not change in {loop.name} and moved before it")


def _move_check(op: Op, loop: Op) -> None:
    assert loop.parent is not None
    b = Builder(loop.parent, loop, op.location)
    if loop.name == "scan.scan":
        empty = b.cmpi("sle", ScanView(loop).length, b.index(0))
    else:
        empty = b.cmpi("sle", Loop(loop).upper, Loop(loop).lower)
    condition = b.condition("ori", operand(op, "condition"), empty)
    b.insert(op.detach())
    set_operands(op, condition=[condition])
    if loop.name == "scan.scan":
        _say_first_step(op, loop)
    remark("licm", op, True, f"is decided before {loop.name}")


def _say_first_step(check: Op, scan: Op) -> None:
    """An invariant check fails in the first step or in none."""
    label = f" {scan.attrs['name']!r}" if "name" in scan.attrs else ""
    words = [check.attrs["step"]] if "step" in check.attrs else []
    check.attrs["step"] = ", ".join([*words, f"in step 0 of scan{label}"])


def _surely_runs(loop: Op) -> bool:
    if loop.name == "scan.scan":
        length = constant_of(ScanView(loop).length)
        return length is not None and length > 0
    if loop.name == "scf.for":
        lower, upper = constant_of(Loop(loop).lower), constant_of(Loop(loop).upper)
        return lower is not None and upper is not None and lower < upper
    return False


def _may_end(op: Op) -> bool:
    return any(CHECKS in OPS[inner.name].traits for inner in op.walk())


def safe_anywhere(op: Op) -> bool:
    """True where running the op though the loop would not have is harmless."""
    declared = OPS[op.name]
    if NO_SPECULATION in declared.traits:
        return interval(operand(op, "rhs")).least > 0 or constant_of(operand(op, "rhs")) not in (None, 0, -1)
    if PLACED not in declared.traits:
        return True
    return _slice_inside(op) if "offsets" in declared.groups else _element_inside(op)


def _element_inside(op: Op) -> bool:
    """True where each index is a constant within a constant size."""
    shape = whole(op).type.shape  # type: ignore[attr-defined]
    known = [constant_of(v) for v in group(op, "indices")]
    return len(known) == len(shape) and all(
        i is not None and n is not None and 0 <= i < n for i, n in zip(known, shape, strict=True))


def _slice_inside(op: Op) -> bool:
    """True where each axis has constant bounds within a constant size, or is taken whole."""
    array = whole(op)
    columns = zip(*(entries(op, name) for name in COLUMNS), strict=True)
    return all(_axis_inside(offset, size, stride, array, axis) for axis, (offset, size, stride) in enumerate(columns))


def _axis_inside(offset: Entry, size: Entry, stride: Entry, array: Value, axis: int) -> bool:
    extent = array.type.shape[axis]  # type: ignore[attr-defined]
    if isinstance(size, Value):
        return offset == 0 and stride == 1 and measured(size) == (array, axis)
    if extent is None or isinstance(offset, Value) or isinstance(stride, Value):
        return False
    last = offset + max(size - 1, 0) * stride
    return bool(offset >= 0 and 0 <= last < extent + (size == 0))
