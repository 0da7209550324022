"""Rules for loops, branches and checks."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value

from .rules import Outcome, made_by, rule


@rule("scan.check")
def check_that_holds(op: Op, b: Builder) -> Outcome:
    return [] if constant_of(op.operands[0]) else None


@rule("scf.if")
def known_branch(op: Op, b: Builder) -> Outcome:
    """The branch taken, where the condition is known; else a value that both branches give."""
    condition = constant_of(op.operands[0])
    if condition is not None:
        return _inlined(op, 0 if condition else 1, b)
    yields = [region.blocks[0].terminator.operands for region in op.regions]
    changed = False
    for result, first, second in zip(op.results, *yields, strict=True):
        if first is second and result.uses:
            result.replace_by(first)
            changed = True
    return changed or None


def _inlined(op: Op, taken: int, b: Builder) -> list[Value]:
    block = op.regions[taken].blocks[0]
    for inner in block.ops[:-1]:
        b.insert(inner.detach())
    return list(block.terminator.operands)


@rule("scf.for")
def no_round(op: Op, b: Builder) -> Outcome:
    lower, upper = constant_of(op.operands[0]), constant_of(op.operands[1])
    if lower is None or upper is None or lower < upper:
        return None
    return list(op.operands[3:])


@rule("scf.for")
def unchanged_carry(op: Op, b: Builder) -> Outcome:
    """What each round passes on as it came is the initial value."""
    yielded = op.body.terminator.operands
    carries = zip(op.operands[3:], op.body.args[1:], yielded, op.results, strict=True)
    return _use_initial([(i, a, r) for i, a, y, r in carries if y is a])


@rule("scan.scan")
def unchanged_state(op: Op, b: Builder) -> Outcome:
    init = op.group(2)
    args = op.body.args[1 + len(op.group(1)):]
    return _use_initial([
        (start, arg, op.results[i]) for i, (start, arg) in enumerate(zip(init, args, strict=True))
        if op.body.terminator.operands[i] is arg and op.attrs["depths"][i].value == 1])


@rule("scan.scan")
def equal_states(op: Op, b: Builder) -> Outcome:
    """Of two states that start from one value and get one value in each step, the second is the first."""
    n_init, changed = len(op.group(2)), False
    args = op.body.args[1 + len(op.group(1)):]
    seen: dict[tuple[Value, Value, int], int] = {}
    for i in range(n_init):
        key = op.group(2)[i], op.body.terminator.operands[i], op.attrs["depths"][i].value
        first = seen.setdefault(key, i)
        if first != i and (args[i].uses or op.results[i].uses):
            args[i].replace_by(args[first])
            op.results[i].replace_by(op.results[first])
            changed = True
    return changed or None


def _use_initial(carries: list[tuple[Value, Value, Value]]) -> Outcome:
    changed = False
    for initial, arg, result in carries:
        uses = [user for user in arg.uses if user.name not in ("scan.yield", "scf.yield")]
        if not uses and not result.uses:
            continue
        for user in uses:
            user.operands = [initial if v is arg else v for v in user.operands]
        result.replace_by(initial)
        changed = True
    return changed or None


@rule("scan.scan")
def rows_known_without_reading(op: Op, b: Builder) -> Outcome:
    """A row of a splat is the scalar; a row of an integer iota is start + t * step; the second of two
    equal sequences is the first."""
    changed = False
    seen: dict[Value, Value] = {}
    for xs, arg in zip(op.group(1), op.body.args[1:], strict=False):
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
        return splat.operands[0] if len(xs.type.shape) == 1 else None  # type: ignore[attr-defined]
    iota = made_by(xs, "scan.iota")
    if iota is None or t.is_float(xs.type):
        return None
    b = Builder(op.body, op.body.ops[0], iota.location)
    start, step = iota.operands[:2]
    return b.addi(b.muli(b.index_cast(op.body.args[0], step.type), step), start)


@rule("scan.scan")
def unread_sequences(op: Op, b: Builder) -> Outcome:
    """A sequence whose rows nobody reads goes; the number of steps does not depend on it."""
    args = op.body.args[1:1 + len(op.group(1))]
    unread = [i for i, arg in enumerate(args) if not arg.uses]
    if not unread:
        return None
    groups = [op.group(i) for i in range(5)]
    groups[1] = [v for i, v in enumerate(groups[1]) if i not in unread]
    for i in reversed(unread):
        op.body.remove_arg(1 + i)
    op.set_groups(groups)
    return True
