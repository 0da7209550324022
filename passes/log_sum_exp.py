"""Take the exponentials of what a scan does not change out of the logarithms of sums that its step makes.

    scan.scan { ^bb0(%h):                          %c = scan.reduce max (%A), axis 0      %E = math.exp(%A - %c)
      %x = arith.addf(%h[:, None], %A)             scan.scan { ^bb0(%h):
      %p = scan.reduce max (%x), axis 0              %m = scan.reduce max (%h)    %w = math.exp(%h - %m)
      %e = math.exp(%x - %p)                         %q = scan.reduce sum (%w[:, None] * %E), axis 0
      %s = scan.reduce sum (%e), axis 0      ->      %l = scf.if (scan.reduce min (%q) >= 2**-900) {
      %l = arith.addf(math.log(%s), %p)                scf.yield arith.addf(math.log(%q), %m + %c)
                                                     } else { the step as it was }

Why: a forward step of a hidden Markov model, a chain of a random field, or an optimal transport in logarithms takes
n * n exponentials, n of which change; the rest is a product of a vector with a matrix. What the exponent is shifted
by (%p, subtracted and added again) goes with them: any shift gives the same number, and %m + %c is one.
Changes numbers, so only where `reassociate` is allowed; docs/floating_point.md states the bound. Where a sum is so
small that its terms may have lost accuracy, or NaN, the step is done as it was written. A column that is -inf as a
whole (a state that none leads to) gives -inf and is not asked. 32 states: 0.28 us a step, 2.2 before.
Conservative: only where the exponentials go into sums alone, all terms that change along what is summed lack an axis
which those that do not change have, and float32 or float64. A matrix of the invariant exponentials is kept.
Cost: linear. Runs after `licm`, which takes out what does not change, and before `fuse`.
Source: the scaled forward algorithm of Rabiner, A tutorial on hidden Markov models (1989), with the scale a maximum.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.needs import TENSORS
from scancc.ir.ops import is_removable
from scancc.ir.remarks import remark
from scancc.ir.shapes import unknown_dims

from .factoring.log_sums import LEAST, Fixed, LogSum, Parts, fixed_of, log_sum, parts_of, terms_of
from .factoring.scaled_steps import ScaledSteps, added_in_step
from .factoring.terms import Frame, Term, axes_of

NEEDS = (TENSORS,)


def log_sum_exp(module: Op) -> None:
    """Rewrite in the step of every scan."""
    for op in list(module.walk()):
        found = log_sum(op) if op.name == "math.log" else None
        if found is not None:
            _visit(found)


def _visit(found: LogSum) -> None:
    parts = parts_of(found)
    if parts is None:
        return
    if any(sum(op.result.uses.values()) > 1 for op in (found.exp, found.reduce)):
        remark("log-sum-exp", found.log, False, "exponentials of what does not change stay in the step: something "
               "else reads them, or their sum, as a gradient does")
    elif not allowed(found.log).allows("reassociate"):
        remark("log-sum-exp", found.log, False, "exponentials of what does not change stay in the step: a sum "
               "would be rounded otherwise", "fast_math='reassociate' allows a product with a matrix in their place")
    elif (added := added_in_step(found, parts)) is not None:
        steps = ScaledSteps(found, parts, added)
        steps.build()
        remark("log-sum-exp", found.log, True, f"tiles of {steps.size} steps, which are products with exponentials "
               "of what does not change: one logarithm and one exponential of the state a tile", part="reassociate")
    else:
        _rewrite(found, parts)


# ---- the new form ----


def _rewrite(found: LogSum, parts: Parts) -> None:
    top, beside = _with_shift(found, parts.beside)
    fixed = fixed_of(found, parts.fixed)
    assert top.parent is not None
    frame = Frame(Builder(top.parent, top, top.location), found.exp.result)
    added, most = _product(frame, found, parts.changing, fixed)
    condition = _is_accurate(frame, added, fixed)
    sizes = unknown_dims(frame.b, top.result)
    new = Block()
    there = frame.elsewhere(Builder(new, None, top.location))
    log = Term(there.b.math("log", added.value), added.axes, False)
    kept = [axis for axis in frame.axes if axis not in found.along]
    value = there.total([log, Term(there.total([most, fixed.most], axes_of([most, fixed.most])),
                                   tuple(axes_of([most, fixed.most])), False), *beside], kept)
    there.b.make("scf.yield", [there.placed(value, kept, found.axes, top.result.type), *sizes])
    _choose(top, condition, sizes, new)
    remark("log-sum-exp", found.log, True, "exponentials of what does not change are taken before the scan: a "
           "product with them is left in the step, and one exponential for each element that changes",
           part="reassociate")


def _with_shift(found: LogSum, beside: Sequence[Term]) -> tuple[Op, list[Term]]:
    """The sum in which the exponent's shift is added again, else the logarithm; and what else is added there, of the
    exponent and beside the logarithm."""
    top, left = found.log, list(beside)
    while (above := _sum_around(top)) is not None:
        top = above
        added = [term for term in terms_of(top.result, found.axes) if term.value is not found.log.result]
        again = [term for term in left if term.opposite in added]
        if again:
            for term in again:
                left.remove(term)
                added.remove(term.opposite)
            return top, [*left, *added]
    return found.log, left


def _sum_around(op: Op) -> Op | None:
    """The sum that alone reads a value."""
    user, *others = op.result.uses
    alone = not others and op.result.uses[user] == 1 and user.parent is op.parent
    return user if alone and user.name == "arith.addf" and not is_exact(user) else None


def _product(frame: Frame, found: LogSum, changing: Sequence[Term], fixed: Fixed) -> tuple[Term, Term]:
    """The sum of products in place of that of exponentials, and the largest exponent of what changes."""
    b, own = frame.b, axes_of(changing)
    total = frame.total(changing, own)
    most, left = frame.reduced("max", total, own, found.along)
    weights = b.math("exp", b.subf(total, frame.spread(most, left, own)))
    axes = tuple(sorted({*own, *fixed.axes, *found.along}))
    products = b.mulf(frame.spread(weights, own, axes), frame.spread(fixed.powers, fixed.axes, axes))
    total, kept = frame.reduced("sum", products, axes, found.along)
    return Term(total, kept, False), Term(most, left, False)


def _is_accurate(frame: Frame, added: Term, fixed: Fixed) -> Value:
    """Whether no sum is so small that its terms may have lost accuracy; false for NaN."""
    axes = tuple(axis for axis in added.axes if axis is not None)
    all = frame.b.addf(added.value, frame.spread(fixed.slack, fixed.most.axes, axes))
    least = frame.reduced("min", all, axes, axes)[0] if axes else all
    return frame.b.cmpf("oge", least, frame.b.const(LEAST[least.type], least.type))


def _choose(top: Op, condition: Value, sizes: Sequence[Value], new: Block) -> None:
    """A branch in place of `top`: the new form where the condition holds, else what was there."""
    old, alone = Block(), _needed_alone(top)
    assert top.parent is not None
    types = [top.result.type, *(size.type for size in sizes)]
    made = Builder(top.parent, top, top.location).make(
        "scf.if", [condition], types, None, [Region([new]), Region([old])])
    made.results[0].name = top.result.name
    top.result.replace_by(made.results[0])
    for op in alone:
        old.append(op.detach())
    Builder(old, None, top.location).make("scf.yield", [top.result, *sizes])


def _needed_alone(top: Op) -> list[Op]:
    """An op and those before it that nothing else needs, in order."""
    assert top.parent is not None
    found = {top: None}
    ops = top.parent.ops
    for op in reversed(ops[:ops.index(top)]):
        users = [user for value in op.results for user in value.uses]
        if users and is_removable(op) and all(user in found for user in users):
            found[op] = None
    return list(reversed(found))
