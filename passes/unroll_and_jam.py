"""Takes several steps at once where a step is one loop over rows, so that what they share stays in registers.

    scf.for %t = 0 to %n iter(%h = %h0) {        scf.for %t = 0 to %m step 4 iter(%h = %h0) {
      %x = row %t of %xs                           %x0, %y0, .. = rows %t, %t + 1, ..
      %y = row %t of %ys                           scf.for %i = 0 to %k {parallel} {
      scf.for %i = 0 to %k {parallel} {              %0 = %a[%i] * %h[%i] + %x0[%i]
        %y[%i] = %a[%i] * %h[%i] + %x[%i]    ->      %1 = %a[%i] * %0 + %x1[%i]
      }                                              ...
      scf.yield %y                                   %y0[%i], %y1[%i], .. = %0, %1, ..
    }                                              }
                                                   scf.yield %y3 }
                                                 scf.for %t = %m to %n { ... as before ... }

Why: a row that a step writes is what the next one reads, and every step reads the same coefficients: of six accesses
of a recurrence of two lags three are left, and nothing waits for memory from step to step (rows of 64 float32: 0.65
of the time; of 16 float64, 0.5). All time inside leaves two accesses, but takes 1.5 times as long for rows of a page.
Where all rows are more than the caches next to a core hold (MOST_NBYTES), which is asked when it runs, the loop stays
as it was: prefetchers follow one row better than four; 20 MB up to twice as long, 2.6 MB of five arrays 1.05 times.
Not where one array has rows of steps, as what an ensemble of equations writes: 0.4 to 0.9 of the time for any size.
Conservative: steps of one loop of straight code and little else, with at most MOST_BUSY cycles of work an element:
where there is more, memory is not what counts. What is written is read at the same place of a row, and its rows are
those of one array, or arrays that have nothing in common. No bit depends on it.
Cost: the loop appears five times over. Runs after `parallel-rounds` and before `vectorize`.
Source: unroll-and-jam (Callahan, Cocke, Kennedy: Estimating interlock and improving balance for pipelined
architectures, 1988).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op, defined_in
from scancc.ir.ops import ELEMENTWISE, group, has_trait, is_pure, operand, set_operands, whole
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark
from scancc.late_dataclasses import dataclass

from .indexing.forms import Forms
from .indexing.rows import Rows, begun
from .slicing.latencies import busy

_ACCESSES = ("memref.load", "memref.store")
MOST_BUSY = 12  # cycles for which a step keeps the core busy with a vector
MOST_NBYTES = 2 << 20
MOST_STREAMS = 1  # arrays whose rows, four at a time, prefetchers follow as well as one


def unroll_and_jam(module: Op, factor: int = 4) -> None:
    """Take `factor` steps at once in every loop where that is possible and worth it."""
    for op in list(module.walk()):
        if op.name == "scf.for" and "parallel" not in op.attrs and _is_counted(op):
            inner = _only_loop(op)
            if inner is not None and _saves(op, inner) and _has_rounds(op, factor):
                rows = Rows(op)
                problem = _obstacle(op, inner, rows)
                if problem is None:
                    _Jam(op, inner, rows, factor).run()
                remark("unroll-and-jam", inner, problem is None, problem or f"{factor} steps at a time: what they "
                       "share stays in registers")


# ---- what is there ----


def _is_counted(loop: Op) -> bool:
    return constant_of(Loop(loop).step) == 1 and "reduction" not in loop.attrs


def _has_rounds(loop: Op, factor: int) -> bool:
    """Whether it may have enough: not what another loop left over."""
    forms, parts = Forms(), Loop(loop)
    rounds = forms.of(parts.upper).minus(forms.of(parts.lower))
    if not rounds.terms:
        return rounds.constant >= 2 * factor
    (left, times), *others = rounds.terms.items()
    if others or times != 1 or left.op is None or left.op.name != "arith.remsi":
        return True
    return (constant_of(operand(left.op, "rhs")) or 2 * factor) >= 2 * factor


def _only_loop(step: Op) -> Op | None:
    """The parallel loop that is all a step does, but for scalars that it reads and where its rows are."""
    loops = [op for op in step.body.ops if op.regions]
    if len(loops) != 1 or loops[0].name != "scf.for" or "parallel" not in loops[0].attrs or loops[0].results:
        return None
    others = (op for op in step.body.ops[:-1] if op is not loops[0])
    if not all(is_pure(op) or op.name == "memref.load" for op in others):
        return None
    parts = Loop(loops[0])
    fixed = constant_of(parts.step) == 1 and not any(defined_in(v, step.body) for v in parts.bounds)
    return loops[0] if fixed and all(map(_is_straight, loops[0].body.ops)) else None


def _is_straight(op: Op) -> bool:
    return op.name in ("memref.load", "memref.store", "arith.constant", "scf.yield") or (
        has_trait(op, ELEMENTWISE) and not op.regions)


def _saves(step: Op, inner: Op) -> bool:
    """Whether steps read what steps before them wrote, or all the same, and that is much of the work."""
    work = sum(busy(op) for op in inner.body.ops if has_trait(op, ELEMENTWISE))
    return work <= MOST_BUSY and any(op.name == "memref.store" for op in inner.body.ops) and any(
        op.name == "memref.load" and _is_shared(whole(op), step) for op in inner.body.ops)


def _is_shared(buffer: Value, step: Op) -> bool:
    return buffer in Loop(step).args or not defined_in(buffer, step.body)


# ---- whether steps may go side by side ----


def _obstacle(step: Op, inner: Op, rows: Rows) -> str | None:
    """Why a round may not do several steps before the next round does the first, or None."""
    counter = Loop(inner).counter
    stores = [op for op in inner.body.ops if op.name == "memref.store"]
    loads = [op for op in (*step.body.ops, *inner.body.ops) if op.name == "memref.load"]
    for store in stores:
        if group(store, "indices") != [counter]:
            return "it writes at another place than its own"
        for other in (*stores, *loads):
            if rows.are_apart(whole(store), whole(other)):
                continue
            if other.parent is step.body or group(other, "indices") != [counter]:
                return "what a step writes is read at another place than it is written"
            if not rows.are_in_line(whole(store), whole(other)):
                return "it is not known where rows that steps write are rows that steps read"
    return None


# ---- the loops ----


class _Known(NamedTuple):
    """What is at a place of a buffer of the step, and the op that wrote it, if nothing may have read it since."""

    value: Value
    buffer: Value
    store: Op | None


@dataclass
class _Jam:
    """A step and the loop in it, of which `factor` become one."""

    step: Op
    inner: Op
    rows: Rows
    factor: int
    carried: dict[Value, Value] = field(default_factory=dict)  # the step's own of a carried value
    known: dict[tuple[Value, ...], _Known] = field(default_factory=dict)

    def run(self) -> None:
        parts = Loop(self.step)
        assert self.step.parent is not None
        b = Builder(self.step.parent, self.step, self.step.location)
        middle = self._middle(b)
        main = b.make("scf.for", [parts.lower, middle, b.index(self.factor), *parts.init],
                      [v.type for v in self.step.results], dict(self.step.attrs), [Region([self._body()])])
        set_operands(self.step, lower=[middle], init=main.results)

    def _middle(self, b: Builder) -> Value:
        """The step at which fewer than `factor` are left; the first one where there is too much for the caches."""
        lower, upper, _ = Loop(self.step).bounds
        first, last, _ = Loop(self.inner).bounds
        rounds = b.maxsi(b.subi(upper, lower), b.index(0))
        whole_rounds = b.subi(rounds, b.op("arith.andi", [rounds, b.index(self.factor - 1)], [rounds.type]))
        moving = self._moving()
        if len(moving) <= MOST_STREAMS:
            return b.addi(lower, whole_rounds)
        element = sum(t.nbytes(t.element(row.type)) for row in moving)
        nbytes = b.muli(b.muli(rounds, b.subi(last, first)), b.index(element))
        fits = b.cmpi("sle", nbytes, b.index(MOST_NBYTES))
        return b.addi(lower, b.select(fits, whole_rounds, b.index(0)))

    def _moving(self) -> list[Value]:
        """The buffers of which steps read and write rows of their own."""
        rows = dict.fromkeys(begun(whole(op)) for op in self.inner.body.ops if op.name in _ACCESSES)
        return [row for row in rows if self.rows.moves(row)]

    def _body(self) -> Block:
        """All that steps do around their loops, then the loops as one."""
        body = Block([v.type for v in self.step.body.args])
        for new, old in zip(body.args, self.step.body.args, strict=True):
            new.name = old.name
        b = Builder(body, None, self.step.location)
        counter, *carried = body.args
        self.carried = dict(zip(carried, Loop(self.step).args, strict=True))
        copies = []
        for number in range(self.factor):
            mapping = dict(zip(self.step.body.args, [b.addi(counter, b.index(number)), *carried], strict=True))
            for op in self.step.body.ops[:-1]:
                if op is not self.inner:
                    clone_op(op, mapping, b.insert)
            copies.append(mapping)
            carried = [mapping.get(v, v) for v in Loop(self.step).next]
        self._joint(b, copies)
        b.make("scf.yield", carried)
        return body

    def _joint(self, b: Builder, copies: Sequence[dict[Value, Value]]) -> None:
        parts = Loop(self.inner)
        block = Block([parts.counter.type])
        block.args[0].name = parts.counter.name
        inside = Builder(block, None, self.inner.location)
        for mapping in copies:
            mapping[parts.counter] = block.args[0]
            for op in self.inner.body.ops[:-1]:
                self._element(inside, op, mapping)
        inside.make("scf.yield")
        b.make("scf.for", parts.bounds, [], dict(self.inner.attrs), [Region([block])])

    def _element(self, b: Builder, op: Op, mapping: dict[Value, Value]) -> None:
        """One op of a step; what it reads may be known from a step before, what it writes be written over."""
        if op.name not in _ACCESSES:
            clone_op(op, mapping, b.insert)
            return
        buffer = whole(op)
        place = begun(mapping.get(buffer, buffer)), *(mapping.get(v, v) for v in group(op, "indices"))
        if op.name == "memref.load" and place in self.known:
            mapping[op.result] = self.known[place].value
            return
        copy = clone_op(op, mapping, b.insert)
        if op.name == "memref.load":
            self.known[place] = _Known(copy.result, buffer, None)
            for other, known in self.known.items():
                if not self.rows.are_apart(known.buffer, buffer):
                    self.known[other] = known._replace(store=None)
            return
        if place in self.known and (before := self.known[place].store) is not None:
            before.erase()
        self.known = {other: known for other, known in self.known.items()
                      if self._stays(other[0], known.buffer, place[0], buffer)}
        self.known[place] = _Known(operand(copy, "value"), buffer, copy)

    def _stays(self, copy: Value, buffer: Value, written_copy: Value, written: Value) -> bool:
        """Whether a step's copy of a buffer is surely not what a copy of another one is, into which is written."""
        if self.rows.are_apart(buffer, written):
            return True
        if copy in self.carried:
            return self.rows.is_earlier(self.carried[copy], written)
        return buffer is written and copy is not written_copy and self.rows.moves(buffer)
