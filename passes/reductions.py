"""Give each reduction its tree: the order in which its terms are combined, the same on every machine.

    %s = scf.for %k = 0 to %n                %s8 = scf.for %k0 = 0 to %w step 1024 iter(-0.0, ...) {
        iter(%acc = %zero) {reduction} {         ... the block before this one joins the ones before it ...
      %x = memref.load %a[%k]                    %b = scf.for %k = %k0 to %k0 + 1024 step 32 {
      %t = arith.addf %acc, %x       ->            %x = vector.load %a[%k] : vector<32xf32>
      scf.yield %t                                 %t = arith.addf %acc, %x }
    }                                            vector.reduction %b : vector<8xf32> }
                                             ... eight lanes, then single terms, of what is left ...

Why: a sum in order loses digits in proportion to its length, and waits for each addition. Here sums of
floats are made block by block, and blocks are joined in pairs, pairs of pairs and so on, like the digits of
a binary counter (`scan.join`): the error grows with the logarithm of the length, in O(log n) of state.
In lanes, where the terms are neighbours in memory: 128 bytes of lanes (32 f32), 32 rounds of them a block,
halves joined with halves; what is left in eight lanes, the last terms one by one. In order within
blocks of 64 terms, where lanes are those of a parallel loop around, or memory is not read along the
reduction. Lengths known to be short have no blocks. Nested reductions are trees of trees. Other
reductions (maxima, integers, products) run in the same lanes, without blocks.
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
from scancc.ir.remarks import remark

from .vectorizing.lanes import Check, Widener, holds_loops, innermost, is_heavy, whole_lanes

BLOCK = 64        # terms of a block in order
ROUNDS = 32       # of all lanes, a block
LANE_BYTES = 128  # four AVX2 registers: enough chains to hide most of the latency of an addition
HEAVY_BYTES = 64
FEW_LANES = 8     # for what is left of a short reduction
MOST_LANES = 64
LEVELS = 40       # pairs of pairs: 2**40 blocks take days

_Block = Callable[[Builder, Value, Value, Value], Value]  # builds a block's sum: first, end, start

# By the op that combines: its kind, and what changes nothing.
_KINDS: dict[str, tuple[str, object]] = {
    "arith.addf": ("add", -0.0), "math.fma": ("add", -0.0), "complex.add": ("add", complex(-0.0, -0.0)),
    "arith.mulf": ("mul", 1.0), "arith.addi": ("add", 0), "arith.muli": ("mul", 1),
    "arith.andi": ("and", -1), "arith.ori": ("or", 0),
    "arith.maximumf": ("maximumf", float("-inf")), "arith.minimumf": ("minimumf", float("inf")),
}
_ROUNDED = ("arith.addf", "math.fma", "complex.add", "arith.mulf")  # their order shows in the result
_SUMS = ("arith.addf", "math.fma", "complex.add")


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


def _separate(outer: Op) -> None:
    """Of two nested sums, let the inner one start anew and the outer one add its result."""
    acc, inner = outer.body.args[1], outer.body.terminator.operands[0].op
    combine = _innermost_combine(outer)
    if inner is None or inner is combine or acc.uses != {inner: 1} or combine is None or combine.name not in _SUMS:
        return
    start = Builder(outer.body, inner, inner.location)
    inner.operands = [*inner.operands[:3], _identity(start, combine, acc.type)]
    end = Builder(outer.body, outer.body.terminator, inner.location)
    outer.body.terminator.operands = [_combined(end, combine, acc, inner.result)]


def _innermost_combine(loop: Op) -> Op | None:
    """The op that combines the running value with a term, inside all nested reductions."""
    last = loop.body.terminator.operands[0].op
    while last is not None and last.name == "scf.for" and "reduction" in last.attrs:
        last = last.body.terminator.operands[0].op
    return last


def _form(loop: Op, lanes: bool) -> tuple[str, str]:
    """`lanes`, `blocks` or `order`, and why no lanes."""
    combine = loop.body.terminator.operands[0].op
    name = combine.name if combine is not None else ""
    reason = _obstacle(loop) if lanes else "each thread has a lane"
    if reason is None and name in _ROUNDED and _around_in_lanes(loop):
        reason = "a loop around it has the lanes"
    if reason is None:
        return "lanes", ""
    return "blocks" if name in _SUMS and _is_combination(loop) else "order", reason


def _around_in_lanes(loop: Op) -> bool:
    """Whether the parallel loop around can have the lanes: then neighbours are summed side by side."""
    around = loop.parent_op()
    while around is not None and not (around.name == "scf.for" and "parallel" in around.attrs):
        around = around.parent_op()
    return around is not None and innermost(around) and Check(around).problem() is None


def _is_combination(loop: Op) -> bool:
    """Whether the running value is used for one combination only."""
    acc, combine = loop.body.args[1], loop.body.terminator.operands[0].op
    if combine is None or combine.name not in _KINDS or acc.uses != {combine: 1}:
        return False
    return combine.name != "math.fma" or combine.operands[2] is acc


def _obstacle(loop: Op) -> str | None:
    """Why a reduction cannot run in lanes, or None."""
    if holds_loops(loop):
        return "another reduction is inside"
    if not _is_combination(loop):
        return "the running value is used for more than one combination"
    length = constant_of(loop.operands[1])
    if length is not None and length < FEW_LANES:
        return "it has fewer iterations than lanes"
    check = Check(loop)
    problem = check.problem()
    acc, combine = loop.body.args[1], loop.body.terminator.operands[0].op
    assert combine is not None
    if problem is None and not any(v in check.varying for v in combine.operands if v is not acc):
        problem = "every step combines the same value"
    return problem


# ---- combining ----


def _identity(b: Builder, combine: Op, type: t.Type) -> Value:
    return b.const(_KINDS[combine.name][1], type)


def _combined(b: Builder, combine: Op, x: Value, y: Value) -> Value:
    name = "arith.addf" if combine.name == "math.fma" else combine.name
    return b.op(name, [x, y], [x.type])


# ---- in order within blocks ----


def _in_blocks(loop: Op) -> None:
    """The loop becomes that of one block."""
    _, n, one, init = loop.operands
    length, combine = constant_of(n), loop.body.terminator.operands[0].op
    if combine is None or length is not None and length <= BLOCK:
        return
    b, users = _taken_out(loop)

    def block(b: Builder, first: Value, end: Value, start: Value) -> Value:
        loop.operands = [first, end, one, start]
        return b.insert(loop).result
    total = _cascade(b, n, BLOCK, _identity(b, combine, init.type), block)
    _give(users, loop.result, _combined(b, combine, init, total))


def _taken_out(loop: Op) -> tuple[Builder, list[Op]]:
    """What builds in the place of a loop, and the readers of its result."""
    block = loop.parent
    assert block is not None
    after = block.ops[block.ops.index(loop) + 1]
    del loop.attrs["reduction"]
    return Builder(block, after, loop.detach().location), list(loop.result.uses)


def _give(users: list[Op], old: Value, new: Value) -> None:
    for op in users:
        op.operands = [new if v is old else v for v in op.operands]
    new.name = old.name


def _cascade(b: Builder, n: Value, size: int, start: Value, block: _Block) -> Value:
    """The sum of `block(b, first, end, start)` for each block of `size` up to `n`, joined in pairs.

    The sum of the last block is carried, not joined, so that one block alone costs nothing more.
    """
    levels = (LEVELS, *(start.type.shape if isinstance(start.type, t.VectorType) else ()))
    stack = b.op("memref.alloca", [], [t.MemRefType(levels, t.element(start.type))])
    zero, one, step = b.index(0), b.index(1), b.index(size)
    body = Block([t.index, start.type])
    first, before = body.args
    inner = Builder(body, location=b.location)
    _join(inner, first, step, before, stack)
    end = inner.minsi(inner.addi(first, step), n)
    inner.make("scf.yield", [block(inner, first, end, start)])
    made = b.make("scf.for", [zero, n, step, start], [start.type], None, [Region([body])])
    joined = b.op("arith.divsi", [b.subi(n, one), step], [t.index])
    return b.op("scan.joined", [made.result, stack, joined], [start.type])


def _join(b: Builder, first: Value, step: Value, before: Value, stack: Value) -> None:
    """Where this is not the first block: join the one before."""
    then, other = Block(), Block()
    inner = Builder(then, location=b.location)
    number = inner.subi(inner.op("arith.divsi", [first, step], [t.index]), inner.index(1))
    inner.make("scan.join", [before, stack, number])
    for part in (then, other):
        Builder(part, location=b.location).make("scf.yield")
    b.make("scf.if", [b.cmpi("ne", first, b.index(0))], [], None, [Region([then]), Region([other])])


# ---- in lanes ----


@dataclass
class _Lanes:
    """A reduction that is written in lanes."""

    loop: Op
    combine: Op
    varying: set[Value]
    wide: int
    few: int

    @property
    def kind(self) -> str:
        return _KINDS[self.combine.name][0]

    def identity(self, b: Builder, lanes: int) -> Value:
        type = self.loop.operands[3].type
        return _identity(b, self.combine, t.VectorType((lanes,), type) if lanes else type)

    def accumulate(self, b: Builder, first: Value, end: Value, lanes: int) -> Value:
        """Each lane combines every `lanes`-th term from `first` to `end`."""
        loop, start = self.loop, self.identity(b, lanes)
        body = Block([t.index, start.type])
        for old, new in zip(loop.body.args, body.args, strict=True):
            new.name = old.name
        widen = Widener(self.varying, lanes, dict(zip(loop.body.args, body.args, strict=True)), loop.body.args[0])
        inner = Builder(body, location=loop.location)
        for op in loop.body.ops[:-1]:
            widen.op(op, inner)
        inner.make("scf.yield", [widen.map[loop.body.terminator.operands[0]]])
        return b.make("scf.for", [first, end, b.index(lanes), start], [start.type],
                      {"vector": t.IntAttr(lanes, t.i64)}, [Region([body])]).result

    def folded(self, b: Builder, vector: Value, lanes: int) -> Value:
        """Halves combined with halves until `lanes` are left, or a scalar."""
        element = t.element(vector.type)
        type = t.VectorType((lanes,), element) if lanes else element
        if type == vector.type:
            return vector
        name = "scan.fold_lanes" if lanes else "vector.reduction"
        return b.op(name, [vector], [type], {"kind": t.DialectAttr(f"#vector.kind<{self.kind}>")})


def _in_lanes(loop: Op) -> None:
    """All lanes block by block, few lanes of what is left, and the last terms one by one."""
    _, n, one, init = loop.operands
    combine = loop.body.terminator.operands[0].op
    assert combine is not None
    check = Check(loop)
    check.problem()
    check.varying |= {loop.body.args[1], loop.body.terminator.operands[0]}
    b, users = _taken_out(loop)
    lanes = _Lanes(loop, combine, check.varying, *_widths(loop))
    total, end = _most_terms(lanes, b, n)
    if end is not n:
        loop.operands = [end, n, one, lanes.identity(b, 0)]
        total = _combined(b, combine, total, b.insert(loop).result)
    _give(users, loop.result, _combined(b, combine, init, total))
    if end is n:
        loop.erase()


def _widths(loop: Op) -> tuple[int, int]:
    """All lanes and few: by bytes, so that they fill whole registers of any width."""
    ops = list(loop.body.ops)
    loads = [t.nbytes(op.result.type) for op in ops if op.name == "memref.load"]
    nbytes = max([t.nbytes(loop.operands[3].type), *loads])
    if is_heavy(ops):
        few = min(HEAVY_BYTES // nbytes, MOST_LANES)
        return few, few
    return min(LANE_BYTES // nbytes, MOST_LANES), FEW_LANES


def _most_terms(lanes: _Lanes, b: Builder, n: Value) -> tuple[Value, Value]:
    """All terms but the last ones combined, and where those start; a short loop goes straight to them."""
    if constant_of(n) is not None:
        vector, end = _whole_lanes(lanes, b, n)
        return lanes.folded(b, vector, 0), end
    then, other = Block(), Block()
    inner = Builder(then, location=b.location)
    vector, end = _whole_lanes(lanes, inner, n)
    inner.make("scf.yield", [lanes.folded(inner, vector, 0), end])
    inner = Builder(other, location=b.location)
    inner.make("scf.yield", [lanes.identity(inner, 0), inner.index(0)])
    made = b.make("scf.if", [b.cmpi("sge", n, b.index(lanes.few))], [lanes.loop.operands[3].type, t.index], None,
                  [Region([then]), Region([other])])
    return made.results[0], made.results[1]


def _whole_lanes(lanes: _Lanes, b: Builder, n: Value) -> tuple[Value, Value]:
    """Few lanes that hold all terms but the last ones, and where those start."""
    length = constant_of(n)
    if length is not None and length < lanes.wide:
        lanes.wide = lanes.few
    end = whole_lanes(b, n, b.index(lanes.wide))
    vector = _all_lanes(lanes, b, end)
    if lanes.wide != lanes.few and end is not n:
        first, end = end, whole_lanes(b, n, b.index(lanes.few))
        if length is None or constant_of(first) != constant_of(end):
            vector = _combined(b, lanes.combine, vector, lanes.accumulate(b, first, end, lanes.few))
    return vector, end


def _all_lanes(lanes: _Lanes, b: Builder, end: Value) -> Value:
    size, length = lanes.wide * ROUNDS, constant_of(end)
    rounded = lanes.combine.name in _SUMS

    def block(b: Builder, first: Value, end: Value, start: Value) -> Value:
        return lanes.folded(b, lanes.accumulate(b, first, end, lanes.wide), lanes.few)
    if not rounded or length is not None and length <= size:
        return block(b, b.index(0), end, end)
    return _cascade(b, end, size, lanes.identity(b, lanes.few), block)
