"""Rules for loops, branches and checks."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.constants import made_by
from scancc.ir.core import Block, Op, Value, encloses
from scancc.ir.dialects.arith import CMPI
from scancc.ir.ops import group, operand, set_operands
from scancc.ir.parts import Branch, Carry, Loop, Round, ScanView

from .rules import Outcome, counted, rule


@rule("scan.check")
def check_that_holds(op: Op, b: Builder) -> Outcome:
    return [] if constant_of(operand(op, "condition")) else None


@rule("scan.check")
def check_that_a_step_runs(op: Op, b: Builder) -> Outcome:
    """A scan that may stop runs a step where it has one: that `executed - 1 >= 0` is told by its length."""
    test = made_by(operand(op, "condition"), "arith.cmpi")
    if test is None or CMPI[test.attrs["predicate"].value] != "sge":
        return None
    last, zero = test.operands
    made = made_by(last, "arith.subi")
    count, one = made.operands if made is not None else (last, last)
    scan = made_by(count, "scan.scan")
    if constant_of(zero) != 0 or constant_of(one) != 1 or scan is None or ScanView(scan).executed is not count:
        return None
    length = ScanView(scan).length
    set_operands(op, condition=[b.cmpi("sge", b.subi(length, one), zero)],
                 info=[length if v is count else v for v in group(op, "info")])
    return True


@rule("scf.if")
def known_branch(op: Op, b: Builder) -> Outcome:
    """The branch taken, where the condition is known; else a value that both branches give."""
    branch = Branch(op)
    condition = constant_of(branch.condition)
    if condition is not None:
        then, otherwise = branch.sides
        return _inlined(then if condition else otherwise, b)
    changed = False
    for result, first, second in branch.choices:
        if first is second and result.uses:
            result.replace_by(first)
            changed = True
    return changed or None


@rule("scf.if")
def condition_inside(op: Op, b: Builder) -> Outcome:
    """In a branch it is known which way its condition went."""
    branch, changed = Branch(op), False
    for side, truth in zip(branch.sides, (True, False), strict=True):
        users = [user for user in branch.condition.uses if user.parent is not None and encloses(side, user.parent)]
        if users:
            known = Builder(side, side.ops[0], op.location).const(truth, t.i1)
            for user in users:
                user.replace_operand(branch.condition, known)
            changed = True
    return changed or None


@rule("scf.if")
def unread_choices(op: Op, b: Builder) -> Outcome:
    """What nobody reads of a branch goes; the sizes of an array, which come last, go with it."""
    sizes = [v for v in op.results if v.type == t.index]
    arrays = [v for v in op.results if isinstance(v.type, t.TensorType) for n in v.type.shape if n is None]
    if len(sizes) != len(arrays):
        return None
    read = {v for v in op.results if v.uses and v.type != t.index}
    read.update(array for array, size in zip(arrays, sizes, strict=True) if size.uses)
    read.update(size for array, size in zip(arrays, sizes, strict=True) if array in read)
    kept = [choice for choice in Branch(op).choices if choice.result in read]
    if len(kept) == len(op.results):
        return None
    for number, side in enumerate(Branch(op).sides):
        side.terminator.operands = [choice[1 + number] for choice in kept]
    op.set_results([choice.result for choice in kept])
    return True


def _inlined(block: Block, b: Builder) -> list[Value]:
    for inner in block.ops[:-1]:
        b.insert(inner.detach())
    return list(block.terminator.operands)


@rule("scf.for")
def no_round(op: Op, b: Builder) -> Outcome:
    loop = Loop(op)
    lower, upper = constant_of(loop.lower), constant_of(loop.upper)
    return loop.init if lower is not None and upper is not None and lower >= upper else None


@rule("scf.for")
def unchanged_carry(op: Op, b: Builder) -> Outcome:
    """What each round passes on as it came is the initial value."""
    return _use_initial([c for c in Loop(op).carries if c.next is c.arg])


@rule("scan.join")
def only_block(op: Op, b: Builder) -> Outcome:
    """Of terms that are one block the sum is that of the block."""
    first, end = (constant_of(operand(op, name)) for name in ("first", "end"))
    return operand(op, "value") if first == 0 and end is not None and 0 < end <= op.attrs["size"].value else None


@rule("scan.scan")
def unchanged_state(op: Op, b: Builder) -> Outcome:
    return _use_initial([c for c in ScanView(op).carries if c.next is c.arg and c.depth == 1])


@rule("scan.scan")
def counting_states(op: Op, b: Builder) -> Outcome:
    """A state to which each step adds a constant is told by the number of the step."""
    changed = False
    for carry in ScanView(op).carries:
        added = _added_each_step(carry) if carry.arg.uses else None
        if added is not None:
            inside = Builder(op.body, op.body.ops[0], op.location)
            step = b.const(added, t.i64)
            carry.arg.replace_by(counted(inside, ScanView(op).counter, carry.init, step))
            changed = True
    return changed or None


def _added_each_step(carry: Carry) -> int | None:
    op = made_by(carry.next, "arith.addi", "arith.subi")
    if op is None or op.operands[0] is not carry.arg or carry.arg.type != t.i64 or carry.depth != 1:
        return None
    added = constant_of(op.operands[1])
    return added if added is None or op.name == "arith.addi" else -added


@rule("scan.scan")
def equal_states(op: Op, b: Builder) -> Outcome:
    """Of two states that start from one value and get one value in each step, the second is the first, and goes."""
    scan = ScanView(op)
    seen: dict[tuple[object, Value, int], Carry] = {}
    for carry in scan.carries:
        constant = made_by(carry.init, "arith.constant")
        start = carry.init if constant is None else constant.attrs["value"]
        first = seen.setdefault((start, carry.next, carry.depth), carry)
        if first is not carry:
            carry.arg.replace_by(first.arg)
            carry.final.replace_by(first.final)
    if len(seen) == len(scan.carries):
        return None
    kept = {carry.arg for carry in seen.values()}
    scan.rebuilt(carries=[carry for carry in scan.carries if carry.arg in kept])
    return True


def _use_initial(carries: Sequence[Carry | Round]) -> Outcome:
    changed = False
    for carry in carries:
        uses = [user for user in carry.arg.uses if user is not carry.arg.block.terminator]
        if not uses and not carry.final.uses:
            continue
        for user in uses:
            user.replace_operand(carry.arg, carry.init)
        carry.final.replace_by(carry.init)
        changed = True
    return changed or None


@rule("scan.scan")
def rows_known_without_reading(op: Op, b: Builder) -> Outcome:
    """A row of a splat is the scalar; a row of an integer iota is start + t * step; the second of two
    equal sequences is the first."""
    changed = False
    seen: dict[Value, Value] = {}
    for xs, arg in ScanView(op).reads:
        if not arg.uses:
            continue
        row = seen.setdefault(xs, arg)
        if row is arg:
            known = _known_row(xs, op)
            if known is None:
                continue
            row = known
        arg.replace_by(row)
        changed = True
    return changed or None


def _known_row(xs: Value, op: Op) -> Value | None:
    if splat := made_by(xs, "tensor.splat"):
        return operand(splat, "value") if len(xs.type.shape) == 1 else None  # type: ignore[attr-defined]
    iota = made_by(xs, "scan.iota")
    if iota is None or t.is_float(xs.type):
        return None
    b = Builder(op.body, op.body.ops[0], iota.location)
    start, step = operand(iota, "start"), operand(iota, "step")
    return counted(b, ScanView(op).counter, start, step)


@rule("scan.scan")
def unread_sequences(op: Op, b: Builder) -> Outcome:
    """A sequence whose rows nobody reads goes; the number of steps does not depend on it."""
    scan = ScanView(op)
    read = [x for x in scan.reads if x.arg.uses]
    if len(read) == len(scan.xs):
        return None
    scan.rebuilt(xs=read)
    return True
