"""Give each reduction its tree: the order in which its terms are combined, the same on every machine.

    %s = scf.for %k = 0 to %n                %m = %n & -8
        iter(%acc = %zero) {reduction} {     %s8 = scf.for %k0 = 0 to %m step 1024 {
      %x = memref.load %a[%k]                    %v = scf.for %k = %k0 to min(%k0 + 1024, %m) & -32 step 32 {
      %t = arith.addf %acc, %x       ->            %x = vector.load %a[%k] : vector<32xf32>
      scf.yield %t                                 %t = arith.addf %acc, %x }
    }                                            ... eight lanes of what is left; one number of them all ...
                                                 scan.join ... }
                                             %s = scf.for %k = %m to %n iter(%acc = %s8) { ... single terms ... }

Why: a sum in order loses digits in proportion to its length, and waits for each addition. Here sums of
floats are made block by block, and blocks are joined in pairs, pairs of pairs and so on, like the digits of
a binary counter (`scan.join`): the error grows with the logarithm of the length, in O(log n) of state.
In lanes, where the terms are neighbours in memory: 128 bytes of lanes (32 f32), 32 rounds of them a block,
halves joined with halves; what is left in eight lanes, the last terms one by one. In order within
blocks of 64 terms, where lanes are those of a parallel loop around, or memory is not read along the
reduction. Lengths known to be short have no blocks; others that are short meet one comparison, or two. Nested
reductions are trees of trees. Other reductions (maxima, integers, products) run in the same lanes, without blocks.
Of a sum of which a loop around has a part in each round (`scan.running`), the blocks go on, with their stack, from
round to round: it gets the tree of the whole. So do the lanes of a product, which stay in memory between; rounds
after the last one that has terms leave it as it is.
Reductions of the same elements that get one form run as one loop (`reducing/beside.py`), and so do the sums of
several rows (`reducing/rows.py`).
Conservative: which form a loop gets depends on its layout, never on the width of registers, nor on what runs with it.
What must be combined in the order written (`exact`) is no reduction to `bufferize`, and stays. With `lanes=false`
(a GPU, where each thread has a lane) all is in order within blocks.
Cost: linear; a body appears up to three times. Runs after `licm`, before `vectorize`.
Source: pairwise summation (Higham, Accuracy and Stability of Numerical Algorithms, 4.2), from the blocks
upwards, so that one pass does it, where NumPy halves from the top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import int_attr, operand, set_operands
from scancc.ir.parts import Loop, Nest, Round, While
from scancc.ir.remarks import remark
from scancc.late_dataclasses import dataclass

from .reducing.beside import MOST_SUMS, joined, side_by_side
from .reducing.kinds import KINDS, MOST_LANES, ROUNDED, SUMS, combines, neutral
from .reducing.rows import several_rows
from .vectorizing.lanes import Check, Widener, holds_loops, innermost, is_heavy, whole_lanes

BLOCK = 64        # terms of a block in order
ROUNDS = 32       # of all lanes, a block
LANE_BYTES = 128  # four AVX2 registers: enough chains to hide most of the latency of an addition
HEAVY_BYTES = 64
FEW_LANES = 8     # for what is left of a short reduction
LEVELS = 40       # pairs of pairs: 2**40 blocks take days
LOOPS = ("scf.for", "scf.while")
FOREVER = 1 << 62 # terms of which no block is the last

_Block = Callable[[Builder, Value, Value], Sequence[Value]]  # builds a block's totals: first, end


def reductions(module: Op, lanes: bool = True, rows: int = 1) -> None:
    """Rewrite every loop marked as a reduction; which form each gets is decided before any is changed. `rows`: of how
    many rows at a time registers hold the sums."""
    loops = [op for op in module.walk() if op.name == "scf.for" and "reduction" in op.attrs]
    for loop in loops:
        separate(loop)
    forms = [form_of(loop, lanes) for loop in loops]
    in_lanes = []
    for loop, (form, reason) in zip(loops, forms, strict=True):
        remark("reductions", loop, form == "lanes", reason or "a reduction runs in lanes")
        if form == "lanes":
            in_lanes += [*several_rows(loop, rows), loop]
        elif form == "blocks":
            _in_blocks(loop)
    for group, widths in side_by_side([(loop, widths_of(loop)) for loop in in_lanes], max(rows, MOST_SUMS)):
        _Lanes(joined(group), widths).replace()


def running(loop: Op) -> Round:
    """The value that a reduction carries on."""
    (carry,) = Loop(loop).carries
    return carry


def is_in_any_order(nest: Op, number: int) -> bool:
    """Whether a loop nest's result, by its number, is combined by what gives the same in any order, and in lanes."""
    acc, combine = Nest(nest).running[number], Nest(nest).elements[number].op
    if combine is None or combine.name not in KINDS or combine.name in ROUNDED or is_exact(combine):
        return False
    return acc.uses == {combine: 1}


def is_rounded(nest: Op, number: int) -> bool:
    """Whether the order in which a loop nest's result is combined shows in it."""
    combine = Nest(nest).elements[number].op
    return combine is not None and combine.name in ROUNDED


def separate(outer: Op) -> None:
    """Of two nested sums, let the inner one start anew and the outer one add its result."""
    acc, inner = running(outer).arg, running(outer).next.op
    combine = _innermost_combine(outer)
    if inner is None or inner is combine or acc.uses != {inner: 1} or combine is None or combine.name not in SUMS:
        return
    start = Builder(outer.body, inner, inner.location)
    set_operands(inner, init=[start.const(KINDS[combine.name][1], acc.type)])
    end = Builder(outer.body, outer.body.terminator, inner.location)
    set_operands(outer.body.terminator, values=[_combined(end, combine, acc, inner.result)])


def _innermost_combine(loop: Op) -> Op | None:
    """The op that combines the running value with a term, inside all nested reductions."""
    last = running(loop).next.op
    while last is not None and last.name == "scf.for" and "reduction" in last.attrs:
        last = running(last).next.op
    return last


def form_of(loop: Op, lanes: bool = True) -> tuple[str, str]:
    """`lanes`, `blocks` or `order`, and why no lanes."""
    form, reason = _form_by_layout(loop, lanes)
    part = _part_of(running(loop)) if form != "order" else None
    if part is not None and int_attr(part, "size") % _terms_together(loop, form):
        return "order", "the parts of a sum are no whole blocks"
    return form, reason


def _terms_together(loop: Op, form: str) -> int:
    """The terms of a block, of a product of a round of all lanes."""
    combine = running(loop).next.op
    rounds = ROUNDS if combine is not None and combine.name in SUMS else 1
    return BLOCK if form == "blocks" else widths_of(loop)[0] * rounds


def _part_of(carry: Round) -> Op | None:
    """The mark of a sum or product of which a loop makes a part, and goes on from the parts before it."""
    init, combine = carry.init, carry.next.op
    if init.op is None or init.op.name != "scan.running" or combine is None or combine.name not in ROUNDED:
        return None
    return init.op


def _form_by_layout(loop: Op, lanes: bool) -> tuple[str, str]:
    combine = running(loop).next.op
    name = combine.name if combine is not None else ""
    reason = _obstacle(loop) if lanes else "each thread has a lane"
    if reason is None and name in ROUNDED and around_in_lanes(loop):
        reason = "a loop around it has the lanes"
    if reason is None:
        return "lanes", ""
    return "blocks" if name in SUMS and _is_combination(loop) else "order", reason


def around_in_lanes(loop: Op) -> bool:
    """Whether the parallel loop around can have the lanes: then neighbours are summed side by side."""
    around = loop.parent_op()
    while around is not None and not (around.name == "scf.for" and "parallel" in around.attrs):
        around = around.parent_op()
    return around is not None and innermost(around) and Check(around).problem() is None


def _is_combination(loop: Op) -> bool:
    """Whether the running value is used for one combination only."""
    combine = running(loop).next.op
    return combine is not None and combines(combine, running(loop).arg)


def _obstacle(loop: Op) -> str | None:
    """Why a reduction cannot run in lanes, or None."""
    if holds_loops(loop):
        return "another reduction is inside"
    if not _is_combination(loop):
        return "the running value is used for more than one combination"
    length = constant_of(Loop(loop).upper)
    if length is not None and length < FEW_LANES:
        return "it has fewer iterations than lanes"
    check = Check(loop)
    problem = check.problem()
    acc, combine = running(loop).arg, running(loop).next.op
    assert combine is not None
    if problem is None and not any(v in check.varying for v in combine.operands if v is not acc):
        problem = "every step combines the same value"
    return problem


# ---- combining ----


@dataclass
class Tree:
    """A reduction that gets its tree: a value that a loop carries."""

    loop: Op
    carry: Round

    def __post_init__(self) -> None:
        """A tree starts from the loop's own start where that changes nothing: 0.0 in a sum, which then is 0.0
        where all terms are -0.0."""
        combine = self.carry.next.op
        assert combine is not None
        self.combine, self.init, self.length = combine, self.carry.init, constant_of(Loop(self.loop).upper)
        self.part = _part_of(self.carry)
        self.before = self.init if self.part is None else _before_loops(self.part)
        nothing, given = neutral(combine, self.init.type), constant_of(self.before)
        equal = given is not None and given == nothing
        self.starts_itself = equal or self.part is not None
        self.neutral = given if equal else nothing

    @property
    def kind(self) -> t.DialectAttr:
        return t.DialectAttr(f"#vector.kind<{KINDS[self.combine.name][0]}>")

    @property
    def sums(self) -> bool:
        return self.combine.name in SUMS

    def whole(self, b: Builder, n: Value, lanes: int = 1) -> _Whole:
        """The tree of blocks of terms up to `n`, with those of the parts before."""
        if self.part is None:
            start = self.start(b)
            return _Whole(self.combine, start, None, n, _stack(b, start.type) if self.sums else None)
        value, first, end = (operand(self.part, name) for name in ("value", "first", "end"))
        stack = _stack(_around(self.loop, value), value.type)
        if "open" in self.part.attrs:
            return _Whole(self.combine, value, first, None, stack)
        return _Whole(self.combine, value, first, end if lanes == 1 else whole_lanes(b, end, b.index(lanes)), stack)

    def lanes_so_far(self, lanes: int) -> Value | None:
        """Where a product has its lanes, of which a loop around has a part in each round; None where it has none."""
        if self.part is None or self.sums:
            return None
        b = _around(self.loop, operand(self.part, "value"))
        memory = b.op("memref.alloca", [], [t.MemRefType((lanes,), self.init.type)])
        b.make("vector.store", [self.start(b, lanes), memory, b.index(0)])
        return memory

    def start(self, b: Builder, lanes: int = 0) -> Value:
        return b.const(self.neutral, self.type(lanes))

    def type(self, lanes: int) -> t.Type:
        return t.VectorType((lanes,), self.init.type) if lanes else self.init.type

    def total(self, b: Builder, made: Value) -> Value:
        """What the loop gives, from what the tree gives."""
        if self.part is not None and not self.sums:  # the lanes in memory are without the terms that filled none
            return b.select(b.cmpi("sgt", Loop(self.loop).upper, b.index(0)), made, operand(self.part, "value"))
        return made if self.starts_itself else _combined(b, self.combine, self.init, made)


def _replace(loop: Op, trees: Sequence[Tree], build: Callable[[Builder], Sequence[Value]]) -> None:
    """Put the totals that `build` builds in the place of a loop."""
    block = loop.parent
    assert block is not None
    after, users = block.ops[block.ops.index(loop) + 1], [(v, list(v.uses)) for v in loop.results]
    del loop.attrs["reduction"]
    b = Builder(block, after, loop.detach().location)
    totals = [tree.total(b, made) for tree, made in zip(trees, build(b), strict=True)]
    for total, (old, readers) in zip(totals, users, strict=True):
        for op in readers:
            op.replace_operand(old, total)
        total.name = old.name
    if loop.parent is None:
        loop.erase()


def _in_order(loop: Op, b: Builder, first: Value, end: Value, starts: Sequence[Value]) -> Sequence[Value]:
    """The loop itself, of the terms from `first` to `end`."""
    set_operands(loop, lower=[first], upper=[end], init=starts)
    return b.insert(loop).results


def _combined(b: Builder, combine: Op, x: Value, y: Value) -> Value:
    name = "arith.addf" if combine.name in ("arith.subf", "math.fma") else combine.name
    return b.op(name, [x, y], [x.type])


# ---- blocks ----


def _in_blocks(loop: Op) -> None:
    """The loop becomes that of one block."""
    n, tree = Loop(loop).upper, Tree(loop, running(loop))

    def block(b: Builder, first: Value, end: Value) -> Sequence[Value]:
        return _in_order(loop, b, first, end, [tree.start(b)])
    if tree.length is None or tree.length > BLOCK or tree.part is not None:
        _replace(loop, [tree], lambda b: _cascade(b, n, BLOCK, block, [tree.whole(b, n)]))


@dataclass(frozen=True)
class _Whole:
    """What joins the totals of blocks: what it starts from, where its part of the terms begins, and how many there
    are in all, None where that is not known before the last; for a sum, those of 1, 2, 4, ... blocks so far."""

    combine: Op
    start: Value
    first: Value | None
    end: Value | None
    stack: Value | None

    def joined(self, b: Builder, so_far: Value, total: Value, first: Value, size: int) -> Value:
        if self.stack is None:
            return _combined(b, self.combine, so_far, total)
        place = first if self.first is None else b.addi(first, self.first)
        if self.end is not None:
            return self._join(b, total, place, self.end, size)
        so_far = self._join(b, total, place, b.addi(place, b.index(1)), size)
        self._join(b, total, place, b.index(FOREVER), size)
        return so_far

    def _join(self, b: Builder, total: Value, place: Value, end: Value, size: int) -> Value:
        assert self.stack is not None
        return b.op("scan.join", [total, self.stack, place, end], [total.type], {"size": t.IntAttr(size, t.i64)})


def _stack(b: Builder, type: t.Type) -> Value:
    return b.op("memref.alloca", [], [t.MemRefType((LEVELS,), type)])


def _cascade(b: Builder, n: Value, size: int, block: _Block, wholes: Sequence[_Whole]) -> Sequence[Value]:
    """The totals of `block(b, first, end)` for each block of `size` up to `n`, those of sums joined in pairs."""
    starts = [whole.start for whole in wholes]
    types = [v.type for v in starts]
    body = Block([t.index, *types])
    (first, *so_far), step, inner = body.args, b.index(size), Builder(body, location=b.location)
    totals = block(inner, first, inner.minsi(inner.addi(first, step), n))
    inner.make("scf.yield", [whole.joined(inner, acc, total, first, size)
                             for whole, acc, total in zip(wholes, so_far, totals, strict=True)])
    return b.make("scf.for", [b.index(0), n, step, *starts], types, None, [Region([body])]).results


def _before_loops(part: Op) -> Value:
    """What a sum started from before the loops that carry it from part to part."""
    value = operand(part, "value")
    while value.op is None and (loop := value.block.parent_op()) is not None and loop.name in LOOPS:
        carries = While(loop).carries if loop.name == "scf.while" else Loop(loop).carries
        carry = next((carry for carry in carries if carry.arg is value), None)
        if carry is None:
            return value
        value = carry.init
    return value


def _around(loop: Op, carried: Value) -> Builder:
    """Builds before the loop that carries a sum from part to part."""
    around = carried.block.parent_op() if carried.op is None else None
    anchor = loop if around is None or around.parent is None else around
    assert anchor.parent is not None
    return Builder(anchor.parent, anchor, anchor.location)


# ---- in lanes ----


class _Lanes:
    """Reductions of one loop, written in lanes: whole rounds of all lanes block by block, few lanes of what is left,
    and the last terms one by one."""

    def __init__(self, loop: Op, widths: tuple[int, ...]) -> None:
        self.loop, self.widths = loop, widths
        self.trees = [Tree(loop, carry) for carry in Loop(loop).carries]
        self.length, self.part = self.trees[0].length, self.trees[0].part
        self.so_far = [tree.lanes_so_far(widths[0]) for tree in self.trees]
        check = Check(loop)
        check.problem()
        self.varying = check.varying.union(*({tree.carry.arg, tree.combine.result} for tree in self.trees))

    def replace(self) -> None:
        _replace(self.loop, self.trees, self.totals)

    def totals(self, b: Builder) -> Sequence[Value]:
        n = Loop(self.loop).upper
        known = self.length is not None or self.part is not None
        most, end = self.most(b, n) if known else self.most_if_many(b, n)
        if end is n:
            return most
        self.loop.attrs["tail"] = t.IntAttr(1, t.i64)
        return _in_order(self.loop, b, end, n, most)

    def most_if_many(self, b: Builder, n: Value) -> tuple[Sequence[Value], Value]:
        """`most` where there are enough terms, else nothing: a short loop goes straight to single terms."""
        then, other = Block(), Block()
        inner = Builder(then, location=b.location)
        totals, end = self.most(inner, n)
        inner.make("scf.yield", [*totals, end])
        inner = Builder(other, location=b.location)
        inner.make("scf.yield", [*self.starts(inner), inner.index(0)])
        enough = b.cmpi("sge", n, b.index(self.widths[-1]))
        types = [tree.init.type for tree in self.trees]
        made = b.make("scf.if", [enough], [*types, t.index], None, [Region([then]), Region([other])])
        *totals, end = made.results
        return totals, end

    def most(self, b: Builder, n: Value) -> tuple[Sequence[Value], Value]:
        """All terms but the last ones combined, and where those start."""
        end, size = whole_lanes(b, n, b.index(self.widths[-1])), self.widths[0] * ROUNDS
        is_short = self.length is not None and self.length <= size and self.part is None
        if is_short or not any(tree.sums for tree in self.trees):
            return self.block(b, b.index(0), end), end
        return _cascade(b, end, size, self.block, [tree.whole(b, end, self.widths[-1]) for tree in self.trees]), end

    def starts(self, b: Builder, lanes: int = 0) -> list[Value]:
        return [tree.start(b, lanes) for tree in self.trees]

    def block(self, b: Builder, first: Value, end: Value) -> Sequence[Value]:
        """The terms from `first`, a multiple of all lanes, to `end`, a multiple of few: in rounds of all lanes, then
        of few; known lengths skip what has no rounds."""
        vectors: Sequence[Value] = []
        for lanes in self.widths:
            if self.skips(lanes):
                continue
            starts = self.folded(b, vectors, lanes) if vectors else self.first_starts(b, lanes)
            whole = end if lanes == self.widths[-1] else whole_lanes(b, end, b.index(lanes))
            first, vectors = whole, self.rounds(b, first, whole, starts)
            if lanes == self.widths[0]:
                self.keep(b, vectors)
        return self.folded(b, vectors) if vectors else self.starts(b)

    def first_starts(self, b: Builder, lanes: int) -> list[Value]:
        """What all lanes start from: those of the parts before, where they go on."""
        return [tree.start(b, lanes) if memory is None else b.op(
            "vector.load", [memory, b.index(0)], [tree.type(lanes)])
            for tree, memory in zip(self.trees, self.so_far, strict=True)]

    def keep(self, b: Builder, vectors: Sequence[Value]) -> None:
        """Keep all lanes of what goes on."""
        for vector, memory in zip(vectors, self.so_far, strict=True):
            if memory is not None:
                b.make("vector.store", [vector, memory, b.index(0)])

    def skips(self, lanes: int) -> bool:
        """Whether the length is known and leaves no round of `lanes`."""
        if self.length is None or self.part is not None:
            return False
        left: int = self.length if lanes == self.widths[0] else self.length % self.widths[0]
        return left < lanes

    def rounds(self, b: Builder, first: Value, end: Value, starts: Sequence[Value]) -> Sequence[Value]:
        """Each lane combines every so many-th term from `first` to `end`."""
        types = [v.type for v in starts]
        loop, lanes = self.loop, starts[0].type.shape[0]  # type: ignore[attr-defined]
        body = Block([t.index, *types])
        for old, new in zip(loop.body.args, body.args, strict=True):
            new.name = old.name
        widen = Widener(self.varying, lanes, dict(zip(loop.body.args, body.args, strict=True)), Loop(loop).counter)
        inner = Builder(body, location=loop.location)
        widen.body(loop.body.ops[:-1], inner)
        inner.make("scf.yield", [widen.value(tree.carry.next) for tree in self.trees])
        return b.make("scf.for", [first, end, b.index(lanes), *starts], types, {"vector": t.IntAttr(lanes, t.i64)},
                      [Region([body])]).results

    def folded(self, b: Builder, vectors: Sequence[Value], lanes: int = 0) -> list[Value]:
        """Halves combined with halves until `lanes` are left, or a scalar."""
        name = "scan.fold_lanes" if lanes else "vector.reduction"
        return [b.op(name, [vector], [tree.type(lanes)], {"kind": tree.kind})
                for tree, vector in zip(self.trees, vectors, strict=True)]


def widths_of(loop: Op) -> tuple[int, ...]:
    """All lanes, then few: by bytes, so that they fill whole registers of any width."""
    ops = [op for op in loop.body.ops if op.name != "math.fma"]  # no more than the product and the sum it was
    loads = [t.nbytes(op.result.type) for op in ops if op.name == "memref.load"]
    nbytes = max([t.nbytes(running(loop).init.type), *loads])
    states = [t.nbytes(v.type) for op in ops if op.regions for v in op.operands if v.type != t.i1]
    if states:  # a loop over time inside: two AVX2 registers of each value, of the narrowest, and no spills
        return (min(HEAVY_BYTES // min(states), MOST_LANES),)
    if is_heavy(ops) or any(op.name == "memref.store" for op in ops):
        return (min(HEAVY_BYTES // nbytes, MOST_LANES),)
    return tuple(dict.fromkeys((min(LANE_BYTES // nbytes, MOST_LANES), FEW_LANES)))
