"""One truth value for many inequalities between places: how far the numbers of a step may go.

    0 <= %a + 1                          %m = arith.maxsi(%n - 17, 0)      (before the loop)
    0 <= %n - %a - 17           ->       %t = arith.cmpi ult(%a, %m)
    0 <= %a

Of a number that may be anything nothing is computed but its distance from a bound, whose arithmetic may wrap and
still compares as it should; all else is sizes and counters, far from the ends of 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Value, encloses
from scancc.late_dataclasses import dataclass
from scancc.passes.planning.numbers import is_natural

from .forms import Form
from .questions import is_bounded


@dataclass
class Range:
    """Bounds of `what`, a sum of numbers that may be anything: at least each of `least`, at most each of `most`."""

    what: Form
    least: list[Form] = field(default_factory=list)
    most: list[Form] = field(default_factory=list)

    @property
    def n_compares(self) -> int:
        return 1 if len(self.least) == len(self.most) == 1 else len(self.least) + len(self.most)


def ranges(wanted: Iterable[Form]) -> list[Range]:
    """The bounds that say that all forms are 0 or more. Those of sizes alone have an empty `what`."""
    found: dict[frozenset[tuple[Value, int]], Range] = {}
    for form in wanted:
        what = Form({v: n for v, n in form.terms.items() if not is_bounded(v)}, 0)
        bound = form.minus(what)
        turned = what.times(-1)
        known, other = (found.get(frozenset(w.terms.items())) for w in (what, turned))
        if known is None and other is None and next(iter(what.terms.values()), 1) < 0:
            other = found[frozenset(turned.terms.items())] = Range(turned)
        if other is not None and what.terms:
            other.most.append(bound)
            continue
        if known is None:
            known = found[frozenset(what.terms.items())] = Range(what)
        known.least.append(bound.times(-1))
    return list(found.values())


def guard(b: Builder, found: Iterable[Range]) -> Value:
    """The truth that all numbers are in their ranges; what does not change in the loops around stands before them."""
    truths = [truth for one in found for truth in _compared(b, one)]
    all_of_them = truths[0]
    for truth in truths[1:]:
        all_of_them = b.condition("andi", all_of_them, truth)
    return all_of_them


def _compared(b: Builder, one: Range) -> list[Value]:
    what = value_of(b, one.what)
    if one.n_compares > 1 or len(one.least) != len(one.most):
        below = [b.cmpi("sle", _before(b, least), what) for least in one.least]
        return [*below, *(b.cmpi("sle", what, _before(b, most)) for most in one.most)]
    (least,), (most,) = one.least, one.most
    width = _before(b, most.minus(least).with_constant(1), at_least_0=True)
    return [b.cmpi("ult", b.subi(what, _before(b, least)), width)]


def _before(b: Builder, form: Form, at_least_0: bool = False) -> Value:
    """A form as a value, before all loops in which it does not change."""
    assert b.anchor is not None
    early = Builder(*_earliest(b.block, b.anchor, form), b.location)
    value = value_of(early, form)
    return early.maxsi(value, early.index(0)) if at_least_0 and not is_natural(value) else value


def _earliest(block: Block, anchor: Op, form: Form) -> tuple[Block, Op]:
    while True:
        around = block.parent_op()
        if around is None or around.parent is None or around.name == "func.func" or any(
                encloses(block, value.block) for value in form.terms):
            return block, anchor
        block, anchor = around.parent, around


def value_of(b: Builder, form: Form) -> Value:
    """A form, computed."""
    total: Value | None = None
    for value, factor in form.terms.items():
        part = b.muli(b.index_cast(value, t.index), b.index(factor))
        total = part if total is None else b.addi(total, part)
    if total is None:
        return b.index(form.constant)
    return b.addi(total, b.index(form.constant))
