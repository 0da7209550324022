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
round to round: it gets the tree of the whole.
Conservative: which form a loop gets depends on its layout, never on the width of registers. What must
be combined in the order written (`exact`) is no reduction to `bufferize`, and stays. With `lanes=false`
(a GPU, where each thread has a lane) all is in order within blocks.
Cost: linear; a body appears up to three times. Runs after `licm`, before `vectorize`.
Source: pairwise summation (Higham, Accuracy and Stability of Numerical Algorithms, 4.2), from the blocks
upwards, so that one pass does it, where NumPy halves from the top.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import int_attr, operand, set_operands
from scancc.ir.parts import Loop, Nest, Round
from scancc.ir.remarks import remark

from .vectorizing.lanes import Check, Widener, holds_loops, innermost, is_heavy, whole_lanes

BLOCK = 64        # terms of a block in order
ROUNDS = 32       # of all lanes, a block
LANE_BYTES = 128  # four AVX2 registers: enough chains to hide most of the latency of an addition
HEAVY_BYTES = 64
FEW_LANES = 8     # for what is left of a short reduction
MOST_LANES = 64
LEVELS = 40       # pairs of pairs: 2**40 blocks take days

_Block = Callable[[Builder, Value, Value], Value]  # builds a block's sum: first, end

# By the op that combines: its kind, and what changes nothing.
_KINDS: dict[str, tuple[str, object]] = {
    "arith.addf": ("add", -0.0), "math.fma": ("add", -0.0), "complex.add": ("add", complex(-0.0, -0.0)),
    "arith.mulf": ("mul", 1.0), "arith.addi": ("add", 0), "arith.muli": ("mul", 1),
    "arith.andi": ("and", -1), "arith.ori": ("or", 0),
    "arith.maximumf": ("maximumf", float("-inf")), "arith.minimumf": ("minimumf", float("inf")),
    "arith.maxsi": ("maxsi", "least"), "arith.minsi": ("minsi", "most"), "arith.maxui": ("maxui", 0),
    "arith.minui": ("minui", -1),
}
_ROUNDED = ("arith.addf", "math.fma", "complex.add", "arith.mulf")  # their order shows in the result
SUMS = ("arith.addf", "math.fma", "complex.add")


def reductions(module: Op, lanes: bool = True) -> None:
    """Rewrite every loop marked as a reduction; which form each gets is decided before any is changed."""
    loops = [op for op in module.walk() if op.name == "scf.for" and "reduction" in op.attrs]
    for loop in loops:
        _separate(loop)
    forms = [_form(loop, lanes) for loop in loops]
    for loop, (form, reason) in zip(loops, forms, strict=True):
        remark("reductions", loop, form == "lanes", reason or "a reduction runs in lanes")
        if form == "lanes":
            _in_lanes(loop)
        elif form == "blocks":
            _in_blocks(loop)


def running(loop: Op) -> Round:
    """The value that a reduction carries on."""
    (carry,) = Loop(loop).carries
    return carry


def is_in_any_order(nest: Op, number: int) -> bool:
    """Whether a loop nest's result, by its number, is combined by what gives the same in any order, and in lanes."""
    acc, combine = Nest(nest).running[number], Nest(nest).elements[number].op
    if combine is None or combine.name not in _KINDS or combine.name in _ROUNDED or is_exact(combine):
        return False
    return acc.uses == {combine: 1}


def is_rounded(nest: Op, number: int) -> bool:
    """Whether the order in which a loop nest's result is combined shows in it."""
    combine = Nest(nest).elements[number].op
    return combine is not None and combine.name in _ROUNDED


def _separate(outer: Op) -> None:
    """Of two nested sums, let the inner one start anew and the outer one add its result."""
    acc, inner = running(outer).arg, running(outer).next.op
    combine = _innermost_combine(outer)
    if inner is None or inner is combine or acc.uses != {inner: 1} or combine is None or combine.name not in SUMS:
        return
    start = Builder(outer.body, inner, inner.location)
    set_operands(inner, init=[start.const(_KINDS[combine.name][1], acc.type)])
    end = Builder(outer.body, outer.body.terminator, inner.location)
    set_operands(outer.body.terminator, values=[_combined(end, combine, acc, inner.result)])


def _innermost_combine(loop: Op) -> Op | None:
    """The op that combines the running value with a term, inside all nested reductions."""
    last = running(loop).next.op
    while last is not None and last.name == "scf.for" and "reduction" in last.attrs:
        last = running(last).next.op
    return last


def _form(loop: Op, lanes: bool) -> tuple[str, str]:
    """`lanes`, `blocks` or `order`, and why no lanes."""
    form, reason = _form_by_layout(loop, lanes)
    part = _part_of(loop) if form != "order" else None
    if part is not None and int_attr(part, "size") % (BLOCK if form == "blocks" else _widths(loop)[0] * ROUNDS):
        return "order", "the parts of a sum are no whole blocks"
    return form, reason


def _part_of(loop: Op) -> Op | None:
    """The mark of a sum of which the loop makes a part, and goes on from the parts before it."""
    init, combine = running(loop).init, running(loop).next.op
    if init.op is None or init.op.name != "scan.running" or combine is None or combine.name not in SUMS:
        return None
    return init.op


def _form_by_layout(loop: Op, lanes: bool) -> tuple[str, str]:
    combine = running(loop).next.op
    name = combine.name if combine is not None else ""
    reason = _obstacle(loop) if lanes else "each thread has a lane"
    if reason is None and name in _ROUNDED and _around_in_lanes(loop):
        reason = "a loop around it has the lanes"
    if reason is None:
        return "lanes", ""
    return "blocks" if name in SUMS and _is_combination(loop) else "order", reason


def _around_in_lanes(loop: Op) -> bool:
    """Whether the parallel loop around can have the lanes: then neighbours are summed side by side."""
    around = loop.parent_op()
    while around is not None and not (around.name == "scf.for" and "parallel" in around.attrs):
        around = around.parent_op()
    return around is not None and innermost(around) and Check(around).problem() is None


def _is_combination(loop: Op) -> bool:
    """Whether the running value is used for one combination only."""
    acc, combine = running(loop).arg, running(loop).next.op
    if combine is None or combine.name not in _KINDS or acc.uses != {combine: 1}:
        return False
    return combine.name != "math.fma" or operand(combine, "c") is acc


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


def _neutral(combine: Op, type: t.Type) -> object:
    """What changes nothing, in numbers of `type`."""
    known = _KINDS[combine.name][1]
    half = 1 << (8 * t.nbytes(type) - 1)
    return {"least": -half, "most": half - 1}.get(str(known), known)


@dataclass
class _Tree:
    """A reduction that gets its tree."""

    loop: Op
    combine: Op

    def __post_init__(self) -> None:
        """A tree starts from the loop's own start where that changes nothing: 0.0 in a sum, which then is 0.0
        where all terms are -0.0."""
        self.init, self.length = running(self.loop).init, constant_of(Loop(self.loop).upper)
        self.part = _part_of(self.loop)
        self.before = self.init if self.part is None else _before_loops(self.part)
        neutral, given = _neutral(self.combine, self.init.type), constant_of(self.before)
        equal = given is not None and given == neutral
        self.starts_itself = equal or self.part is not None
        self.neutral = given if equal else neutral

    def cascade(self, b: Builder, n: Value, size: int, block: _Block, lanes: int = 1) -> Value:
        """The sum of blocks of `size` up to `n`, joined in pairs, with those of the parts before."""
        if self.part is None:
            return _cascade(b, n, size, self.start(b), block)
        value, first, end = (operand(self.part, name) for name in ("value", "first", "end"))
        end = end if lanes == 1 else whole_lanes(b, end, b.index(lanes))
        stack = _stack(_around(self.loop, value), value.type)
        return _cascade(b, n, size, value, block, _Whole(first, end, stack))

    def start(self, b: Builder, lanes: int = 0) -> Value:
        return b.const(self.neutral, self.type(lanes))

    def type(self, lanes: int) -> t.Type:
        return t.VectorType((lanes,), self.init.type) if lanes else self.init.type

    def replace(self, build: Callable[[Builder], Value]) -> None:
        """Put the total that `build` builds in the place of the loop."""
        loop, old, block = self.loop, self.loop.result, self.loop.parent
        assert block is not None
        after, users = block.ops[block.ops.index(loop) + 1], list(old.uses)
        del loop.attrs["reduction"]
        b = Builder(block, after, loop.detach().location)
        total = build(b) if self.starts_itself else _combined(b, self.combine, self.init, build(b))
        for op in users:
            op.operands = [total if v is old else v for v in op.operands]
        total.name = old.name
        if loop.parent is None:
            loop.erase()

    def in_order(self, b: Builder, first: Value, end: Value, start: Value | None = None) -> Value:
        """The loop itself, of the terms from `first` to `end`."""
        set_operands(self.loop, lower=[first], upper=[end], init=[self.start(b) if start is None else start])
        return b.insert(self.loop).result


def _combined(b: Builder, combine: Op, x: Value, y: Value) -> Value:
    name = "arith.addf" if combine.name == "math.fma" else combine.name
    return b.op(name, [x, y], [x.type])


# ---- blocks ----


def _in_blocks(loop: Op) -> None:
    """The loop becomes that of one block."""
    n, combine = Loop(loop).upper, running(loop).next.op
    assert combine is not None
    tree = _Tree(loop, combine)
    if tree.length is None or tree.length > BLOCK or tree.part is not None:
        tree.replace(lambda b: tree.cascade(b, n, BLOCK, tree.in_order))


@dataclass(frozen=True)
class _Whole:
    """Where a part of a sum begins, how many terms there are in all, and the sums of blocks so far."""

    first: Value | None
    end: Value
    stack: Value


def _stack(b: Builder, type: t.Type) -> Value:
    return b.op("memref.alloca", [], [t.MemRefType((LEVELS,), type)])


def _cascade(b: Builder, n: Value, size: int, start: Value, block: _Block, whole: _Whole | None = None) -> Value:
    """The sum of `block(b, first, end)` for each block of `size` up to `n`, joined in pairs."""
    whole = _Whole(None, n, _stack(b, start.type)) if whole is None else whole
    body = Block([t.index, start.type])
    (first, _), step, inner = body.args, b.index(size), Builder(body, location=b.location)
    total = block(inner, first, inner.minsi(inner.addi(first, step), n))
    place = first if whole.first is None else inner.addi(first, whole.first)
    joined = inner.op("scan.join", [total, whole.stack, place, whole.end], [start.type],
                      {"size": t.IntAttr(size, t.i64)})
    inner.make("scf.yield", [joined])
    return b.make("scf.for", [b.index(0), n, step, start], [start.type], None, [Region([body])]).result


def _before_loops(part: Op) -> Value:
    """What a sum started from before the loops that carry it from part to part."""
    value = operand(part, "value")
    while value.op is None and (loop := value.block.parent_op()) is not None and loop.name == "scf.for":
        carry = next((carry for carry in Loop(loop).carries if carry.arg is value), None)
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


def _in_lanes(loop: Op) -> None:
    """Whole rounds of all lanes block by block, few lanes of what is left, and the last terms one by one."""
    combine = running(loop).next.op
    assert combine is not None
    lanes = _Lanes(loop, combine)
    lanes.replace(lanes.total)


class _Lanes(_Tree):
    """A reduction that is written in lanes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check = Check(self.loop)
        check.problem()
        self.varying = check.varying | {running(self.loop).arg, self.combine.result}
        self.widths = _widths(self.loop)

    def total(self, b: Builder) -> Value:
        n = Loop(self.loop).upper
        known = self.length is not None or self.part is not None
        most, end = self.most(b, n) if known else self.most_if_many(b, n)
        if end is n:
            return most
        self.loop.attrs["tail"] = t.IntAttr(1, t.i64)
        return self.in_order(b, end, n, most)

    def most_if_many(self, b: Builder, n: Value) -> tuple[Value, Value]:
        """`most` where there are enough terms, else nothing: a short loop goes straight to single terms."""
        then, other = Block(), Block()
        inner = Builder(then, location=b.location)
        inner.make("scf.yield", self.most(inner, n))
        inner = Builder(other, location=b.location)
        inner.make("scf.yield", [self.start(inner), inner.index(0)])
        enough = b.cmpi("sge", n, b.index(self.widths[-1]))
        made = b.make("scf.if", [enough], [self.init.type, t.index], None, [Region([then]), Region([other])])
        total, end = made.results
        return total, end

    def most(self, b: Builder, n: Value) -> tuple[Value, Value]:
        """All terms but the last ones combined, and where those start."""
        end, size = whole_lanes(b, n, b.index(self.widths[-1])), self.widths[0] * ROUNDS
        is_short = self.length is not None and self.length <= size and self.part is None
        if self.combine.name not in SUMS or is_short:
            return self.block(b, b.index(0), end), end
        return self.cascade(b, end, size, self.block, self.widths[-1]), end

    def block(self, b: Builder, first: Value, end: Value) -> Value:
        """The terms from `first`, a multiple of all lanes, to `end`, a multiple of few: in rounds of all lanes, then
        of few; known lengths skip what has no rounds."""
        vector = None
        for lanes in self.widths:
            if self.skips(lanes):
                continue
            start = self.start(b, lanes) if vector is None else self.folded(b, vector, lanes)
            whole = end if lanes == self.widths[-1] else whole_lanes(b, end, b.index(lanes))
            first, vector = whole, self.rounds(b, first, whole, start)
        return self.start(b) if vector is None else self.folded(b, vector)

    def skips(self, lanes: int) -> bool:
        """Whether the length is known and leaves no round of `lanes`."""
        if self.length is None:
            return False
        left: int = self.length if lanes == self.widths[0] else self.length % self.widths[0]
        return left < lanes

    def rounds(self, b: Builder, first: Value, end: Value, start: Value) -> Value:
        """Each lane combines every so many-th term from `first` to `end`."""
        assert isinstance(start.type, t.VectorType)
        loop, lanes = self.loop, start.type.shape[0]
        body = Block([t.index, start.type])
        for old, new in zip(loop.body.args, body.args, strict=True):
            new.name = old.name
        widen = Widener(self.varying, lanes, dict(zip(loop.body.args, body.args, strict=True)), Loop(loop).counter)
        inner = Builder(body, location=loop.location)
        for op in loop.body.ops[:-1]:
            widen.op(op, inner)
        inner.make("scf.yield", [widen.map[running(loop).next]])
        return b.make("scf.for", [first, end, b.index(lanes), start], [start.type],
                      {"vector": t.IntAttr(lanes, t.i64)}, [Region([body])]).result

    def folded(self, b: Builder, vector: Value, lanes: int = 0) -> Value:
        """Halves combined with halves until `lanes` are left, or a scalar."""
        kind = t.DialectAttr(f"#vector.kind<{_KINDS[self.combine.name][0]}>")
        return b.op("scan.fold_lanes" if lanes else "vector.reduction", [vector], [self.type(lanes)], {"kind": kind})


def _widths(loop: Op) -> tuple[int, ...]:
    """All lanes, then few: by bytes, so that they fill whole registers of any width."""
    ops = [op for op in loop.body.ops if op.name != "math.fma"]  # no more than the product and the sum it was
    loads = [t.nbytes(op.result.type) for op in ops if op.name == "memref.load"]
    nbytes = max([t.nbytes(running(loop).init.type), *loads])
    states = [t.nbytes(v.type) for op in ops if op.regions for v in op.operands if v.type != t.i1]
    if states:  # a loop over time inside: two AVX2 registers of each value, of the narrowest, and no spills
        return (min(HEAVY_BYTES // min(states), MOST_LANES),)
    if is_heavy(ops) or any(op.name == "memref.store" for op in ops):
        return (min(HEAVY_BYTES // nbytes, MOST_LANES),)
    return min(LANE_BYTES // nbytes, MOST_LANES), FEW_LANES
