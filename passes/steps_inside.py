"""Take steps inside of lanes: blocks of steps for a few lanes whose states stay in registers, then for the next ones.

    scf.for %t = 0 to %n {                         scf.for %b = 0 to %n step 128 {
      scf.for %i = 0 to %rows {parallel} {           scf.for %i = 0 to %rows {parallel} {
        %v = memref.load %u[%t, %i]                    scf.for %j = 0 to %m step 16 {
        scf.for %j = 0 to %m {parallel} {                %x8 = 16 of %x[%i, %j]
          %x[%i, %j] = %a[%i, %j] * %x[%i, %j] + %v      scf.for %t = %b to %b + 128 iter(%x8) {
        }                                     ->           %x8 = %a8 * %x8 + %u[%t, %i]
        %s = scf.for %j = 0 to %m {reduction} {            %sums[%t - %b, 0 to 8] += %c8 * %x8 }
          ... += %c[%i, %j] * %x[%i, %j] }               %x[%i, %j] = %x8 }
        %y[%t, %i] = %s } }                            scf.for %t = %b to %b + 128 {
                                                         %y[%t, %i] = all of %sums[%t - %b] } } }

Why: where a step goes through all states of a layer, each is read and written in each step, and so is what it meets;
of states that have their own past only, a few can go through all steps in registers. The sum of lanes is, until all
are done, so many numbers as its tree has lanes, for each step of a block (a state-space layer of 64 complex states,
16 channels, 1,000 steps, float64: 1.15 ms, 0.31 so; where all is added in order, 2.3 and 0.65). No sum gets another
tree: no bit changes. Lanes that fill no vector are done step by step, as before.
Conservative: loops over lanes read and write elements of their own, which nobody else uses, and no lane needs what is
made of all; rows are independent, and no rows as long as the lanes pass by, as step by step is then the better
order for memory; sums have one block of terms (`reductions`), which is asked when it runs: else the loop stays.
Cost: linear in each loop over steps; its body appears up to five times. Runs before `reductions`, which makes the
same trees of what stays.
Source: strip-mining and interchange (Allen and Kennedy, 1984), with scalar replacement (Callahan, Carr, Kennedy,
1990).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.ops import set_operands
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark

from .reductions import ROUNDS, Tree, form_of, widths_of
from .slicing.latencies import is_function
from .vectorizing.along_steps import StepsWidener, Template
from .vectorizing.in_flight import usual_size
from .vectorizing.lanes import Check, varying_in, whole_lanes
from .vectorizing.steps import StepNest

FEW_STEPS = 8
SIDE_BY_SIDE = 4    # registers of lanes (complex float64, fast_math: one pair takes 433 us, two 314, four 375)
SUMS_NBYTES = 8192  # of a block of steps: a quarter of the nearest cache
MOST_STEPS = 256    # of a block


def steps_inside(module: Op, bits: int = 512) -> None:
    """Take steps inside in every loop where that is possible and worth it, for registers of `bits`."""
    for op in list(module.walk()):
        if op.name == "scf.for" and not op.attrs and op.parent is not None and any(v.regions for v in op.body.ops):
            nest = StepNest(op)
            problem = nest.problem()
            problem = _problem(nest, bits // 8) if problem is None else problem
            done = "" if problem is not None else _Steps(nest, bits // 8).run()
            if problem is None or problem:
                remark("steps-inside", op, problem is None, problem or done)


# ---- whether ----


def _problem(nest: StepNest, nbytes: int) -> str | None:
    """Why it is not worth it, or a sum has no lanes; empty where there is nothing to say."""
    if not nest.has_states or not nest.sums and not nest.levels:
        return ""
    if nest.has_streams:
        return "rows as long as the states pass by: step by step they lie in order"
    reason = next(filter(None, map(_lanes_problem, nest.loops)), None)
    if reason is None and len({widths_of(op) for op in nest.trees}) > 1:
        return "its sums have trees of other lanes"
    return reason or _size_problem(nest, nbytes)


def _size_problem(nest: StepNest, nbytes: int) -> str | None:
    """Why there are too few lanes, or too many, where it is known how many."""
    n, most = constant_of(Loop(nest.loops[0]).upper), _block_of(nest)
    if n is not None and n < _widths(nest, nbytes)[-1]:
        return "there are fewer lanes than a vector has"
    return "a sum has several blocks of terms" if n is not None and most is not None and n > most else None


def _lanes_problem(loop: Op) -> str | None:
    if "reduction" not in loop.attrs:
        return Check(loop).problem()
    form, reason = form_of(loop)
    return None if form == "lanes" else reason


def _widths(nest: StepNest, nbytes: int) -> tuple[int, ...]:
    """All lanes of a vector, then few: those of the trees of sums, or as many as fill a register."""
    trees = [widths_of(op) for op in nest.trees]
    size = max(usual_size(op, varying_in(op)) or 8 for op in nest.loops)
    return trees[0] if trees else (nbytes // size,)


def _block_of(nest: StepNest) -> int | None:
    """How many terms its sums may have; None where there is no bound."""
    sums = [op for op in nest.trees if Tree(op, Loop(op).carries[0]).sums]
    return widths_of(sums[0])[0] * ROUNDS if sums else None


# ---- the loops ----


class _Steps:
    """A step, and what is written in its place."""

    def __init__(self, nest: StepNest, nbytes: int) -> None:
        self.nest, self.nbytes = nest, nbytes
        self.trees = {op: Tree(op, Loop(op).carries[0]) for op in nest.trees}
        self.widths = _widths(nest, nbytes)
        self.n = Loop(nest.loops[0]).upper
        row = sum(t.nbytes(op.result.type) * (self.widths[0] if op in self.trees else 1) for op in nest.sums)
        self.n_steps = min(MOST_STEPS, SUMS_NBYTES // max(row, 1))
        self.known: dict[Value, Value] = {}  # what values of the nest are, as the counters of rows

    def run(self) -> str:
        """Write it; what it is now."""
        step, block = self.nest.step, self.nest.step.parent
        assert block is not None
        b = Builder(block, step, step.location)
        then, other = Block(), Block()
        copies = self._blocks(Builder(then, location=step.location))
        Builder(then, location=step.location).make("scf.yield")
        made = b.make("scf.if", [self._is_worth_it(b)], [], None, [Region([then]), Region([other])])
        other.append(step.detach())
        Builder(other, location=made.location).make("scf.yield")
        return f"{self.widths[0] * copies} lanes go through {self.n_steps} steps at a time, their states in registers"

    def _is_worth_it(self, b: Builder) -> Value:
        """Whether there are lanes for a vector, not too many for a sum, and steps enough."""
        parts, most = Loop(self.nest.step), _block_of(self.nest)
        truths = [b.cmpi("sge", b.subi(parts.upper, parts.lower), b.index(FEW_STEPS))]
        if constant_of(self.n) is None:
            truths.append(b.cmpi("sge", self.n, b.index(self.widths[-1])))
            truths += [b.cmpi("sle", self.n, b.index(most))] if most is not None else []
        truth = truths[0]
        for other in truths[1:]:
            truth = b.condition("andi", truth, other)
        return truth

    def _blocks(self, b: Builder) -> int:
        """All blocks of steps; how many vectors go side by side."""
        parts, size, body = Loop(self.nest.step), b.index(self.n_steps), Block([t.index])
        body.args[0].name = parts.counter.name
        inside = Builder(body, location=b.location)
        end = inside.minsi(inside.addi(body.args[0], size), parts.upper)
        copies = self._rows(inside, 0, body.args[0], end)
        inside.make("scf.yield")
        b.make("scf.for", [parts.lower, parts.upper, size], [], None, [Region([body])])
        return copies

    def _rows(self, b: Builder, level: int, first: Value, end: Value) -> int:
        """A block of steps, for each row."""
        if level == len(self.nest.levels):
            return _Block(self, b, first, end).write()
        loops, body = self.nest.levels[level], Block([t.index])
        body.args[0].name = Loop(loops[0]).counter.name
        self.known.update((Loop(op).counter, body.args[0]) for op in loops)
        inside = Builder(body, location=loops[0].location)
        copies = self._rows(inside, level + 1, first, end)
        inside.make("scf.yield")
        b.make("scf.for", Loop(loops[0]).bounds, [], dict(loops[0].attrs), [Region([body])])
        return copies


class _Block:
    """A block of steps of one row, from `first` to `end`."""

    def __init__(self, steps: _Steps, b: Builder, first: Value, end: Value) -> None:
        self.steps, self.nest, self.b, self.first, self.end = steps, steps.nest, b, first, end
        self.known = dict(steps.known)
        self.rows: list[Value] = []  # for each sum, what it has so far of each step
        self.done = b.index(0)  # lanes

    def write(self) -> int:
        template = Template(self.nest, self.b, self.first, self.end, self.known)
        copies, widths = self._copies(template), self._taken()
        self.rows = [self._room(op, widths[0]) for op in self.nest.sums]
        self._each_step(lambda b, row: self._start(b, row, widths[0]))
        last = whole_lanes(self.b, self.steps.n, self.b.index(self.steps.widths[-1]))
        for lanes in widths:
            if lanes != widths[0]:
                self._fold(lanes)
            end = last if lanes == self.steps.widths[-1] else whole_lanes(self.b, last, self.b.index(lanes))
            for count in dict.fromkeys((copies if lanes == widths[0] else 1, 1)):
                self._tiles(template, lanes, count, end)
        template.loop.erase()
        self._rest()
        return copies

    def _taken(self) -> list[int]:
        """The widths of vectors that there are, where it is known how many lanes are left for them."""
        n, (most, *_) = constant_of(self.steps.n), self.steps.widths
        return [lanes for lanes in self.steps.widths if n is None or (n if lanes == most else n % most) >= lanes]

    def _copies(self, template: Template) -> int:
        """How many vectors of all lanes go side by side: a few registers of lanes, whose chains fill the core. What
        they meet need not be in registers. Terms that are taken one by one leave room for half as many."""
        lanes, n, inside = self._taken()[0], constant_of(self.steps.n), template.steps.body.ops
        size = usual_size(template.steps, template.varying()) or 8
        registers = SIDE_BY_SIDE if len(self.steps.trees) == len(self.nest.sums) else SIDE_BY_SIDE // 2
        copies = 1 if any(map(is_function, inside)) else registers * self.steps.nbytes // (lanes * size)
        return max(1, copies if n is None else min(copies, n // lanes))

    # ---- what sums have so far ----

    def _room(self, loop: Op, lanes: int) -> Value:
        shape = (self.steps.n_steps, lanes) if loop in self.steps.trees else (self.steps.n_steps,)
        return self.b.op("memref.alloca", [], [t.MemRefType(shape, loop.result.type)])

    def _each_step(self, write: Callable[[Builder, Value], None]) -> None:
        """A loop over the rows of sums."""
        if self.rows:
            b, body = self.b, Block([t.index])
            inside = Builder(body, location=b.location)
            write(inside, body.args[0])
            inside.make("scf.yield")
            b.make("scf.for", [b.index(0), b.subi(self.end, self.first), b.index(1)], [], None, [Region([body])])

    def _start(self, b: Builder, row: Value, lanes: int) -> None:
        for loop, rows in zip(self.nest.sums, self.rows, strict=True):
            if loop in self.steps.trees:
                b.make("vector.store", [self.steps.trees[loop].start(b, lanes), rows, row, b.index(0)])
            else:
                b.make("memref.store", [b.const(constant_of(Loop(loop).init[0]), loop.result.type), rows, row])

    def _fold(self, lanes: int) -> None:
        """Halves joined with halves until so many lanes are left."""
        wide = self.rows
        self.rows = [self._room(op, lanes) if op in self.steps.trees else rows
                     for op, rows in zip(self.nest.sums, wide, strict=True)]

        def fold(b: Builder, row: Value) -> None:
            for loop, old, new in zip(self.nest.sums, wide, self.rows, strict=True):
                if old is not new:
                    tree = self.steps.trees[loop]
                    narrow = b.op("scan.fold_lanes", [_row(b, old, row)], [tree.type(lanes)], {"kind": tree.kind})
                    b.make("vector.store", [narrow, new, row, b.index(0)])
        self._each_step(fold)

    # ---- lanes ----

    def _tiles(self, template: Template, lanes: int, copies: int, end: Value) -> None:
        """The lanes of whole tiles up to `end`."""
        b, size, first = self.b, self.b.index(lanes * copies), self.done
        if constant_of(first) is not None and constant_of(first) == constant_of(end):
            return
        self.done = end if copies == 1 else b.addi(first, whole_lanes(b, b.subi(end, first), size))
        body = Block([t.index])
        body.args[0].name = Loop(template.loop).counter.name
        widener = StepsWidener(template, lanes, body.args[0], copies, self.rows)
        widener.body(template.loop.body.ops, Builder(body, location=b.location))
        b.make("scf.for", [first, self.done, size], [], {"vector": t.IntAttr(lanes * copies, t.i64)},
               [Region([body])])

    # ---- what is left ----

    def _rest(self) -> None:
        """Step by step what the step does but for lanes that were in tiles."""
        b, body, step = self.b, Block([t.index]), self.nest.step
        body.args[0].name = Loop(step).counter.name
        inside = Builder(body, location=step.location)
        self.known[Loop(step).counter] = body.args[0]
        self.row = inside.subi(body.args[0], self.first)
        self._copy(inside, step.body.ops[:-1])
        inside.make("scf.yield")
        b.make("scf.for", [self.first, self.end, b.index(1)], [], None, [Region([body])])

    def _copy(self, b: Builder, ops: Sequence[Op]) -> None:
        for op in ops:
            b.location = op.location
            if any(op in loops for loops in self.nest.levels):
                self._copy(b, op.body.ops[:-1])
            elif op in self.nest.loops:
                self._left(b, op)
            else:
                clone_op(op, self.known, b.insert)

    def _left(self, b: Builder, loop: Op) -> None:
        """A loop over the lanes that are left."""
        is_all = constant_of(self.done) is not None and constant_of(self.done) == constant_of(self.steps.n)
        init = [self._sum(b, loop)] if loop.results else []
        if not is_all:
            copy = clone_op(loop, self.known, b.insert)
            set_operands(copy, lower=[self.done], init=init)
            copy.attrs.clear()
            copy.attrs["tail"] = t.IntAttr(1, t.i64)
            init = copy.results
        if loop in self.steps.trees:
            tree = self.steps.trees[loop]
            tree.init = self.known.get(tree.init, tree.init)
            init = [tree.total(b, init[0])]
        self.known.update(zip(loop.results, init, strict=True))

    def _sum(self, b: Builder, loop: Op) -> Value:
        """What tiles have given a step."""
        rows = self.rows[self.nest.sums.index(loop)]
        if loop not in self.steps.trees:
            return b.op("memref.load", [rows, self.row], [loop.result.type])
        tree = self.steps.trees[loop]
        return b.op("vector.reduction", [_row(b, rows, self.row)], [loop.result.type], {"kind": tree.kind})


def _row(b: Builder, rows: Value, row: Value) -> Value:
    """All lanes of a sum in a step."""
    assert isinstance(rows.type, t.MemRefType) and rows.type.shape[-1] is not None
    return b.op("vector.load", [rows, row, b.index(0)], [t.VectorType((rows.type.shape[-1],), rows.type.element)])
