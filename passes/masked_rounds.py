"""Leave out rounds of a loop in which a mask has it do nothing.

    %r = scf.for %k = 0 to %n iter(%a = %low) {      %e = arith.minsi(%n, %t)
      %m = arith.cmpi slt(%k, %t)                    %s = scf.for %k = 0 to %e iter(%a = %low) {
      %s = arith.select(%m, %x, 0)             ->      scf.yield arith.maxsi(%a, %x) }
      scf.yield arith.maxsi(%a, %s) }                %r = arith.select(%e < %n, arith.maxsi(%s, 0), %s)

Why: arrays in a step have one length, so that what is read up to the step's own place is written as a mask
(`switch(k < t, ...)`), and half of all rounds are for nothing: those of a longest increasing subsequence, of sums of
what has been (kernels of Hawkes and Volterra). `switch(k <= i, ..., b)` writes the rest of `b` as it was, and a mask
with one place (`eq(k, i)`) leaves one round.
What a round does where the mask does not hold is asked of its ops (`indexing/supposed.py`): nothing, or it combines a
running value with a number that is the same in all rounds, of which once is as good as often (a maximum; 0.0, added).
Where the mask holds in all rounds that are left, it goes.
No bit changes. A tree of floats rests on the number of its terms: sums and extremes of floats keep theirs, and end
earlier once they are in lanes (`rounded=true`), which keep the mask.
Conservative: bounds of the loop's counter, itself or with a number added that does not wrap; stores put back what
they read; no loops, branches or checks in a round. Not where the lanes are rounds of a loop around with other bounds
each. Few rounds of known number stay.
Cost: a walk over the body for each mask. Runs after `licm`, which takes what masks are compared with out of loops,
and before `reductions`, whose loops need no mask then; `rounded` after `vectorize`, before `unroll`.
Source: index set splitting (Banerjee, Loop Transformations for Restructuring Compilers, 1993).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value, defined_in
from scancc.ir.dialects.arith import CMPI, OPPOSITE_CMPI
from scancc.ir.ops import group, is_dead, is_removable, operand, set_operands, whole
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark

from .indexing.forms import Form, Forms, is_place
from .indexing.questions import MOST_CONSTANT, MOST_FACTORS, is_bounded
from .indexing.ranges import value_of
from .indexing.supposed import Known, Outcome, Supposed
from .reducing.kinds import KINDS, ROUNDED
from .reductions import around_in_lanes
from .vectorizing.lanes import whole_lanes

FEW = 64        # terms of a loop of known length, which is written out, or in few vectors
MOST_MASKS = 8  # of a loop that are tried

_TURNED = {"slt": "sgt", "sle": "sge", "sgt": "slt", "sge": "sle", "eq": "eq", "ne": "ne"}
_STORES = ("memref.store", "vector.store")
_LOADS = ("memref.load", "vector.load")
_IDEMPOTENT = ("arith.andi", "arith.ori", "arith.maximumf", "arith.minimumf", "arith.maxsi", "arith.minsi",
               "arith.maxui", "arith.minui")


class _Mask(NamedTuple):
    """A truth, and where it is `holds`: counter + `added` compares with `bound` as `how` says."""

    truth: Value
    holds: bool
    how: str
    added: Form
    bound: Form
    is_exact: bool  # for single rounds; lanes of a vector are on both sides of a bound


_Effect = list[Outcome | None]  # what rounds that are left out combine with each running value, if anything


def masked_rounds(module: Op, rounded: bool = False) -> None:
    """Leave out such rounds of every loop; `rounded`: also of sums and extremes of floats, in lanes by then."""
    for loop in [op for op in module.walk() if op.name == "scf.for"]:
        if not _may_change(loop, rounded):
            continue
        seen: set[Value] = set()
        while len(seen) < MOST_MASKS and _leave_out(loop, seen):
            pass


# ---- what is there ----


def _may_change(loop: Op, rounded: bool) -> bool:
    lower, upper = constant_of(Loop(loop).lower), constant_of(Loop(loop).upper)
    if lower is not None and upper is not None and upper - lower <= FEW:
        return False
    if not rounded and "reduction" in loop.attrs and any(map(_is_of_floats, Loop(loop).next)):
        return False
    ops = loop.body.ops[:-1]
    return all(not op.regions and (op.name in _STORES or is_removable(op)) for op in ops)


def _is_of_floats(value: Value) -> bool:
    """Whether the order in which a value is combined, or the number of lanes, may show in it."""
    return not isinstance(t.element(value.type), t.IntType | t.IndexType) or (
        value.op is not None and value.op.name in ROUNDED)


def _leave_out(loop: Op, seen: set[Value]) -> bool:
    """Leave out rounds by one mask that is not `seen`, if there is one to do it by."""
    tried = False
    for mask in _masks(loop, seen):
        tried = True
        effect = _effect(loop, Supposed(loop.body, mask.truth, not mask.holds))
        if effect is not None and not (_varies_around(loop, mask) and around_in_lanes(loop)):
            seen.add(mask.truth)
            _Narrowing(loop, mask, effect).run()
            return True
    if tried and not seen and "reduction" in loop.attrs:
        remark("masked-rounds", loop, False, "rounds that a mask leaves out are run: what they combine differs from "
               "round to round")
    return False


def _masks(loop: Op, seen: set[Value]) -> Iterator[_Mask]:
    """Truths on the counter, each with the rounds that may be all that is needed."""
    forms = Forms()
    comparisons = [op for op in loop.body.ops[:-1] if op.name == "arith.cmpi" and op.result not in seen]
    for op in comparisons[:MOST_MASKS]:
        how = CMPI[op.attrs["predicate"].value]
        left, right = (_form(value, forms) for value in op.operands)
        if how in _TURNED and left is not None and right is not None:
            found = _as_mask(loop, op, how, left, right)
            if found is not None:
                yield from (one for one in (found, _inverse(found)) if one.how != "ne")


def _inverse(mask: _Mask) -> _Mask:
    return mask._replace(holds=not mask.holds, how=OPPOSITE_CMPI[mask.how])


def _as_mask(loop: Op, op: Op, how: str, left: Form, right: Form) -> _Mask | None:
    counter, lanes = Loop(loop).counter, [v for v in left.plus(right).terms if _is_step(v)]
    if counter in right.terms:
        left, right, how = right, left, _TURNED[how]
    width = op.operands[0].type.shape[0] if isinstance(op.operands[0].type, t.VectorType) else 1
    if width != (constant_of(Loop(loop).step) or 0) or len(lanes) != (width > 1):
        return None
    if any(left.terms.get(v) != 1 or v in right.terms for v in (counter, *lanes)):
        return None
    added = left.minus(Form(dict.fromkeys((counter, *lanes), 1), 0))
    if any(defined_in(v, loop.body) for v in (*added.terms, *right.terms)) or _may_wrap(loop, added, right):
        return None
    return _Mask(op.result, True, how, added, right, is_exact=width == 1)


def _may_wrap(loop: Op, added: Form, bound: Form) -> bool:
    """Whether a sum may pass the range of numbers: of the counter and `added`, or the distance of that from a bound,
    which is cut at those of the loop where it may be any number."""
    if not _is_small_form(added):
        return True
    ends = [Loop(loop).upper, *([Loop(loop).lower] if added.terms or added.constant else [])]
    return not _is_small_form(bound) and not all(map(_is_low, ends))


def _is_small_form(form: Form) -> bool:
    factors = sum(map(abs, form.terms.values()))
    return factors <= MOST_FACTORS and abs(form.constant) <= MOST_CONSTANT and all(map(is_bounded, form.terms))


def _is_low(value: Value) -> bool:
    """Whether the end of a loop over an array, or over a part of it, is far from the largest number."""
    if is_bounded(value):
        return True
    op = value.op
    if op is None or op.name not in ("arith.minsi", "arith.maxsi", "arith.andi"):
        return False
    if op.name == "arith.andi":
        return (constant_of(op.operands[1]) or 0) < 0 and _is_low(op.operands[0])
    return (any if op.name == "arith.minsi" else all)(map(_is_low, op.operands))


def _form(value: Value, forms: Forms) -> Form | None:
    """A place as a sum, in which the number of a lane is that of its vector; None where it is none."""
    op = value.op
    if not isinstance(value.type, t.VectorType):
        return forms.of(value) if is_place(value) else None
    if op is None or t.element(value.type) not in (t.index, t.i64):
        return None
    if op.name == "vector.broadcast":
        return _form(op.operands[0], forms)
    if op.name == "vector.step":
        return Form({value: 1}, 0)
    if op.name == "arith.index_cast":
        return _form(op.operands[0], forms)
    if op.name not in ("arith.addi", "arith.subi"):
        return None
    first, second = (_form(v, forms) for v in op.operands)
    return None if first is None or second is None else first.plus(second, 1 if op.name == "arith.addi" else -1)


def _is_step(value: Value) -> bool:
    return value.op is not None and value.op.name == "vector.step"


def _varies_around(loop: Op, mask: _Mask) -> bool:
    """Whether the bound is another one in each round of the loop around."""
    around = loop.parent
    return around is not None and any(defined_in(v, around) for v in (*mask.added.terms, *mask.bound.terms))


# ---- what a round does ----


def _effect(loop: Op, supposed: Supposed) -> _Effect | None:
    """What rounds do in which something is supposed, if they do no more than can be done once."""
    if not all(_puts_back(loop, op, supposed) for op in loop.body.ops if op.name in _STORES):
        return None
    terms: _Effect = []
    for carry in Loop(loop).carries:
        following = supposed.of(carry.next)
        if following is carry.arg:
            terms.append(None)
            continue
        term = _term(loop, following, carry.arg, supposed)
        if term is None:
            return None
        terms.append(None if _is_neutral(carry.next, term) else term)
    return terms


def _term(loop: Op, following: Outcome, running: Value, supposed: Supposed) -> Outcome | None:
    """What is combined with a running value, if it is the same in all rounds, and once is as good as often."""
    combine = following.op if isinstance(following, Value) else None
    if combine is None or combine.parent is not loop.body or len(combine.operands) != 2:
        return None
    given = [supposed.of(value) for value in combine.operands]
    if given[0] is not running:
        return None
    term = given[1]
    if isinstance(term, Value) and defined_in(term, loop.body):
        return None
    if combine.name in _IDEMPOTENT or isinstance(term, Known) and _is_nothing(combine, term):
        return term
    return None


def _is_nothing(combine: Op, term: Known) -> bool:
    """Whether it is as good to combine a number once as often, in an op for which that is no rule."""
    zero = combine.name in ("arith.addi", "arith.subi", "arith.xori", "arith.addf", "arith.subf")
    return term.number == 0 if zero else combine.name in ("arith.muli", "arith.mulf") and term.number == 1


def _is_neutral(following: Value, term: Outcome) -> bool:
    """Whether a number changes nothing; 0.0 is added, as a sum of negative zeros is none then."""
    combine = following.op
    if combine is None or combine.name not in KINDS or not isinstance(term, Known):
        return False
    return combine.name in ("arith.addi", "arith.subi", "arith.xori", "arith.muli", "arith.mulf") or (
        combine.name == "arith.subf" and str(term.number) == "0.0")


def _puts_back(loop: Op, store: Op, supposed: Supposed) -> bool:
    """Whether a store writes what it read at the same place, and nothing was written between."""
    value = supposed.of(operand(store, "value"))
    load = value.op if isinstance(value, Value) else None
    if load is None or load.parent is not loop.body or load.name not in _LOADS:
        return False
    if whole(load) is not whole(store) or group(load, "indices") != group(store, "indices"):
        return False
    ops = loop.body.ops
    return not any(op.name in _STORES for op in ops[ops.index(load):ops.index(store)])


# ---- what comes in its place ----


class _Narrowing:
    """Of one loop."""

    def __init__(self, loop: Op, mask: _Mask, effect: _Effect) -> None:
        assert loop.parent is not None
        self.loop, self.mask, self.effect = loop, mask, effect
        self.parts = Loop(loop)
        self.b = Builder(loop.parent, loop, loop.location)

    def run(self) -> None:
        lower = self.parts.lower
        first, end = self._rounds()
        if any(term is not None for term in self.effect):
            self._combine_before(first)
            self._combine_behind(end)
        set_operands(self.loop, lower=[first], upper=[end])
        if self.mask.is_exact:
            _suppose(self.loop.body, Supposed(self.loop.body, self.mask.truth, self.mask.holds))
        if first is not lower and "reduction" in self.loop.attrs:
            self._count_from_0()
        remark("masked-rounds", self.loop, True, "rounds in which a mask has it do nothing are left out")

    def _rounds(self) -> tuple[Value, Value]:
        """The first round that is needed, and the first one behind."""
        b, (lower, upper, step) = self.b, self.parts.bounds
        at, how = self._distance(), self.mask.how
        after = b.addi(at, b.index(1)) if how in ("sle", "sgt", "eq") else at
        first, end = lower, upper
        if how in ("slt", "sle", "eq"):
            end = b.maxsi(b.minsi(upper, after), lower)
        if how in ("sgt", "sge", "eq"):
            start = after if how == "sgt" else at
            first = b.minsi(b.maxsi(lower, start), end)
            if constant_of(step) != 1:
                first = b.addi(lower, whole_lanes(b, b.subi(first, lower), step))
        return first, end

    def _distance(self) -> Value:
        """The round at which the mask changes, or one that is as good: before the first, or behind the last one."""
        b, (lower, upper, _) = self.b, self.parts.bounds
        bound, added = value_of(b, self.mask.bound), value_of(b, self.mask.added)
        if not all(map(is_bounded, self.mask.bound.terms)):
            if constant_of(added) != 0:
                bound = b.maxsi(bound, b.addi(b.subi(lower, b.index(1)), added))
            bound = b.minsi(bound, b.addi(upper, added))
        return b.subi(bound, added)

    def _combine_before(self, first: Value) -> None:
        if first is self.parts.lower:
            return
        init, skipped = list(self.parts.init), self.b.cmpi("slt", self.parts.lower, first)
        for number, term in enumerate(self.effect):
            if term is not None:
                init[number] = self._once(self.b, number, init[number], term, skipped)
        set_operands(self.loop, init=init)

    def _combine_behind(self, end: Value) -> None:
        block, upper = self.loop.parent, self.parts.upper
        if end is upper:
            return
        assert block is not None
        skipped = self.b.cmpi("slt", end, upper)
        at = block.ops.index(self.loop) + 1
        b = Builder(block, block.ops[at] if at < len(block.ops) else None, self.loop.location)
        for number, term in enumerate(self.effect):
            if term is None:
                continue
            result = self.loop.results[number]
            readers = list(result.uses)
            both = self._once(b, number, result, term, skipped)
            for reader in readers:
                reader.replace_operand(result, both)

    def _count_from_0(self) -> None:
        """As the tree of a reduction does."""
        first, end = self.parts.lower, self.parts.upper
        body, counter = self.loop.body, self.parts.counter
        place = Builder(body, body.ops[0], self.loop.location).op("arith.addi", [counter, first], [t.index])
        for reader in list(counter.uses):
            if reader is not place.op:
                reader.replace_operand(counter, place)
        set_operands(self.loop, lower=[self.b.index(0)], upper=[self.b.subi(end, first)])

    def _once(self, b: Builder, number: int, value: Value, term: Outcome, skipped: Value) -> Value:
        """A running value, combined with what the rounds combine it with that are left out, if there are any."""
        combine = self.parts.next[number].op
        assert combine is not None
        other = b.const(term.number, value.type) if isinstance(term, Known) else term
        made = b.op(combine.name, [value, other], [value.type], dict(combine.attrs))
        return b.select(skipped, made, value)


def _suppose(body: Block, supposed: Supposed) -> None:
    """Put in the place of values what they are."""
    b = Builder(body, body.ops[0], body.ops[0].location)
    for value, outcome in supposed.found.items():
        if value.uses:
            value.replace_by(b.const(outcome.number, value.type) if isinstance(outcome, Known) else outcome)
    for op in reversed(body.ops[:-1]):
        if is_dead(op):
            op.erase()
